"""Files of every format for `bench_reading.py`: how their own libraries write and read them."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import h5py
import numpy as np
import tifffile
import zarr
from astropy.io import fits
from scipy.ndimage import gaussian_filter

SIDE = 128
"""Rows and columns of a frame."""

BLOCK = 200
"""Frames that are read at a time."""


@dataclass(frozen=True)
class Case:
    """A format: how its library writes a video, opens it, and opens and reads it."""

    name: str
    library: str
    write: Callable[[Path, np.ndarray], Path]
    open: Callable[[Path], object]
    read: Callable[[Path], object]


def recording(n: int) -> np.ndarray:
    """Return frames with shot noise over a background that stays, as of a camera."""
    rng = np.random.default_rng(0)
    background = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 3)
    mean = 3000 * (1 + 0.1 * background / background.std())
    return rng.poisson(np.clip(mean, 1, None), (n, SIDE, SIDE)).astype(np.uint16)


def copied(array: np.ndarray) -> None:
    """Read an array that is in a memory map, block by block, into memory."""
    for start in range(0, len(array), BLOCK):
        array[start : start + BLOCK].copy()


# headerless, numpy ----------------------------------------------------------------------------


def write_raw(path: Path, video: np.ndarray) -> Path:
    video.tofile(path.with_suffix(".bin"))
    return path.with_suffix(".bin")


def open_raw(path: Path) -> np.ndarray:
    n = path.stat().st_size // (2 * SIDE**2)
    return np.memmap(path, np.uint16, "r", shape=(n, SIDE, SIDE))


def write_npy(path: Path, video: np.ndarray) -> Path:
    np.save(path.with_suffix(".npy"), video)
    return path.with_suffix(".npy")


def open_npy(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r")


def write_npz(path: Path, video: np.ndarray) -> Path:
    np.savez(path.with_suffix(".npz"), video=video)
    return path.with_suffix(".npz")


def read_npz(path: Path) -> None:
    with np.load(path) as arrays:
        arrays["video"]


# TIFF -----------------------------------------------------------------------------------------


def tiff_writer(**options: object) -> Callable[[Path, np.ndarray], Path]:
    """Return a writer of TIFF files of some kind."""

    def write(path: Path, video: np.ndarray) -> Path:
        path = path.with_suffix(".tif")
        tifffile.imwrite(path, video, photometric="minisblack", **options)
        return path

    return write


def open_tiff(path: Path) -> None:
    with tifffile.TiffFile(path) as tiff:
        tiff.series  # noqa: B018  # finds the pages


def read_tiff(path: Path) -> None:
    tifffile.imread(path, maxworkers=1)


def write_ome_series(path: Path, video: np.ndarray) -> Path:
    """Write an OME-TIFF of four files, as Micro-Manager does."""
    path.mkdir()
    parts = np.array_split(np.arange(len(video)), 4)
    names = [f"r_MMStack_Default{f'_{k}' if k else ''}.ome.tif" for k in range(len(parts))]
    planes = "".join(
        f'<TiffData FirstC="0" FirstT="{time}" FirstZ="0" IFD="{page}" PlaneCount="1">'
        f'<UUID FileName="{names[k]}">urn:uuid:{k}</UUID></TiffData>'
        for k, part in enumerate(parts)
        for page, time in enumerate(part)
    )
    n, rows, columns = video.shape
    for k, part in enumerate(parts):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{k}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
            f'Type="uint16" SizeX="{columns}" SizeY="{rows}" SizeC="1" SizeZ="1" SizeT="{n}">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        with tifffile.TiffWriter(path / names[k]) as writer:
            for i, time in enumerate(part):
                description = None if i else xml
                writer.write(
                    video[time],
                    description=description,
                    metadata=None,
                    photometric="minisblack",
                    contiguous=False,
                )
    return path / names[0]


# HDF5, FITS -----------------------------------------------------------------------------------


def write_hdf5(path: Path, video: np.ndarray) -> Path:
    path = path.with_suffix(".h5")
    options = {"chunks": (20, *video.shape[1:]), "compression": "gzip", "compression_opts": 1}
    with h5py.File(path, "w") as file:
        file.create_dataset("video", data=video, **options)
    return path


def open_hdf5(path: Path) -> None:
    with h5py.File(path) as file:
        file["video"]


def read_hdf5(path: Path) -> None:
    with h5py.File(path) as file:
        file["video"][:]


def write_matlab(path: Path, video: np.ndarray) -> Path:
    """Write rows, columns, frames as MATLAB 7.3 does: in reverse order, packed in chunks."""
    path = path.with_suffix(".mat")
    options = {"chunks": (20, *video.shape[1:]), "compression": "gzip", "compression_opts": 1}
    with h5py.File(path, "w", userblock_size=512) as file:
        data = file.create_dataset("video", data=video.transpose(0, 2, 1), **options)
        data.attrs["MATLAB_class"] = np.bytes_("uint16")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM")
    return path


def read_matlab(path: Path) -> None:
    with h5py.File(path) as file:
        file["video"][:].transpose(0, 2, 1)


def write_fits(path: Path, video: np.ndarray) -> Path:
    fits.PrimaryHDU(video).writeto(path.with_suffix(".fits"), overwrite=True)
    return path.with_suffix(".fits")


def open_fits(path: Path) -> None:
    with fits.open(path) as units:
        units[0].shape  # noqa: B018  # reads the header


def read_fits(path: Path) -> None:
    fits.getdata(path, memmap=False)


# zarr, N5 -------------------------------------------------------------------------------------


def zarr_writer(version: int) -> Callable[[Path, np.ndarray], Path]:
    """Return a writer of arrays of a version of zarr."""

    def write(path: Path, video: np.ndarray) -> Path:
        path = path.with_suffix(".zarr")
        zarr.create_array(path, data=video, chunks=(100, *video.shape[1:]), zarr_format=version)
        return path

    return write


def write_ome_zarr(path: Path, video: np.ndarray) -> Path:
    path = path.with_suffix(".zarr")
    scale = [{"type": "scale", "scale": [0.01, 1, 1, 0.05, 0.05]}]
    axes = [
        {"name": name, "type": "time" if name == "t" else "channel" if name == "c" else "space"}
        for name in "tczyx"
    ]
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    group = zarr.create_group(path, attributes={"ome": {"version": "0.5", "multiscales": [image]}})
    chunks = (20, 1, 1, *video.shape[1:])
    group.create_array("0", data=video[:, None, None], chunks=chunks, dimension_names=[*"tczyx"])
    return path


def zarr_array(path: Path) -> Any:
    node = zarr.open(path, mode="r")
    return node if hasattr(node, "shape") else node["0"]


def read_zarr(path: Path) -> None:
    array = zarr_array(path)
    for start in range(0, array.shape[0], BLOCK):
        array[start : start + BLOCK]


def write_n5(path: Path, video: np.ndarray) -> Path:
    path = path.with_suffix(".n5")
    block = (100, *video.shape[1:])
    facts = {"dimensions": video.shape[::-1], "blockSize": block[::-1], "dataType": "uint16"}
    folder = path / "0" / "0"
    folder.mkdir(parents=True)
    facts["compression"] = {"type": "gzip"}
    (path / "attributes.json").write_text(json.dumps({"n5": "2.0.0", **facts}))
    for start in range(0, len(video), block[0]):
        part = video[start : start + block[0]]
        head = struct.pack(">HH3I", 0, 3, *part.shape[::-1])
        packer = zlib.compressobj(1, wbits=31)
        packed = packer.compress(part.astype(">u2").tobytes()) + packer.flush()
        (folder / str(start // block[0])).write_bytes(head + packed)
    return path


def open_n5(path: Path) -> dict[str, Any]:
    return dict(json.loads((path / "attributes.json").read_bytes()))


def read_n5(path: Path) -> None:
    facts = open_n5(path)
    n, chunk = facts["dimensions"][2], facts["blockSize"][2]
    for start in range(0, n, chunk):
        content = (path / "0" / "0" / str(start // chunk)).read_bytes()
        data = zlib.decompress(content[16:], 47)
        np.frombuffer(data, ">u2").astype(np.uint16)


# movies ---------------------------------------------------------------------------------------


def movie_writer(
    suffix: str, codec: str, pixels: str, **options: str
) -> Callable[[Path, np.ndarray], Path]:
    """Return a writer of movies of some kind."""

    def write(path: Path, video: np.ndarray) -> Path:
        path = path.with_suffix(suffix)
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=30, options=options)
            stream.height, stream.width = video.shape[1:]
            stream.pix_fmt = pixels
            for frame in video:
                picture = (frame // 24).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
            container.mux(stream.encode())
        return path

    return write


def open_movie(path: Path) -> None:
    with av.open(str(path)) as container:
        next(container.decode(video=0))


def movie_reader(pixels: str) -> Callable[[Path], None]:
    """Return a reader of all frames in a pixel format."""

    def read(path: Path) -> None:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                frame.to_ndarray(format=pixels)

    return read


# folders of images ----------------------------------------------------------------------------


def write_pngs(path: Path, video: np.ndarray) -> Path:
    path.mkdir()
    for i, frame in enumerate(video):
        cv2.imwrite(str(path / f"frame{i:05}.png"), frame, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return path


def open_folder(path: Path) -> list[Path]:
    return sorted(path.iterdir())


def read_pngs(path: Path) -> None:
    for file in open_folder(path):
        cv2.imread(str(file), cv2.IMREAD_UNCHANGED)


def write_tiffs(path: Path, video: np.ndarray) -> Path:
    path.mkdir()
    for i, frame in enumerate(video):
        tifffile.imwrite(path / f"frame{i:05}.tif", frame, photometric="minisblack")
    return path


def read_tiffs(path: Path) -> None:
    for file in open_folder(path):
        tifffile.imread(file)


CASES = (
    Case("raw", "numpy", write_raw, open_raw, lambda path: copied(open_raw(path))),
    Case("npy", "numpy", write_npy, open_npy, lambda path: copied(open_npy(path))),
    Case("npz", "numpy", write_npz, lambda path: np.load(path).close(), read_npz),
    Case("tiff contiguous", "tifffile", tiff_writer(), open_tiff, read_tiff),
    Case("tiff lzw", "tifffile", tiff_writer(compression="lzw"), open_tiff, read_tiff),
    Case(
        "tiff zstd predictor",
        "tifffile",
        tiff_writer(compression="zstd", predictor=True),
        open_tiff,
        read_tiff,
    ),
    Case(
        "tiff tiles",
        "tifffile",
        tiff_writer(tile=(64, 64), compression="zlib", compressionargs={"level": 1}),
        open_tiff,
        read_tiff,
    ),
    Case("tiff ome, 4 files", "tifffile", write_ome_series, open_tiff, read_tiff),
    Case("hdf5 gzip", "h5py", write_hdf5, open_hdf5, read_hdf5),
    Case("matlab 7.3", "h5py", write_matlab, open_hdf5, read_matlab),
    Case("zarr 2", "zarr", zarr_writer(2), zarr_array, read_zarr),
    Case("zarr 3", "zarr", zarr_writer(3), zarr_array, read_zarr),
    Case("ome-zarr", "zarr", write_ome_zarr, zarr_array, read_zarr),
    Case("n5 gzip", "zlib", write_n5, open_n5, read_n5),
    Case("fits", "astropy", write_fits, open_fits, read_fits),
    Case(
        "mp4 h264 grey",
        "PyAV",
        movie_writer(".mp4", "libx264", "gray", preset="veryfast"),
        open_movie,
        movie_reader("gray"),
    ),
    Case(
        "mkv ffv1 grey",
        "PyAV",
        movie_writer(".mkv", "ffv1", "gray"),
        open_movie,
        movie_reader("gray"),
    ),
    Case(
        "mp4 h264 colour",
        "PyAV",
        movie_writer(".mp4", "libx264", "yuv420p", preset="veryfast"),
        open_movie,
        movie_reader("rgb24"),
    ),
    Case("png folder", "OpenCV", write_pngs, open_folder, read_pngs),
    Case("tiff folder", "tifffile", write_tiffs, open_folder, read_tiffs),
)
"""All formats, and how their own libraries read them fastest."""
