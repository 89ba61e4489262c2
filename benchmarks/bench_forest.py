"""Speed of the isolation forest beside scikit-learn's, and how well the two agree.

Run it as ``python benchmarks/bench_forest.py``. Frames of 4096 pixels, 100 trees of 100 pixels.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from sklearn.ensemble import IsolationForest

from napari_uai.iscat.detect.anomalies.isolation_forest import fit_forest, forest_scores
from napari_uai.iscat.detect.anomalies.maps import Method, anomaly_scores

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 64
N_TREES = MAX_SAMPLES = 100
RUNS = PEER_RUNS = 3
FRAMES = 100
RECORDING = 2000
TOP = 0.002
TARGETS_MS = {"fresh": 2.5, "one forest": 1.0}


def main() -> None:
    """Print the figures."""
    cores = os.cpu_count() or 1
    print(f"{cores} cores; frames of {SIDE} x {SIDE}, {N_TREES} trees of {MAX_SAMPLES} pixels")
    bench_speed(2, cores)
    bench_recording(cores)
    for n_features in (1, 5, 9):
        bench_speed(n_features, cores)
    bench_agreement()


def bench_speed(n_features: int, cores: int) -> None:
    """Fit and score, in one thread and frames side by side, beside scikit-learn."""
    frames = [features(n_features, seed) for seed in range(FRAMES)]
    frame = frames[0]
    forest = fit_forest(frame, n_trees=N_TREES, max_samples=MAX_SAMPLES)
    forest_scores(forest, frame)
    ours: dict[str, Callable[[npt.NDArray[np.float32]], object]] = {
        "fresh": fresh_scores,
        "one forest": lambda planes: forest_scores(forest, planes),
    }
    peer = fitted_peer(frame)
    theirs = {
        "fresh": lambda: -fitted_peer(frame).score_samples(frame.reshape(n_features, -1).T),
        "one forest": lambda: -peer.score_samples(frame.reshape(n_features, -1).T),
    }
    print(f"{n_features} features, ms per frame:")
    for mode, function in ours.items():
        alone = 1e3 * per_frame(function, frames, 1)
        together = 1e3 * per_frame(function, frames, cores)
        slow = 1e3 * best_of(theirs[mode], PEER_RUNS)
        target = f"; target {TARGETS_MS[mode]}" if n_features == 2 else ""
        print(
            f"  {mode:10}: {alone:5.2f} in one thread, {together:5.2f} with {cores} cores{target}; "
            f"scikit-learn {slow:5.0f} ({slow / alone:.0f} and {slow / together:.0f} times)"
        )


def bench_recording(cores: int) -> None:
    """Score a recording as a run does: learnt from a sample, then chunk by chunk on all cores."""
    some = np.stack([features(2, seed) for seed in range(FRAMES)], axis=1)
    first, second = np.tile(some, (1, RECORDING // FRAMES, 1, 1))
    modes: dict[str, Method] = {"fresh": "forest_per_frame", "one forest": "forest"}
    print(f"a recording of {RECORDING} frames, 2 features, ms per frame with {cores} cores:")
    for mode, method in modes.items():

        def scores(method: Method = method) -> object:
            return anomaly_scores(
                first, second, method=method, n_trees=N_TREES, max_samples=MAX_SAMPLES
            )

        each = 1e3 * best_of(scores, RUNS) / RECORDING
        print(f"  {mode:10}: {each:5.2f}; target {TARGETS_MS[mode]}")


def bench_agreement() -> None:
    """Top pixels and ranks that two forests share: two of scikit-learn's, and ours with one."""
    k = round(TOP * SIDE**2)
    peers, mixed = [], []
    for seed in range(5):
        frame = features(2, seed + 1)
        planes = frame.reshape(2, -1).T
        first, second = (-fitted_peer(frame, s).score_samples(planes) for s in (0, 1))
        peers.append(agreement(first, second, k))
        mixed.append(agreement(first, fresh_scores(frame).ravel(), k))
    for name, pairs in (("two seeds of scikit-learn", peers), ("scikit-learn and ours", mixed)):
        rank, top = np.mean(pairs, axis=0)
        print(f"{name}: rank correlation {rank:.3f}, {top:.2f} of the top {100 * TOP:.1f} % shared")


def features(n_features: int, seed: int) -> npt.NDArray[np.float32]:
    """Return maps of noise as filters leave it, with two spots in each."""
    noise = np.random.default_rng(seed).normal(size=(n_features, SIDE, SIDE))
    maps = np.stack([gaussian_filter(plane, 1 + 0.3 * f) for f, plane in enumerate(noise)])
    y, x = np.indices((SIDE, SIDE))
    for row, column in ((20, 30), (45, 12)):
        spot = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 1.7**2))
        maps += 6 * maps.std(axis=(1, 2), keepdims=True) * spot
    return maps.astype(np.float32)


def fresh_scores(frame: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Score a frame by a forest of its own."""
    return forest_scores(fit_forest(frame, n_trees=N_TREES, max_samples=MAX_SAMPLES), frame)


def fitted_peer(frame: npt.NDArray[np.float32], seed: int = 0) -> IsolationForest:
    """Fit scikit-learn's forest to a frame."""
    forest = IsolationForest(n_estimators=N_TREES, max_samples=MAX_SAMPLES, random_state=seed)
    return forest.fit(frame.reshape(len(frame), -1).T)


def agreement(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating], k: int
) -> tuple[float, float]:
    """Return rank correlation and share of the k highest that are in both."""
    top = set(np.argsort(-first)[:k]) & set(np.argsort(-second)[:k])
    return float(spearmanr(first, second)[0]), len(top) / k


def best_of(function: Callable[[], object], runs: int) -> float:
    """Return the shortest of a few times, in seconds."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


def per_frame(
    function: Callable[[npt.NDArray[np.float32]], object],
    frames: list[npt.NDArray[np.float32]],
    workers: int,
) -> float:
    """Return seconds per frame; of different frames, for processors learn one by heart."""
    with ThreadPoolExecutor(workers) as pool:
        return best_of(lambda: list(pool.map(function, frames)), RUNS) / len(frames)


if __name__ == "__main__":
    main()
