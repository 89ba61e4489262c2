"""Speed of the chain raw file -> power normalisation -> DRA -> mFPN, beside plain numpy.

Run it as ``python benchmarks/bench_dra.py``; it needs 2.3 GB in the temporary folder.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.correct.prefix_sums import PrefixSums
from napari_uai.iscat.correct.rolling_average import (
    DifferentialFrames,
    differential_rolling_average,
)
from napari_uai.videos import open_video
from napari_uai.videos.frames import compute_video, frames_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import dask.array as da

HEIGHT = WIDTH = 72
BATCH = 2000
RUNS = 3


def main() -> None:
    """Print the figures."""
    print(f"{os.cpu_count()} cores; frames of {HEIGHT} x {WIDTH} <u2; batch {BATCH}")
    with tempfile.TemporaryDirectory() as folder:
        short = write_recording(Path(folder) / "short.bin", 20_000)
        begin = time.perf_counter()
        chain(opened(short)[:2001], 1000)
        print(f"first run, compilation included where needed: {time.perf_counter() - begin:.2f} s")
        bench_chain(short)
        bench_long(write_recording(Path(folder) / "long.bin", 200_000))


def bench_chain(path: Path) -> None:
    """Whole result in memory: ours against plain numpy."""
    ours = best_of(lambda: chain(opened(path), BATCH))
    begin = time.perf_counter()
    expected = plain_numpy(path, BATCH)
    theirs = time.perf_counter() - begin
    difference = np.abs(chain(opened(path), BATCH) - expected)
    error = (difference.max(axis=0) / expected.std(axis=0)).max()
    print("20 000 frames, raw -> power -> DRA -> mFPN on both axes -> float32 array:")
    print(f"  napari-uai {ours:.3f} s (target 0.5 s); plain numpy {theirs:.1f} s", end="")
    print(f" ({theirs / ours:.0f} times); differ by at most {error:.0e} of a pixel's noise")


def bench_long(path: Path) -> None:
    """One pass, then any frame, of 200 000 frames."""
    reading = best_of(lambda: np.fromfile(path, "<u2"))
    streaming = best_of(lambda: read_file(path))

    def make_pass() -> PrefixSums:
        sums = PrefixSums(frames_of(power_normalization(opened(path))))
        sums.prepare()
        return sums

    passing = best_of(make_pass)
    frames = DifferentialFrames(make_pass(), BATCH, "median", "both")
    times = []
    for frame in np.random.default_rng(0).integers(0, len(frames), 100):
        begin = time.perf_counter()
        frames.read(frame, frame + 1)
        times.append(time.perf_counter() - begin)
    size = path.stat().st_size / 1e9
    print("200 000 frames:")
    print(
        f"  reading the file (cached) into an array {reading:.2f} s ({size / reading:.1f} GB/s), "
    )
    print(f"  through a small buffer {streaming:.2f} s; the pass {passing:.2f} s ", end="")
    print(
        f"({size / passing:.1f} GB/s): {reading / passing:.1f} and {streaming / passing:.1f} times"
    )
    print(
        f"  one DRA frame after it: median {1e3 * np.median(times):.1f} ms, slowest of 100 ", end=""
    )
    print(f"{1e3 * max(times):.1f} ms (target 50 ms)")


def chain(video: da.Array, batch: int) -> npt.NDArray[np.float32]:
    """Return the rolling average of a power-normalised recording."""
    normalized = power_normalization(video)
    return compute_video(differential_rolling_average(normalized, batch_size=batch))


def plain_numpy(path: Path, batch: int) -> npt.NDArray[np.float64]:
    """Do the same as one would write it down: all in memory, float64, cumulative sums."""
    video = np.fromfile(path, "<u2").reshape(-1, HEIGHT, WIDTH).astype(np.float64)
    power = video.sum(axis=(1, 2))
    video *= (power.mean() / power)[:, None, None]
    sums = np.concatenate([np.zeros((1, HEIGHT, WIDTH)), video]).cumsum(axis=0)
    before = (sums[batch:-batch] - sums[: -2 * batch]) / batch
    difference = (sums[2 * batch :] - sums[batch:-batch]) / batch - before
    difference -= np.median(difference, axis=2, keepdims=True)
    difference -= np.median(difference, axis=1, keepdims=True)
    return difference / before


def write_recording(path: Path, n_frames: int) -> Path:
    """Write frames of shot noise on speckle, under a laser that fluctuates."""
    rng = np.random.default_rng(1)
    speckle = rng.gamma(4, 700, (HEIGHT, WIDTH))
    laser = 1 + 0.005 * rng.normal(size=(1000, 1, 1))
    block = rng.poisson(speckle * laser).astype("<u2")
    with path.open("wb") as file:
        for start in range(0, n_frames, len(block)):
            # Another laser power in each block, so that no batch is another's copy.
            gain = 1 + 0.01 * np.sin(start / 9000)
            file.write((block * gain).astype("<u2").tobytes())
    return path


def opened(path: Path) -> da.Array:
    """Open a recording."""
    return open_video(path, height=HEIGHT, width=WIDTH, dtype="<u2")


def read_file(path: Path) -> None:
    """Read a file into a buffer that stays in the processor's cache, chunk by chunk."""
    buffer = bytearray(2**22)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def best_of(function: Callable[[], object]) -> float:
    """Return the shortest of a few times, in seconds."""
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


if __name__ == "__main__":
    main()
