"""Parts of files that state sizes of their own, and names that lead to other files."""

import io
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_uai.errors import BadValueError, NapariUaiError, VideoFormatError
from napari_uai.limits import CHUNK_BYTES, COLUMNS, HEADER_BYTES, MEMBERS, UNPACKED_BYTES
from napari_uai.trails import open_trails
from napari_uai.trails.analysis.earlier_settings import settings_of_run
from napari_uai.trails.analysis.result import RECORD_FORMAT
from napari_uai.trails.io.vocabulary import meaning_of, words_of
from napari_uai.untrusted import (
    arrow_bytes,
    check_pieces,
    gunzipped,
    inside,
    parquet_bytes,
    read_csv,
)
from napari_uai.videos import open_frames

PIXELS = np.arange(2 * 48 * 64, dtype="<u2").reshape(2, 48, 64)
ROWS = [(1, frame, frame, 2 * frame) for frame in range(9)]
NAMES = ["trail", "frame", "x", "y"]


def refusal(function, *arguments, **options):
    with pytest.raises(NapariUaiError) as caught:
        function(*arguments, **options)
    text = str(caught.value)
    assert text.isprintable()
    return text


# TIFF -----------------------------------------------------------------------------------------


def with_tags(path, changes):
    """Write other numbers into the tags of the first page."""
    data = bytearray(path.read_bytes())
    at = struct.unpack_from("<I", data, 4)[0]
    for i in range(struct.unpack_from("<H", data, at)[0]):
        entry = at + 2 + 12 * i
        tag = struct.unpack_from("<H", data, entry)[0]
        if tag in changes:
            struct.pack_into("<HHII", data, entry, tag, 4, 1, changes[tag])
    path.write_bytes(data)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tile_that_is_larger_than_a_chunk_may_be_is_refused(compression, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS[0], tile=(16, 16), compression=compression)
    np.testing.assert_array_equal(open_frames(path)[0].read(0, 1)[0], PIXELS[0])
    with_tags(path, {322: 2**16, 323: 2**16})
    assert CHUNK_BYTES.variable in refusal(lambda: open_frames(path)[0].read(0, 1))


@pytest.mark.parametrize(
    ("codec", "number", "place"),
    [("jpeg", 7, (b"\xff\xc0", 5, ">HH")), ("jpegxr", 34934, (b"WMPHOTO\0", 12, ">HH"))],
)
def test_a_picture_in_a_page_is_measured_by_its_own_header(codec, number, place, tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
    picture = bytearray(getattr(imagecodecs, f"{codec}_encode")(np.zeros((16, 16), np.uint8)))
    mark, offset, kind = place
    path = tmp_path / "a.tif"
    for side in (None, 60_000):
        tifffile.imwrite(path, np.zeros((16, 16), np.uint8), metadata=None)
        if side:
            struct.pack_into(kind, picture, picture.find(mark) + offset, side, side)
        end = path.stat().st_size
        with path.open("ab") as file:
            file.write(picture)
        with_tags(path, {259: number, 273: end, 279: len(picture)})
        if side is None:
            assert not open_frames(path)[0].read(0, 1).any()
        else:
            text = refusal(lambda: open_frames(path)[0].read(0, 1))
            assert "NAPARI_UAI_MAX_FRAME_BYTES" in text


def ome(path, planes, frames=2):
    head = 'ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="64" SizeY="48"'
    text = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0"><Pixels {head} SizeC="1" SizeZ="1" SizeT="{frames}">'
        f'<Channel ID="Channel:0:0"/>{planes}</Pixels></Image></OME>'
    )
    tifffile.imwrite(path, PIXELS, description=text, metadata=None)


def test_ome_metadata_open_files_of_their_folder_only(tmp_path):
    folder = tmp_path / "recording"
    folder.mkdir()
    path = folder / "a.ome.tif"
    ome(path, '<TiffData IFD="0" PlaneCount="2"/>')
    np.testing.assert_array_equal(open_frames(path)[0].read(0, 2), PIXELS)
    tifffile.imwrite(tmp_path / "secret.tif", PIXELS)
    for name in ("../secret.tif", str(tmp_path / "secret.tif"), "&#46;./secret.tif"):
        ome(path, f'<TiffData><UUID FileName="{name}">urn:uuid:1</UUID></TiffData>')
        assert "outside" in refusal(open_frames, path)


