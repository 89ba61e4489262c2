"""Small files that ask for much memory or time, carry code, or lead outside their folder."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.seeds import Kind, Seed, pixels

TERA = 10**12
CANARY = "FUZZ_CANARY"
"""Environment variable with the path that code in a file would create."""

_WRITERS: list[tuple[str, Kind, str, Callable[[Path], object]]] = []


class Payload:
    """Creates a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ[CANARY],)


def write_bombs(folder: Path) -> Iterator[Seed]:
    """Write all bombs, each into a folder of its own."""
    from fuzzing import table_bombs, video_bombs  # noqa: F401

    for name, kind, target, write in _WRITERS:
        own = folder / f"bomb_{kind.replace(' ', '_')}_{name}"
        own.mkdir(parents=True)
        write(own / target)
        yield Seed(own.name, kind, target, harmful=True)


def bomb(kind: Kind, target: str) -> Callable[[Callable[[Path], Any]], Callable[[Path], Any]]:
    """Register a function that writes ``target`` into a folder."""

    def register(write: Callable[[Path], Any]) -> Callable[[Path], Any]:
        _WRITERS.append((write.__name__.strip("_"), kind, target, write))
        return write

    return register


def zeros(n: int, wbits: int, *, head: bytes = b"", unit: bytes = b"\0") -> bytes:
    """Return ``head`` and n bytes of a repeated unit, deflated, without packing all of them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = unit * (2**24 // len(unit))
    start = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    once = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    body = start + once * (n // 2**24) + b"\x03\0"
    heads = {31: b"\x1f\x8b\x08\0\0\0\0\0\0\x03", 15: b"\x78\xda", -15: b""}
    return heads[wbits] + body + b"\0" * 8


def _zipped(path: Path, members: dict[str, tuple[bytes, int]]) -> None:
    """Write a zip whose members are already deflated; the sizes are only stated."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, (packed, size) in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_STORED
            archive.writestr(info, packed)
            info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, size


@bomb("trails", "a.csv.gz")
def _gz_lines(path: Path) -> None:
    path.write_bytes(zeros(2**32, 31, head=b"trail,frame,x,y\n", unit=b"1,1,1,1\n"))


@bomb("trails", "a.json.gz")
def _gz_json(path: Path) -> None:
    path.write_bytes(zeros(2**32, 31, head=b"[", unit=b"[[],[],"))


@bomb("trails", "a.csv.gz")
def _gz_members(path: Path) -> None:
    import gzip

    path.write_bytes(gzip.compress(b"\n" * 2**24, mtime=0) * 256)


@bomb("trails", "a.zip")
def _zip_lines(path: Path) -> None:
    _zipped(path, {"a.csv": (zeros(2**31, -15, head=b"trail,frame,x,y\n"), 2**31 - 2)})


@bomb("trails", "a.zip")
def _zip_lying(path: Path) -> None:
    _zipped(path, {"a.csv": (zeros(2**31, -15, head=b"trail,frame,x,y\n"), 1000)})


