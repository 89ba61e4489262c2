import json
from pathlib import Path

import numpy as np
import pytest

from napari_uai.errors import CancelledError, TrailFormatError
from napari_uai.monitor import Monitor
from napari_uai.trails.io.exports import read_export
from napari_uai.trails.table import UNCLASSIFIED

PATH = Path("export.json")
LINE = [[0.0, 0.0], [0.5, 0.25], [1.0, 1.0]]


def read(content, **options):
    return read_export(json.dumps(content).encode(), PATH, **options)


def problems_of(trails):
    return trails.problems.set_index("trail")["problem"]


def test_positions_alone_make_trails():
    trails = read({"1": {"tracking": {"xy_center": LINE}}}, scene_size=(101, 51))
    np.testing.assert_array_equal(trails.x, [0, 50, 100])
    np.testing.assert_array_equal(trails.y, [0, 12.5, 50])
    np.testing.assert_array_equal(trails.time, [0, 1, 2])
    assert trails.table["trail"].tolist() == ["1"]
    assert trails.table["class"].tolist() == [UNCLASSIFIED]
    assert trails.problems["problem"].str.contains("no times").all()


def test_samples_without_times_follow_at_the_frame_rate():
    trails = read({"1": {"tracking": {"xy_center": LINE}}}, frame_rate_hz=4)
    np.testing.assert_array_equal(trails.time, [0, 0.25, 0.5])


def test_samples_lie_evenly_between_first_and_final_time():
    record = {"first_epoch_ms": 1_684_858_000_000, "final_epoch_ms": 1_684_858_001_000}
    trails = read({"1": {**record, "tracking": {"xy_center": LINE}}})
    np.testing.assert_array_equal(trails.time - 1_684_858_000, [0, 0.5, 1])


def test_a_size_that_is_stated_is_the_scene():
    tracking = {"xy_center": LINE, "frame_width": 1280, "frame_height": 720}
    trails = read({"1": {"tracking": tracking}}, frame_rate_hz=1)
    assert (trails.scene.width, trails.scene.height) == (1280, 720)
    assert trails.problems.empty


@pytest.mark.parametrize(
    ("classifier", "name"),
    [
        ("car", "car"),
        ("", UNCLASSIFIED),
        ({"car": 0.2, "person": 0.7}, "person"),
        ({"topclass_dict": {"car": 0.9, "person": 0.1}, "subclass": 0.99}, "car"),
        ({"topclass_dict": "bus"}, "bus"),
        ({}, UNCLASSIFIED),
        ({"car": "much"}, UNCLASSIFIED),
        ([1, 2], UNCLASSIFIED),
        (None, UNCLASSIFIED),
        (7, UNCLASSIFIED),
    ],
)
def test_a_class_is_a_word_or_the_best_label(classifier, name):
    trails = read({"1": {"bdb_classifier": classifier, "tracking": {"xy_center": LINE}}})
    assert trails.table["class"].tolist() == [name]


def test_a_list_of_objects_and_one_object_are_read():
    record = {"_id": 77, "tracking": {"xy_center": LINE}}
    assert read([record, {**record, "_id": 78}]).table["trail"].tolist() == ["77", "78"]
    assert read(record).table["trail"].tolist() == ["77"]


def chain(identity, ancestor, descendant, start, x, kind="car"):
    return {
        "_id": identity,
        "ancestor_id": ancestor,
        "descendant_id": descendant,
        "bdb_classifier": kind,
        "first_epoch_ms": start * 1000,
        "final_epoch_ms": start * 1000 + 1000,
        "tracking": {"xy_center": [[x, 0.5], [x, 0.5]], "hull": [[[x, 0], [x, 1], [1, 1]]] * 2},
    }


def test_links_of_a_chain_are_joined_in_order():
    links = [chain(3, 2, 0, 30, 0.3), chain(1, 0, 2, 10, 0.1), chain(2, 1, 3, 20, 0.2, "")]
    trails = read({str(link["_id"]): link for link in links}, scene_size=(11, 11))
    assert trails.table["trail"].tolist() == ["1"]
    assert trails.table["class"].tolist() == ["car"]
    np.testing.assert_allclose(trails.x, [1, 1, 2, 2, 3, 3], rtol=1e-6)
    np.testing.assert_array_equal(trails.time, [10, 11, 20, 21, 30, 31])
    np.testing.assert_allclose(trails.hulls[0][:, 1], [3, 3, 10], rtol=1e-6)
    assert trails.problems.empty or "chain" not in "".join(trails.problems["problem"])


@pytest.mark.parametrize(("first", "second"), [((0, 2), (0, 0)), ((0, 0), (1, 0))])
def test_one_side_that_knows_the_link_is_enough(first, second):
    links = {"1": chain(1, *first, 10, 0.1), "2": chain(2, *second, 20, 0.2)}
    assert read(links, scene_size=(9, 9)).table["n_samples"].tolist() == [4]


def test_a_loop_is_told_and_its_links_stay():
    links = {"1": chain(1, 2, 2, 10, 0.1), "2": chain(2, 1, 1, 20, 0.2), "3": chain(3, 3, 3, 1, 0)}
    trails = read(links, scene_size=(9, 9))
    assert sorted(trails.table["trail"]) == ["1", "2", "3"]
    assert trails.problems["problem"].str.contains("loop").sum() == 3


