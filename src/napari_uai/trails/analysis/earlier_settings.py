"""Settings of an earlier analysis of trails, as its run.json and its masks tell them."""

from __future__ import annotations

import json
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_uai.trails.analysis.result import Preset


@dataclass(frozen=True)
class RunSettings:
    """What an analysis was told.

    Parameters
    ----------
    preset, settings, top
        As for :func:`~napari_uai.trails.analyse_trails`.
    masks
        Picture of the region of each class;
        :data:`~napari_uai.trails.analysis.result.EVERY_CLASS` for the others.
    """

    preset: Preset = "default"
    settings: tuple[str, ...] = ()
    masks: Mapping[str, Path] = field(default_factory=dict)
    top: int = TOP


def settings_of_run(path: str | Path) -> RunSettings:
    """Read the settings of an earlier analysis of trails.

    Parameters
    ----------
    path
        Its folder of results, or the run.json in it; the masks lie beside it.

    Raises
    ------
    BadValueError
        If it is no record of such a run, or a mask is missing.
    """
    path = Path(path)
    if path.is_dir():
        path = path / RECORD
    try:
        record = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadValueError(f"{path} cannot be read ({error.strerror}): check the path") from error
    except ValueError:
        record = None
    if not isinstance(record, dict) or record.get("format") != RECORD_FORMAT:
        raise BadValueError(f"{path} is no record of an analysis of trails: give its {RECORD}")
    try:
        preset = record["preset"]
        if preset not in PRESETS:
            raise BadValueError(f"{path}: there is no preset {preset!r}; it is of another version")
        return RunSettings(
            preset,
            _changed(preset, record["parameters"]),
            _masks(path, record["masks"]),
            int(record["n_top"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, BadValueError):
            raise
        raise BadValueError(f"{path} lacks settings ({error}): it is of another version") from None


def _changed(preset: Preset, parameters: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Return what differs from the preset; what several parts share is set in all of them."""
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
        mask = path.parent / str(record["file"])
        if not mask.is_file():
            raise BadValueError(f"mask {mask} is missing: put it back beside {path.name}")
        masks[EVERY_CLASS if whose == OTHERS else whose] = mask
    return masks
