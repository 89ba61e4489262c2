"""Photonfocus status lines, against an encoder written from the camera's manual."""

from typing import get_type_hints

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_uai.errors import BadValueError
from napari_uai.videos import (
    find_status_line,
    frames_of,
    open_video,
    read_status_line,
    remove_status_line,
    status_line_origin,
    status_report,
)

FIELDS = {  # first pixel, bits
    "ImgCnt": (4, 24),
    "RealTimeCnt": (8, 32),
    "MissedTrgCnt": (12, 8),
    "ImgAvgVal": (16, 12),
    "IntTimeClk": (20, 24),
    "BrstTrgNr": (24, 16),
    "MissedBrstTrgCnt": (28, 8),
    "ROIx_start": (32, 11),
    "ROIx_end": (36, 11),
    "ROIy_start": (40, 11),
    "rows_minus_1": (44, 11),
    "TrgSrc": (48, 2),
    "gain_exponent": (52, 2),
    "DigOffset": (56, 2),
    "CamType": (60, 16),
    "SerialNr": (64, 32),
    "fine_gain_bits": (76, 16),
    "TrgLvl": (92, 4),
}


def encode(fields, length):
    """Write one status line, byte by byte."""
    line = bytearray(max(length, 96))
    line[0:4] = (0x55AA00FF).to_bytes(4, "little")
    for name, value in fields.items():
        first, _bits = FIELDS[name]
        line[first : first + 4] = int(value).to_bytes(4, "little")
    return np.frombuffer(bytes(line[:length]), np.uint8).astype(np.uint16)


def camera_video(records, height=20, width=100, position="row", seed=0):
    rng = np.random.default_rng(seed)
    video = rng.integers(300, 4096, (len(records), height, width)).astype(np.uint16)
    for frame, fields in zip(video, records, strict=True):
        line = encode(fields, width if position == "row" else height)
        if position == "row":
            frame[-1] = line
        else:
            frame[:, -1] = line
    return video


def steady(n, first=1000, **fields):
    return [{"ImgCnt": first + i, "RealTimeCnt": 5_000 + 2500 * i, **fields} for i in range(n)]


@pytest.mark.parametrize(
    ("position", "height", "width"), [("row", 20, 100), ("column", 100, 20), ("row", 73, 72)]
)
def test_the_line_is_found_where_it_is_and_only_it_is_removed(position, height, width):
    video = camera_video(steady(5), height, width, position)
    found = find_status_line(video)
    assert found.position == position
    assert found.length == (width if position == "row" else height)
    assert found.n_accumulated == 1
    expected = video[:, :-1] if position == "row" else video[:, :, :-1]
    left = remove_status_line(video)
    np.testing.assert_array_equal(left, expected)
    assert np.shares_memory(left, video)
    assert status_line_origin(video) == (0, 0)


def test_legacy_removal_takes_both_edges_and_tells_the_shift():
    row = camera_video(steady(3), 20, 100, "row")
    np.testing.assert_array_equal(remove_status_line(row, edges="both"), row[:, 1:-1])
    assert status_line_origin(row, edges="both") == (1, 0)
    column = camera_video(steady(3), 100, 20, "column")
    np.testing.assert_array_equal(remove_status_line(column, edges="both"), column[:, :, 1:-1])
    assert status_line_origin(column, edges="both") == (0, 1)


def test_removal_from_a_file_is_lazy_and_a_view(tmp_path):
    video = camera_video(steady(5), 73, 72)
    video.tofile(tmp_path / "a.bin")
    opened = open_video(tmp_path / "a.bin", height=73, width=72, dtype="<u2")
    left = remove_status_line(opened)
    assert isinstance(left, da.Array)
    block = frames_of(left).read(1, 3)
    assert not block.flags.owndata
    np.testing.assert_array_equal(left.compute(), video[:, :-1])
    assert remove_status_line(opened, edges="both").name != left.name


def test_a_video_without_status_line_is_returned_as_it_is():
    video = np.random.default_rng(0).integers(0, 4096, (4, 20, 30)).astype(np.uint16)
    assert remove_status_line(video) is video
    assert find_status_line(video) is None
    assert status_line_origin(video, edges="both") == (0, 0)
    with pytest.raises(BadValueError, match="no status line"):
        read_status_line(video)


@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 1, 200), (0, 5, 5)])
def test_frames_too_small_for_a_status_line_have_none(shape):
    assert find_status_line(np.zeros(shape, np.uint16)) is None


