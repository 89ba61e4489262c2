"""Files from strangers: limits hold before anything is allocated, and each names what raises it."""

import gzip
import io
import json
import os
import pickle
import re
import struct
import sys
import time
import zipfile
import zlib
from pathlib import Path

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from scipy.io import savemat

from napari_uai import load_recipe
from napari_uai.errors import (
    BadValueError,
    NapariUaiError,
    RecipeError,
    TrailFormatError,
    VideoFormatError,
    WeightsError,
    one_line,
)
from napari_uai.iscat.detect.point_spread_function import read_psf
from napari_uai.iscat.mass import read_landings
from napari_uai.limits import DEPTH, LIMITS, SECONDS, UNPACKED_BYTES
from napari_uai.parameters import toml_value
from napari_uai.pictures import PictureError, read_image
from napari_uai.trails import open_trails
from napari_uai.untrusted import (
    bytes_of_picture,
    check_links,
    check_xml,
    parse_json,
    parse_toml,
    read_json,
    refusing,
)
from napari_uai.videos import open_frames
from napari_uai.videos.layout.embedded import check_mat5

PIXELS = np.arange(2 * 6 * 8, dtype="<u2").reshape(2, 6, 8)


class Creates:
    """Creates a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def refusal(function, *arguments):
    with pytest.raises(NapariUaiError) as caught:
        function(*arguments)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) <= 500
    return text


def packed_zeros(n_bytes):
    packer = zlib.compressobj(9)
    block = bytes(2**24)
    parts = [packer.compress(block) for _ in range(n_bytes // 2**24)]
    return b"".join([*parts, packer.flush()])


# the limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_the_message_names_the_variable_that_raises_the_limit(limit, monkeypatch):
    with pytest.raises(VideoFormatError, match=limit.variable):
        limit.check("a.bin", limit.default + 1, "has")
    monkeypatch.setenv(limit.variable, str(limit.default + 1))
    limit.check("a.bin", limit.default + 1, "has")


@pytest.mark.parametrize("text", ["many", "-1", "1e3", "9" * 30, "٣"])
def test_a_limit_that_is_no_number_is_refused(text, monkeypatch):
    monkeypatch.setenv(DEPTH.variable, text)
    with pytest.raises(BadValueError, match=DEPTH.variable):
        DEPTH.check("a.json", 1, "has")


def test_the_table_of_limits_in_the_docs_is_that_of_the_code():
    text = (Path(__file__).parents[1] / "SECURITY.md").read_text("utf-8")
    table = dict(re.findall(r"^\| `(\w+)` +\| (\d+) ", text, re.MULTILINE))
    assert table == {limit.variable: str(limit.default) for limit in LIMITS}


def test_not_a_number_exceeds_every_limit():
    for limit in LIMITS:
        with pytest.raises(VideoFormatError):
            limit.check("a", float("nan"), "has")


# messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("two\nlines\tand tabs", "two lines and tabs"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\0b", "a\\x00b"),
        ("right \u202e left", "right \\u202e left"),
        (os.fsdecode(b"\xff.tif"), "\\udcff.tif"),
    ],
)
def test_messages_are_one_printable_line(text, line):
    assert one_line(text) == line
    assert str(VideoFormatError(text)) == line


def test_long_messages_keep_both_ends():
    text = str(VideoFormatError("start" + "x" * 10**6 + "end"))
    assert len(text) <= 500
    assert text.startswith("startx")
    assert text.endswith("xend")


@pytest.mark.parametrize(
    "error", [ValueError("a\nb"), KeyError("a"), MemoryError(), RecursionError(), OSError(5, "no")]
)
def test_the_guard_turns_any_error_into_one_of_ours(error):
    with pytest.raises(WeightsError, match=r"^w\.h5") as caught, _refusing_weights():
        raise error
    assert caught.value.__cause__ is error


def test_the_guard_leaves_our_errors_and_interrupts_alone():
    with pytest.raises(BadValueError, match=r"^mine$"), _refusing_weights():
        raise BadValueError("mine")
    with pytest.raises(KeyboardInterrupt), _refusing_weights():
        raise KeyboardInterrupt


def _refusing_weights():
    return refusing("w.h5", "weights", error=WeightsError)


# documents ------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [DEPTH.default + 2, 900, 100_000])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}")])
def test_nested_json_is_refused_closed_or_not(depth, start, end):
    for text in (start * depth + "1" + end * depth, start * depth):
        with pytest.raises(VideoFormatError, match=r"nested too deeply|not valid JSON"):
            parse_json(text, "a.json", error=VideoFormatError)


def test_ordinary_json_is_that_of_the_standard_library():
    text = json.dumps({"a": [1, 2.5, None, {"b": "[[[[" * 100}], "n": 10**30})
    assert parse_json(text, "a.json", error=VideoFormatError) == json.loads(text)


def test_numbers_of_thousands_of_digits_are_refused():
    with pytest.raises(VideoFormatError, match="number of 5000 digits"):
        parse_json("9" * 5000, "a.json", error=VideoFormatError)
    with pytest.raises(RecipeError, match="not valid TOML"):
        parse_toml(f"a = {'9' * 5000}", "a.toml", error=RecipeError)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "{a=" * 500,
        ".".join(["a"] * 50_000) + " = 1",
        ". ".join(["a"] * 5_000) + " = 1",
        "[" + ".".join(["a"] * 5_000) + "]",
    ],
    ids=["lists", "tables", "dotted", "spaced", "header"],
)
def test_nested_toml_is_refused_at_once(text, tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=f"nested too deeply.*{DEPTH.variable}"):
        load_recipe(path)


@pytest.mark.parametrize(
    "text", ['a = "[[[["', "a = '" + "[" * 200 + "'", "a = 1 # " + "[" * 200, 'a = """\n[[[\n"""']
)
def test_brackets_in_texts_and_comments_are_no_nesting(text):
    assert list(parse_toml(text, "a.toml", error=RecipeError)) == ["a"]


def test_values_of_settings_that_are_no_toml_stay_texts():
    for text in ("[" * 100_000, "9" * 100_000, "gaussian"):
        assert toml_value(text) == text


def test_xml_with_entities_or_deep_nesting_is_refused():
    laughs = b'<!DOCTYPE t [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><t>&b;</t>'
    for data in (laughs, b"<a>" * 100, b'<a b="1">' * 100):
        with pytest.raises(TrailFormatError):
            check_xml(data, "a.xml", error=TrailFormatError)
    check_xml(b"<a>" + b"<b><c/></b>" * 1000 + b"</a>", "a.xml", error=TrailFormatError)


@pytest.mark.skipif(sys.platform == "win32", reason="no such devices")
def test_pipes_and_devices_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "a.tif")
    (tmp_path / "a.csv").symlink_to("/dev/zero")
    (tmp_path / "a.json").symlink_to("/dev/zero")
    assert "pipe or device" in refusal(open_frames, tmp_path / "a.tif")
    assert "is a device" in refusal(open_trails, tmp_path / "a.csv")
    with pytest.raises(WeightsError, match="pipe or device"):
        read_json(tmp_path / "a.json", error=WeightsError)
    os.mkfifo(tmp_path / "a.h5")
    assert "pipe or device" in refusal(read_landings, tmp_path / "a.h5")
    with pytest.raises(VideoFormatError, match="pipe or device"), refusing(tmp_path / "a.h5", "it"):
        h5py.File(tmp_path / "a.h5")


# packed files ---------------------------------------------------------------------------------


def test_a_small_gz_file_does_not_unpack_to_a_large_table(tmp_path, monkeypatch):
    path = tmp_path / "a.csv.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(6):
            file.write(b"\n" * 2**24)
    assert path.stat().st_size < 2**20
    assert UNPACKED_BYTES.variable in refusal(open_trails, path)
    rows = "".join(f"1,{frame},{frame},2\n" for frame in range(9))
    path.write_bytes(gzip.compress(f"trail,frame,x,y\n{rows}".encode()))
    assert len(open_trails(path)) == 1
    monkeypatch.setenv(UNPACKED_BYTES.variable, "20")
    monkeypatch.setenv("NAPARI_UAI_MAX_UNPACKED_RATIO", "1")
    refusal(open_trails, path)


def test_a_small_zip_file_does_not_unpack_to_a_large_table(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"1,1,1,1\n" * (2**26 // 8))
    assert UNPACKED_BYTES.variable in refusal(open_trails, path)


@pytest.mark.parametrize("place", ["A1048576", "XFD1048576", "A9999999999"])
def test_a_cell_far_from_the_others_does_not_fill_a_sheet(place, tmp_path, monkeypatch):
    pytest.importorskip("openpyxl")
    path, changed = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    rows = [(1, frame, frame, 2 * frame) for frame in range(9)]
    pd.DataFrame(rows, columns=["trail", "frame", "x", "y"]).to_excel(path, index=False)
    monkeypatch.setenv(UNPACKED_BYTES.variable, str(2**20))
    assert len(open_trails(path)) == 1
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            row = re.sub("[A-Z]", "", place).encode()
            text = old.read(name).replace(b'<row r="10"', b'<row r="%s"' % row)
            new.writestr(name, re.sub(rb'r="D10"', b'r="%s"' % place.encode(), text))
    monkeypatch.setenv(SECONDS.variable, "1000")  # counts the work of all threads of the tests
    start = time.thread_time()
    assert UNPACKED_BYTES.variable in refusal(open_trails, changed)
    assert time.thread_time() - start < 10


def test_a_small_parquet_file_does_not_state_a_large_table(tmp_path):
    pq, pa = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
    ones = pa.chunked_array([pa.array(np.ones(10**6))] * 4)
    pq.write_table(
        pa.table({"trail": ones, "frame": ones, "x": ones, "y": ones}), tmp_path / "a.parquet"
    )
    assert (tmp_path / "a.parquet").stat().st_size < 2**20
    assert UNPACKED_BYTES.variable in refusal(open_trails, tmp_path / "a.parquet")


def test_a_table_in_npy_is_as_long_as_it_states(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 4)}
        np.lib.format.write_array_header_1_0(file, header)
    assert "shorter than it states" in refusal(open_trails, tmp_path / "a.npy")


def test_an_npz_array_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "a.npz"
    head = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (2**14, 256, 256)}
    np.lib.format.write_array_header_1_0(head, header)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("video.npy", head.getvalue() + bytes(2**20))
    assert "shorter than it states" in refusal(open_frames, path)
    np.savez_compressed(path, video=PIXELS)
    np.testing.assert_array_equal(open_frames(path)[0].read(0, 2), PIXELS)


@pytest.mark.parametrize("name", ["../../outside", "/outside", "C:\\outside", "a/../../b"])
def test_archives_with_names_that_lead_outside_are_refused(name, tmp_path):
    path = tmp_path / "a.zarr.zip"
    with zarr.storage.ZipStore(path, mode="w") as store:
        zarr.create_array(store, data=PIXELS)
    open_frames(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "x")
    assert "outside the archive" in refusal(open_frames, path)


def test_a_mat_variable_is_refused_before_it_is_unpacked(tmp_path):
    n = 2**31 - 2**24
    inner = struct.pack(
        "<IIIIIIiiiiHH4sII", 6, 8, 9, 0, 5, 12, 256, 256, n // 2**16, 0, 1, 1, b"v", 2, n
    )
    element = struct.pack("<II", 14, n + len(inner)) + inner
    packed = zlib.compress(element + bytes(2**20))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    (tmp_path / "a.mat").write_bytes(head + struct.pack("<II", 15, len(packed)) + packed)
    assert "CHUNK_BYTES" in refusal(open_frames, tmp_path / "a.mat")


# pixels ---------------------------------------------------------------------------------------


def zarr_of(path, shape, chunks, **changes):
    path.mkdir()
    document = {"zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": "<u2"}
    document |= {"compressor": None, "fill_value": 0, "order": "C", "filters": None}
    (path / ".zarray").write_text(json.dumps(document | changes))
    return path


def test_stores_of_a_terabyte_or_of_huge_chunks_are_refused(tmp_path):
    frames = zarr_of(tmp_path / "a.zarr", (10**12, 64, 64), (1, 64, 64))
    assert "NAPARI_UAI_MAX_FRAMES" in refusal(open_frames, frames)
    chunks = zarr_of(tmp_path / "b.zarr", (10**5, 1000, 1000), (10**5, 1000, 1000))
    assert "NAPARI_UAI_MAX_CHUNK_BYTES" in refusal(open_frames, chunks)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("video", (2**15, 256, 256), "u2", chunks=(2**14, 256, 256))
    assert "NAPARI_UAI_MAX_CHUNK_BYTES" in refusal(open_frames, tmp_path / "a.h5")


def test_a_headerless_file_of_a_terabyte_is_refused(tmp_path):
    path = tmp_path / "a.bin"
    with path.open("wb") as file:
        file.truncate(10**12)
    path.with_suffix(".json").write_text('{"height": 1, "width": 1, "dtype": "u1"}')
    assert "NAPARI_UAI_MAX_FRAMES" in refusal(open_frames, path)


@pytest.mark.parametrize(
    "text", ["1e999", "-Infinity", "NaN", "1e300", "1" + "0" * 300, '"9"', "[" * 10**5]
)
def test_sidecars_with_impossible_numbers_are_refused(text, tmp_path):
    PIXELS.tofile(tmp_path / "a.bin")
    sidecar = f'{{"height": {text}, "width": 8, "dtype": "<u2"}}'
    (tmp_path / "a.json").write_text(sidecar)
    refusal(open_frames, tmp_path / "a.bin")


def test_pictures_are_measured_before_they_are_decoded(tmp_path, monkeypatch):
    rows = columns = 30_000

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", packed_zeros(2**26)) + chunk(b"IEND", b"")
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    with pytest.raises(PictureError, match=r"too large \(30000 x 30000 px\).*MAX_FRAME_BYTES"):
        read_image(path)
    refusal(open_frames, path)
    cv2.imwrite(str(path), np.zeros((40, 50), np.uint16))
    monkeypatch.setenv("NAPARI_UAI_MAX_FRAME_BYTES", "3999")
    with pytest.raises(PictureError, match=r"50 x 40 px.*NAPARI_UAI_MAX_FRAME_BYTES"):
        read_image(path)


def test_a_tiff_page_is_measured_before_it_is_decoded(tmp_path):
    page = zlib.compress(bytes(2**20))
    options = {"shape": (40_000, 40_000), "dtype": "u1", "compression": "zlib"}
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, iter([page]), rowsperstrip=40_000, bigtiff=True, **options)
    assert "NAPARI_UAI_MAX_FRAME_BYTES" in refusal(open_frames, path)


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_loop_of_tiff_pages_is_refused(bigtiff, byteorder, tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=bigtiff, byteorder=byteorder) as tiff:
        for frame in PIXELS:
            tiff.write(frame, contiguous=False, metadata=None)
    open_frames(path)
    with tifffile.TiffFile(path) as tiff:
        first, last = tiff.pages[0].offset, tiff.pages[-1]
        n_tags, size = len(last.tags), 20 if bigtiff else 12
        place = last.offset + (8 if bigtiff else 2) + n_tags * size
    data = bytearray(path.read_bytes())
    struct.pack_into(byteorder + ("Q" if bigtiff else "I"), data, place, first)
    path.write_bytes(data)
    assert "followed by an earlier one" in refusal(open_frames, path)


def test_weights_do_not_ask_for_memory_that_their_file_does_not_hold(tmp_path):
    import hashlib

    resource = pytest.importorskip("resource")
    pytest.importorskip("torch")
    from safetensors.numpy import save

    from napari_uai.iscat.fastdvdnet.settings import NetworkSettings

    data = save({"a": np.ones(3, np.float32)})
    (tmp_path / "a.safetensors").write_bytes(data)
    weights = pytest.importorskip("napari_uai.iscat.fastdvdnet.weights")
    network = NetworkSettings().to_dict() | {"channels": 50_000}
    document = {
        "format": weights.FORMAT,
        "network": network,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "another architecture" in refusal(weights.load_weights, tmp_path / "a.safetensors")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        options = {"chunks": (3, 3, 64, 64), "compression": "gzip"}
        file.create_dataset("conv2d/kernel:0", (3, 3, 10**5, 10**4), "f4", **options)
        file["loop"] = file["conv2d"]
    assert "NAPARI_UAI_MAX_CHUNK_BYTES" in refusal(weights.load_weights, tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["a/b"] = np.ones(3)
        file["a/loop"] = file["a"]
    assert "groups in groups" in refusal(weights.load_weights, tmp_path / "b.h5")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 2**30 / 1024


SHAPES = ((31, 47), (31, 47, 3), (31, 47, 4), (256, 8), (8, 3000, 3))
PIXELS_OF = {
    "png": ("u1", "u2"),
    "jpeg": ("u1", "u2"),
    "jpeg2k": ("u1", "u2"),
    "jpegxl": ("u1", "u2", "f4"),
    "jpegxr": ("u1", "u2", "f4"),
    "webp": ("u1",),
    "lerc": ("u1", "u2", "f4"),
    "lossy webp": ("u1",),
}
"""Types of pixels that each codec packs."""


@pytest.mark.parametrize(
    ("codec", "dtype", "shape"),
    [
        (codec, dtype, shape)
        for codec, dtypes in PIXELS_OF.items()
        for dtype in dtypes
        for shape in SHAPES
        if len(shape) == 3 or "webp" not in codec  # WebP has no grey pixels
    ],
)
def test_the_size_of_a_picture_is_read_from_its_header(codec, dtype, shape):
    imagecodecs = pytest.importorskip("imagecodecs")
    pixels = (np.random.default_rng(1).random(shape) * 250).astype(dtype)
    lossy, name = codec.startswith("lossy"), codec.rpartition(" ")[2]
    options = {"level": 80, "lossless": False} if lossy else {}
    data = bytes(getattr(imagecodecs, f"{name}_encode")(pixels, **options))
    decoded = getattr(imagecodecs, f"{name}_decode")(data)
    assert decoded.nbytes <= bytes_of_picture(data) <= 16 * pixels.size
    for n in (0, 3, 10, 13, 25):
        assert bytes_of_picture(data[:n]) >= 0


def test_a_comment_of_a_jpeg_does_not_hide_its_size():
    data = cv2.imencode(".jpg", np.zeros((300, 400, 3), np.uint8))[1].tobytes()
    small = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    comment = b"\xff\xfe" + struct.pack(">H", 60_002) + small.ljust(60_000)
    assert bytes_of_picture(data[:2] + comment + data[2:]) == 300 * 400 * 3


def test_an_animation_is_no_picture_of_a_page():
    imagecodecs = pytest.importorskip("imagecodecs")
    with pytest.raises(VideoFormatError, match="animation"):
        bytes_of_picture(imagecodecs.jpegxl_encode(np.zeros((5, 30, 40, 3), np.uint8)))


def test_a_picture_in_a_tiff_page_may_not_state_another_size(tmp_path):
    pytest.importorskip("imagecodecs")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, compression="lerc")
    data = path.read_bytes()
    with tifffile.TiffFile(path) as tiff:
        place = tiff.pages[0].dataoffsets[0]
    depth = place + 22
    assert data[depth : depth + 4] == struct.pack("<I", 1)
    path.write_bytes(data[:depth] + struct.pack("<I", 2**29) + data[depth + 4 :])
    frames = open_frames(path)[0]
    assert "NAPARI_UAI_MAX_FRAME_BYTES" in refusal(frames.read, 0, 1)


@pytest.mark.parametrize("big", [False, True])
def test_a_piece_of_a_tiff_page_may_not_be_larger_than_its_file(big, tmp_path):
    pytest.importorskip("imagecodecs")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS[:1], compression="lzw", bigtiff=big)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        counts = tiff.pages[0].tags["StripByteCounts"]
        counts.overwrite([2**44 if big else 2**31], dtype="Q" if big else "I")
    frames = open_frames(path)[0]
    assert "larger than the file" in refusal(frames.read, 0, 1)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", [0, 8, 19, 255, 2**16 - 1])
def test_mat_arrays_of_unknown_types_do_not_crash(packed, kind, tmp_path):
    path = tmp_path / "a.mat"
    video = np.moveaxis(PIXELS, 0, 2)
    for value in (video, video * 1.0, video + 2j, "text", {"a": 1}, [1, "b"]):
        savemat(path, {"video": video, "other": value}, do_compression=packed)
        check_mat5(path)
    savemat(path, {"video": video})
    data = path.read_bytes()
    tag = data.index(struct.pack("<II", 4, PIXELS.nbytes))
    data = data[:tag] + struct.pack("<I", kind) + data[tag + 4 :]
    if packed:
        body = zlib.compress(data[128:])
        data = data[:128] + struct.pack("<II", 15, len(body)) + body
    path.write_bytes(data)
    assert "unknown type" in refusal(open_frames, path)


@pytest.mark.parametrize("unit", ['\\"', '"', "'", '"""', "#", "9", "a.", "[", "{a=", "a = '"])
def test_long_texts_that_are_no_toml_take_no_time(unit):
    start = time.process_time()
    with pytest.raises(RecipeError):
        parse_toml("a = " + unit * (10**6 // len(unit)), "a.toml", error=RecipeError)
    assert time.process_time() - start < 5


# no code, nothing outside ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["|O", "<u2"])
@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_zarr_arrays_packed_with_pickle_run_no_code(place, dtype, tmp_path):
    canary = tmp_path / "canary"
    codec = {"id": "pickle", "protocol": 0}
    changes = {place: [codec] if place == "filters" else codec, "dtype": dtype}
    path = zarr_of(tmp_path / "a.zarr", (1, 2, 2), (1, 2, 2), **changes)
    (path / "0.0.0").write_bytes(pickle.dumps(Creates(canary), protocol=0))
    pickle.loads((path / "0.0.0").read_bytes())
    assert canary.is_dir()
    canary.rmdir()
    with pytest.raises(NapariUaiError):
        open_frames(path)[0].read(0, 1)
    assert not canary.exists()


def test_pickled_arrays_and_weights_run_no_code(tmp_path):
    pytest.importorskip("torch")
    from napari_uai.iscat.fastdvdnet.weights import load_weights

    canary = tmp_path / "canary"
    objects = np.array([Creates(canary)] * 4, object).reshape(1, 2, 2)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", video=objects)
    (tmp_path / "a.safetensors").write_bytes(pickle.dumps(Creates(canary), protocol=2))
    for read, name in (
        (open_frames, "a.npy"),
        (open_frames, "a.npz"),
        (read_psf, "a.npy"),
        (load_weights, "a.safetensors"),
    ):
        refusal(read, tmp_path / name)
    assert not canary.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights")
def test_links_out_of_a_store_are_refused(tmp_path):
    path = zarr_of(tmp_path / "a.zarr", (1, 6, 8), (1, 6, 8))
    (tmp_path / "secret").write_bytes(PIXELS[0].tobytes())
    (path / "0.0.0").symlink_to(path / "chunk")
    (path / "chunk").write_bytes(PIXELS[0].tobytes())
    check_links(path)
    np.testing.assert_array_equal(open_frames(path)[0].read(0, 1), PIXELS[:1])
    (path / "0.0.0").unlink()
    (path / "0.0.0").symlink_to(tmp_path / "secret")
    assert "link to a file outside" in refusal(open_frames, path)


def test_hdf5_links_to_other_files_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["video"] = PIXELS
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["other"] = h5py.ExternalLink("secret.h5", "/video")
    from napari_uai.videos import ReadOptions

    refusal(open_frames, tmp_path / "a.h5")
    assert "no dataset" in refusal(open_frames, tmp_path / "a.h5", ReadOptions(image="other"))


def test_a_picture_that_is_no_file_is_refused(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(PictureError, match="is not a file"):
        read_image(tmp_path / "a.png")
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((4, 4), np.uint8))
    assert read_image(tmp_path / "b.png").shape == (4, 4)
