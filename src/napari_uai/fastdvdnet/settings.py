"""What a network looks like: the numbers that are stored beside its weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from napari_uai.errors import BadValueError

Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class NetworkSettings:
    """The shape of a two-stage cascade of U-Nets, and the frames that it looks at.

    Parameters
    ----------
    frames
        Frames of a window, odd; the one in the middle is predicted.
    stride
        Frames from one of a window to the next. For a rolling average, one batch: nearer frames
        share raw frames with the target and so would show the landing itself.
    blind
        Whether the target itself is kept from the network. If it is not, copying it is a solution,
        and the residual shows only how far training has come.
    shared
        Whether all blocks of the first stage have the same weights (as published).
    spread
        Channels that each frame of a block is first spread to.
    channels
        Channels at full resolution; twice and four times as many at half and a quarter.
    non_negative
        Whether the output goes through batch norm and a ReLU, as in the reference.
    standardize
        Whether videos are divided by their noise before they come in, and predictions multiplied
        by it, so that weights serve recordings of other contrast.
    """

    frames: int = 5
    stride: int = 1
    blind: bool = True
    shared: bool = True
    spread: int = 10
    channels: int = 16
    non_negative: bool = False
    standardize: bool = True

    def __post_init__(self) -> None:
        if self.frames < 5 or self.frames % 2 == 0:
            raise BadValueError(f"a window has 5, 7, 9 ... frames, got {self.frames}")
        if min(self.stride, self.spread, self.channels) < 1:
            raise BadValueError("stride, spread and channels of a network are 1 or more")

    @property
    def offsets(self) -> tuple[int, ...]:
        """Frames of a window, relative to the one that is predicted."""
        half = self.frames // 2
        seen = (i for i in range(-half, half + 1) if not (self.blind and i == 0))
        return tuple(i * self.stride for i in seen)

    @property
    def triples(self) -> tuple[tuple[int, int, int], ...]:
        """Frames that each block of the first stage sees, relative to the target."""
        seen = self.offsets
        return tuple((seen[i], seen[i + 1], seen[i + 2]) for i in range(len(seen) - 2))

    @property
    def reach(self) -> int:
        """How many frames before and after the target a window extends."""
        return self.frames // 2 * self.stride

    def to_dict(self) -> dict[str, Any]:
        """Return all settings by name."""
        return asdict(self)


REFERENCE = NetworkSettings(
    stride=1,
    blind=False,
    shared=False,
    spread=30,
    channels=32,
    non_negative=True,
    standardize=False,
)
"""The network of the reference: four blocks of their own weights, the target among the inputs."""
