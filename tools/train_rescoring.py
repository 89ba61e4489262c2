"""Train the network that weighs detected steps anew, on simulated recordings of many kinds.

    python tools/train_rescoring.py --cache build/rescoring

Every recording has its own optics, noise, drift, focus, scatterers, vesicles and membrane, drawn
from ranges far wider than those of the scenarios of the benchmark, and its own seed, none of which
the benchmark uses. What is cut out of them is kept in the cache: a second call goes on there.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from napari_uai.errors import NapariUaiError
from napari_uai.evaluate.matching import match_landings
from napari_uai.evaluate.metrics import average_precision
from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.detect.steps.detector import detect_steps
from napari_uai.iscat.rescore.event_network import (
    CHANNELS,
    COURSE_LAYERS,
    FIGURE_LIMIT,
    IMAGE_LAYERS,
    EventNetwork,
    save_event_network,
    shapes,
)
from napari_uai.iscat.rescore.event_patches import EventViews, event_views
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.settings import RecordingSettings
from napari_uai.videos.frames import frames_of

FIRST_SEED = 200_000
ASSUMED_SIGMA = 1.7
"""What the detector is told; true widths differ, as they do in use."""

WEIGHTS = Path(__file__).parents[1] / "src/napari_uai/iscat/rescore/weights/rescoring.safetensors"
HELD_OUT_EVERY = 12


def main() -> None:
    """Simulate, train, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=396)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path("build/rescoring"), help="folder")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    make_examples(arguments.recordings, arguments.cache, arguments.processes)
    files = sorted(arguments.cache.glob("*.npz"))[: arguments.recordings]
    arrays, figures = train(files, epochs=arguments.epochs)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    print(save_event_network(arrays, arguments.out, trained=figures))


# recordings -----------------------------------------------------------------------------------


def random_settings(seed: int) -> RecordingSettings:
    """Draw the settings of one recording; 200 to 500 frames per batch, 8 to 14 batches."""
    rng = np.random.default_rng(seed)

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def sometimes(share: float) -> bool:
        return bool(rng.random() < share)

    batch = int(rng.choice([200, 300, 500]))
    pace = batch / 500
    frames = int(batch * rng.choice([8, 12, 12, 14]))
    landings = int(rng.integers(8, 41))
    weakest, strongest = rng.uniform(2, 4), rng.uniform(7, 14)
    changes: dict[str, Any] = {
        "seed": seed,
        "frames": frames,
        "rows": int(rng.integers(56, 81)),
        "columns": int(rng.integers(56, 81)),
        "batch_size": batch,
        "electrons": (electrons := between(1e4, 1e5) / pace),
        "electrons_per_count": max(electrons / 3e4, 1.0),
        "sigma_px": float(rng.uniform(1.35, 2.1)),
        "ringing": float(rng.uniform(0, 1)),
        "speckle_contrast": between(0.02, 0.2),
        "landings": landings,
        "landing_snr": (weakest, strongest),
        "dark_fraction": float(rng.choice([0, 0.5, 0.5, 1, rng.uniform(0, 1)])),
        "arrival_frames": int(rng.choice([1, 1, max(int(60 * pace), 1)])),
        "take_offs": int(landings * rng.uniform(0, 0.3)) if sometimes(0.3) else 0,
        "drift_px": between(0.01, 0.25) if sometimes(0.6) else 0.0,
        "drift_correlation": 1500 * pace,
        "focus_rad": between(0.05, 0.5) if sometimes(0.4) else 0.0,
        "focus_correlation": pace * between(300, 3000),
        "laser_drift": between(1e-3, 1e-2),
        "laser_noise": between(2e-4, 2e-3),
        "line_pattern": between(5e-5, 1e-3),
        "line_pattern_correlation": pace * between(200, 1500),
        "hot_pixels": int(rng.integers(0, 9)),
    }
    noise = float(np.sqrt(2 / (batch * electrons)))
    if sometimes(0.45):
        least = noise * between(0.5, 6)
        changes["scatterers"] = int(between(4, 60))
        changes["scatterer_contrast"] = (least, least * rng.uniform(1.5, 6))
        changes["scatterer_wander_px"] = (0.2, between(0.6, 6))
        changes["scatterer_correlation"] = pace * between(200, 3000)
    if sometimes(0.4):
        least = noise * between(0.8, 5)
        changes["vesicles"] = int(between(3, 60))
        changes["vesicle_contrast"] = (least, least * rng.uniform(1.5, 6))
        changes["vesicle_diffusion"] = between(3e-5, 3e-3) / pace
    if sometimes(0.3):
        changes["membrane_rad"] = noise / changes["speckle_contrast"] * between(0.3, 10)
        changes["membrane_px"] = float(rng.uniform(3, 20))
        changes["membrane_correlation"] = pace * between(100, 3000)
    return RecordingSettings(**changes)