def test_a_missing_link_and_a_contradiction_are_told():
    links = {
        "1": chain(1, 99, 2, 10, 0.1),
        "2": chain(2, 1, 0, 20, 0.2),
        "3": chain(3, 1, 0, 30, 0.3),
    }
    trails = read(links, scene_size=(9, 9))
    assert trails.table["n_samples"].tolist() == [4, 2]
    told = problems_of(trails)
    assert "ancestor 99 not found" in told["1"]
    assert "not joined" in told["3"]


def test_extrapolated_samples_are_dropped_on_request():
    tracking = {"xy_center": [*LINE, [0.5, 0.5]], "track_status": [1, 0, 1, 0]}
    record = {"first_epoch_ms": 0, "final_epoch_ms": 3000, "tracking": tracking}
    assert read({"1": record}).table["n_samples"].tolist() == [4]
    trails = read({"1": record}, keep_extrapolated=False)
    np.testing.assert_array_equal(trails.time, [0, 2])


def test_a_status_of_another_length_is_told():
    tracking = {"xy_center": LINE, "track_status": [1, 0]}
    trails = read({"1": {"tracking": tracking}}, keep_extrapolated=False)
    assert len(trails.y) == 3
    assert "track_status" in problems_of(trails)["1"]


GOOD = {"tracking": {"xy_center": LINE}}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, "not a JSON object"),
        ({}, "tracking.xy_center not found"),
        ({"tracking": {}}, "tracking.xy_center not found"),
        ({"tracking": [1]}, "tracking.xy_center not found"),
        ({"tracking": {"xy_center": 5}}, "not a list of points"),
        ({"tracking": {"xy_center": "word"}}, "not a list of points"),
        ({"tracking": {"xy_center": []}}, "no usable sample"),
        ({"tracking": {"xy_center": [[0.5, 0.5]]}}, "one usable sample"),
        ({"tracking": {"xy_center": [[0.5, 0.5], [None, 0.1]]}}, "one usable sample"),
        ({"tracking": {"xy_center": [[0.5, 1.5], [-2, 0.1], [0.5, float("nan")]]}}, "no usable"),
    ],
)
def test_an_object_that_is_none_is_told_and_the_rest_goes_on(record, reason):
    trails = read({"good": GOOD, "bad": record})
    assert trails.table["trail"].tolist() == ["good"]
    assert reason in "; ".join(np.atleast_1d(problems_of(trails)["bad"]))
    with pytest.raises(TrailFormatError, match="no usable trail"):
        read({"bad": record})


def test_samples_outside_the_picture_are_dropped_and_told():
    tracking = {"xy_center": [[0.5, 0.5], [1.001, 0.5], [0.25, -0.1], [0.25, 0.5]]}
    trails = read({"1": {"tracking": tracking}}, scene_size=(5, 5))
    np.testing.assert_array_equal(trails.x, [2, 1])
    np.testing.assert_array_equal(trails.time, [0, 3])
    assert "2 of 4 samples outside" in problems_of(trails)["1"]


@pytest.mark.parametrize("epoch", [float("nan"), float("inf"), "soon", None, True, 1e300])
def test_times_that_are_none_count_as_missing(epoch):
    record = {"first_epoch_ms": epoch, "final_epoch_ms": epoch, "tracking": {"xy_center": LINE}}
    np.testing.assert_array_equal(read({"1": record}).time, [0, 1, 2])


def test_the_clock_of_the_place_is_kept():
    record = {"final_datetime_isoformat": "2023-05-23T16:00:00.123-04:00", **GOOD}
    trails = read({"1": record, "2": {"final_datetime_isoformat": "soon", **GOOD}})
    np.testing.assert_array_equal(trails.table["utc_offset_s"], [-4 * 3600, np.nan])


def test_an_end_before_the_start_is_told():
    record = {"first_epoch_ms": 9000, "final_epoch_ms": 1000, "tracking": {"xy_center": LINE}}
    trails = read({"1": record})
    np.testing.assert_array_equal(trails.time, [9, 10, 11])
    assert "final time before first time" in problems_of(trails)["1"]


def test_a_repeated_id_is_told_and_the_first_counts():
    one, two = json.dumps(GOOD), json.dumps({"tracking": {"xy_center": LINE[:2]}})
    text = f'{{"1": {one}, "1": {two}, "2": {{"_id": 1, "tracking": {json.dumps(GOOD)}}}}}'
    trails = read_export(text.encode(), PATH)
    assert trails.table["n_samples"].tolist() == [3]
    assert trails.problems["problem"].str.contains("duplicate key").any()


@pytest.mark.parametrize("text", [b"", b"[1,", b'{"a": ', b"7", b'"word"', b"{}", b"[]", b"null"])
def test_json_without_objects_is_one_clear_line(text):
    with pytest.raises(TrailFormatError) as caught:
        read_export(text, PATH)
    assert "\n" not in str(caught.value)


def test_reading_stops_when_asked_to():
    with pytest.raises(CancelledError):
        read({"1": GOOD}, monitor=Monitor(cancelled=lambda: True))