@bomb("trails", "a.zip")
def _zip_names(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../../outside.csv", "/outside.csv", "C:\\outside.csv", "\x1b[31m.csv"):
            archive.writestr(name, "trail,frame,x,y\n1,1,1,1\n1,2,1,1\n")


@bomb("trails", "a.json")
def _deep_json(path: Path) -> None:
    path.write_text("[" * 200_000)


@bomb("trails", "a.json")
def _deep_json_valid(path: Path) -> None:
    path.write_text('{"a":' * 5_000 + "1" + "}" * 5_000)


@bomb("trails", "a.csv")
def _wide_csv(path: Path) -> None:
    path.write_text("trail,frame,x,y" + "," * 500_000 + "\n" + "1," * 500_000 + "\n")


@bomb("trails", "a.csv")
def _far_frames(path: Path) -> None:
    path.write_text("trail,frame,x,y\n1,0,1,1\n1,9e15,1e300,1\n1,1e308,1,-1e300\n2,0,1,1\n")


@bomb("trails", "a.xml")
def _laughs_xml(path: Path) -> None:
    entities = "".join(
        f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' if i else '<!ENTITY l0 "lol">' for i in range(10)
    )
    path.write_text(f'<?xml version="1.0"?><!DOCTYPE t [{entities}]><Tracks a="&l9;">&l9;</Tracks>')


@bomb("trails", "a.xml")
def _outside_xml(path: Path) -> None:
    path.write_text('<!DOCTYPE t [<!ENTITY e SYSTEM "file:///etc/passwd">]><Tracks>&e;</Tracks>')


@bomb("video", "a.bin")
def _raw_tera(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(TERA)
    path.with_suffix(".json").write_text('{"height": 1, "width": 1, "dtype": "u1"}')


@bomb("video", "a.bin")
def _raw_deep_sidecar(path: Path) -> None:
    pixels().tofile(path)
    path.with_suffix(".json").write_text('{"height":' * 100_000)


@bomb("video", "a.bin")
def _raw_infinite(path: Path) -> None:
    pixels().tofile(path)
    text = '{"height": 1e999, "width": -Infinity, "dtype": "<u2", "frames": NaN, "offset": 1e300}'
    path.with_suffix(".json").write_text(text)


@bomb("video", "a.bin")
def _raw_many_digits(path: Path) -> None:
    pixels().tofile(path)
    text = f'{{"height": 1{"0" * 4000}, "width": 2, "dtype": "<u2", "offset": 1{"0" * 200}}}'
    path.with_suffix(".json").write_text(text)


@bomb("video", "a.npy")
def _npy_tera(path: Path) -> None:
    with path.open("wb") as file:
        header = {"descr": "<u2", "fortran_order": False, "shape": (TERA, 10, 10)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(1000))


@bomb("video", "a.npy")
def _npy_objects(path: Path) -> None:
    np.save(path, np.array([Payload()] * 4, object).reshape(1, 2, 2), allow_pickle=True)


@bomb("video", "a.npz")
def _npz_objects(path: Path) -> None:
    np.savez(path, video=np.array([Payload()] * 4, object).reshape(1, 2, 2))


@bomb("video", "a.npz")
def _npz_zeros(path: Path) -> None:
    head = io.BytesIO()
    shape = (2**31 // 2**16, 256, 256)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, header)
    _zipped(path, {"video.npy": (zeros(2**31, -15, head=head.getvalue()), 2**31 - 2)})


@bomb("video", "a")
def _png_large(path: Path) -> None:
    path.mkdir()
    (path / "0.png").write_bytes(large_png(32_000, 32_000))


@bomb("picture", "a.png")
def _png_mask(path: Path) -> None:
    path.write_bytes(large_png(60_000, 60_000))


def large_png(rows: int, columns: int) -> bytes:
    """Return a black PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    body = zeros(-(-(rows * (columns + 1)) // 2**24) * 2**24, 15)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@bomb("video", "a.tif")
def _tiff_large(path: Path) -> None:
    import tifffile

    page = zlib.compress(bytes(2**20), 9)
    tifffile.imwrite(
        path,
        iter([page]),
        shape=(100_000, 100_000),
        dtype="u1",
        compression="zlib",
        rowsperstrip=100_000,
        bigtiff=True,
    )


@bomb("video", "a.tif")
def _tiff_zeros(path: Path) -> None:
    import tifffile

    page = zeros(2**32, 15)
    tifffile.imwrite(
        path,
        iter([page]),
        shape=(65536, 65536),
        dtype="u1",
        compression="zlib",
        rowsperstrip=65536,
        bigtiff=True,
    )


@bomb("video", "a.tif")
def _tiff_loop(path: Path) -> None:
    import tifffile

    tifffile.imwrite(path, pixels()[0], metadata=None)
    data = bytearray(path.read_bytes())
    first = struct.unpack_from("<I", data, 4)[0]
    n_tags = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * n_tags, first)
    path.write_bytes(data)


def _zarr2(path: Path, shape: tuple[int, ...], chunks: tuple[int, ...], **changes: Any) -> None:
    path.mkdir()
    document = {
        "zarr_format": 2,
        "shape": shape,
        "chunks": chunks,
        "dtype": "<u2",
        "compressor": None,
        "fill_value": 0,
        "order": "C",
        "filters": None,
    }
    (path / ".zarray").write_text(json.dumps(document | changes))


@bomb("video", "a.zarr")
def _zarr_tera(path: Path) -> None:
    _zarr2(path, (TERA, 64, 64), (1, 64, 64))


@bomb("video", "a.zarr")
def _zarr_chunk(path: Path) -> None:
    _zarr2(path, (100_000, 1000, 1000), (100_000, 1000, 1000))


@bomb("video", "a.zarr")
def _zarr_packed_chunk(path: Path) -> None:
    _zarr2(path, (2**16, 256, 256), (2**15, 256, 256), compressor={"id": "zlib", "level": 1})
    (path / "0.0.0").write_bytes(zeros(2**32, 15))


@bomb("video", "a.zarr")
def _zarr_pickle(path: Path) -> None:
    _zarr2(path, (1, 2, 2), (1, 2, 2), dtype="|O", filters=[{"id": "pickle", "protocol": 0}])
    (path / "0.0.0").write_bytes(pickle.dumps(Payload(), protocol=0))


@bomb("video", "a.zarr")
def _zarr_pickle_numbers(path: Path) -> None:
    _zarr2(path, (1, 2, 2), (1, 2, 2), filters=[{"id": "pickle", "protocol": 0}])
    (path / "0.0.0").write_bytes(pickle.dumps(Payload(), protocol=0))


@bomb("video", "a.zarr")
def _zarr_links(path: Path) -> None:
    _zarr2(path, (1, 2, 2), (1, 2, 2))
    (path / "0.0.0").symlink_to("/etc/passwd")


@bomb("video", "a.zarr.zip")
def _zarr_zip_names(path: Path) -> None:
    document = {"zarr_format": 2, "shape": [1, 2, 2], "chunks": [1, 2, 2], "dtype": "<u2"}
    document |= {"compressor": None, "fill_value": 0, "order": "C", "filters": None}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(".zarray", json.dumps(document))
        archive.writestr("../../outside", "x")


@bomb("video", "a.h5")
def _hdf5_tera(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("video", (TERA, 64, 64), "u2", chunks=(1, 64, 64))


@bomb("video", "a.h5")
def _hdf5_chunk(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        options = {"chunks": (2**14, 256, 256), "compression": "gzip"}
        dataset = file.create_dataset("video", (2**15, 256, 256), "u1", **options)
        dataset.id.write_direct_chunk((0, 0, 0), zeros(2**30, 15))


@bomb("video", "a.h5")
def _hdf5_loop(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["a/b"] = h5py.SoftLink("/a")
        file["c"] = h5py.ExternalLink("a.h5", "/c")
        file["a/d"] = file["a"]


@bomb("video", "a.mat")
def _mat_zeros(path: Path) -> None:
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    n = 2**31 - 2**24
    shape = struct.pack("<IIiiii", 5, 12, 256, 256, n // 2**16, 0)
    flags = struct.pack("<IIII", 6, 8, 9, 0)
    name = struct.pack("<HH4s", 1, 1, b"v")
    inner = flags + shape + name + struct.pack("<II", 2, n)
    element = struct.pack("<II", 14, n + len(inner)) + inner
    packed = zeros(n, 15, head=element)
    path.write_bytes(head + struct.pack("<II", 15, len(packed)) + packed)


@bomb("video", "a.fits")
def _fits_tera(path: Path) -> None:
    cards = ["SIMPLE  =                    T", "BITPIX  =                   16"]
    cards += ["NAXIS   =                    3"]
    cards += [f"NAXIS{i}  = {n:>20}" for i, n in ((1, 64), (2, 64), (3, TERA))]
    text = "".join(card.ljust(80) for card in [*cards, "END"])
    path.write_bytes(text.ljust(2880).encode() + bytes(2880))


@bomb("recipe", "a.toml")
def _deep_toml(path: Path) -> None:
    path.write_text("a = " + "[" * 100_000)


@bomb("recipe", "a.toml")
def _dotted_toml(path: Path) -> None:
    path.write_text(".".join(["a"] * 50_000) + " = 1")


@bomb("recipe", "a.toml")
def _tables_toml(path: Path) -> None:
    path.write_text("\n".join(f"[{'.'.join(['a'] * i)}]" for i in range(1, 2000)))


@bomb("settings", "a.txt")
def _deep_setting(path: Path) -> None:
    path.write_text("dra.batch_size=" + "[" * 100_000)


@bomb("settings", "a.txt")
def _long_setting(path: Path) -> None:
    path.write_text("dra.batch_size=" + "9" * 100_000)


@bomb("weights", "a.safetensors")
def _weights_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Payload(), protocol=2))
    path.with_suffix(".json").write_text("{}")


@bomb("weights", "a.safetensors")
def _weights_torch(path: Path) -> None:
    import torch

    torch.save({"a": Payload()}, path)
    path.with_suffix(".json").write_text("{}")


@bomb("weights", "a.safetensors")
def _weights_channels(path: Path) -> None:
    import hashlib

    from safetensors.numpy import save

    data = save({"a": np.ones(3, np.float32)})
    path.write_bytes(data)
    from napari_uai.iscat.fastdvdnet.settings import NetworkSettings
    from napari_uai.iscat.fastdvdnet.weights import FORMAT

    network = NetworkSettings().to_dict() | {"channels": 50_000, "spread": 10**9}
    document = {"format": FORMAT, "network": network, "sha256": hashlib.sha256(data).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(document))


@bomb("weights", "a.h5")
def _keras_tera(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        options = {"chunks": (3, 3, 64, 64), "compression": "gzip"}
        name = "model_weights/conv2d/conv2d/kernel:0"
        file.create_dataset(name, (3, 3, 10**5, 10**4), "f4", **options)


@bomb("psf", "a.npy")
def _psf_objects(path: Path) -> None:
    np.save(path, np.array([Payload()] * 9, object).reshape(3, 3), allow_pickle=True)


@bomb("psf", "a.npy")
def _psf_tera(path: Path) -> None:
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (99_999, 99_999)}
        np.lib.format.write_array_header_1_0(file, header)


@bomb("video", "a.tif")
def _fifo(path: Path) -> None:
    os.mkfifo(path)


@bomb("trails", "a.csv")
def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@bomb("video", "a.bin")
def _sidecar_device(path: Path) -> None:
    pixels().tofile(path)
    path.with_suffix(".json").symlink_to("/dev/zero")


@bomb("recipe", "a.toml")
def _recipe_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@bomb("weights", "a.safetensors")
def _weights_device(path: Path) -> None:
    path.symlink_to("/dev/zero")
