"""What is true of a recording: its landings, and the conditions they were seen under."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError, VideoFormatError
from napari_uai.evaluate.matching import TRUE_COLUMNS, check_columns
from napari_uai.untrusted import read_json, refusing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Truth:
    """True landings of one recording.

    Attributes
    ----------
    landings
        One row per landing or take-off: ``raw_frame``, ``y``, ``x`` (px), ``contrast`` (signed),
        and, where known, ``snr`` (matched filter, one frame of the rolling average) and ``kind``.
    n_frames
        Length of the recording; None if unknown: then there is no detection limit.
    batch_size
        Batch of the rolling average that ``snr`` refers to; None if unknown.
    sigma_px
        Width of the core of the point-spread function; None if unknown: then there is no
        Cramer-Rao bound of the position.
    """

    landings: pd.DataFrame
    n_frames: int | None = None
    batch_size: int | None = None
    sigma_px: float | None = None


def read_truth(path: Path) -> Truth:
    """Read a truth file, as ``napari-uai simulate`` writes it beside a recording.

    Parameters
    ----------
    path
        JSON with ``landings``, a list of objects with ``raw_frame``, ``y``, ``x``, ``contrast``
        and, optionally, ``snr`` and ``kind``; and optionally ``settings`` with ``frames``,
        ``batch_size`` and ``sigma_px``.

    Returns
    -------
    Truth
        Landings in order of time.

    Raises
    ------
    VideoFormatError
        If the file is missing, is not JSON, or is not such a truth.
    """
    try:
        document = read_json(path, error=VideoFormatError)
    except OSError as error:
        raise VideoFormatError(f"cannot read the truth {path}: {error.strerror}") from error
    try:
        with refusing(path, "a truth file"):
            return truth_of(document)
    except BadValueError as error:
        raise VideoFormatError(
            f"{path} is not a truth file: {error}; give the file that simulate wrote"
        ) from error


def truth_of(document: Mapping[str, Any]) -> Truth:
    """Return the truth of a document read from a file or made by the simulation.

    Raises
    ------
    BadValueError
        If it has no landings as :func:`read_truth` describes, or settings that make no sense.
    """
    if not isinstance(document, dict) or not isinstance(document.get("landings"), list):
        raise BadValueError("it has no list 'landings'")
    rows, settings = document["landings"], document.get("settings", {})
    if not all(isinstance(row, dict) for row in rows):
        raise BadValueError("an entry of 'landings' is not an object")
    if not isinstance(settings, dict):
        raise BadValueError("its 'settings' are not an object")
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*TRUE_COLUMNS, "snr"])
    numbers = (*TRUE_COLUMNS, *(["snr"] if "snr" in table else []))
    check_columns(table, numbers, "its landings")
    table = table.astype(dict.fromkeys(numbers, np.float64)).astype({"raw_frame": np.int64})
    return Truth(
        table.sort_values("raw_frame", kind="stable", ignore_index=True),
        _positive(settings, "frames", whole=True),
        _positive(settings, "batch_size", whole=True),
        _positive(settings, "sigma_px", whole=False),
    )


def _positive(settings: Mapping[str, Any], name: str, *, whole: bool) -> Any:
    value = settings.get(name)
    if value is None:
        return None
    kind = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind) or not value > 0:
        raise BadValueError(f"its setting {name!r} is {value!r}, not a positive number")
    return value
