"""Files of scene models: one npz with checksums, versioned, without anything that runs code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.errors import TrailFormatError
from napari_uai.files import whole_file
from napari_uai.results import versions
from napari_uai.trails.analysis.scene_model import SceneModel
from napari_uai.trails.analysis.scene_reference import Reference
from napari_uai.trails.analysis.scene_traffic import CellCounts, Traffic
from napari_uai.trails.heat.scaling import ClassScale
from napari_uai.trails.scores.motion import UsualPace
from napari_uai.trails.scores.resampling import Paths
from napari_uai.trails.scores.shape import Ways
from napari_uai.trails.scores.walks import MAX_POINTS
from napari_uai.trails.table import Scene, Trails
from napari_uai.typing import AnyArray
from napari_uai.untrusted import check_npz, parse_json, refusing

MODEL_FORMAT = "napari-uai scene model 6"
"""Changes whenever earlier versions cannot read the file, or read it as something else."""

ABOUT = "about"
"""Name of the array that holds everything but arrays, as JSON in UTF-8."""


def write_model(model: SceneModel, path: str | Path) -> Path:
    """Write a model to a file.

    Parameters
    ----------
    model
        Model of :func:`~napari_uai.trails.fit_scene`.
    path
        File; replaced if it exists.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import fit_scene, write_model, trails_of_frame
    >>> x = np.tile(np.arange(0, 60, 6), 20)
    >>> lanes = pd.DataFrame({"trail": np.repeat(range(20), 10), "x": x, "frame": x // 6,
    ...                       "y": 20 + np.repeat(np.arange(20), 10) / 4})
    >>> trails = trails_of_frame(lanes, scene_size=(64, 48))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_model(fit_scene(trails), f"{folder}/scene.model")
    >>> path.name
    'scene.model'
    """
    arrays = _arrays(model)
    about: dict[str, Any] = {
        "format": MODEL_FORMAT,
        "scene": [model.scene.width, model.scene.height],
        "settings": dict(model.settings),
        "by": model.by,
        "whole": _facts(model),
        "periods": {name: _facts(period) for name, period in model.periods.items()},
        "trails": len(model),
        "versions": versions(),
    }
    for i, period in enumerate(model.periods.values()):
        arrays |= {f"{i}.{name}": values for name, values in _arrays(period).items()}
    about["sha256"] = _checksum(about, arrays)
    members: dict[str, Any] = {ABOUT: np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays}
    with whole_file(Path(path)) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **members)
    return Path(path)


def read_model(path: str | Path) -> SceneModel:
    """Read a model from a file.

    Parameters
    ----------
    path
        File of :func:`~napari_uai.trails.write_model`.

    Returns
    -------
    SceneModel
        Equal to the model that was written.

    Raises
    ------
    TrailFormatError
        If the file is not a model, is of another version, or is damaged.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import fit_scene, read_model, write_model, trails_of_frame
    >>> x = np.tile(np.arange(0, 60, 6), 20)
    >>> lanes = pd.DataFrame({"trail": np.repeat(range(20), 10), "x": x, "frame": x // 6,
    ...                       "y": 20 + np.repeat(np.arange(20), 10) / 4})
    >>> trails = trails_of_frame(lanes, scene_size=(64, 48))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_model(fit_scene(trails), f"{folder}/scene.model")
    ...     model = read_model(path)
    >>> len(model), model.reference.groups
    (20, ('unclassified',))
    """
    path = Path(path)
    with refusing(path, "a model of a scene", error=TrailFormatError):
        check_npz(path, error=TrailFormatError)
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = parse_json(arrays.pop(ABOUT).tobytes(), path, error=TrailFormatError)
        if about["format"] != MODEL_FORMAT:
            raise TrailFormatError(
                f"{path}: format {str(about['format'])[:60]!r} is not {MODEL_FORMAT!r}: fit the "
                "model again"
            )
        if about.pop("sha256") != _checksum(about, arrays):
            raise TrailFormatError(f"{path}: damaged, its checksum differs: fit the model again")
        return _model(about, arrays)


def _facts(model: SceneModel) -> dict[str, Any]:
    """Return everything of a model that is not an array."""
    reference = model.reference
    return {
        "max_trails": model.max_trails,
        "n_trails": dict(model.traffic.n_trails),
        "groups": list(reference.groups),
        "group_of_class": dict(reference.group_of_class),
        "scales": [[s.lower, s.upper, s.scale] for s in reference.scales],
        "step_px": reference.pace.step_px,
    }


def _arrays(model: SceneModel) -> dict[str, AnyArray]:
    """Return everything of a model that is an array, by name."""
    traffic, reference = model.traffic, model.reference
    sample, kinds = traffic.sample, list(traffic.n_trails)
    arrays: dict[str, AnyArray] = {
        "fingerprints": traffic.fingerprints,
        "keys": traffic.keys,
        "sample.class": np.array([kinds.index(kind) for kind in sample.table["class"]], np.int32),
        "sample.offsets": sample.offsets,
        "sample.y": sample.y,
        "sample.x": sample.x,
        "sample.time": sample.time,
        "codes": reference.codes,
        "points": reference.points,
        "paths.offsets": reference.paths.offsets,
        "paths.y": reference.paths.y,
        "paths.x": reference.paths.x,
        "pace.keys": reference.pace.keys,
        "pace.middle": reference.pace.middle,
        "pace.above": reference.pace.above,
        "pace.below": reference.pace.below,
        "speeds": reference.speeds,
        "total": reference.total,
    }
    for k, kind in enumerate(kinds):
        arrays[f"cells.{k}"], arrays[f"counts.{k}"] = traffic.cells[kind]
    for k, (scale, ways) in enumerate(zip(reference.scales, reference.ways, strict=True)):
        arrays[f"ranks.{k}"] = scale.ranks
        arrays |= {f"ways.{k}.{name}": values for name, values in asdict(ways).items()}
    return arrays | {f"raw.{name}": values for name, values in reference.raw.items()}


def _model(about: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> SceneModel:
    scene = Scene(*about["scene"])
    whole = _one_model(about["whole"], about["settings"], scene, arrays, "")
    periods = {
        name: _one_model(facts, about["settings"], scene, arrays, f"{i}.")
        for i, (name, facts) in enumerate(about["periods"].items())
    }
    return replace(whole, by=about["by"], periods=periods)


def _one_model(
    facts: Mapping[str, Any],
    settings: Mapping[str, Any],
    scene: Scene,
    arrays: Mapping[str, AnyArray],
    prefix: str,
) -> SceneModel:
    def array(name: str) -> AnyArray:
        return arrays[prefix + name]

    kinds = list(facts["n_trails"])
    traffic = Traffic(
        facts["n_trails"],
        {
            kind: CellCounts(array(f"cells.{k}"), array(f"counts.{k}"))
            for k, kind in enumerate(kinds)
        },
        array("fingerprints"),
        _sample(kinds, scene, array),
        array("keys"),
    )
    y = array("paths.y")
    reference = Reference(
        tuple(facts["groups"]),
        facts["group_of_class"],
        array("codes"),
        tuple(
            ClassScale(lower, upper, scale, array(f"ranks.{k}"))
            for k, (lower, upper, scale) in enumerate(facts["scales"])
        ),
        array("points"),
        Paths(array("paths.offsets"), y, array("paths.x"), np.zeros(len(y))),
        UsualPace(
            facts["step_px"],
            *(array(f"pace.{name}") for name in ("keys", "middle", "above", "below")),
        ),
        array("speeds"),
        tuple(
            Ways(*(array(f"ways.{k}.{name}") for name in ("mean", "components", "energy")))
            for k in range(len(facts["groups"]))
        ),
        {
            name.removeprefix(f"{prefix}raw."): values
            for name, values in arrays.items()
            if name.startswith(f"{prefix}raw.")
        },
        array("total"),
    )
    _check(traffic, reference)
    return SceneModel(settings, facts["max_trails"], traffic, reference)


def _check(traffic: Traffic, reference: Reference) -> None:
    """Raise ValueError if arrays do not fit each other: kernels do not check their indices."""
    n, paths = len(traffic.sample), reference.paths
    per_trail: list[AnyArray] = [
        traffic.keys, reference.codes, reference.points, reference.total, *reference.raw.values()
    ]  # fmt: skip
    offsets = paths.offsets
    fits = (
        all(len(values) == n for values in per_trail)
        and len(offsets) == n + 1
        and offsets[0] == 0
        and bool(np.all(np.diff(offsets) > 0))
        and int(np.diff(offsets).max(initial=0)) <= MAX_POINTS
        and offsets[-1] == len(paths.y) == len(paths.x)
        and reference.codes.min(initial=0) >= 0
        and reference.codes.max(initial=0) < len(reference.groups)
        and len(reference.speeds) == len(reference.groups)
    )
    if not fits:
        raise ValueError("arrays do not fit each other")


def _sample(kinds: list[str], scene: Scene, array: Callable[[str], AnyArray]) -> Trails:
    offsets, time = array("sample.offsets"), array("sample.time")
    names = np.array(kinds, object)[array("sample.class")]
    table = pd.DataFrame(
        {
            "trail": np.arange(len(names)).astype(str),
            "class": names.astype(str),
            "start": time[offsets[:-1]],
            "end": time[offsets[1:] - 1],
            "n_samples": np.diff(offsets),
        }
    )
    return Trails(offsets, array("sample.y"), array("sample.x"), time, table, scene)


def _checksum(about: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> str:
    """Return the SHA-256 of facts, names, types, shapes and values."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
