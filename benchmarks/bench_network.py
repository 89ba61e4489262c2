"""Speed of FastDVDnet: frames predicted and windows trained, beside Keras where it is installed.

Run it as ``python benchmarks/bench_network.py``; on a GPU with ``--device cuda``. Keras' figures
need ``pip install tensorflow-cpu`` in the same environment. Beside each prediction stands what its
multiplications alone would take at the speed of one large convolution: the least that is possible.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from napari_uai.iscat.fastdvdnet.network import FastDVDnet, trainable_parameters
from napari_uai.iscat.fastdvdnet.predict import PredictedFrames, chosen_device, chosen_precision
from napari_uai.iscat.fastdvdnet.settings import REFERENCE, NetworkSettings
from napari_uai.videos.frames import ArrayFrames

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 64
TRAINED_AT_ONCE = 20

NETWORKS = {
    "default (blind, shared, 16 channels)": NetworkSettings(),
    "published size (shared, 32 channels)": NetworkSettings(blind=False, spread=30, channels=32),
    "reference (separate, 32 channels)": REFERENCE,
}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    parser.add_argument("--frames", type=int, default=128, help="predicted in each run")
    arguments = parser.parse_args()
    device = chosen_device(arguments.device)
    print(f"{device}, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}; best of 3")
    video = np.random.default_rng(0).normal(size=(arguments.frames, SIDE, SIDE)).astype(np.float32)
    for name, settings in NETWORKS.items():
        torch.manual_seed(0)
        network = FastDVDnet(settings).eval()
        print(f"\n{name}: {trainable_parameters(network)} parameters")
        for precision in dict.fromkeys((chosen_precision("auto", device), torch.float32)):
            kind = str(precision).removeprefix("torch.")
            frames = PredictedFrames(
                ArrayFrames(video), network, device=device, precision=precision
            )
            seconds = best(lambda f=frames: f.read(0, len(video)))
            least = multiply_adds(network) / convolution_speed(device, precision)
            print(
                f"  prediction, {kind:<9} {1e3 * seconds / len(video):7.2f} ms per frame"
                f" (its multiplications alone {1e3 * least:.2f})"
            )
            step = training_step(FastDVDnet(settings), device, precision)
            print(
                f"  training, {kind:<9}   {1e3 * best(step):7.0f} ms per {TRAINED_AT_ONCE} windows"
            )
    keras_figures(video)


def best(work: Callable[[], Any], runs: int = 3) -> float:
    """Seconds of the fastest run after one that warms up."""
    work()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return min(times)


def multiply_adds(network: FastDVDnet) -> int:
    """Count those of a frame; blocks that neighbouring windows have in common count once."""
    counts: list[int] = []

    def count(layer: nn.Conv2d, _inputs: object, out: torch.Tensor) -> None:
        counts.append(layer.weight.numel() * out.shape[-1] * out.shape[-2])

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    settings = network.settings
    triples = len(settings.triples)
    image = torch.zeros(1, 3, SIDE, SIDE)
    with torch.inference_mode():
        for i in range(1 if settings.shared and not settings.blind else triples):
            network.first_block(i)(image)
        network.finish(image[:, :triples])
    for hook in hooks:
        hook.remove()
    return sum(counts)


def convolution_speed(device: torch.device, precision: torch.dtype) -> float:
    """Multiplications per second in a layer so large that nothing else takes time."""
    layer = nn.Conv2d(256, 256, 3, padding=1).requires_grad_(False)
    images = torch.rand(32, 256, 16, 16)
    layout = {"memory_format": torch.channels_last}
    layer, images = layer.to(device, precision, **layout), images.to(device, precision, **layout)
    return layer.weight.numel() * images[:, 0].numel() / best(lambda: layer(images), 10)


def training_step(
    network: FastDVDnet, device: torch.device, precision: torch.dtype
) -> Callable[[], None]:
    """Return one step of Adam on windows of the field's size."""
    network.to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters())
    n = len(network.settings.offsets)
    windows = torch.rand(TRAINED_AT_ONCE, n, SIDE, SIDE, device=device)
    windows = windows.contiguous(memory_format=torch.channels_last)
    target = torch.rand(TRAINED_AT_ONCE, 1, SIDE, SIDE, device=device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, precision, enabled=precision is not torch.float32):
            predicted = network(windows)
        functional.mse_loss(predicted.float(), target).backward()
        optimizer.step()

    return step


def keras_figures(video: np.ndarray) -> None:
    """Print what Keras takes for the reference's network."""
    if importlib.util.find_spec("tensorflow") is None:
        print("\nKeras is not installed here (elsewhere: 22 to 28 ms per frame, 1650 ms per step)")
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    model = keras_reference()
    windows = np.stack([video[i : i + 5] for i in range(len(video) - 4)]).transpose(0, 2, 3, 1)
    print(f"\nreference in Keras: {model.count_params()} parameters")
    seconds = best(lambda: model.predict(windows, batch_size=32, verbose=0))
    print(f"  prediction           {1e3 * seconds / len(windows):7.2f} ms per frame")
    model.compile("adam", "mse")
    some, target = windows[:TRAINED_AT_ONCE], windows[:TRAINED_AT_ONCE, :, :, 2:3]
    seconds = best(lambda: model.train_on_batch(some, target))
    print(f"  training             {1e3 * seconds:7.0f} ms per {TRAINED_AT_ONCE} windows")


def keras_reference() -> Any:
    """Build the reference's network layer by layer."""
    import tensorflow as tf
    from tensorflow.keras import Input, Model, layers

    def convolution(x: Any, channels: int, *, strides: int = 1, norm: bool = True) -> Any:
        x = layers.Conv2D(channels, 3, strides=strides, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization()(x)) if norm else x

    def up(x: Any, channels: int) -> Any:
        x = convolution(x, channels, norm=False)
        return layers.Lambda(lambda t: tf.nn.depth_to_space(t, 2))(x)

    def block(x: Any) -> Any:
        x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=30, use_bias=False)(x)
        full = convolution(layers.ReLU()(layers.BatchNormalization()(x)), 32)
        half = convolution(full, 64, strides=2)
        for _ in range(2):
            half = convolution(half, 64)
        x = convolution(half, 128, strides=2)
        for _ in range(4):
            x = convolution(x, 128)
        x = layers.Add()([up(x, 256), half])
        for _ in range(2):
            x = convolution(x, 64)
        x = convolution(layers.Add()([up(x, 128), full]), 32)
        return convolution(x, 1, norm=False)

    frames = Input((SIDE, SIDE, 5))
    first = [block(layers.Lambda(lambda t, i=i: t[..., i : i + 3])(frames)) for i in range(3)]
    out = block(layers.Concatenate()(first))
    return Model(frames, layers.ReLU()(layers.BatchNormalization()(out)))


if __name__ == "__main__":
    main()
