"""Reading of every format against its own library: part of `make bench`.

Both read a whole recording from the cache of the system, ours frame block by frame block through
`open_frames`, the library in its own fastest way. Times are of the processor, all threads together,
which hardly depend on what else the machine does; the best of several rounds.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import h5py
import numpy as np
import pandas as pd
import tifffile
import zarr
from astropy.io import fits
from scipy.ndimage import gaussian_filter

import napari_uai as uai
from napari_uai.videos import ReadOptions, open_frames

ROUNDS = 5
BLOCK = 200


def main() -> None:
    """Write each file, read it both ways, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=4000)
    parser.add_argument("--side", type=int, default=128, help="rows and columns of a frame")
    arguments = parser.parse_args()
    shape = (arguments.frames, arguments.side, arguments.side)
    video = recording(shape)
    print(f"{shape[0]} frames of {shape[1]} x {shape[2]} px, uint16, {video.nbytes / 1e6:.0f} MB")
    print(f"{'format':22}{'library':12}{'ours ms':>9}{'theirs ms':>11}{'ratio':>7}")
    with TemporaryDirectory() as folder:
        for name, library, write, theirs in CASES:
            path = Path(folder) / name.replace(" ", "_")
            path = write(path, video)
            print_row(
                name,
                library,
                best(lambda p=path: ours(p, shape)),
                best(lambda p=path, t=theirs: t(p)),
            )
        trails(Path(folder))


def recording(shape: tuple[int, int, int]) -> np.ndarray:
    """Return frames with shot noise over a background that stays, as of a camera."""
    rng = np.random.default_rng(0)
    background = gaussian_filter(rng.normal(size=shape[1:]), 3)
    mean = 3000 * (1 + 0.1 * background / background.std())
    return rng.poisson(np.clip(mean, 1, None), shape).astype(np.uint16)


def ours(path: Path, shape: tuple[int, int, int]) -> None:
    """Open a recording and read all its frames."""
    raw = ReadOptions(*shape[1:], "<u2") if path.suffix == ".bin" else ReadOptions()
    frames, _ = open_frames(path, raw)
    for start in range(0, len(frames), BLOCK):
        block = frames.read(start, start + BLOCK)
        block[:, ::64, ::64].sum()  # of a memory map, something has to be read


def trails(folder: Path) -> None:
    """Read a table of trails."""
    path = folder / "trails.csv"
    n = 200_000
    table = pd.DataFrame(
        {
            "trail": np.repeat(np.arange(n // 100), 100),
            "class": "car",
            "time": np.tile(np.arange(100) / 10, n // 100),
            "x": np.random.default_rng(0).uniform(0, 1280, n).round(2),
            "y": np.random.default_rng(1).uniform(0, 720, n).round(2),
        }
    )
    table.to_csv(path, index=False)
    mine = best(lambda: uai.open_trails(path))
    theirs = best(lambda: pd.read_csv(path).sort_values(["trail", "time"]))
    print_row("trails csv", "pandas", mine, theirs)


def best(call: Callable[[], object]) -> float:
    """Return the shortest of several times, in ms."""
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def print_row(name: str, library: str, mine: float, theirs: float) -> None:
    """Print a row of the table."""
    print(f"{name:22}{library:12}{mine:9.0f}{theirs:11.0f}{mine / theirs:7.2f}", flush=True)


def write_raw(path: Path, video: np.ndarray) -> Path:
    video.tofile(path.with_suffix(".bin"))
    return path.with_suffix(".bin")


def read_raw(path: Path) -> None:
    np.memmap(path, np.uint16, "r")[::64].sum()


def write_npy(path: Path, video: np.ndarray) -> Path:
    np.save(path.with_suffix(".npy"), video)
    return path.with_suffix(".npy")


def read_npy(path: Path) -> None:
    np.load(path, mmap_mode="r").ravel()[::64].sum()


def tiff_writer(**options: object) -> Callable[[Path, np.ndarray], Path]:
    """Return a writer of TIFF files of some kind."""

    def write(path: Path, video: np.ndarray) -> Path:
        path = path.with_suffix(".tif")
        tifffile.imwrite(path, video, photometric="minisblack", **options)
        return path

    return write


def read_tiff(path: Path) -> None:
    tifffile.imread(path, maxworkers=1)


def write_hdf5(path: Path, video: np.ndarray) -> Path:
    path = path.with_suffix(".h5")
    with h5py.File(path, "w") as file:
        file.create_dataset("video", data=video, chunks=(20, *video.shape[1:]), compression="gzip")
    return path


def read_hdf5(path: Path) -> None:
    with h5py.File(path) as file:
        file["video"][:]


def write_zarr(path: Path, video: np.ndarray) -> Path:
    path = path.with_suffix(".zarr")
    zarr.create_array(path, data=video, chunks=(100, *video.shape[1:]))
    return path


def read_zarr(path: Path) -> None:
    array = zarr.open_array(path, mode="r")
    for start in range(0, array.shape[0], BLOCK):
        array[start : start + BLOCK]


def write_fits(path: Path, video: np.ndarray) -> Path:
    fits.PrimaryHDU(video).writeto(path.with_suffix(".fits"), overwrite=True)
    return path.with_suffix(".fits")


def read_fits(path: Path) -> None:
    fits.getdata(path, memmap=False)


def write_movie(path: Path, video: np.ndarray) -> Path:
    path = path.with_suffix(".mkv")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.height, stream.width = video.shape[1:]
        stream.pix_fmt = "gray"
        for picture in (video // 32).astype(np.uint8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        container.mux(stream.encode())
    return path


def read_movie(path: Path) -> None:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            frame.to_ndarray(format="gray")


CASES = (
    ("raw", "numpy", write_raw, read_raw),
    ("npy", "numpy", write_npy, read_npy),
    ("tiff contiguous", "tifffile", tiff_writer(), read_tiff),
    ("tiff lzw", "tifffile", tiff_writer(compression="lzw"), read_tiff),
    ("tiff zstd predictor", "tifffile", tiff_writer(compression="zstd", predictor=True), read_tiff),
    ("tiff tiles", "tifffile", tiff_writer(tile=(64, 64), compression="zlib"), read_tiff),
    ("hdf5 gzip", "h5py", write_hdf5, read_hdf5),
    ("zarr zstd", "zarr", write_zarr, read_zarr),
    ("fits", "astropy", write_fits, read_fits),
    ("movie ffv1", "PyAV", write_movie, read_movie),
)

if __name__ == "__main__":
    main()
