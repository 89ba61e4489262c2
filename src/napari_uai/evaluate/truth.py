"""Ground truth of a recording: its landings and the conditions of observation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError, VideoFormatError
from napari_uai.evaluate.matching import TRUE_COLUMNS, check_columns
from napari_uai.untrusted import read_json, refusing

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Truth:
    """True landings of one recording.

    Attributes
    ----------
    landings
        One row per landing or take-off: ``raw_frame``, ``y``, ``x`` (in px), ``contrast``
        (signed), and, if known, ``snr`` (of a matched filter in one frame of the rolling average)
        and ``kind``.
    n_frames
        Number of frames of the recording; if None, there is no detection limit.
    batch_size
        Batch of the rolling average that ``snr`` refers to, in frames; None if unknown.
    sigma_px
        Width of the core of the point-spread function, in px; if None, there is no Cramer-Rao
        bound of the position.
    movers
        Particles that move, as in :attr:`napari_uai.simulate.SimulatedRecording.movers`; None if
        there are none.
    pixel_size_um, frame_rate_hz
        Scale of the recording; None if unknown.
    shape
        Rows and columns; None if unknown.

    Examples
    --------
    >>> import pandas as pd
    >>> import napari_uai as uai
    >>> landings = pd.DataFrame({"raw_frame": [100], "y": [8.0], "x": [5.0], "contrast": [-0.01]})
    >>> uai.evaluate.Truth(landings, n_frames=2000).n_frames
    2000
    """

    landings: pd.DataFrame
    n_frames: int | None = None
    batch_size: int | None = None
    sigma_px: float | None = None
    movers: pd.DataFrame | None = None
    pixel_size_um: float | None = None
    frame_rate_hz: float | None = None
    shape: tuple[int, int] | None = None


def read_truth(path: str | Path) -> Truth:
    """Read the true landings of a recording, as written by ``napari-uai simulate iscat``.

    Parameters
    ----------
    path
        JSON file with a list ``landings`` of objects with ``raw_frame``, ``y``, ``x``,
        ``contrast`` and, optionally, ``snr`` and ``kind``; optionally also a list ``movers`` of
        objects with ``contrast``, ``diffusion_px2_per_frame`` and lists ``y`` and ``x``, and an
        object ``settings`` with ``frames``, ``batch_size``, ``sigma_px``, ``rows``, ``columns``,
        ``pixel_size_um`` and ``frame_rate_hz``.

    Returns
    -------
    Truth
        Landings in order of time.

    Raises
    ------
    VideoFormatError
        If the file cannot be read, or is not such a file.

    Examples
    --------
    >>> import napari_uai as uai
    >>> truth = uai.read_truth(uai.sample_path("landings_truth.json"))
    >>> len(truth.landings), truth.n_frames, truth.batch_size
    (5, 1200, 200)
    """
    path = Path(path)
    try:
        document = read_json(path, error=VideoFormatError)
    except OSError as error:
        raise VideoFormatError(f"{path} cannot be read: {error.strerror}") from error
    try:
        with refusing(path, "a truth file"):
            return truth_of(document)
    except BadValueError as error:
        raise VideoFormatError(
            f"{path} is not a truth file: {error}; choose a file written by napari-uai simulate"
        ) from error


def truth_of(document: Mapping[str, Any]) -> Truth:
    """Return the truth contained in a document.

    Parameters
    ----------
    document
        Content of a truth file, see :func:`read_truth`; or that returned by
        :func:`napari_uai.simulate.files.truth_document`.

    Returns
    -------
    Truth
        Landings in order of time.

    Raises
    ------
    BadValueError
        If the document is not of that form.

    Examples
    --------
    >>> import napari_uai as uai
    >>> landing = {"raw_frame": 100, "y": 8.0, "x": 5.0, "contrast": -0.01}
    >>> truth = uai.evaluate.truth_of({"landings": [landing], "settings": {"frames": 2000}})
    >>> truth.n_frames
    2000
    """
    if not isinstance(document, dict) or not isinstance(document.get("landings"), list):
        raise BadValueError("it must contain a list 'landings'")
    rows, settings = document["landings"], document.get("settings", {})
    if not all(isinstance(row, dict) for row in rows):
        raise BadValueError("each entry of 'landings' must be an object")
    if not isinstance(settings, dict):
        raise BadValueError("'settings' must be an object")
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*TRUE_COLUMNS, "snr"])
    numbers = (*TRUE_COLUMNS, *(["snr"] if "snr" in table else []))
    check_columns(table, numbers, "'landings'")
    table = table.astype(dict.fromkeys(numbers, np.float64)).astype({"raw_frame": np.int64})
    size = [_positive(settings, name, whole=True) for name in ("rows", "columns")]
    return Truth(
        table.sort_values("raw_frame", kind="stable", ignore_index=True),
        _positive(settings, "frames", whole=True),
        _positive(settings, "batch_size", whole=True),
        _positive(settings, "sigma_px", whole=False),
        _movers(document.get("movers", [])),
        _positive(settings, "pixel_size_um", whole=False),
        _positive(settings, "frame_rate_hz", whole=False),
        None if None in size else (size[0], size[1]),
    )


def _movers(entries: Any) -> pd.DataFrame | None:
    """Return particles that move as one table, checked."""
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise BadValueError("'movers' must be a list of objects")
    tables = []
    for number, entry in enumerate(entries):
        y, x = entry.get("y"), entry.get("x")
        if not (isinstance(y, list) and isinstance(x, list) and len(y) == len(x) > 0):
            raise BadValueError("each entry of 'movers' must have lists y and x of one length")
        plain = {name: entry.get(name) for name in ("contrast", "diffusion_px2_per_frame")}
        tables.append(pd.DataFrame({"raw_frame": range(len(y)), "y": y, "x": x, **plain}))
        tables[-1].insert(0, "particle", number)
    if not tables:
        return None
    table = pd.concat(tables, ignore_index=True)
    numbers = ("y", "x", "contrast", "diffusion_px2_per_frame")
    check_columns(table, numbers, "'movers'")
    return table.astype(dict.fromkeys(numbers, np.float64))


def _positive(settings: Mapping[str, Any], name: str, *, whole: bool) -> Any:
    value = settings.get(name)
    if value is None:
        return None
    kind = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind) or not value > 0:
        wanted = "a positive whole number" if whole else "a positive number"
        raise BadValueError(f"the setting {name!r} must be {wanted}, got {value!r}")
    return value