@pytest.mark.skipif(sys.platform == "win32", reason="no such files")
def test_pipes_beside_a_recording_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "b.ome.tif")
    path = tmp_path / "a.ome.tif"
    ome(path, '<TiffData><UUID FileName="b.ome.tif">urn:uuid:1</UUID></TiffData>')
    assert "pipe" in refusal(open_frames, path)


@pytest.mark.parametrize(
    ("planes", "frames"), [(f'<TiffData PlaneCount="{10**10}"/>', 2), ("<TiffData/>", 10**10)]
)
def test_ome_metadata_of_billions_of_planes_are_refused(planes, frames, tmp_path):
    ome(tmp_path / "a.ome.tif", planes, frames)
    assert CHUNK_BYTES.variable in refusal(open_frames, tmp_path / "a.ome.tif")


@pytest.mark.parametrize(
    ("axes", "name", "reason"),
    [
        ({"time": 10**12}, "a_NDTiffStack.tif", CHUNK_BYTES.variable),
        ({"time": 0}, "../secret.tif", "outside"),
    ],
)
def test_the_index_of_an_ndtiff_recording_is_checked(axes, name, reason, tmp_path):
    from types import SimpleNamespace

    from napari_uai.videos.layout.embedded import check_other_files

    entry = json.dumps(axes).encode()
    text = struct.pack("<I", len(entry)) + entry + struct.pack("<I", len(name)) + name.encode()
    (tmp_path / "NDTiff.index").write_bytes(text + struct.pack("<IiiiiIii", *[0] * 8))
    tiff = SimpleNamespace(is_ome=False, is_ndtiff=True)
    assert reason in refusal(check_other_files, tmp_path / "a_NDTiffStack.tif", tiff)


# movies, stores -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".avi", ".mp4"])
def test_a_playlist_does_not_open_other_movies(suffix, tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / f"other{suffix}"), "w") as movie:
        stream = movie.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32), np.uint8), format="gray")
        movie.mux(stream.encode(frame.reformat(format="yuv420p")))
        movie.mux(stream.encode())
    assert open_frames(tmp_path / f"other{suffix}")[0].shape == (1, 32, 32)
    playlist = tmp_path / f"a{suffix}"
    playlist.write_text(f"ffconcat version 1.0\nfile other{suffix}\n")
    with av.open(str(playlist)) as opened:  # by FFmpeg alone
        assert opened.format.name == "concat"
    assert "not a readable movie" in refusal(open_frames, playlist)


def n5(path, **changes):
    path.mkdir()
    facts = {"dimensions": [64, 48, 2], "blockSize": [64, 48, 1], "dataType": "uint16"}
    facts |= {"compression": {"type": "raw"}}
    (path / "attributes.json").write_text(json.dumps(facts | changes))
    return path


def test_n5_stores_have_limits(tmp_path):
    sides = [2**10, 2**10, 2**10]
    large = n5(tmp_path / "a.n5", dimensions=sides, blockSize=sides)
    assert CHUNK_BYTES.variable in refusal(open_frames, large)
    many = n5(tmp_path / "b.n5", dimensions=[20_000, 10_000, 1], blockSize=[1, 1, 1])
    assert MEMBERS.variable in refusal(open_frames, many)
    linked = n5(tmp_path / "c.n5")
    (tmp_path / "secret").mkdir()
    (linked / "0").symlink_to(tmp_path / "secret", target_is_directory=True)
    assert "link to a file outside" in refusal(open_frames, linked)


@pytest.mark.skipif(sys.platform == "win32", reason="no such files")
def test_pipes_in_a_store_are_not_read(tmp_path):
    path = n5(tmp_path / "a.n5")
    (path / "0" / "0").mkdir(parents=True)
    os.mkfifo(path / "0" / "0" / "0")
    assert "is a pipe" in refusal(open_frames, path)
    (tmp_path / "b.zarr").mkdir()
    os.mkfifo(tmp_path / "b.zarr" / "zarr.json")
    assert "is a pipe" in refusal(open_frames, tmp_path / "b.zarr")


def test_a_frame_in_millions_of_pieces_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("video", (1, 3000, 3000), "u1", chunks=(1, 1, 1))
    assert MEMBERS.variable in refusal(open_frames, tmp_path / "a.h5")
    check_pieces(tmp_path, (10**6, 64, 64), (1, 64, 64), "TYX")


