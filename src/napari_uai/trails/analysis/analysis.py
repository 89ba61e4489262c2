"""Trails to ranks, heatmaps and regions of ordinary traffic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.results import checksum_of
from napari_uai.trails.analysis.result import TOP, Preset, TrailResult
from napari_uai.trails.analysis.session import Request, TrailSession
from napari_uai.trails.heat.masks import MaskLike, read_mask
from napari_uai.trails.table import Trails


def analyse_trails(
    trails: Trails,
    *,
    preset: Preset = "default",
    masks: Mapping[str, MaskLike | str | Path] | None = None,
    top: int = TOP,
    settings: Iterable[str] = (),
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
        Parameters that differ from the preset, as ``"n_directions=16"``.
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
    >>> import napari_uai
    >>> trails = napari_uai.open_trails(napari_uai.sample_path("trails") / "locations")
    >>> result = napari_uai.analyse_trails(trails, settings=["n_directions=16"])
    >>> list(result.scores.columns[:5])
    ['trail', 'class', 'n_samples', 'rank', 'anomaly']
    """
    check_top(top)
    arrays: dict[str, MaskLike] = {}
    files: dict[str, dict[str, Any]] = {}
    for kind, mask in (masks or {}).items():
        if isinstance(mask, (str, Path)):
            arrays[kind] = read_mask(mask, trails.scene)
            size, checksum = checksum_of(Path(mask))
            files[kind] = {"name": Path(mask).name, "bytes": size, "sha256": checksum}
        else:
            arrays[kind] = mask
    request = Request(preset, tuple(settings), arrays, top)
    result = TrailSession(trails).run(request, monitor=monitor)
    records = {kind: {**of, **files.get(kind, {})} for kind, of in result.mask_records.items()}
    return replace(result, mask_records=records)


def check_top(top: int) -> None:
    """Raise BadValueError unless pictures show at least one trail."""
    if top < 1:
        raise BadValueError(f"top must be at least 1, got {top}")
