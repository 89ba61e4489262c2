"""What a network looks like and how it is trained: what is stored beside its weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Ge, Gt, Interval, Unit

from napari_uai.parameters import Odd, check_settings

Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
Loss: TypeAlias = Literal["mse", "huber"]


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

    frames: Annotated[int, Ge(5), Odd, Unit("frames")] = 5
    stride: Annotated[int, Ge(1), Unit("frames")] = 1
    blind: bool = True
    shared: bool = True
    spread: Annotated[int, Ge(1)] = 10
    channels: Annotated[int, Ge(1)] = 16
    non_negative: bool = False
    standardize: bool = True

    def __post_init__(self) -> None:
        check_settings(self)

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


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    Parameters
    ----------
    epochs
        At most; each shows the network ``steps`` batches.
    steps
        Batches in an epoch.
    windows
        Windows in a batch.
    crop_px
        Side of the square that is cut out of each window, at random; smaller fields go in whole.
    learning_rate
        Highest; it rises over the first steps and then falls to nothing along a cosine.
    loss
        ``mse``; ``huber`` is linear beyond one standard deviation and so robust to landings.
    validation
        Share of the video, at its end, that is never trained on.
    patience
        Epochs without a lower validation loss after which training ends.
    seed
        Of the first weights, the order of windows, and their augmentation.
    """

    epochs: Annotated[int, Ge(1)] = 20
    steps: Annotated[int, Ge(1)] = 100
    windows: Annotated[int, Ge(1)] = 16
    crop_px: Annotated[int, Ge(8), Unit("px")] = 48
    learning_rate: Annotated[float, Gt(0)] = 2e-3
    loss: Loss = "mse"
    validation: Annotated[float, Interval(gt=0, le=0.5)] = 0.2
    patience: Annotated[int, Ge(1), Unit("epochs")] = 6
    seed: Annotated[int, Ge(0)] = 0

    def __post_init__(self) -> None:
        check_settings(self)
