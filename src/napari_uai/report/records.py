"""Folders of results as reports read them: the record of a run and its tables, nothing assumed."""

from __future__ import annotations

import math
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import cv2
import msgspec
import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError, one_line
from napari_uai.iscat.disturbances.record import SpanKind
from napari_uai.iscat.recipes.outputs import RECORD_FORMAT as LANDINGS
from napari_uai.limits import FILE_BYTES, HEADER_BYTES, MEMBERS
from napari_uai.pictures import MAX_BYTES, read_picture
from napari_uai.results import settle
from napari_uai.trails.analysis.result import RECORD
from napari_uai.trails.analysis.result import RECORD_FORMAT as TRAILS
from napari_uai.untrusted import check_header, read_json, read_whole, refusing

Record = TypeVar("Record", bound=msgspec.Struct)

N_TRACES = 12
"""Landings whose trace is shown."""

_TEXTS = ("kind", "file", "trail", "class", "ends_at", "recording", "failed", "problem",
          "status")  # fmt: skip
_QUALITY = 88
_MOST_FRAMES = 10**9
_LARGEST = 1e100  # beyond it and its inverse, arithmetic on numbers of a table overflows
_PNG = b"\x89PNG\r\n\x1a\n"


Size: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10**12)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class Input(msgspec.Struct, frozen=True):
    """The recording in ``run.json``."""

    name: str
    shape: tuple[Size, Size, Size]
    path: str | None = None
    dtype: str = ""
    first_frame: Count = 0
    bytes: Count | None = None
    sha256: str | None = None
    pixel_size_um: float | None = None
    frame_rate_hz: float | None = None
    reading: dict[str, Any] = {}
    history: list[str] = []

    @property
    def rate(self) -> float | None:
        """Frames per second, None if not known."""
        return _if_positive(self.frame_rate_hz)

    @property
    def pixel_nm(self) -> float | None:
        """Size of a pixel, None if not known."""
        return _if_positive(1000 * (self.pixel_size_um or 0.0))


class RecipeName(msgspec.Struct, frozen=True):
    """The recipe in ``run.json``."""

    name: str
    description: str = ""


class StageRecord(msgspec.Struct, frozen=True):
    """A stage in ``run.json``."""

    name: str
    use: str
    parameters: dict[str, Any]
    input: list[str] = []
    origin: tuple[int, int, int] | None = None
    rows: Count | None = None
    frames: Count | None = None
    seconds: float = 0.0
    weights_sha256: str | None = None


class LeftOut(msgspec.Struct, frozen=True):
    """Frames of the file that a run left out."""

    kind: SpanKind
    first: Count
    last: Count


class DisturbancesRecord(msgspec.Struct, frozen=True):
    """What a run cut out, in frames of the file."""

    frames_left_out: list[LeftOut] = []
    jumps: list[Count] = []


class StatusRecord(msgspec.Struct, frozen=True):
    """What the status lines told, in frames from the first that was analysed."""

    gaps: list[tuple[Count, Count]] = []
    restarted: list[Count] = []
    damaged: list[Count] = []


class LandingRecord(msgspec.Struct, frozen=True):
    """The ``run.json`` of :func:`napari_uai.write_results`."""

    written: str
    input: Input
    recipe: RecipeName
    stages: list[StageRecord]
    outputs: dict[str, str]
    found: dict[str, Count]
    seconds: float = 0.0
    problems: list[str] = []
    versions: dict[str, str] = {}
    disturbances: DisturbancesRecord | None = None
    status_line: StatusRecord | None = None

    def stages_of(self, use: str) -> list[StageRecord]:
        """Return the stages that ran a function."""
        return [stage for stage in self.stages if stage.use == use]

    @property
    def batch_size(self) -> int | None:
        """Frames per batch of the rolling average, None if the recipe has none."""
        for stage in self.stages:
            size = stage.parameters.get("batch_size")
            if isinstance(size, int) and 0 < size < _MOST_FRAMES:
                return size
        return None


@dataclass(frozen=True, eq=False)
class LandingResults:
    """Results of a run on one recording.

    Attributes
    ----------
    folder
        Where they are.
    name
        Path of the folder below that of all results; empty if there is one recording.
    record
        From ``run.json``.
    landings
        All rows of ``landings.csv``.
    traces
        Those of the first :data:`N_TRACES` landings; None if the recipe computes none.
    drift
        None if the recipe does not measure it.
    """

    folder: Path
    name: str
    record: LandingRecord
    landings: pd.DataFrame
    traces: pd.DataFrame | None = None
    drift: pd.DataFrame | None = None


@dataclass(frozen=True)
class Found:
    """Records below a folder.

    Attributes
    ----------
    landings, tracked, trails
        Folders with landings, with trajectories of particles and with ranked trails, each in
        alphabetical order.
    """

    landings: list[Path] = field(default_factory=list)
    tracked: list[Path] = field(default_factory=list)
    trails: list[Path] = field(default_factory=list)


