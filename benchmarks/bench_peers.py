"""Processor time of single stages beside that of other programs, in one table.

Run it as ``python benchmarks/bench_peers.py``. Each row alternates ours with the peer's, five times
each, on all cores; the ratio is the median of the five pairs, with the smallest and the largest.
The floor is a copy of input and output, which any program must read and write. With ``--piscat
PYTHON``, an interpreter that has PiSCAT 1.1 (which needs an environment of its own), its stages
are timed as well, in a process of theirs, alternating in the same way.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import trackpy
from scipy.ndimage import gaussian_filter
from scipy.ndimage import median_filter as scipy_median

import bench_dra
from bench_fits import SCALE, SIGMA, scipy_center, spots
from bench_forest import MAX_SAMPLES, N_TREES, features, fitted_peer
from napari_uai import iscat
from napari_uai.videos.frames import ArrayFrames, compute_video

ROUNDS = 5
FRAMES, SIDE, BATCH = 6000, 72, 500
N_FITS, N_FITS_PEER = 20_000, 200
FOREST_FRAMES, FOREST_FRAMES_PEER = 40, 4
SPOTS_PER_FRAME, LINKED_FRAMES = 12, 600

Work = Callable[[], object]


@dataclass(frozen=True)
class Duel:
    """A stage of ours and the same of another program.

    Attributes
    ----------
    stage, peer
        What is done, and by whom.
    ours, theirs
        Do it; ``theirs`` returns processor seconds if it is done in another process.
    share
        How much of ours the peer does: slow ones do a part.
    moved
        Bytes that are read and written at least.
    """

    stage: str
    peer: str
    ours: Work
    theirs: Work
    share: float = 1.0
    moved: int = 0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--piscat", help="Python interpreter that has PiSCAT")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    today = time.strftime("%Y-%m-%d")
    print(f"{today}, {processor()}; {FRAMES} frames of {SIDE} x {SIDE} px, batch {BATCH}\n")
    print("| Stage | Peer | ours, s | peer, s | ratio | times the floor |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        path = bench_dra.write_recording(Path(folder) / "recording.bin", FRAMES)
        for duel in duels(path, given.piscat):
            print(row(duel, given.rounds), flush=True)


def row(duel: Duel, rounds: int) -> str:
    """Alternate, and return a line of the table."""
    duel.ours()
    pairs = np.array([(seconds(duel.ours), seconds(duel.theirs)) for _ in range(rounds)])
    pairs[:, 1] /= duel.share
    ours, theirs = np.median(pairs, axis=0)
    ratio = pairs[:, 1] / pairs[:, 0]
    floor = f"{ours / copying(duel.moved):.1f}" if duel.moved else "-"
    return (
        f"| {duel.stage} | {duel.peer} | {ours:.3f} | {theirs:.3g} | {np.median(ratio):.1f} "
        f"({ratio.min():.1f} to {ratio.max():.1f}) | {floor} |"
    )


def seconds(work: Work) -> float:
    """Return the processor time of work, of all threads."""
    begin = time.process_time()
    other = work()
    return other if isinstance(other, float) else time.process_time() - begin


def copying(n_bytes: int) -> float:
    """Return the processor time of a copy that reads and writes so many bytes together."""
    source = np.ones(n_bytes // 16)
    target = np.empty_like(source)
    np.copyto(target, source)
    return min(seconds(lambda: np.copyto(target, source)) for _ in range(3))


def duels(path: Path, piscat: str | None) -> Iterator[Duel]:
    """Yield all rows."""
    raw = np.fromfile(path, "<u2").reshape(-1, SIDE, SIDE)
    contrast = bench_dra.chain(bench_dra.opened(path), BATCH)
    moved = 2 * raw.nbytes + contrast.nbytes
    yield Duel(
        "power, rolling average, fixed pattern", "numpy, cumulative sums",
        lambda: bench_dra.chain(bench_dra.opened(path), BATCH),
        lambda: bench_dra.plain_numpy(path, BATCH), moved=moved,
    )  # fmt: skip
    both = 2 * contrast.nbytes
    yield Duel(
        "global normalisation", "numpy",
        lambda: computed(iscat.global_normalization, contrast),
        lambda: scaled_by_numpy(contrast), moved=both,
    )  # fmt: skip
    yield Duel(
        "median, 3 x 3", "OpenCV", lambda: computed(iscat.median_filter, contrast),
        lambda: [cv2.medianBlur(frame, 3) for frame in contrast], moved=both,
    )  # fmt: skip
    yield Duel(
        "median, 3 x 3", "scipy", lambda: computed(iscat.median_filter, contrast),
        lambda: scipy_median(contrast[::20], (1, 3, 3)), share=1 / 20, moved=both,
    )  # fmt: skip
    yield Duel(
        "difference of Gaussians", "scipy",
        lambda: computed(iscat.difference_of_gaussians, contrast),
        lambda: dog_by_scipy(contrast[::20]), share=1 / 20, moved=both,
    )  # fmt: skip
    yield Duel(
        "spots in every frame", "trackpy.locate", lambda: iscat.detect_spots(contrast[::10]),
        lambda: [trackpy.locate(frame, 7) for frame in 1e6 * contrast[::100]], share=1 / 10,
    )  # fmt: skip
    yield from fits_forest_and_links()
    if piscat:
        yield from piscat_duels(piscat, path, contrast, moved)


def fits_forest_and_links() -> Iterator[Duel]:
    """Yield the rows of tables and forests."""
    video, _ = spots(N_FITS)
    middle = (video.shape[1] - 1) / 2
    table = pd.DataFrame(
        {"y": middle, "x": middle, "frame": np.arange(N_FITS), "center_intensity": np.nan,
         "sigma": SIGMA}
    )  # fmt: skip
    yield Duel(
        f"{N_FITS} Gaussian fits", "scipy", lambda: iscat.fit_spots(table, video, scale=SCALE),
        lambda: [scipy_center(window) for window in video[:N_FITS_PEER]],
        share=N_FITS_PEER / N_FITS,
    )  # fmt: skip
    planes = np.stack([features(2, seed) for seed in range(FOREST_FRAMES)], axis=1)

    def forests() -> object:
        return iscat.anomaly_scores(
            *planes, method="forest_per_frame", n_trees=N_TREES, max_samples=MAX_SAMPLES
        )

    def peers() -> None:
        for k in range(FOREST_FRAMES_PEER):
            fitted_peer(planes[:, k]).score_samples(planes[:, k].reshape(2, -1).T)

    yield Duel(
        f"isolation forest, {FOREST_FRAMES} frames", "scikit-learn", forests, peers,
        share=FOREST_FRAMES_PEER / FOREST_FRAMES,
    )  # fmt: skip
    places = np.random.default_rng(0).uniform(0, SIDE, (LINKED_FRAMES, SPOTS_PER_FRAME, 2))
    frame = np.repeat(np.arange(LINKED_FRAMES), SPOTS_PER_FRAME)
    moving = pd.DataFrame(places.reshape(-1, 2), columns=["y", "x"]).assign(frame=frame)
    trackpy.quiet()
    yield Duel(
        f"linking {len(moving)} spots", "trackpy.link",
        lambda: iscat.link_spots(moving, search_range_px=3.0, memory=3),
        lambda: trackpy.link(moving, 3.0, memory=3),
    )  # fmt: skip


def computed(stage: Callable[[Any], Any], video: npt.NDArray[Any]) -> object:
    """Compute a stage that works frame by frame, on all cores, as a run does."""
    return compute_video(stage(ArrayFrames(video)))


def scaled_by_numpy(video: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Map the smallest pixel to 0 and the largest to 1."""
    low, high = video.min(), video.max()
    return (video - low) / (high - low)


