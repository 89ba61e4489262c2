"""What was found to disturb a recording, as plain numbers and sentences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from napari_uai.errors import counted
from napari_uai.typing import AnyArray, Bools, Ints
from napari_uai.videos.offset import Offset
from napari_uai.videos.sampling import runs_of

SpanKind: TypeAlias = Literal[
    "no light", "constant", "saturated", "torn", "shifted", "unlike", "passing"
]
"""Why frames are left out."""

NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Span:
    """Frames that are left out.

    Attributes
    ----------
    kind
        Why.
    first, last
        Numbers of the first and last frame.
    """

    kind: SpanKind
    first: int
    last: int

    @property
    def why(self) -> str:
        """What is the matter, in words."""
        return _WHY[self.kind]

    def text(self, offset: int = 0) -> str:
        """Return ``frame 12`` or ``frames 12-40``, numbered from an offset."""
        first, last = self.first + offset, self.last + offset
        return f"frame {first}" if first == last else f"frames {first}-{last}"


@dataclass(frozen=True, eq=False)
class Disturbances:
    """What disturbs a recording.

    Attributes
    ----------
    n_frames, shape
        Of the recording: frames; rows and columns.
    spans
        Runs of frames that are left out, in order.
    flickering, saturated
        Pixels (rows, columns) whose sensitivity jumps, and those that reach the largest count of
        the camera; both are left out.
    jumps
        First frame after each jump of the whole image.
    notes
        What else is worth knowing, one line each.
    offset
        What the camera adds without light, its error, and the mean with it, in counts; None unless
        it is likely.
    """

    n_frames: int
    shape: tuple[int, int]
    spans: tuple[Span, ...] = ()
    flickering: Bools = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    saturated: Bools = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    jumps: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    offset: tuple[float, float, float] | None = None

    @classmethod
    def none_of(cls, shape: tuple[int, int, int]) -> Disturbances:
        """Return that nothing disturbs a recording of a shape (frames, rows, columns)."""
        return cls(shape[0], shape[1:])

    @property
    def left_out(self) -> Bools:
        """Which frames are left out."""
        out = np.zeros(self.n_frames, np.bool_)
        for span in self.spans:
            out[span.first : span.last + 1] = True
        return out

    @property
    def masked(self) -> Bools:
        """Which pixels are left out, rows and columns."""
        mask = np.zeros(self.shape, np.bool_)
        for each in (self.flickering, self.saturated):
            if each.size:
                mask |= each
        return mask

    @property
    def any(self) -> bool:
        """Whether frames or pixels are left out, or the whole image jumps."""
        return bool(self.spans or self.jumps or self.masked.any())

    def pieces(self, least: int) -> tuple[Ints, ...]:
        """Return the numbers of the frames of each piece between jumps, without those left out.

        Pieces shorter than ``least`` frames are dropped, unless all are: then jumps are ignored.
        """
        kept = np.flatnonzero(~self.left_out)
        ends = np.searchsorted(kept, self.jumps)
        whole = tuple(piece for piece in np.split(kept, ends) if len(piece) >= least)
        return whole or (kept,)

    def of_shape(self, shape: tuple[int, int]) -> Disturbances:
        """Return the same for a field that has more rows or columns at its ends, or fewer."""
        if shape == self.shape:
            return self
        flickering, saturated = (
            _resized(each, shape) if each.size else each
            for each in (self.flickering, self.saturated)
        )
        return replace(self, shape=shape, flickering=flickering, saturated=saturated)

    def seen_from(self, origin: Offset, shape: tuple[int, int, int]) -> Disturbances | None:
        """Return what disturbs a video that begins at a frame, row and column of the recording.

        None if its frames are not those of the recording, as in a rolling average.
        """
        if origin.frames or shape[0] != self.n_frames:
            return None
        flickering, saturated = (
            each[origin.rows :, origin.columns :] for each in (self.flickering, self.saturated)
        )
        moved = replace(self, flickering=flickering, saturated=saturated)
        return moved.of_shape((shape[1], shape[2]))

    def in_bins(self, size: int) -> Disturbances:
        """Return the same for bins of frames: those that hold anything of it are left out."""
        within = (Span("unlike", jump, jump) for jump in self.jumps if jump % size)
        spans = []
        for span in (*self.spans, *within):
            ends = (span.last // size + 1) * size, self.n_frames
            spans.append(Span(span.kind, span.first // size * size, min(ends) - 1))
        jumps = tuple(-(-jump // size) * size for jump in self.jumps)
        return replace(self, spans=tuple(spans), jumps=jumps)

    def sentences(
        self, first_frame: int = 0, *, offset_subtracted: bool = False
    ) -> tuple[str, ...]:
        """Return what was found, one line each; frames are numbered from ``first_frame``."""
        said = [
            f"{_listed([s.text(first_frame) for s in spans])}: {_WHY[kind]}; left out"
            for kind in _WHY
            if (spans := [s for s in self.spans if s.kind == kind])
        ]
        if self.jumps:
            frames = _listed([f"frame {j + first_frame}" for j in self.jumps])
            said.append(
                f"{frames}: the whole image changes at once (focus or illumination); steps there "
                "are not reported"
            )
        for mask, of_one, of_many in (
            (self.flickering, "flickers", "flicker"),
            (self.saturated, "reaches", "reach"),
        ):
            if mask.any():
                what = of_one if mask.sum() == 1 else of_many
                end = " the largest count of the camera" if mask is self.saturated else ""
                said.append(f"{_pixels(mask)} {what}{end}: left out")
        if self.offset is not None and not offset_subtracted:
            offset, error, mean = self.offset
            said.append(
                f"the camera probably adds {offset:.0f} +- {error:.0f} counts without light, by "
                f"the noise of its pixels: contrasts are {1 - offset / mean:.2f} times the true "
                "ones; set power.offset to these counts, to estimated, or to a recording without "
                "light"
            )
        return (*said, *self.notes)

    def record(self, first_frame: int = 0) -> dict[str, Any]:
        """Return what was cut out as plain values, for the record of a run."""
        return {
            "frames_left_out": [
                {"kind": s.kind, "first": s.first + first_frame, "last": s.last + first_frame}
                for s in self.spans
            ],
            "jumps": [jump + first_frame for jump in self.jumps],
            "flickering_pixels": _places(self.flickering),
            "saturated_pixels": _places(self.saturated),
            "camera_offset": None if self.offset is None else self.offset[0],
        }


_WHY: dict[SpanKind, str] = {
    "no light": "no light",
    "constant": "all pixels are equal",
    "saturated": "saturated",
    "torn": "a part is of another image (torn)",
    "shifted": "shifted against the frames around",
    "unlike": "unlike the frames around",
    "passing": "something passes through the field",
}


def spans_of(frames: Iterable[int] | Ints, kind: SpanKind) -> tuple[Span, ...]:
    """Join frames that follow each other."""
    numbers = np.unique(np.asarray(list(frames), np.int64))
    return tuple(Span(kind, int(run[0]), int(run[-1])) for run in runs_of(numbers))


def _resized(mask: Bools, shape: tuple[int, int]) -> Bools:
    out = np.zeros(shape, np.bool_)
    part = mask[: shape[0], : shape[1]]
    out[: part.shape[0], : part.shape[1]] = part
    return out


def _listed(texts: list[str]) -> str:
    """Name some, each noun once: ``frames 3, 7 and 4 more``."""
    shown = ", ".join(texts[:NAMED_AT_MOST])
    more = len(texts) - NAMED_AT_MOST
    return shown + (f" and {more} more" if more > 0 else "")


def _pixels(mask: AnyArray) -> str:
    places = [f"({row}, {column})" for row, column in np.argwhere(mask)]
    if len(places) == 1:
        return f"pixel {places[0]}"
    return f"{counted(len(places), 'pixel')} ({_listed(places)})"


def _places(mask: AnyArray) -> list[list[int]]:
    return [[int(row), int(column)] for row, column in np.argwhere(mask)]
