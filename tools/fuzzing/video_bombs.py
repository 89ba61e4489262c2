"""Recordings whose parts state sizes of their own, or lead to other files."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.bombs import TERA, bomb, large_png, zeros
from fuzzing.seeds import pixels


def _with_tags(path: Path, changes: dict[int, int], **options: Any) -> None:
    """Write a TIFF file, and other numbers into the tags of its first page."""
    import tifffile

    tifffile.imwrite(path, np.tile(pixels(), (1, 4, 4)), metadata=None, **options)
    data = bytearray(path.read_bytes())
    at = struct.unpack_from("<I", data, 4)[0]
    for i in range(struct.unpack_from("<H", data, at)[0]):
        entry = at + 2 + 12 * i
        tag = struct.unpack_from("<H", data, entry)[0]
        if tag in changes:
            struct.pack_into("<HHII", data, entry, tag, 4, 1, changes[tag])
    path.write_bytes(data)


@bomb("video", "a.tif")
def _tiff_tiles(path: Path) -> None:
    _with_tags(path, {322: 2**16, 323: 2**16}, tile=(16, 16), compression="zlib")


@bomb("video", "a.tif")
def _tiff_tiles_plain(path: Path) -> None:
    _with_tags(path, {322: 2**20, 323: 2**20}, tile=(16, 16))


@bomb("video", "a.tif")
def _tiff_rows(path: Path) -> None:
    _with_tags(path, {278: 2**31}, compression="zlib", rowsperstrip=8)


@bomb("video", "a.tif")
def _tiff_counts(path: Path) -> None:
    _with_tags(path, {279: 2**32 - 1}, compression="zlib", rowsperstrip=48)


def _picture_in_page(path: Path, data: bytes, compression: int) -> None:
    """Write a TIFF file of one page of 16 x 16 px with a picture of another size."""
    import tifffile

    tifffile.imwrite(path, np.zeros((16, 16), np.uint8), metadata=None)
    content = bytearray(path.read_bytes())
    at = struct.unpack_from("<I", content, 4)[0]
    for i in range(struct.unpack_from("<H", content, at)[0]):
        entry = at + 2 + 12 * i
        tag = struct.unpack_from("<H", content, entry)[0]
        value = {259: compression, 273: len(content), 279: len(data)}.get(tag)
        if value is not None:
            struct.pack_into("<HHII", content, entry, tag, 4, 1, value)
    path.write_bytes(content + data)


def _black(codec: str, *shape: int) -> bytearray:
    import imagecodecs

    return bytearray(getattr(imagecodecs, f"{codec}_encode")(np.zeros(shape, np.uint8)))


@bomb("video", "a.tif")
def _tiff_jpeg_large(path: Path) -> None:
    data = _black("jpeg", 64, 128)
    struct.pack_into(">HH", data, data.find(b"\xff\xc0") + 5, 60_000, 60_000)
    _picture_in_page(path, data, 7)


@bomb("video", "a.tif")
def _tiff_jpeg_2000_large(path: Path) -> None:
    data = _black("jpeg2k", 64, 128)
    struct.pack_into(">II", data, data.find(b"\xff\x4f\xff\x51") + 8, 60_000, 60_000)
    _picture_in_page(path, data, 34712)


@bomb("video", "a.tif")
def _tiff_jpeg_xr_large(path: Path) -> None:
    data = _black("jpegxr", 64, 128)
    struct.pack_into(">HH", data, data.find(b"WMPHOTO\0") + 12, 60_000, 60_000)
    _picture_in_page(path, data, 34934)


@bomb("video", "a.tif")
def _tiff_jpeg_xl_animation(path: Path) -> None:
    _picture_in_page(path, _black("jpegxl", 20, 64, 64, 3), 50002)


@bomb("video", "a.tif")
def _tiff_png_large(path: Path) -> None:
    _picture_in_page(path, large_png(30_000, 30_000), 34933)


@bomb("video", "a.tif")
def _tiff_lerc_large(path: Path) -> None:
    data = _black("lerc", 64, 128)
    struct.pack_into("<II", data, 14, 60_000, 60_000)
    _picture_in_page(path, data, 34887)


@bomb("video", "a.tif")
def _tiff_webp_large(path: Path) -> None:
    data = _black("webp", 64, 128, 3)
    struct.pack_into("<I", data, 21, 2**28 - 1)
    _picture_in_page(path, data, 50001)


@bomb("video", "a.ome.tif")
def _ome_outside(path: Path) -> None:
    _ome(path, '<TiffData><UUID FileName="../../../../../../etc/hostname">a</UUID></TiffData>')


@bomb("video", "a.ome.tif")
def _ome_fifo(path: Path) -> None:
    os.mkfifo(path.with_name("b.ome.tif"))
    _ome(path, '<TiffData><UUID FileName="b.ome.tif">a</UUID></TiffData>')


@bomb("video", "a.ome.tif")
def _ome_planes(path: Path) -> None:
    _ome(path, f'<TiffData PlaneCount="{10**10}" IFD="0"/>')


@bomb("video", "a.ome.tif")
def _ome_sizes(path: Path) -> None:
    _ome(path, '<TiffData IFD="0"/>', frames=10**10)


def _ome(path: Path, planes: str, *, frames: int = 6) -> None:
    import tifffile

    head = 'ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="16" SizeY="12"'
    text = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0"><Pixels {head} SizeC="1" SizeZ="1" SizeT="{frames}">'
        f'<Channel ID="Channel:0:0"/>{planes}</Pixels></Image></OME>'
    )
    tifffile.imwrite(path, pixels(), description=text, metadata=None)


@bomb("video", "a.tif")
def _imagej_images(path: Path) -> None:
    import tifffile

    text = "ImageJ=1.54f\nimages=1000000000000\nframes=1000000000000\nhyperstack=true\n"
    tifffile.imwrite(path, pixels()[:1], description=text, metadata=None)


@bomb("video", "a.avi")
def _playlist(path: Path) -> None:
    path.write_text("ffconcat version 1.0\nfile /etc/hostname\n")


@bomb("video", "a.mp4")
def _playlist_of_addresses(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")


def _n5(path: Path, **changes: Any) -> None:
    path.mkdir()
    facts = {"dimensions": [16, 12, 6], "blockSize": [16, 12, 2], "dataType": "uint16"}
    facts |= {"compression": {"type": "gzip"}}
    (path / "attributes.json").write_text(json.dumps(facts | changes))


@bomb("video", "a.n5")
def _n5_tera(path: Path) -> None:
    _n5(path, dimensions=[64, 64, TERA])


@bomb("video", "a.n5")
def _n5_block(path: Path) -> None:
    sizes = [2**10, 2**10, 2**11]
    _n5(path, dimensions=sizes, blockSize=sizes, dataType="uint8")
    block = path / "0" / "0"
    block.mkdir(parents=True)
    head = struct.pack(">HHIII", 0, 3, *sizes)
    (block / "0").write_bytes(head + zeros(2**31, 31))


@bomb("video", "a.n5")
def _n5_bzip2(path: Path) -> None:
    import bz2

    _n5(path, compression={"type": "bzip2"})
    block = path / "0" / "0"
    block.mkdir(parents=True)
    packed = bz2.compress(bytes(2**26)) * 16
    (block / "0").write_bytes(struct.pack(">HHIII", 0, 3, 16, 12, 2) + packed)


@bomb("video", "a.n5")
def _n5_many_blocks(path: Path) -> None:
    _n5(path, dimensions=[20_000, 10_000, 1], blockSize=[1, 1, 1], dataType="uint8")


@bomb("video", "a.n5")
def _n5_links(path: Path) -> None:
    _n5(path)
    block = path / "0" / "0"
    block.mkdir(parents=True)
    (block / "0").symlink_to("/dev/zero")


@bomb("video", "a.n5")
def _n5_outside(path: Path) -> None:
    path.mkdir()
    (path / "s0").symlink_to("/")


@bomb("video", "a.n5")
def _n5_deep(path: Path) -> None:
    path.mkdir()
    (path / "attributes.json").write_text('{"n5":' * 100_000)


@bomb("video", "a.raw")
def _settings_of_pylablib(path: Path) -> None:
    pixels().tofile(path)
    deep = "(" * 50_000
    lines = f"cam/data_dimensions\t{deep}\nsave/frame/dtype\t'<u2'\n"
    path.with_name("a_settings.dat").write_text(lines + f"a\t{'9' * 400_000}\n")


@bomb("video", "a.raw")
def _metadata_of_micro_manager(path: Path) -> None:
    pixels().tofile(path)
    summary = {"Width": 10**30, "Height": 1e999, "PixelType": "GRAY16", "Interval_ms": -1}
    path.with_name("metadata.txt").write_text(json.dumps({"Summary": summary}))


@bomb("video", "a.fits")
def _fits_many_units(path: Path) -> None:
    card = "XTENSION= 'IMAGE   '".ljust(80) + "BITPIX  =                    8".ljust(80)
    card += "NAXIS   =                    0".ljust(80) + "PCOUNT  = 0".ljust(80)
    card += "GCOUNT  = 1".ljust(80) + "END".ljust(80)
    first = card.replace("XTENSION= 'IMAGE   '", "SIMPLE  =                    T")
    path.write_text(first.ljust(2880) + card.ljust(2880) * 700)


@bomb("video", "a.npz")
def _npz_many(path: Path) -> None:
    import io
    import zipfile

    head = io.BytesIO()
    np.save(head, np.zeros((1, 1, 1), np.uint8))
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(8_000):
            archive.writestr(f"{i}.npy", head.getvalue())


@bomb("video", "a.h5")
def _hdf5_many_groups(path: Path) -> None:
    import h5py

    with h5py.File(path, "w", libver="latest") as file:
        for i in range(8_000):
            file.create_group(str(i))