def dog_by_scipy(video: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Subtract a wide Gaussian filter from a narrow one."""
    narrow, wide = (gaussian_filter(video, (0, s, s)) for s in (1.7, 1.8))
    return narrow - wide


PISCAT = """
import json, sys, time
import numpy as np
video = np.fromfile(sys.argv[1], "<u2").reshape(-1, {side}, {side})
from piscat.Preproccessing import normalization
from piscat.BackgroundCorrection import DifferentialRollingAverage
def timed(work):
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result
def normalized():
    whole = normalization.Normalization(video=video)
    result = whole.power_normalized(inter_flag_parallel_active=False)
    return result[0] if isinstance(result, tuple) else result
print(json.dumps("ready"), flush=True)
for _ in sys.stdin:
    power, steady = timed(normalized)
    def averaged():
        dra = DifferentialRollingAverage(video=steady, batchSize={batch}, mode_FPN="mFPN")
        return dra.differential_rolling(FPN_flag=True, select_correction_axis="Both",
                                        FFT_flag=False, inter_flag_parallel_active=False)
    average, _ = timed(averaged)
    whole = normalization.Normalization(video=np.asarray(steady, np.float32))
    scaled, _ = timed(whole.normalized_image_global)
    print(json.dumps([power + average, scaled]), flush=True)
"""
"""Asks PiSCAT's public functions for the same stages, in one thread, and tells processor times."""


def piscat_duels(
    python: str, path: Path, contrast: npt.NDArray[np.float32], moved: int
) -> Iterator[Duel]:
    """Yield the rows of PiSCAT, which answers in a process of its own."""
    code = PISCAT.format(side=SIDE, batch=BATCH)
    with subprocess.Popen(
        [python, "-c", code, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None

        def answer() -> Any:
            for line in process.stdout or ():
                try:
                    return json.loads(line)
                except ValueError:
                    continue  # PiSCAT prints what it does
            raise SystemExit(f"{python} has no PiSCAT that answers")

        def ask(which: int) -> float:
            print(file=process.stdin, flush=True)
            return float(answer()[which])

        answer()
        yield Duel(
            "power, rolling average, fixed pattern", "PiSCAT",
            lambda: bench_dra.chain(bench_dra.opened(path), BATCH), lambda: ask(0), moved=moved,
        )  # fmt: skip
        yield Duel(
            "global normalisation", "PiSCAT",
            lambda: computed(iscat.global_normalization, contrast), lambda: ask(1),
            moved=2 * contrast.nbytes,
        )  # fmt: skip
        process.stdin.close()


def processor() -> str:
    """Return the name of the processor, as Linux knows it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}" if names else "unknown processor"


if __name__ == "__main__":
    main()
