"""N5 stores, written here block by block as the specification says."""

import bz2
import gzip
import json
import lzma
import pickle
import struct
import sys
import zlib
from itertools import product

import numcodecs
import numpy as np
import pytest

from napari_uai.errors import VideoFormatError
from napari_uai.videos import VideoWarning, open_frames, open_video, video_info


def counts(dtype="u2"):
    return np.random.default_rng(1).integers(0, 250, (13, 20, 24)).astype(dtype)


def lz4_java(content):
    """Pack as the streams of lz4-java: two frames, an empty one at the end."""
    half = len(content) // 2
    packed = b""
    for part in (content[:half], content[half:], b""):
        data = numcodecs.LZ4().encode(part)[4:] if part else b""
        method = 0x26 if part else 0x16
        packed += struct.pack("<8sBiiI", b"LZ4Block", method, len(data), len(part), 0) + data
    return packed


PACK = {
    "raw": bytes,
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda content: bytes(numcodecs.Zstd().encode(content)),
    "blosc": lambda content: bytes(numcodecs.Blosc("zstd").encode(content)),
    "lz4": lz4_java,
}


def write_n5(folder, video, compression="gzip", block=(4, 9, 24), **attributes):
    """Write a dataset; `block` has the axes of the array."""
    kind = "gzip" if compression == "zlib" else compression
    facts = {
        "dimensions": video.shape[::-1],
        "blockSize": block[::-1],
        "dataType": video.dtype.name,
        "compression": {"type": kind},
    }
    folder.mkdir(parents=True)
    (folder / "attributes.json").write_text(json.dumps(facts | attributes))
    counts_of = [range(-(-size // side)) for size, side in zip(video.shape, block, strict=True)]
    for place in product(*counts_of):
        where = tuple(slice(i * side, (i + 1) * side) for i, side in zip(place, block, strict=True))
        part = video[where]
        path = folder.joinpath(*map(str, place[::-1]))
        path.parent.mkdir(parents=True, exist_ok=True)
        head = struct.pack(f">HH{part.ndim}I", 0, part.ndim, *part.shape[::-1])
        big = part.astype(part.dtype.newbyteorder(">"))
        path.write_bytes(head + PACK[compression](big.tobytes()))


@pytest.mark.parametrize("compression", PACK)
def test_blocks_of_every_compression_are_read(tmp_path, compression):
    write_n5(tmp_path / "a.n5", counts(), compression)
    frames, info = open_frames(tmp_path / "a.n5")
    assert (info.format, info.shape) == ("n5", (13, 20, 24))
    for start, stop in ((0, 13), (3, 9), (12, 13), (5, 5)):
        np.testing.assert_array_equal(frames.read(start, stop), counts()[start:stop])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(3, 5), counts()[3:5])


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "f4", "f8"])
def test_every_type_is_read(tmp_path, dtype):
    write_n5(tmp_path / "a.n5", counts(dtype))
    opened = open_video(tmp_path / "a.n5")
    assert opened.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(opened.compute(), counts(dtype))


def test_of_several_resolutions_the_first_opens_with_its_scale(tmp_path):
    scale = {"pixelResolution": {"unit": "nm", "dimensions": [50, 50, 1]}}
    write_n5(tmp_path / "a.n5" / "setup0" / "s0", counts(), **scale)
    write_n5(tmp_path / "a.n5" / "setup0" / "s1", counts()[:, ::2, ::2])
    (tmp_path / "a.n5" / "attributes.json").write_text('{"n5": "2.5.0"}')
    info = video_info(tmp_path / "a.n5")
    assert (info.image, info.pixel_size_um) == ("setup0/s0", pytest.approx(0.05))
    np.testing.assert_array_equal(open_video(tmp_path / "a.n5").compute(), counts())
    (tmp_path / "a.n5").rename(tmp_path / "recording")
    assert video_info(tmp_path / "recording").format == "n5"


def test_one_of_several_datasets_is_chosen(tmp_path):
    write_n5(tmp_path / "a.n5" / "dark", counts() * 0)
    write_n5(tmp_path / "a.n5" / "raw", counts())
    with pytest.raises(VideoFormatError, match=r"several datasets \(dark, raw\): choose one"):
        open_video(tmp_path / "a.n5")
    np.testing.assert_array_equal(open_video(tmp_path / "a.n5", image="raw").compute(), counts())
    np.testing.assert_array_equal(open_video(tmp_path / "a.n5" / "raw").compute(), counts())


@pytest.mark.parametrize("axes", [["x", "y", "z", "t"], ["t", "z", "y", "x"]])
def test_named_axes_count_in_either_order(tmp_path, axes):
    video = np.stack([counts(), counts() + 1], axis=1)
    write_n5(tmp_path / "a.n5", video, block=(4, 2, 20, 24), axes=axes)
    np.testing.assert_array_equal(open_video(tmp_path / "a.n5", plane=1).compute(), counts() + 1)


def test_missing_blocks_are_said(tmp_path):
    write_n5(tmp_path / "a.n5", counts() + 1, block=(1, 20, 24))
    (tmp_path / "a.n5" / "0" / "0" / "3").unlink()
    with pytest.warns(VideoWarning, match="1 of 13 blocks missing; their pixels are 0"):
        opened = open_video(tmp_path / "a.n5")
    np.testing.assert_array_equal(opened.compute().any(axis=(1, 2)), np.arange(13) != 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataType": None}, "not a dataset of numbers"),
        ({"dataType": "string"}, "not a dataset of numbers"),
        ({"blockSize": [0, 9, 4]}, "not a dataset of numbers"),
        ({"blockSize": [9, 4]}, "not a dataset of numbers"),
        ({"dimensions": "many"}, "lacks"),
    ],
)
def test_what_is_no_dataset_is_refused(tmp_path, change, message):
    write_n5(tmp_path / "a.n5", counts(), **change)
    with pytest.raises(VideoFormatError, match=message):
        open_video(tmp_path / "a.n5")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights")
def test_links_out_of_a_store_are_refused(tmp_path):
    write_n5(tmp_path / "a.n5", counts(), block=(13, 20, 24))
    block = tmp_path / "a.n5" / "0" / "0" / "0"
    block.rename(tmp_path / "block")
    block.symlink_to(tmp_path / "block")
    with pytest.raises(VideoFormatError, match="0/0/0 is a link to a file outside"):
        open_video(tmp_path / "a.n5")


def test_other_compressions_are_refused(tmp_path):
    write_n5(tmp_path / "a.n5", counts())
    path = tmp_path / "a.n5" / "attributes.json"
    path.write_text(path.read_text().replace("gzip", "pickle"))
    with pytest.raises(VideoFormatError, match="packed with 'pickle'"):
        open_video(tmp_path / "a.n5")


@pytest.mark.parametrize("content", [b"", b"\0\0\0\3", b"\0\0\0\3" + b"\xff" * 12, b"\0" * 400])
def test_a_damaged_block_is_an_error_that_names_the_store(tmp_path, content):
    write_n5(tmp_path / "a.n5", counts(), block=(13, 20, 24))
    (tmp_path / "a.n5" / "0" / "0" / "0").write_bytes(content)
    with pytest.raises(VideoFormatError, match=r"a\.n5: frames .* cannot be read"):
        open_video(tmp_path / "a.n5").compute()