def test_a_frame_that_is_nothing_but_status_line_is_refused():
    with pytest.raises(BadValueError, match="contain only the status line"):
        remove_status_line(camera_video(steady(2), 1, 100))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_field_of_every_frame_is_decoded(data):
    record = st.fixed_dictionaries(
        {name: st.integers(0, 2**bits - 1) for name, (_, bits) in FIELDS.items()}
    )
    records = data.draw(st.lists(record, min_size=1, max_size=5))
    table = read_status_line(camera_video(records, 6, 96))
    for i, fields in enumerate(records):
        row = table.iloc[i]
        for name in FIELDS.keys() & set(table.columns):
            assert row[name] == fields[name], name
        assert row["frame"] == i
        assert row["IntTime"] == pytest.approx(fields["IntTimeClk"] / 40e3)
        assert row["NrCols"] == fields["ROIx_end"] - fields["ROIx_start"] + 1
        assert row["NrRows"] == fields["rows_minus_1"] + 1
        assert row["ROIy_end"] == fields["ROIy_start"] + fields["rows_minus_1"]
        assert row["DigGain"] == 2 ** fields["gain_exponent"]
        bits = f"{fields['fine_gain_bits']:016b}"
        weights = [2.0**power for power in range(3, -13, -1)]
        assert row["FineGain"] == sum(w for w, bit in zip(weights, bits, strict=True) if bit == "1")


@pytest.mark.parametrize(("length", "present"), [(96, True), (95, False)])
def test_a_field_is_there_only_if_the_line_is_long_enough(length, present):
    in_row = read_status_line(camera_video(steady(2), 7, length, "row"))
    in_column = read_status_line(camera_video(steady(2), length, 7, "column"))
    assert ("TrgLvl" in in_row) == present
    assert list(in_row.columns) == list(in_column.columns)
    assert in_column.attrs["status_line_position"] == "column"
    short = read_status_line(camera_video(steady(2), 7, 79, "row"))
    assert "FineGain" not in short
    assert "SerialNr" in short


def test_added_up_frames_are_found_and_their_values_are_means():
    singles = camera_video(steady(30, ImgAvgVal=900), 20, 100)
    summed = singles.reshape(3, 10, 20, 100).sum(axis=1).astype(np.uint32)
    assert find_status_line(summed).n_accumulated == 10
    table = read_status_line(summed)
    assert table["NrAcc"].tolist() == [10, 10, 10]
    np.testing.assert_allclose(table["ImgCnt"], [1004.5, 1014.5, 1024.5])
    assert table["ImgAvgVal"].tolist() == [900, 900, 900]
    report = status_report(table)
    assert report.complete
    assert report.images_per_frame == 10


def test_a_complete_recording_is_reported_complete_with_its_frame_rate():
    report = status_report(read_status_line(camera_video(steady(50))))
    assert report.complete
    assert report.n_dropped == 0
    assert report.frame_rate_hz == pytest.approx(400)
    assert report.text == "status line: all 50 frames are present, no trigger was missed"


def test_dropped_and_repeated_frames_and_missed_triggers_are_reported():
    records = steady(40)
    kept = [records[i] for i in (*range(10), *range(13, 20), 19, *range(20, 30), *range(31, 40))]
    for i, fields in enumerate(kept):
        fields = kept[i] = dict(fields)  # noqa: PLW2901
        fields["MissedTrgCnt"] = 0 if i < 5 else 4
    report = status_report(read_status_line(camera_video(kept)))
    assert report.gaps == ((10, 3), (28, 1))
    assert report.n_dropped == 4
    assert report.repeated == (17,)
    assert report.n_missed_triggers == 4
    assert report.missed_triggers == (5,)
    assert not report.complete
    assert report.frame_rate_hz == pytest.approx(400, rel=0.02)
    assert "4 images dropped (before frame 10, 28)" in report.text
    assert "1 frame repeated (frame 17)" in report.text


def test_a_counter_that_comes_round_is_no_gap_and_one_set_back_is_a_restart():
    wrapped = [{"ImgCnt": (2**24 - 5 + i) % 2**24} for i in range(10)]
    assert status_report(read_status_line(camera_video(wrapped))).complete
    joined = steady(10, first=500) + steady(10, first=0)
    report = status_report(read_status_line(camera_video(joined)))
    assert report.restarted == (10,)
    assert report.n_dropped == 0


def test_a_damaged_line_is_listed_and_counts_as_a_frame_that_is_there():
    video = camera_video(steady(20))
    video[7, -1, :4] = 1
    table = read_status_line(video)
    assert table["NrAcc"][7] == 0
    assert np.isnan(table["ImgCnt"][7])
    report = status_report(table)
    assert report.damaged == (7,)
    assert report.n_dropped == 0


def test_a_damaged_first_frame_does_not_hide_the_line():
    video = camera_video(steady(20))
    video[0, -1] = 0
    assert find_status_line(video).position == "row"


@pytest.mark.parametrize("stage", [read_status_line, remove_status_line, status_report])
def test_annotations_can_be_read_at_run_time(stage):
    assert "return" in get_type_hints(stage, include_extras=True)


def test_unknown_edges_are_refused():
    with pytest.raises(BadValueError, match="edges must be one of line, both"):
        remove_status_line(camera_video(steady(2)), edges="all")