def find_results(folder: Path) -> Found:
    """Return the folders of results in a folder: itself, or those below it.

    Raises
    ------
    BadValueError
        If there are none, or it does not exist.
    """
    if not folder.is_dir():
        what = "is a file: choose the folder that it is in" if folder.exists() else "does not exist"
        raise BadValueError(f"{folder} {what}")
    settle(folder)
    if (folder / RECORD).exists():
        places = [folder]
    else:
        places = []
        for n, (root, names, _) in enumerate(os.walk(folder)):
            MEMBERS.check(folder, n + 1, "contains folders:", error=BadValueError)
            names[:] = sorted(name for name in names if not name.startswith("."))
            settle(Path(root))
            if (Path(root) / RECORD).exists():
                places.append(Path(root))
    found = Found()
    for place in places:
        document = _document(place / RECORD)
        kind, outputs = document.get("format"), document.get("outputs")
        if kind == LANDINGS:
            tracked = isinstance(outputs, dict) and "trajectories" in outputs
            (found.tracked if tracked else found.landings).append(place)
        elif kind == TRAILS:
            found.trails.append(place)
    if not places:
        raise BadValueError(f"{folder} has no {RECORD}: not a results folder of napari-uai")
    if not (found.landings or found.tracked or found.trails):
        raise BadValueError(
            f"{places[0] / RECORD} is not the record of landings or trails of this version: "
            "choose results of napari-uai iscat or napari-uai trails"
        )
    return found


def read_landing_results(folder: Path, name: str = "") -> LandingResults:
    """Read the results of a run on one recording.

    Raises
    ------
    BadValueError
        If a file is missing, damaged or too large.
    """
    record = read_record(folder / RECORD, LandingRecord)
    landings = read_table(
        folder / "landings.csv",
        needed=("landing", "raw_frame", "y", "x", "contrast", "score"),
        optional=(
            "n_localizations", "contrast_error", "y_error", "x_error", "frame_error",
            "other_times", "expected_false", "kind",
        ),
    )  # fmt: skip
    traces = drift = None
    if "traces" in record.outputs:
        path = folder / "traces.csv"
        traces = read_table(path, needed=("landing", "raw_frame", "contrast"))
        traces = traces[traces["landing"] <= N_TRACES]
    if "drift" in record.outputs:
        needed, optional = ("raw_frame", "y_px", "x_px"), ("y_error_px", "x_error_px")
        drift = read_table(folder / "drift.csv", needed=needed, optional=optional)
    return LandingResults(folder, name, record, landings, traces, drift)


def read_record(path: Path, kind: type[Record]) -> Record:
    """Read the record of a run.

    Raises
    ------
    BadValueError
        If it is damaged or does not hold what it should.
    """
    try:
        return msgspec.convert(_document(path), kind)
    except (msgspec.ValidationError, OverflowError, UnicodeError) as error:
        reason = one_line(error, 160)
        raise BadValueError(f"{path} is damaged ({reason}): run the analysis again") from None


def read_table(
    path: Path, *, needed: Collection[str], optional: Collection[str] = ()
) -> pd.DataFrame:
    """Read some columns of a table of results; all are numbers except names and texts.

    Raises
    ------
    BadValueError
        If it is missing, damaged or too large, or a column is missing.
    """
    again = "run the analysis again"
    if not path.exists():
        raise BadValueError(f"{path} not found, the results are incomplete: {again}")
    known = {*needed, *optional}
    texts = dict.fromkeys(known.intersection(_TEXTS), str)
    with refusing(path, "a table of results", error=BadValueError):
        _check_own(path)
        FILE_BYTES.check(path, path.stat().st_size, "has", error=BadValueError)
        with path.open("rb") as file:
            check_header(file.read(64 * HEADER_BYTES.value), path, error=BadValueError)
        table = pd.read_csv(path, usecols=known.__contains__, dtype=texts)
    missing = [column for column in needed if column not in table.columns]
    if missing:
        raise BadValueError(f"{path} has no column {missing[0]}: {again}")
    for column in table.columns.difference(list(texts)):
        try:
            values = pd.to_numeric(table[column]).astype(np.float64)
        except (TypeError, ValueError):
            raise BadValueError(f"{path}: column {column} is not numbers: {again}") from None
        values = values.where(values.abs() < _LARGEST)
        table[column] = values.mask(values.abs() < 1 / _LARGEST, 0.0)
    for column in texts:
        if column in table.columns:
            table[column] = table[column].fillna("")
    return table


def read_photo(path: Path) -> bytes | None:
    """Read a picture and pack it as JPEG, a tenth as large for photos; None if there is none.

    Raises
    ------
    BadValueError
        If it cannot be decoded, or is too large.
    """
    if not path.exists():
        return None
    with refusing(path, "a picture", error=BadValueError):
        _check_own(path)
        colours = cv2.cvtColor(read_picture(path), cv2.COLOR_RGB2BGR)
        packed = cv2.imencode(".jpg", colours, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))[1]
    return packed.tobytes()


def read_png(path: Path) -> bytes | None:
    """Read a PNG picture to be shown as it is; None if there is none.

    Raises
    ------
    BadValueError
        If it cannot be decoded, or is too large.
    """
    if not path.exists():
        return None
    with refusing(path, "a picture", error=BadValueError):
        _check_own(path)
        read_picture(path)  # a browser would decode it without limits
        content = read_whole(path, error=BadValueError)
    if len(content) > MAX_BYTES or not content.startswith(_PNG):
        raise BadValueError(f"{path} is not a PNG picture: run the analysis again")
    return content


def _check_own(path: Path) -> None:
    """Raise an error for links: what they lead to would be shown on the page."""
    if path.is_symlink():
        raise BadValueError(f"{path} is a link: copy that file here")


def _if_positive(value: float | None) -> float | None:
    return value if value is not None and 0 < value < math.inf else None


def _document(path: Path) -> dict[str, Any]:
    _check_own(path)
    try:
        document = read_json(path, error=BadValueError)
    except OSError as error:
        raise BadValueError(f"{path} cannot be read: {error.strerror or error}") from error
    if not isinstance(document, dict):
        raise BadValueError(f"{path} is not the record of a run: run the analysis again")
    return document
