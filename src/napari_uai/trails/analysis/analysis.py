"""Trails to ranks, heatmaps and regions of ordinary traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.results import checksum_of
from napari_uai.trails.analysis.result import TOP, Preset, TrailResult
from napari_uai.trails.analysis.session import Request, TrailSession
from napari_uai.trails.analysis.settings import SettingsLike, setting_texts
from napari_uai.trails.heat.masks import MaskLike, read_mask
from napari_uai.trails.parameters import TopTrails
from napari_uai.trails.table import Trails


@checked
def analyse_trails(
    trails: Trails,
    *,
    preset: Preset = "default",
    masks: Mapping[str, MaskLike | str | Path] | None = None,
    top: TopTrails = TOP,
    settings: SettingsLike = (),
    monitor: Monitor = SILENT,
) -> TrailResult:
    """Rank trails by how little they fit the ordinary traffic of their class.

    Parameters
    ----------
    trails
        Trails of one scene.
    preset
        ``default``, or ``reference`` for the numbers of the reference program of 2023.
    masks
        Region in which trails count, by class; the key ``""``
        (:data:`~napari_uai.trails.analysis.result.EVERY_CLASS`) is for classes without a mask of
        their own. An array (rows, columns; nonzero is inside) or the path of a picture.
    top
        Number of trails of each class that pictures show.
    settings
        Parameters that differ from the preset: values by name, or texts such as
        ``"n_directions=16"``. ``napari-uai trails --parameters`` lists them.
    monitor
        Progress and cancellation.

    Returns
    -------
    TrailResult
        Nothing is written; see :func:`~napari_uai.trails.write_trail_results`.

    Raises
    ------
    BadValueError
        If a value does not fit, a mask cannot be read, or no trail is left to be scored.
    RecipeError
        If a setting is unknown or its value does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import analyse_trails, trails_of_frame
    >>> x, names = np.arange(0, 60, 6), [f"lane {i}" for i in range(12)]
    >>> lanes = [pd.DataFrame({"trail": name, "x": x, "y": 20 + i / 4, "frame": range(10)})
    ...          for i, name in enumerate(names)]
    >>> across = pd.DataFrame({"trail": "across", "x": 30, "y": x * 0.7, "frame": range(10)})
    >>> trails = trails_of_frame(pd.concat([*lanes, across]), scene_size=(64, 48))
    >>> result = analyse_trails(trails, settings={"n_directions": 8})
    >>> result.scores["trail"].iloc[0]
    'across'
    """
    arrays: dict[str, MaskLike] = {}
    files: dict[str, dict[str, Any]] = {}
    for kind, mask in (masks or {}).items():
        if isinstance(mask, (str, Path)):
            arrays[kind] = read_mask(mask, trails.scene)
            size, checksum = checksum_of(Path(mask))
            files[kind] = {"name": Path(mask).name, "bytes": size, "sha256": checksum}
        else:
            arrays[kind] = mask
    request = Request(preset, setting_texts(settings), arrays, top)
    result = TrailSession(trails).run(request, monitor=monitor)
    records = {
        kind: {**facts, **files.get(kind, {})} for kind, facts in result.mask_records.items()
    }
    return replace(result, mask_records=records)
