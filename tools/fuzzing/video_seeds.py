"""Valid recordings, as other libraries write them."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.seeds import SHAPE, pixels, seed


@seed("video", "a.bin")
def _raw(path: Path) -> None:
    pixels().tofile(path)
    sidecar = {
        "height": 12,
        "width": 16,
        "dtype": "<u2",
        "offset": 0,
        "frames": 6,
        "pixel_size_um": 0.04,
        "frame_rate_hz": 400.0,
    }
    path.with_suffix(".json").write_text(json.dumps(sidecar))


@seed("video", "type_uint16_shape(6, 12, 16).raw")
def _raw_named(path: Path) -> None:
    pixels().tofile(path)


@seed("video given", "a.raw")
def _raw_given(path: Path) -> None:
    pixels().tofile(path)


@seed("video", "a.raw")
def _raw_pylablib(path: Path) -> None:
    pixels().tofile(path)
    lines = "cam/data_dimensions\t(12, 16)\nsave/frame/dtype\t'<u2'\ncam/exposure\t0.01\n"
    path.with_name("a_settings.dat").write_text(lines)


@seed("video", "a.raw")
def _raw_micro_manager(path: Path) -> None:
    pixels().tofile(path)
    summary = {"Width": 16, "Height": 12, "PixelType": "GRAY16", "Interval_ms": 2.5}
    path.with_name("a_metadata.txt").write_text(json.dumps({"Summary": summary}))


def _tiff(path: Path, array: Any = None, **options: Any) -> None:
    import tifffile

    tifffile.imwrite(path, pixels() if array is None else array, **options)


@seed("video", "a.tif")
def _tiff_plain(path: Path) -> None:
    _tiff(path, photometric="minisblack")


@seed("video", "a.tif")
def _tiff_big(path: Path) -> None:
    _tiff(path, bigtiff=True, byteorder=">")


@seed("video", "a.tif")
def _tiff_pages(path: Path) -> None:
    import tifffile

    with tifffile.TiffWriter(path) as tiff:
        for page in pixels():
            tiff.write(page, contiguous=False, metadata=None)


@seed("video", "a.ome.tif")
def _tiff_ome(path: Path) -> None:
    _tiff(path, metadata={"axes": "TYX", "PhysicalSizeX": 0.04, "TimeIncrement": 0.1})


@seed("video", "a.tif")
def _tiff_imagej(path: Path) -> None:
    _tiff(path, imagej=True, metadata={"axes": "TYX", "finterval": 0.1, "unit": "um"})


@seed("video", "a.tif")
def _tiff_tiled(path: Path) -> None:
    _tiff(path, np.tile(pixels(), (1, 4, 4)), tile=(16, 16), compression="zlib")


@seed("video", "a.tif")
def _tiff_palette(path: Path) -> None:
    colours = np.zeros((3, 256), np.uint16)
    _tiff(path, pixels("u1"), photometric="palette", colormap=colours)


@seed("video", "a.tif")
def _tiff_rgb(path: Path) -> None:
    _tiff(path, np.stack([pixels("u1")] * 3, 1), photometric="rgb", planarconfig="separate")


def _compressed(compression: str, dtype: str = "<u2", **options: Any) -> None:
    def write(path: Path) -> None:
        _tiff(path, pixels(dtype), compression=compression, **options)

    write.__name__ = f"tiff_{compression}"
    seed("video", "a.tif")(write)


for _name in ("zlib", "lzw", "zstd", "packbits", "lzma", "png", "deflate", "jpegxl", "webp"):
    if _name == "webp":
        continue  # colours only
    _compressed(_name)
_compressed("jpeg", "u1")
_compressed("jpegxr")


@seed("video", "a.tif")
def _tiff_webp(path: Path) -> None:
    _tiff(path, np.stack([pixels("u1")] * 3, -1), compression="webp", photometric="rgb")


_compressed("jpeg2000")
_compressed("lerc")


@seed("video", "a.npy")
def _npy(path: Path) -> None:
    np.save(path, pixels())


@seed("video", "a.npy")
def _npy_fortran(path: Path) -> None:
    np.save(path, np.asfortranarray(pixels(">f4")))


@seed("video", "a.npz")
def _npz(path: Path) -> None:
    np.savez_compressed(path, video=pixels())


def _zarr(path: Path, *, version: int, store: Any = None, **options: Any) -> None:
    import zarr

    array = zarr.create_array(
        store or path, shape=SHAPE, dtype="u2", chunks=(2, 12, 16), zarr_format=version, **options
    )
    array[:] = pixels()


@seed("video", "a.zarr")
def _zarr2(path: Path) -> None:
    _zarr(path, version=2)


@seed("video", "a.zarr")
def _zarr3(path: Path) -> None:
    _zarr(path, version=3)


@seed("video", "a.zarr")
def _zarr3_sharded(path: Path) -> None:
    _zarr(path, version=3, shards=(4, 12, 16))


@seed("video", "a.zarr.zip")
def _zarr_zip(path: Path) -> None:
    import zarr

    store = zarr.storage.ZipStore(path, mode="w")
    _zarr(path, version=3, store=store)
    store.close()


@seed("video", "a.zarr")
def _ome_zarr(path: Path) -> None:
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=3)
    array = group.create_array("0", shape=SHAPE, dtype="u2", chunks=(2, 12, 16))
    array[:] = pixels()
    scale = [{"type": "scale", "scale": [0.1, 0.04, 0.04]}]
    axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "tyx"]
    levels = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [levels]}


def _n5(compression: str, pack: Callable[[bytes], bytes]) -> None:
    def write(path: Path) -> None:
        facts = {"dimensions": [16, 12, 6], "blockSize": [16, 12, 2], "dataType": "uint16"}
        facts |= {"compression": {"type": compression}, "axes": ["x", "y", "t"]}
        facts |= {"resolution": [0.04, 0.04, 0.1], "units": ["um", "um", "s"]}
        for i, block in enumerate(pixels(">u2").reshape(3, 2, 12, 16)):
            file = path / "0" / "0" / str(i)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(struct.pack(">HHIII", 0, 3, 16, 12, 2) + pack(block.tobytes()))
        (path / "attributes.json").write_text(json.dumps(facts))

    write.__name__ = f"n5_{compression}"
    seed("video", "a.n5")(write)


_n5("raw", bytes)
_n5("gzip", lambda data: gzip.compress(data, mtime=0))
_n5("bzip2", bz2.compress)
_n5("xz", lzma.compress)


@seed("video", "a.n5")
def _n5_zstd(path: Path) -> None:
    from numcodecs import Zstd

    path.mkdir()
    facts = {"dimensions": [16, 12], "blockSize": [16, 12], "dataType": "uint16"}
    (path / "s0" / "0").mkdir(parents=True)
    (path / "attributes.json").write_text('{"n5": "4.0.0", "downsamplingFactors": [[1, 1]]}')
    (path / "s0" / "attributes.json").write_text(
        json.dumps(facts | {"compression": {"type": "zstd"}})
    )
    packed = bytes(Zstd().encode(pixels(">u2")[0].tobytes()))
    (path / "s0" / "0" / "0").write_bytes(struct.pack(">HHII", 0, 2, 16, 12) + packed)


def _h5(path: Path, **options: Any) -> None:
    import h5py

    with h5py.File(path, "w", libver=options.pop("libver", None)) as file:
        dataset = file.create_dataset("movie/frame", data=pixels(), **options)
        dataset.attrs["pixel_size_um"] = 0.04
        file.attrs["camera"] = "a camera"
        file["other"] = np.arange(5)


@seed("video", "a.h5")
def _hdf5(path: Path) -> None:
    _h5(path)


@seed("video", "a.h5")
def _hdf5_latest(path: Path) -> None:
    _h5(path, libver="latest", chunks=(2, 12, 16), compression="gzip", shuffle=True)


@seed("video", "a.mp")
def _hdf5_chunked(path: Path) -> None:
    _h5(path, chunks=(2, 6, 8), compression="lzf", fletcher32=True)


@seed("video", "a.h5")
def _hdf5_linked(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["a"] = pixels()
        file["b"] = h5py.SoftLink("/a")
        file["c"] = h5py.ExternalLink("/etc/hostname", "/a")
        layout = h5py.VirtualLayout(SHAPE, "u2")
        layout[:] = h5py.VirtualSource("other.h5", "a", SHAPE)
        file.create_virtual_dataset("d", layout)


@seed("video", "a.mat")
def _mat5(path: Path) -> None:
    from scipy.io import savemat

    savemat(path, {"video": np.moveaxis(pixels(), 0, 2), "name": "text"})


@seed("video", "a.mat")
def _mat5_packed(path: Path) -> None:
    from scipy.io import savemat

    savemat(path, {"video": np.moveaxis(pixels(), 0, 2), "s": {"x": 1}}, do_compression=True)


@seed("video", "a.mat")
def _mat4(path: Path) -> None:
    from scipy.io import savemat

    savemat(path, {"frame": pixels("f8")[0]}, format="4")


@seed("video", "a.mat")
def _mat73(path: Path) -> None:
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        file["video"] = pixels()
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM")


@seed("video", "a.fits")
def _fits(path: Path) -> None:
    from astropy.io import fits

    fits.writeto(path, pixels())


@seed("video", "a.fits")
def _fits_extensions(path: Path) -> None:
    from astropy.io import fits

    image = fits.CompImageHDU(pixels("i4"), name="VIDEO")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)


def _movie(path: Path, codec: str, pixel_format: str) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, pixel_format
        for image in np.tile(pixels("u1"), (1, 3, 2))[:, :32, :32]:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="gray")
            container.mux(stream.encode(frame.reformat(format=pixel_format)))
        container.mux(stream.encode())


@seed("video", "a.avi")
def _avi_raw(path: Path) -> None:
    _movie(path, "rawvideo", "gray")


@seed("video", "a.avi")
def _avi_mjpeg(path: Path) -> None:
    _movie(path, "mjpeg", "yuvj420p")


@seed("video", "a.mkv")
def _mkv_ffv1(path: Path) -> None:
    _movie(path, "ffv1", "gray16le")


@seed("video", "a.mp4")
def _mp4_h264(path: Path) -> None:
    _movie(path, "libx264", "yuv420p")


@seed("video", "a.mp4")
def _mp4_mpeg4(path: Path) -> None:
    _movie(path, "mpeg4", "yuv420p")


def _animation(path: Path, **options: Any) -> None:
    from PIL import Image

    first, *others = map(Image.fromarray, pixels("u1"))
    first.save(path, save_all=True, append_images=others, duration=40, **options)


@seed("video", "a.gif")
def _gif(path: Path) -> None:
    _animation(path)


@seed("video", "a.png")
def _apng(path: Path) -> None:
    _animation(path)


@seed("video", "a.webp")
def _webp(path: Path) -> None:
    _animation(path, lossless=True)


@seed("video", "a.flc")
def _flic(path: Path) -> None:
    parts = []
    for image in pixels("u1"):
        chunk = struct.pack("<IH", 6 + image.size, 16) + image.tobytes()
        parts.append(struct.pack("<IHH8x", 16 + len(chunk), 0xF1FA, 1) + chunk)
    content = b"".join(parts)
    n, rows, columns = SHAPE
    head = struct.pack("<IHHHHHHI", 128 + len(content), 0xAF12, n, columns, rows, 8, 3, 40)
    head = head.ljust(80, b"\0") + struct.pack("<II", 128, 128 + len(parts[0]))
    path.write_bytes(head.ljust(128, b"\0") + content)


def _spe(path: Path, version: float, description: bytes = b"") -> None:
    n, rows, columns = SHAPE
    content = pixels().tobytes()
    head = bytearray(4100)
    stated = (42, "<H", columns), (108, "<h", 3), (656, "<H", rows), (1446, "<i", n)
    for place, kind, value in (*stated, (678, "<Q", 4100 + len(content)), (1992, "<f", version)):
        struct.pack_into(kind, head, place, value)
    path.write_bytes(bytes(head) + content + description)


@seed("video", "a.spe")
def _spe_2(path: Path) -> None:
    _spe(path, 2.5)


@seed("video", "a.spe")
def _spe_3(path: Path) -> None:
    n, rows, columns = SHAPE
    size = pixels()[0].nbytes
    region = f'<DataBlock type="Region" width="{columns}" height="{rows}" stride="{size}"/>'
    frame = f'count="{n}" pixelFormat="MonochromeUnsigned16" size="{size}" stride="{size}"'
    meta = (
        '<MetaFormat><MetaBlock><TimeStamp event="ExposureStarted" type="Int64" '
        'resolution="1000"/></MetaBlock></MetaFormat>'
    )
    frames = f'<DataFormat><DataBlock type="Frame" {frame}>{region}</DataBlock></DataFormat>'
    _spe(path, 3.0, f"<SpeFormat>{frames}{meta}</SpeFormat>".encode())


@seed("video", "a.fli")
def _lambert(path: Path) -> None:
    n, rows, columns = SHAPE
    layout = f"datatype = UINT16\nx = {columns}\ny = {rows}\ntimestamps = {n}\nframeRate = 100"
    head = f"{{FLIMIMAGE}}\n[INFO]\nversion = 1.0\n[LAYOUT]\n{layout}\n{{END}}"
    path.write_bytes(head.encode() + pixels().tobytes())


def _images(folder: Path, suffix: str, dtype: str = "u1") -> None:
    import cv2

    folder.mkdir()
    for i, image in enumerate(pixels(dtype)[:3]):
        cv2.imwrite(str(folder / f"{i}{suffix}"), image)


@seed("video", "a")
def _png(path: Path) -> None:
    _images(path, ".png", "u2")


@seed("video", "a")
def _jpeg(path: Path) -> None:
    _images(path, ".jpg")


@seed("video", "a")
def _bmp(path: Path) -> None:
    _images(path, ".bmp")


@seed("video", "a")
def _pgm(path: Path) -> None:
    _images(path, ".pgm", "u2")


@seed("video", "a")
def _tiff_folder(path: Path) -> None:
    _images(path, ".tif", "u2")
