"""FastDVDnet: a two-stage cascade of U-Nets without motion compensation.

Each block of the first stage takes three neighbouring frames, the block of the second stage their
outputs (Tassano, Delon & Veit, CVPR 2020, doi:10.1109/CVPR42600.2020.00143, arXiv:1907.01361).
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_uai.iscat.fastdvdnet.settings import NetworkSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

MULTIPLE = 4
"""Rows and columns inside the network are multiples of this, because of two levels of stride 2."""

MOMENTUM, EPSILON = 0.01, 1e-3
"""Of batch normalisation; torch's momentum is one minus that of Keras (0.99)."""


class Block(nn.Module):
    """A U-Net with two levels: several images in, one out.

    Parameters
    ----------
    inputs
        Number of input images.
    spread
        Number of channels to which each image is expanded first.
    channels
        Channels at full resolution.
    """

    def __init__(self, inputs: int, spread: int, channels: int) -> None:
        super().__init__()
        c = channels
        self.spread = _Layer(inputs, inputs * spread, groups=inputs)
        self.entry = _Layer(inputs * spread, c)
        self.down1 = nn.Sequential(_Layer(c, 2 * c, stride=2), *_layers(2 * c, 2))
        self.down2 = nn.Sequential(_Layer(2 * c, 4 * c, stride=2), *_layers(4 * c, 4))
        self.up2 = _Up(4 * c, 2 * c)
        self.middle = nn.Sequential(*_layers(2 * c, 2))
        self.up1 = _Up(2 * c, c)
        self.last = _Layer(c, c)
        self.exit = nn.Conv2d(c, 1, 3, padding=1, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, inputs, rows, columns) to (n, 1, rows, columns); sizes are multiples of 4."""
        full = self.entry(self.spread(images))
        half = self.down1(full)
        half = self.middle(self.up2(self.down2(half), half))
        out: Tensor = self.exit(self.last(self.up1(half, full)))
        return out


class FastDVDnet(nn.Module):
    """Predicts the frame at the centre of a window from its neighbours.

    Parameters
    ----------
    settings
        Its architecture.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        sizes = settings.spread, settings.channels
        n_first = len(settings.triples)
        self.first = nn.ModuleList(
            Block(3, *sizes) for _ in range(1 if settings.shared else n_first)
        )
        self.second = Block(n_first, *sizes)
        self.norm = nn.BatchNorm2d(1, EPSILON, MOMENTUM) if settings.non_negative else None

    def forward(self, windows: Tensor) -> Tensor:
        """Predict the targets of windows.

        Parameters
        ----------
        windows
            (n, inputs, rows, columns): the frames at ``settings.offsets``, oldest first.

        Returns
        -------
        Tensor
            (n, 1, rows, columns); rows and columns are arbitrary.
        """
        images, size = padded(windows)
        stages = [
            self.first_block(i)(images[:, i : i + 3]) for i in range(len(self.settings.triples))
        ]
        return cropped(self.finish(torch.cat(stages, dim=1)), size)

    def first_block(self, index: int) -> nn.Module:
        """Return the block of the first stage that processes a triple."""
        return self.first[0 if self.settings.shared else index]

    def finish(self, stages: Tensor) -> Tensor:
        """Apply the second stage to padded images (n, triples, rows, columns)."""
        out: Tensor = self.second(stages)
        return out if self.norm is None else functional.relu(self.norm(out))


class _Layer(nn.Module):
    """Convolution 3 x 3 without bias, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv: nn.Conv2d = nn.Conv2d(
            inputs, outputs, 3, stride=stride, padding=1, bias=False, groups=groups
        )
        self.norm: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(outputs, EPSILON, MOMENTUM)

    def forward(self, images: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(images)), inplace=True)


class _Up(nn.Module):
    """Convolution to four times the channels, arranged as 2 x 2 pixels, plus a skip connection."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 4 * outputs, 3, padding=1, bias=False)

    def forward(self, images: Tensor, others: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.conv(images), 2) + others


class _OrderedUp(nn.Module):
    """As :class:`_Up`, with channels ordered in memory as the pixels that they become."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        weight = conv.weight.data
        pixels = weight.reshape(-1, 2, 2, *weight.shape[1:])
        conv.weight.data = pixels.permute(1, 2, 0, 3, 4, 5).reshape(weight.shape)
        self.conv = conv

    def forward(self, images: Tensor, others: Tensor) -> Tensor:
        new = self.conv(images).permute(0, 2, 3, 1)
        n, rows, columns, channels = new.shape
        pairs = new.reshape(n, rows, columns, 2, channels // 2).transpose(2, 3)
        total: Tensor = others.permute(0, 2, 3, 1).reshape(pairs.shape) + pairs
        return total.reshape(n, 2 * rows, 2 * columns, channels // 4).permute(0, 3, 1, 2)


def _layers(channels: int, count: int) -> list[nn.Module]:
    return [_Layer(channels, channels) for _ in range(count)]


def padded(images: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Reflect images at their far edges up to a multiple of 4; also return their original size."""
    rows, columns = images.shape[-2:]
    more = -columns % MULTIPLE, -rows % MULTIPLE
    if not any(more):
        return images, (rows, columns)
    reflects = more[0] < columns and more[1] < rows
    mode = "reflect" if reflects else "replicate"
    return functional.pad(images, (0, more[0], 0, more[1]), mode=mode), (rows, columns)


def cropped(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Remove the padding of :func:`padded`."""
    return images[..., : size[0], : size[1]]


def trainable_parameters(network: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def folded(network: FastDVDnet) -> FastDVDnet:
    """Return a copy that computes the same faster, but cannot be trained.

    Batch normalisations are folded into the preceding convolutions, and channels become pixels
    without copies.
    """
    copy = deepcopy(network).eval()
    for block in (m for m in copy.modules() if isinstance(m, Block)):
        for name in ("up1", "up2"):
            setattr(block, name, _OrderedUp(getattr(block, name).conv))
    for layer in _norm_layers(copy):
        norm, conv = layer.norm, layer.conv
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_var is not None
        assert norm.running_mean is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        with_bias = nn.Conv2d(
            conv.in_channels,
            conv.out_channels,
            3,
            stride=conv.stride,  # type: ignore[arg-type]
            padding=1,
            groups=conv.groups,
        )
        with_bias.weight.data = conv.weight * scale[:, None, None, None]
        with_bias.bias.data = norm.bias - norm.running_mean * scale  # type: ignore[union-attr]
        layer.conv, layer.norm = with_bias, nn.Identity()
    return copy.requires_grad_(False)


def _norm_layers(network: nn.Module) -> Iterator[_Layer]:
    return (m for m in network.modules() if isinstance(m, _Layer))
