"""Settings of the network and its training, stored beside the weights."""

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
    """Architecture of a two-stage cascade of U-Nets, and the frames on which it operates.

    Parameters
    ----------
    frames
        Frames of a window; the one at the centre is predicted.
    stride
        Distance between the frames of a window. For a rolling average, one batch: closer frames
        share raw frames with the target, and would therefore show the landing itself.
    blind
        Whether the target is withheld from the network. Otherwise copying it is a solution, and the
        residual only reflects the progress of training.
    shared
        Whether all blocks of the first stage have the same weights (as published).
    spread
        Number of channels to which each frame of a block is expanded first.
    channels
        Channels at full resolution; twice and four times as many at half and quarter resolution.
    non_negative
        Whether the output passes batch normalisation and a ReLU, as in the reference.
    standardize
        Whether videos are divided by their noise before prediction, and multiplied by it
        afterwards, so that weights apply to recordings of other contrast.
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
        """Frames of a window relative to the target."""
        half = self.frames // 2
        inputs = (i for i in range(-half, half + 1) if not (self.blind and i == 0))
        return tuple(i * self.stride for i in inputs)

    @property
    def triples(self) -> tuple[tuple[int, int, int], ...]:
        """Frames that each block of the first stage takes, relative to the target."""
        o = self.offsets
        return tuple((o[i], o[i + 1], o[i + 2]) for i in range(len(o) - 2))

    @property
    def reach(self) -> int:
        """Number of frames by which a window extends before and after the target."""
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
"""The network of the reference: four blocks with separate weights, the target as an input."""


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of training.

    Parameters
    ----------
    epochs
        Maximum number of epochs, each of ``steps`` batches.
    steps
        Batches per epoch.
    windows
        Windows per batch.
    crop_px
        Side of the square cropped at random from each window; smaller fields are used whole.
    learning_rate
        Maximum; it rises over the first steps and then decays to zero along a cosine.
    loss
        ``mse``; ``huber`` is linear beyond one standard deviation and thus robust to landings.
    validation
        Fraction of the video, at its end, that is held out.
    patience
        Epochs without a lower validation loss after which training ends.
    seed
        Seed of the initial weights, the order of windows, and their augmentation.
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