def make_examples(count: int, cache: Path, processes: int) -> None:
    """Cut the candidates out of as many recordings, and keep them."""
    seeds = [s for s in range(FIRST_SEED, FIRST_SEED + count) if not _file(cache, s).exists()]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as workers:
        waiting = as_completed([workers.submit(make_example, seed, cache) for seed in seeds])
        for number, future in enumerate(waiting, start=1):
            print(f"{number} of {len(seeds)}: {future.result()}", flush=True)


def make_example(seed: int, cache: Path) -> str:
    """Simulate one recording, detect steps in it, keep what is seen of each, and the truth."""
    settings = random_settings(seed)
    recording = simulate_recording(settings)
    video = np.asarray(power_normalization(recording.video))
    try:
        events = detect_steps(video, batch_size=settings.batch_size, sigma_px=ASSUMED_SIGMA)
    except NapariUaiError as error:
        return f"{seed}: left out, {error}"
    views = event_views(
        events,
        frames_of(video),
        batch_size=settings.batch_size,
        sigma_px=ASSUMED_SIGMA,
        drift_order=3,
        tile_px=96,
    )
    ranked = match_landings(
        events.assign(raw_frame=events["frame"], row=np.arange(len(events))),
        recording.truth,
        max_frames=settings.batch_size / 2,
    )
    true = np.zeros(len(events), bool)
    true[ranked["row"].to_numpy()] = ranked["true_index"].to_numpy() >= 0
    np.savez(
        _file(cache, seed),
        images=views.images.astype(np.float16),
        courses=views.courses.astype(np.float16),
        figures=views.figures,
        true=true,
        landings=len(recording.truth),
    )
    return f"{seed}: {len(events)} candidates, {true.sum()} of {len(recording.truth)} landings"


def _file(cache: Path, seed: int) -> Path:
    return cache / f"{seed}.npz"


# training -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Examples:
    """Candidates of some recordings."""

    views: EventViews
    true: np.ndarray[Any, np.dtype[np.bool_]]
    recording: np.ndarray[Any, np.dtype[np.int64]]
    landings: list[int]

    @classmethod
    def read(cls, files: list[Path]) -> Examples:
        """Read them from the cache."""
        parts = [dict(np.load(file)) for file in files]
        joined = [np.concatenate([p[k] for p in parts]) for k in ("images", "courses", "figures")]
        counts = [len(p["true"]) for p in parts]
        return cls(
            EventViews(*joined),
            np.concatenate([p["true"] for p in parts]),
            np.repeat(np.arange(len(parts)), counts),
            [int(p["landings"]) for p in parts],
        )

    def mean_precision(self, score: np.ndarray[Any, Any]) -> float:
        """Mean average precision over the recordings."""
        each = []
        for i, landings in enumerate(self.landings):
            here = self.recording == i
            order = np.argsort(-score[here], kind="stable")
            each.append(average_precision(self.true[here][order], landings))
        return float(np.mean(each))