# tables ---------------------------------------------------------------------------------------


def test_long_names_of_columns_mean_nothing():
    assert words_of("x" * 201) == ([], "")
    assert meaning_of("trail" + " " * 10**5 + "id").role == ""
    assert words_of("x" * 200)[0]


def columnar(n_rows=9, text="car"):
    pa = pytest.importorskip("pyarrow")
    numbers = pa.array(np.arange(n_rows, dtype=float))
    return pa.table(
        {"trail": pa.array(np.zeros(n_rows)), "frame": numbers, "x": numbers, "y": numbers}
        | {"class": pa.array([text] * n_rows).dictionary_encode()}
    )


@pytest.mark.parametrize("compression", ["zstd", "lz4", "snappy", "none"])
def test_the_size_of_a_parquet_table_is_read_from_its_pages(compression):
    parquet = pytest.importorskip("pyarrow.parquet")
    whole = io.BytesIO()
    parquet.write_table(columnar(50_000), whole, compression=compression)
    data = whole.getvalue()
    facts = parquet.ParquetFile(io.BytesIO(data)).metadata
    group = facts.row_group(0)
    stated = sum(group.column(i).total_uncompressed_size for i in range(facts.num_columns))
    values = 8 * facts.num_rows * facts.num_columns
    assert max(values, 0.95 * stated) <= parquet_bytes(data, facts) <= max(values, 1.05 * stated)


def test_a_damaged_footer_of_a_parquet_file_does_not_end_the_process():
    """pyarrow does when it is asked for some columns of it, so in a process of its own."""
    code = """
import io
from pyarrow import parquet
from napari_uai.untrusted import parquet_bytes
whole = io.BytesIO()
from test_untrusted_parts import columnar
parquet.write_table(columnar(), whole)
data = whole.getvalue()
for at in range(len(data) - 400, len(data) - 8):
    damaged = data[:at] + bytes([data[at] ^ 7]) + data[at + 1 :]
    try:
        facts = parquet.ParquetFile(io.BytesIO(damaged)).metadata
    except Exception:
        continue
    assert parquet_bytes(damaged, facts) >= 8 * facts.num_rows
"""
    pytest.importorskip("pyarrow.parquet")
    where = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=where, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compression", ["zstd", "lz4", "uncompressed"])
def test_the_size_of_an_arrow_table_is_read_from_its_messages(compression):
    feather = pytest.importorskip("pyarrow.feather")
    whole, table = io.BytesIO(), columnar(50_000)
    feather.write_feather(table, whole, compression=compression)
    values = 8 * table.num_rows * (table.num_columns + 1)
    assert table.nbytes <= arrow_bytes(whole.getvalue()) <= max(1.2 * table.nbytes, values)
    for n in range(0, 200, 7):
        with pytest.raises(ValueError, match="truncated"):
            arrow_bytes(whole.getvalue()[:n])


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_small_columnar_files_do_not_state_large_tables(suffix, tmp_path):
    pytest.importorskip("pyarrow.parquet")
    path = tmp_path / f"a{suffix}"

    def write(table):
        frame = table.to_pandas()
        getattr(frame, "to_parquet" if suffix == ".parquet" else "to_feather")(
            path, compression="zstd"
        )

    write(columnar())
    assert len(open_trails(path)) == 1
    rows = pd.DataFrame({name: np.ones(2**22) for name in NAMES})
    rows.to_feather(path, compression="zstd") if suffix == ".feather" else rows.to_parquet(path)
    assert UNPACKED_BYTES.variable in refusal(open_trails, path)
    write(columnar(2**12, "x" * 2**16))  # a text that all rows share
    assert UNPACKED_BYTES.variable in refusal(open_trails, path)


