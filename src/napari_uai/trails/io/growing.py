"""Files of a tracker that is still writing them: what is new since they were last read."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_uai.errors import NapariUaiError, TrailFormatError, counted
from napari_uai.trails.io.columns import samples_of, untracked
from napari_uai.trails.io.content import Content
from napari_uai.trails.io.extent import in_scene
from napari_uai.trails.io.grouping import LATEST, grouped
from napari_uai.trails.io.position_facts import inside
from napari_uai.trails.io.readers import reader_of
from napari_uai.trails.io.table_options import NOTHING_SAID, TableOptions
from napari_uai.trails.io.text import text_table
from napari_uai.trails.io.text_layout import layout_of
from napari_uai.trails.table import UNCLASSIFIED, Trails
from napari_uai.typing import Floats, Floats32

CHUNK_BYTES = 1 << 24
"""Most that is read at a time."""

HEAD_BYTES = 512
"""By which a file is recognised: if they have changed, it was rewritten."""

PATIENCE_BYTES = 1 << 16
"""Bytes of a file that may be without a table of trails before it is given up."""


class NewSamples(NamedTuple):
    """Samples that were written since the last reading, in the order of the file.

    Parameters
    ----------
    trail, kind
        Name and class of the trail of each; object.
    time
        Time, in s; float64.
    y, x
        Position in px of the scene; float32.
    utc_offset_s
        Offset of local time; NaN if unknown; float64.
    restarted
        Whether the file was rewritten before these samples.
    """

    trail: npt.NDArray[np.object_]
    kind: npt.NDArray[np.object_]
    time: Floats
    y: Floats32
    x: Floats32
    utc_offset_s: Floats
    restarted: bool = False


@dataclass(frozen=True)
class HowToRead:
    """Options of reading that do not change from one part of a file to the next.

    Parameters
    ----------
    scene_size
        Width and height of the scene, in px.
    table, frame_rate_hz, camera, keep_extrapolated
        As for :func:`~napari_uai.trails.open_trails`.
    """

    scene_size: tuple[int, int]
    table: TableOptions = NOTHING_SAID
    frame_rate_hz: float | None = None
    camera: str | None = None
    keep_extrapolated: bool = True


def is_growing_text(path: Path) -> bool:
    """Return whether a file is a text table, to which rows may be added."""
    with path.open("rb") as file:
        head = file.read(PATIENCE_BYTES)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b", b"PK") or b"\0" in head:
        return False
    content = Content(head, path)
    return not content.is_json and not content.is_xml and reader_of(content) is None


@dataclass
class GrowingText:
    """A text table that a tracker adds rows to.

    The last line counts once it ends. If the file is truncated, or replaced by another one
    (rotation), what was left of the old one is read, and then the new one from its beginning.

    Parameters
    ----------
    path
        The file.
    how
        Options of reading.

    Attributes
    ----------
    problems
        What could not be read, one line each.
    """

    path: Path
    how: HowToRead
    problems: list[str] = field(default_factory=list)
    _file: IO[bytes] | None = None
    _head: bytes = b""
    _header: bytes | None = None
    _earlier_header: bytes | None = None
    _waiting: bytes = b""
    _restarted: bool = False

    def read(self) -> NewSamples | None:
        """Return the samples that are new, as far as they fit into a chunk; None if none is."""
        chunk = self._next_lines()
        if not chunk:
            return None
        try:
            samples = self._samples(chunk)
        except NapariUaiError as error:
            if self._header is None and len(chunk) < PATIENCE_BYTES:
                self._waiting = chunk + self._waiting  # its first rows may still come
            else:
                lines = counted(chunk.count(b"\n"), "line")
                self.problems.append(f"{self.path.name}: {lines} skipped: {error}")
            return None
        if samples is not None and self._restarted:
            samples, self._restarted = samples._replace(restarted=True), False
        return samples

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _next_lines(self) -> bytes:
        """Return complete lines."""
        if self._file is not None and self._is_written_anew():
            self._waiting = b""
            self.close()
        if self._file is None and not self._open():
            return b""
        more = self._read_on()
        if not more and self._is_replaced():
            self.close()
            lines, self._waiting = self._waiting, b""
            if lines.strip():
                return lines + b"\n"  # the last line of the old file
            more = self._read_on() if self._open() else b""
        text = self._waiting + more
        end = text.rfind(b"\n") + 1
        self._waiting = text[end:]
        return text[:end]

    def _open(self) -> bool:
        try:
            self._file = self.path.open("rb")
        except FileNotFoundError:  # between two files of a rotation
            return False
        if self._head:  # another one was read before
            self._restarted, self._head = True, b""
            self._earlier_header, self._header = self._header, None
        return True

    def _read_on(self) -> bytes:
        if self._file is None:
            return b""
        more = self._file.read(CHUNK_BYTES)
        if len(self._head) < HEAD_BYTES and more:
            self._head += more[: HEAD_BYTES - len(self._head)]
        return more

    def _is_written_anew(self) -> bool:
        """Return whether the file that is open is shorter than before, or begins otherwise."""
        if self._file is None:
            return False
        at = self._file.tell()
        if os.fstat(self._file.fileno()).st_size < at:
            return True
        self._file.seek(0)
        begins = self._file.read(len(self._head))
        self._file.seek(at)
        return begins != self._head

    def _is_replaced(self) -> bool:
        """Return whether another file has the path now."""
        if self._file is None:
            return False
        try:
            there = self.path.stat()
        except OSError:
            return False
        own = os.fstat(self._file.fileno())
        return (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino)

    def _samples(self, chunk: bytes) -> NewSamples | None:
        header = self._header
        if header is None:
            layout = layout_of(chunk)
            # The next file of a log may go on without a header.
            header = chunk[: layout.start] if layout.names else self._earlier_header or b""
            chunk = chunk[layout.start :] if layout.names else chunk
            if not chunk.strip():
                raise TrailFormatError("no rows yet")
        if not chunk.strip():
            return None
        samples = samples_of_text(header + chunk, self.path.name, self.how, self.problems)
        self._header = header
        return samples


def samples_of_text(
    data: bytes, file: str, how: HowToRead, problems: list[str]
) -> NewSamples | None:
    """Return the samples in a part of a text table, with its header.

    Raises
    ------
    TrailFormatError
        If it is not a table of trails.
    """
    found: list[tuple[str, str, str]] = []
    table = text_table(data, file, how.table)
    samples = samples_of(
        table,
        options=how.table,
        frame_rate_hz=how.frame_rate_hz,
        camera=how.camera,
        keep_extrapolated=how.keep_extrapolated,
        file=file,
        problems=found,
    )
    problems += [f"{file}: {text}" for _, _, text in (*table.problems, *found)]
    owner, names = grouped(samples.trail)
    nobody = np.append(untracked(names), True)
    finite = np.isfinite(samples.y) & np.isfinite(samples.x) & (np.abs(samples.time) <= LATEST)
    usable = np.flatnonzero(finite & ~nobody[owner])
    if len(usable) < len(owner):
        n = counted(len(owner) - len(usable), "row")
        problems.append(f"{file}: {n} without a trail, a valid time or position: dropped")
    if not len(usable):
        return None
    normalized = table.normalized if how.table.normalized is None else how.table.normalized
    width, height = how.scene_size
    extent = in_scene(
        samples.y[usable], samples.x[usable], owner[usable],
        scene_size=how.scene_size, normalized=normalized, unit=samples.unit,
    )  # fmt: skip
    problems += [f"{file}: {note}" for note in (*samples.notes, *extent.notes)]
    within = inside(extent.y, extent.x, width, height)
    usable = usable[within]
    kinds = np.full(len(usable), UNCLASSIFIED, object)
    if samples.kind is not None:
        kind, kind_names = grouped(samples.kind)
        texts = [str(name).strip() or UNCLASSIFIED for name in kind_names]
        kinds = np.array([*texts, UNCLASSIFIED], object)[kind[usable]]
    offset = samples.utc_offset_s
    return NewSamples(
        np.array([str(name) for name in names], object)[owner[usable]],
        kinds,
        samples.time[usable],
        extent.y[within].astype(np.float32),
        extent.x[within].astype(np.float32),
        np.full(len(usable), np.nan) if offset is None else offset[usable],
    )


@dataclass
class GrowingReport:
    """Files of any format, which are read as a whole again whenever they have changed.

    Parameters
    ----------
    path
        File or folder.
    opened
        Opens it.

    Attributes
    ----------
    problems
        What could not be read, one line each.
    """

    path: Path
    opened: Callable[[Path], Trails]
    problems: list[str] = field(default_factory=list)
    _state: object = None
    _last: dict[str, float] = field(default_factory=dict)

    def read(self) -> NewSamples | None:
        """Return the samples that are later than those of their trail before; None if none is."""
        state = _state_of(self.path)
        if state == self._state:
            return None
        try:
            trails = self.opened(self.path)
        except NapariUaiError as error:  # half written, or nothing in it yet
            text = str(error)
            if text not in self.problems:
                self.problems.append(text)
            return None
        self._state = state
        names = trails.table["trail"].to_numpy(object)
        last = np.array([self._last.get(name, -np.inf) for name in names])
        new = np.flatnonzero(trails.time > np.repeat(last, trails.n_samples))
        self._last |= dict(zip(names, trails.table["end"].tolist(), strict=True))
        self.problems += trails.problems["problem"].tolist()
        owner = trails.owner[new]
        offset = trails.table.get("utc_offset_s")
        return NewSamples(
            names[owner],
            trails.table["class"].to_numpy(object)[owner],
            trails.time[new],
            trails.y[new],
            trails.x[new],
            np.full(len(new), np.nan) if offset is None else offset.to_numpy(np.float64)[owner],
        )

    def close(self) -> None:
        """Do nothing: no file is kept open."""


def _state_of(path: Path) -> object:
    """Return something that differs once a file, or one in a folder, has changed."""
    if not path.is_dir():
        stat = path.stat()
        return stat.st_size, stat.st_mtime_ns, stat.st_ino
    folders = [(str(path), path.stat().st_mtime_ns, 0)]
    for root, names, files in os.walk(path):
        names.sort()
        for name in sorted((*names, *files)):
            try:
                stat = os.stat(os.path.join(root, name))  # noqa: PTH116, PTH118  # many files
            except OSError:
                continue
            folders.append((os.path.join(root, name), stat.st_mtime_ns, stat.st_size))  # noqa: PTH118
    return tuple(folders)
