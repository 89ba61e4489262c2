"""Files of scene models: one npz with checksums, versioned, without anything that runs code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from napari_uai.errors import TrailFormatError
from napari_uai.files import whole_file
from napari_uai.results import versions
from napari_uai.trails.analysis.scene_model import SceneModel
from napari_uai.trails.heat.scaling import ClassScale
from napari_uai.trails.scores.motion import UsualPace
from napari_uai.trails.scores.resampling import Paths
from napari_uai.trails.scores.shape import Ways
from napari_uai.trails.table import Scene
from napari_uai.typing import AnyArray
from napari_uai.untrusted import check_npz, parse_json, refusing

MODEL_FORMAT = "napari-uai scene model 2"
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
    about = {
        "format": MODEL_FORMAT,
        "scene": [model.scene.width, model.scene.height],
        "settings": dict(model.settings),
        "groups": list(model.groups),
        "group_of_class": dict(model.group_of_class),
        "scales": [[s.lower, s.upper, s.scale] for s in model.scales],
        "step_px": model.pace.step_px,
        "trails": len(model),
        "sha256": _checksum(arrays),
        "versions": versions(),
    }
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
    >>> len(model), model.groups
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
        if about["sha256"] != _checksum(arrays):
            raise TrailFormatError(f"{path}: damaged, its checksum differs: fit the model again")
        return _model(about, arrays)


def _arrays(model: SceneModel) -> dict[str, AnyArray]:
    """Return everything that is an array, by name."""
    arrays: dict[str, AnyArray] = {
        "codes": model.codes,
        "blurred": model.blurred,
        "points": model.points,
        "offsets": model.paths.offsets,
        "y": model.paths.y,
        "x": model.paths.x,
        "pace.keys": model.pace.keys,
        "pace.middle": model.pace.middle,
        "pace.above": model.pace.above,
        "pace.below": model.pace.below,
        "total": model.total,
    }
    for k, (scale, ways) in enumerate(zip(model.scales, model.ways, strict=True)):
        arrays[f"ranks.{k}"] = scale.ranks
        arrays |= {f"ways.{k}.{name}": values for name, values in asdict(ways).items()}
    return arrays | {f"raw.{name}": values for name, values in model.raw.items()}


def _model(about: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> SceneModel:
    y = arrays["y"]
    return SceneModel(
        Scene(*about["scene"]),
        about["settings"],
        tuple(about["groups"]),
        about["group_of_class"],
        arrays["codes"],
        arrays["blurred"],
        tuple(
            ClassScale(lower, upper, scale, arrays[f"ranks.{k}"])
            for k, (lower, upper, scale) in enumerate(about["scales"])
        ),
        arrays["points"],
        Paths(arrays["offsets"], y, arrays["x"], np.zeros(len(y))),
        UsualPace(
            about["step_px"],
            *(arrays[f"pace.{name}"] for name in ("keys", "middle", "above", "below")),
        ),
        tuple(
            Ways(*(arrays[f"ways.{k}.{name}"] for name in ("mean", "components", "energy")))
            for k in range(len(about["groups"]))
        ),
        {name[4:]: values for name, values in arrays.items() if name.startswith("raw.")},
        arrays["total"],
    )


def _checksum(arrays: Mapping[str, AnyArray]) -> str:
    """Return the SHA-256 of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
