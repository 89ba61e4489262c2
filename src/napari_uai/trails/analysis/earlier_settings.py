"""Settings of an earlier trail analysis, from its run.json and masks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_uai.errors import BadValueError
from napari_uai.trails.analysis.result import (
    EVERY_CLASS,
    OTHERS,
    PRESETS,
    RECORD,
    RECORD_FORMAT,
    TOP,
)
from napari_uai.trails.analysis.settings import checked_settings, setting_text
from napari_uai.untrusted import inside, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_uai.trails.analysis.result import Preset


@dataclass(frozen=True)
class RunSettings:
    """Settings of an analysis.

    Parameters
    ----------
    preset, settings, top
        As for :func:`~napari_uai.trails.analyse_trails`.
    masks
        Path of the mask of each class; the key
        :data:`~napari_uai.trails.analysis.result.EVERY_CLASS` is for all other classes.
    """

    preset: Preset = "default"
    settings: tuple[str, ...] = ()
    masks: Mapping[str, Path] = field(default_factory=dict)
    top: int = TOP


def settings_of_run(path: str | Path) -> RunSettings:
    """Read the settings of an earlier trail analysis.

    Parameters
    ----------
    path
        Its folder of results, or the run.json inside; masks are read from the same folder.

    Raises
    ------
    BadValueError
        If the file cannot be read or is not such a record, or a mask is missing.
    """
    path = Path(path)
    if path.is_dir():
        path = path / RECORD
    try:
        record = read_json(path, error=BadValueError)
    except OSError as error:
        raise BadValueError(f"{path} cannot be read: {error.strerror or error}") from error
    if not isinstance(record, dict) or record.get("format") != RECORD_FORMAT:
        raise BadValueError(f"{path} is not the {RECORD} of a trail analysis")
    try:
        preset = record["preset"]
        if preset not in PRESETS:
            raise BadValueError(  # noqa: TRY301
                f"{path}: unknown preset {preset!r}, of another version"
            )
        return RunSettings(
            preset,
            _changed(preset, record["parameters"]),
            _masks(path, record["masks"]),
            int(record["n_top"]),
        )
    except BadValueError:
        raise
    except Exception as error:  # a record that was edited raises many types of errors
        raise BadValueError(f"{path}: settings are missing ({error})") from error


def _changed(preset: Preset, parameters: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the parameters that differ from the preset, as ``NAME=VALUE``."""
    defaults = checked_settings(preset, ())
    changed = {
        name: value
        for part, values in parameters.items()
        for name, value in values.items()
        if value is not None and value != defaults.get(part, {}).get(name)
    }
    return tuple(setting_text(name, value) for name, value in sorted(changed.items()))


def _masks(path: Path, records: Mapping[str, Mapping[str, Any]]) -> dict[str, Path]:
    masks = {}
    for whose, record in records.items():
        mask = inside(path.parent, record["file"], source=path, error=BadValueError)
        if not mask.is_file():
            raise BadValueError(f"mask {mask} not found; restore it next to {path.name}")
        masks[EVERY_CLASS if whose == OTHERS else whose] = mask
    return masks