def test_a_table_of_more_columns_than_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(COLUMNS.variable, "50")
    record = {f"c{i}": 1 for i in range(60)}
    rows = [{**record, "trail": 1, "frame": i, "x": i, "y": i} for i in range(9)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    assert COLUMNS.variable in refusal(open_trails, tmp_path / "a.json")


def test_a_tag_without_end_is_refused(tmp_path):
    many = " ".join(f'a{i}="1"' for i in range(20_000))
    path = tmp_path / "a.xml"
    path.write_text(f'<Tracks><particle><detection t="1" x="1" {many}/></particle></Tracks>')
    assert HEADER_BYTES.variable in refusal(open_trails, path)


# tables of results ----------------------------------------------------------------------------


def test_tables_of_results_are_those_of_pandas_packed_or_not(tmp_path):
    frame = pd.DataFrame(ROWS, columns=NAMES).assign(name="a")
    for name in ("a.csv", "a.csv.gz"):
        frame.to_csv(tmp_path / name, index=False)
        table = read_csv(tmp_path / name, types={"trail": str}, error=VideoFormatError)
        pd.testing.assert_frame_equal(table, frame.astype({"trail": "str"}))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1,2,3\n", "more fields"),
        ("a,b\n1,2\n3,4,5\n", "cannot be read as a table"),
        ("", "cannot be read as a table"),
        ("a," * 40_000 + "\n", HEADER_BYTES.variable),
        ("a,b\n" + "1," * 40_000 + "\n", HEADER_BYTES.variable),
    ],
)
def test_texts_that_are_no_table_of_results_are_refused(text, reason, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    assert reason in refusal(read_csv, tmp_path / "a.csv", error=VideoFormatError)


def test_a_table_of_results_does_not_unpack_without_limit(tmp_path, monkeypatch):
    import gzip

    data = gzip.compress(b"a,b\n" + b"1,2\n" * 10**6)
    with pytest.raises(VideoFormatError, match=UNPACKED_BYTES.variable):
        gunzipped(data, limit=2**20, error=VideoFormatError)
    (tmp_path / "a.csv").write_bytes(data)
    monkeypatch.setenv(UNPACKED_BYTES.variable, "1000")
    assert UNPACKED_BYTES.variable in refusal(read_csv, tmp_path / "a.csv", error=VideoFormatError)


def test_evaluate_reads_tables_through_the_gate(tmp_path):
    from napari_uai.cli.evaluate import read_table

    for name in ("missing.csv", "a.csv"):
        (tmp_path / "a.csv").write_text("score" + "," * 80_000)
        text = refusal(read_table, tmp_path / name)
        assert "does not exist" in text or HEADER_BYTES.variable in text


# names of files -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../a", "/etc/hostname", "a/../../b", "..", "a/../.."])
def test_names_that_lead_outside_a_folder_are_refused(name, tmp_path):
    assert "outside" in refusal(inside, tmp_path, name, source="run.json", error=BadValueError)


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 256, "a/" * 3000, None, ["a"], 3])
def test_texts_that_are_no_names_of_files_are_refused(name, tmp_path):
    text = refusal(inside, tmp_path, name, source="run.json", error=BadValueError)
    assert "not the name of a file" in text
    assert len(text) < 300


def test_a_link_that_leads_outside_a_folder_is_refused(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(b"")
    (folder / "mask.png").symlink_to(tmp_path / "secret.png")
    assert "outside" in refusal(inside, folder, "mask.png", source="a", error=BadValueError)
    (folder / "b.png").symlink_to(folder / "c.png")
    assert inside(folder, "b.png", source="a", error=BadValueError) == folder / "b.png"


@pytest.mark.parametrize("mask", ["../mask.png", "/etc/hostname", "x" * 10**5, None, ["a"]])
def test_masks_of_an_earlier_run_are_beside_its_record(mask, tmp_path):
    record = {"format": RECORD_FORMAT, "preset": "default", "parameters": {}, "n_top": 9}
    (tmp_path / "mask.png").write_bytes(b"")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "mask.png").write_bytes(b"")
    for file in ("mask.png", mask):
        (folder / "run.json").write_text(json.dumps(record | {"masks": {"car": {"file": file}}}))
        if file == "mask.png":
            assert settings_of_run(folder).masks == {"car": folder / "mask.png"}
    assert "run.json" in refusal(settings_of_run, folder)


def test_axes_that_a_file_names_by_codes_are_unknown(tmp_path):
    facts = {"axes": ["\u202e", "y", "x"][::-1]}
    path = n5(tmp_path / "a.n5", **facts)
    block = path / "0" / "0"
    block.mkdir(parents=True)
    for i, frame in enumerate(PIXELS):
        data = struct.pack(">HHIII", 0, 3, 64, 48, 1) + frame.astype(">u2").tobytes()
        (block / str(i)).write_bytes(data)
    frames, info = open_frames(path)
    assert info.axes.isalpha()
    np.testing.assert_array_equal(frames.read(0, 2), PIXELS)
