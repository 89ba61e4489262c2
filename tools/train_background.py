"""Train the network that predicts a background, on simulated recordings of many kinds.

    python tools/train_background.py

Recordings are drawn as for the rescoring (``tools/train_rescoring.py``), with other seeds and
without landings. The network sees their drift-corrected rolling averages one and two batches
before and after the frame that it is to predict, with landings added to them, and is to predict
the frame without: what it has learnt is to leave landings where they are.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import torch
from torch.nn import functional

from napari_uai.iscat.correct.bad_pixels import bad_pixel_repair
from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.correct.rolling_average import differential_rolling_average
from napari_uai.iscat.correct.stage_drift import stage_drift_correction
from napari_uai.iscat.fastdvdnet.network import FastDVDnet, trainable_parameters
from napari_uai.iscat.fastdvdnet.settings import NetworkSettings
from napari_uai.iscat.fastdvdnet.train import augmented
from napari_uai.iscat.fastdvdnet.weights import save_weights
from napari_uai.iscat.fastdvdnet.windows import noise_of, window_index
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.videos.frames import ArrayFrames
from train_rescoring import HELD_OUT_EVERY, random_settings

Floats = np.ndarray[Any, np.dtype[np.float32]]

FIRST_SEED = 300_000
FRAMES_PER_BATCH = 20
"""Of the rolling average that are kept: neighbours hardly differ."""

USUAL_BATCH = 500
"""Distance of neighbours that is written beside the weights; users set that of their batch."""

WINDOWS, CROP_PX, RATE = 16, 48, 2e-3
LANDINGS_AT_MOST = 4
"""In a window of that size; many have none."""

CONTRAST = 0.5, 5.0
"""Of a landing, in standard deviations of a pixel's noise."""

SIGMA_PX = 1.35, 2.1
WEIGHTS = (
    Path(__file__).parents[1] / "src/napari_uai/iscat/fastdvdnet/trained/background.safetensors"
)


def main() -> None:
    """Simulate, train, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=144)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.recordings)
    averages = [rolling_average(seed) for seed in seeds]
    held_out = averages[::HELD_OUT_EVERY]
    seen = [a for i, a in enumerate(averages) if i % HELD_OUT_EVERY]
    network, figures = train(seen, held_out, steps=arguments.steps)
    network.settings = replace(network.settings, stride=USUAL_BATCH)
    print(save_weights(network, arguments.out, trained=figures))


# recordings -----------------------------------------------------------------------------------


def rolling_average(seed: int) -> Floats:
    """Return some frames of a recording's rolling average, in standard deviations of its noise."""
    settings = replace(random_settings(seed), landings=0, take_offs=0)
    video = da.from_array(simulate_recording(settings).video)
    repaired = bad_pixel_repair(power_normalization(video))
    average = differential_rolling_average(repaired, batch_size=settings.batch_size)
    whole = np.asarray(stage_drift_correction(average, repaired))
    frames = whole[:: settings.batch_size // FRAMES_PER_BATCH]
    size = f"{frames.shape[1]} x {frames.shape[2]} px"
    print(f"recording {seed}: {len(frames)} frames of {size}", flush=True)
    return np.asarray(frames / np.float32(noise_of(ArrayFrames(whole))), np.float32)


@dataclass(frozen=True)
class Windows:
    """Windows of some rolling averages, with landings in them but not in what is to be found."""

    averages: list[Floats]
    settings: NetworkSettings

    def some(self, random: np.random.Generator, count: int) -> tuple[Floats, Floats]:
        """Draw (count, inputs, rows, columns), and (count, rows, columns) to be predicted."""
        whole = np.stack([self._one(random) for _ in range(count)])
        given, wanted = whole[:, :-1], whole[:, -1]
        for window in given:
            add_landings(window, np.array(self.settings.offsets), random)
        return given, wanted

    def _one(self, random: np.random.Generator) -> Floats:
        average = self.averages[random.integers(len(self.averages))]
        target = random.integers(0, len(average), 1)
        index = window_index(target, len(average), self.settings)[0]
        window = average[np.append(index, target)][None]
        return augmented(window, CROP_PX, random)[0]


def add_landings(
    window: Floats, offsets: np.ndarray[Any, Any], random: np.random.Generator
) -> None:
    """Add the triangles of landings to frames at some distances from the one in the middle."""
    y, x = np.ogrid[: window.shape[1], : window.shape[2]]
    for _ in range(random.integers(0, LANDINGS_AT_MOST + 1)):
        row, column = (random.uniform(0, n) for n in window.shape[1:])
        when = random.uniform(offsets[0] - FRAMES_PER_BATCH, offsets[-1] + FRAMES_PER_BATCH)
        course = np.maximum(1 - np.abs(offsets - when) / FRAMES_PER_BATCH, 0)
        contrast = random.uniform(*CONTRAST) * random.choice([-1, 1])
        sigma = random.uniform(*SIGMA_PX)
        spot = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * sigma**2))
        window += (contrast * course[:, None, None] * spot).astype(np.float32)


# training -------------------------------------------------------------------------------------


def train(
    seen: list[Floats], held_out: list[Floats], *, steps: int, seed: int = 0
) -> tuple[FastDVDnet, dict[str, Any]]:
    """Fit the network; return it, and how well it does on recordings that it has not seen."""
    torch.manual_seed(seed)
    settings = NetworkSettings(stride=FRAMES_PER_BATCH)
    network = FastDVDnet(settings).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    random, windows = np.random.default_rng(seed), Windows(seen, settings)
    check = Windows(held_out, settings).some(np.random.default_rng(seed), 256)
    losses: list[float] = []
    begin = time.perf_counter()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 50) * 0.5 * (1 + np.cos(np.pi * step / steps))
        given, wanted = (torch.from_numpy(a) for a in windows.some(random, WINDOWS))
        network.train()
        with torch.autocast("cpu", torch.bfloat16):
            predicted = network(given.contiguous(memory_format=torch.channels_last))
        loss = functional.mse_loss(predicted.float()[:, 0], wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % 250 == 0:
            elapsed = time.perf_counter() - begin
            print(
                f"step {step + 1}, {elapsed:.0f} s: loss {np.mean(losses[-250:]):.4f}, "
                f"held out {validated(network, check):.4f}",
                flush=True,
            )
    after, before = validated(network, check), float(np.mean(check[1] ** 2))
    return network.eval(), {
        "on": "simulated recordings of tools/train_background.py",
        "recordings": len(seen),
        "first_seed": FIRST_SEED,
        "video": "rolling averages of batches of 200 to 500 frames, stage drift corrected",
        "steps": steps,
        "windows_per_step": WINDOWS,
        "parameters": trainable_parameters(network),
        "held_out_recordings": len(held_out),
        "held_out_loss": round(after, 4),
        "held_out_variance": round(before, 4),
        "torch": torch.__version__,
    }


def validated(network: FastDVDnet, check: tuple[Floats, Floats]) -> float:
    """Mean squared error on held-out windows, in variances of the noise."""
    network.eval()
    given, wanted = (torch.from_numpy(a) for a in check)
    with torch.inference_mode():
        predicted = torch.cat([network(part)[:, 0] for part in given.split(WINDOWS)])
    return float(functional.mse_loss(predicted, wanted))


if __name__ == "__main__":
    main()