def train(
    files: list[Path], *, epochs: int, seed: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fit the network to the truth; return its arrays and how well it does on held-out ones."""
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    held_out = files[::HELD_OUT_EVERY]
    examples = Examples.read([f for f in files if f not in set(held_out)])
    images, courses, figures = (
        torch.from_numpy(a)
        for a in (examples.views.images, examples.views.courses, examples.views.figures)
    )
    true = torch.from_numpy(examples.true).float()
    weights = first_weights(figures, float(true.mean()))
    fitted = [w for name, w in weights.items() if w.requires_grad]
    optimizer = torch.optim.AdamW(fitted, lr=2e-3, weight_decay=1e-3)
    batch, rate = 256, 2e-3
    steps = epochs * (len(true) // batch)
    for step in range(steps):
        if step % (len(true) // batch) == 0:
            order = torch.randperm(len(true), generator=chance)
            print(f"epoch {step // (len(true) // batch) + 1}", flush=True)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 50) * 0.5 * (1 + np.cos(np.pi * step / steps))
        some = order[(step * batch) % (len(true) // batch * batch) :][:batch]
        seen, followed = turned(images[some].float(), courses[some].float(), chance)
        found = forward(weights, seen, followed, figures[some], dropout=0.2)
        loss = functional.binary_cross_entropy_with_logits(found, true[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    arrays = {name: w.detach().numpy() for name, w in weights.items()}
    share = float(true.mean())
    arrays["base"][2] = np.log(share / (1 - share))  # which weight decay has touched
    return arrays, _figures(arrays, Examples.read(held_out), len(files), len(true), epochs)


def _figures(
    arrays: dict[str, Any], held_out: Examples, recordings: int, candidates: int, epochs: int
) -> dict[str, Any]:
    wide = EventViews(
        held_out.views.images.astype(np.float32),
        held_out.views.courses.astype(np.float32),
        held_out.views.figures,
    )
    rescored = EventNetwork(arrays, {}).evidence(wide)
    before = held_out.mean_precision(held_out.views.figures[:, 0])
    after = held_out.mean_precision(rescored)
    print(f"held-out recordings: average precision {before:.3f} before, {after:.3f} after")
    return {
        "on": "simulated recordings of tools/train_rescoring.py",
        "recordings": recordings,
        "candidates": candidates,
        "epochs": epochs,
        "held_out_average_precision": round(after, 4),
        "held_out_average_precision_of_step_scores": round(before, 4),
    }


def first_weights(figures: Any, share: float) -> dict[str, Any]:
    """Return random weights; what the figures are divided by; the share of true events."""
    import torch

    weights: dict[str, Any] = {}
    for name, shape in shapes(CHANNELS).items():
        if name.endswith(".weight"):
            bound = 1 / np.sqrt(np.prod(shape[1:]))
            weights[name] = torch.empty(shape).uniform_(-bound, bound).requires_grad_()
        elif name.endswith(".bias"):
            weights[name] = torch.zeros(shape, requires_grad=True)
    weights["figures.mean"] = figures.mean(0)
    weights["figures.deviation"] = figures.std(0) + 1e-4
    odds = float(np.log(share / (1 - share)))
    weights["base"] = torch.tensor([0.3, -4.0 + odds, odds], requires_grad=True)
    return weights


def forward(
    weights: dict[str, Any], images: Any, courses: Any, figures: Any, dropout: float
) -> Any:
    """Return log odds in training: the network of ``event_network.py`` in torch."""
    import torch
    from torch.nn import functional

    seen = torch.asinh(images / 2)
    for i, (kernel, stride) in enumerate(IMAGE_LAYERS):
        w, b = weights[f"images.{i}.weight"], weights[f"images.{i}.bias"]
        seen = functional.relu(functional.conv2d(seen, w, b, stride, kernel // 2))
    followed = courses[:, :, None]
    for i, (kernel, stride) in enumerate(COURSE_LAYERS):
        w, b = weights[f"courses.{i}.weight"], weights[f"courses.{i}.bias"]
        padding = (0, kernel // 2)
        followed = functional.relu(functional.conv2d(followed, w, b, (1, stride), padding))

    def linear(values: Any, name: str) -> Any:
        return functional.linear(values, weights[f"{name}.weight"], weights[f"{name}.bias"])

    told = (figures - weights["figures.mean"]) / weights["figures.deviation"]
    hidden = torch.cat(
        [
            linear(seen.flatten(1), "images.out"),
            linear(followed.flatten(1), "courses.out"),
            told.clip(-FIGURE_LIMIT, FIGURE_LIMIT),
        ],
        1,
    )
    hidden = functional.dropout(functional.relu(linear(hidden, "head.0")), dropout)
    hidden = functional.relu(linear(hidden, "head.1"))
    slope, offset, _ = weights["base"]
    return linear(hidden, "head.2")[:, 0] + slope * figures[:, 0] ** 2 / 2 + offset


def turned(images: Any, courses: Any, chance: Any) -> tuple[Any, Any]:
    """Mirror and transpose a batch at random; the moves along rows and columns follow."""
    import torch

    flips = torch.rand(3, generator=chance) < 0.5
    if flips[0]:
        images = images.flip(2)
        courses = courses * torch.tensor([1.0, -1, 1, 1, 1, 1])[:, None]
    if flips[1]:
        images = images.flip(3)
        courses = courses * torch.tensor([1.0, 1, -1, 1, 1, 1])[:, None]
    if flips[2]:
        images, courses = images.transpose(2, 3), courses[:, [0, 2, 1, 3, 4, 5]]
    return images, courses


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
