import re
from pathlib import Path

import numpy as np
import pytest

from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.trails.io.text import read_text
from napari_uai.trails.table import UNCLASSIFIED

PATH = Path("trails.csv")


def read(text, **options):
    options.setdefault("scene_size", (100, 80))
    return read_text(text.encode(), PATH, **options)


def told(trails):
    return "; ".join(trails.problems["problem"])


@pytest.mark.parametrize(
    "header",
    [
        "trail,time,x,y",
        "Track_ID,Frame,X,Y",
        "id, t ,x_px,y_px",
        "TRACK;TIME;X;Y",
        "object id\ttimestamp\tx\ty",
        "track-id frame x y",
        '"track","frame_id","x","y"',
    ],
)
def test_columns_are_told_by_their_names(header):
    mark = next((m for m in ";\t," if m in header), " ")
    rows = [
        ["7", "1", "10", "20"],
        ["8", "1", "5", "6"],
        ["7", "0", "11", "21"],
        ["8", "2", "7", "8"],
    ]
    trails = read("\n".join([header, *(mark.join(row) for row in rows)]))
    assert trails.table["trail"].tolist() == ["7", "8"]
    np.testing.assert_array_equal(trails.x, [11, 10, 5, 7])
    np.testing.assert_array_equal(trails.y, [21, 20, 6, 8])
    np.testing.assert_array_equal(trails.time, [0, 1, 1, 2])
    assert re.fullmatch(r"(no frame rate: [^;]*; give[^;]*)?", told(trails))


def test_columns_come_in_any_order_among_others():
    trails = read("label,y,note,x,frame,track\ncar,1,a,2,0,p\ncar,3,b,4,1,p\n")
    assert trails.table["class"].tolist() == ["car"]
    np.testing.assert_array_equal(trails.x, [2, 4])
    np.testing.assert_array_equal(trails.y, [1, 3])


def test_the_position_of_a_box_is_its_middle_or_where_it_stands():
    text = "id,frame,left,top,width,height\n1,0,10,20,4,8\n1,1,12,20,4,8\n"
    np.testing.assert_array_equal(read(text).x, [12, 14])
    np.testing.assert_array_equal(read(text).y, [24, 24])
    np.testing.assert_array_equal(read(text, box_point="foot").y, [28, 28])


def test_frames_become_seconds_and_seconds_stay():
    rows = "\n1,0,1,1\n1,5,2,2\n"
    np.testing.assert_array_equal(read("id,frame,x,y" + rows, frame_rate_hz=25).time, [0, 0.2])
    np.testing.assert_array_equal(read("id,t,x,y" + rows, frame_rate_hz=25).time, [0, 0.2])
    np.testing.assert_array_equal(read("id,time,x,y" + rows, frame_rate_hz=25).time, [0, 5])
    np.testing.assert_array_equal(read("id,epoch_ms,x,y" + rows, frame_rate_hz=25).time, [0, 0.005])
    fractions = "id,t,x,y\n1,0.5,1,1\n1,0.75,2,2\n"
    np.testing.assert_array_equal(read(fractions, frame_rate_hz=25).time, [0.5, 0.75])


def test_dates_are_seconds_since_1970():
    text = "id,time,x,y\n1,2023-05-23T16:00:00Z,1,1\n1,2023-05-23T16:00:00.5Z,2,2\n"
    np.testing.assert_array_equal(read(text).time, [1684857600, 1684857600.5])


def test_samples_without_time_follow_one_another():
    text = "id,x,y\n1,1,1\n2,5,5\n1,2,2\n2,6,6\n1,3,3\n"
    np.testing.assert_array_equal(read(text, frame_rate_hz=2).time, [0, 0.5, 1, 0, 0.5])


def test_a_decimal_comma_is_read_between_semicolons():
    trails = read("id;time;x;y\n1;0,5;1,25;2,5\n1;1,5;2,25;3,5\n")
    np.testing.assert_array_equal(trails.x, [1.25, 2.25])
    np.testing.assert_array_equal(trails.time, [0.5, 1.5])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_of_byte_order_are_no_part_of_a_name(encoding):
    text = "id,frame,x,y\n1,0,1,1\n1,1,2,2\n"
    assert len(read_text(text.encode(encoding), PATH, scene_size=(9, 9))) == 1


def test_comments_before_the_table_are_skipped():
    assert len(read("# by hand\n\n% of\nid,frame,x,y\n1,0,1,1\n1,1,2,2\n")) == 1


def test_the_class_is_the_one_that_most_samples_have():
    rows = [
        "1,0,1,1,car",
        "1,1,2,2,bus",
        "1,2,3,3,bus",
        "2,0,1,1,",
        "2,1,2,2,",
        "3,0,1,1,b",
        "3,1,2,2,a",
    ]
    trails = read("\n".join(["id,frame,x,y,class", *rows]))
    assert trails.table["class"].tolist() == ["bus", UNCLASSIFIED, "b"]


def test_names_of_trails_are_kept_as_they_stand():
    large = 2**60 + 1
    text = f"id,frame,x,y\n{large},0,1,1\n{large},1,2,2\n{large + 1},0,1,1\n{large + 1},1,2,2\n"
    assert read(text).table["trail"].tolist() == [str(large), str(large + 1)]
    text = "id,frame,x,y\n3.0,0,1,1\n3.0,1,2,2\n,5,5,5\n"
    assert read(text).table["trail"].tolist() == ["3"]


MOT = """1,3,10,20,4,8,1,-1,-1,-1
2,3,12,20,4,8,1,-1,-1,-1
1,4,50,40,10,20,0.5,-1,-1,-1
2,4,52,40,10,20,0.5,-1,-1,-1
1,-1,1,1,2,2,1,-1,-1,-1
"""


def test_mot_text_is_told_by_its_ten_columns():
    trails = read(MOT, frame_rate_hz=5)
    assert trails.table["trail"].tolist() == ["3", "4"]
    np.testing.assert_array_equal(trails.x, [12, 14, 55, 57])
    np.testing.assert_array_equal(trails.y, [24, 24, 50, 50])
    np.testing.assert_allclose(trails.time, [0.2, 0.4, 0.2, 0.4])
    assert "1 box without an identity" in told(trails)


def test_mot_ground_truth_names_classes_and_boxes_to_ignore():
    rows = [
        "1,3,10,20,4,8,1,3,1",
        "2,3,11,20,4,8,1,3,0.4",
        "1,4,9,9,2,2,0,1,1",
        "2,4,9,9,2,2,0,1,1",
    ]
    trails = read("\n".join(rows))
    assert trails.table["trail"].tolist() == ["3"]
    assert trails.table["class"].tolist() == ["car"]
    assert "2 boxes marked as ignored" in told(trails)


def test_a_broken_first_row_of_mot_text_is_dropped():
    trails = read(MOT.replace("1,3,10", "1,3,1o", 1) + "3,3,14,20,4,8,1,-1,-1,-1\n")
    assert trails.table["n_samples"].tolist() == [2, 2]
    assert "without a valid position" in told(trails)


def test_plain_columns_are_named_by_the_user():
    text = "1.0e+00 5.0e+00 10 0 30 9\n  11 5 12 0 32 9\n"
    trails = read(text, columns="frame,trail,x,_,y", frame_rate_hz=10)
    assert trails.table["trail"].tolist() == ["5"]
    np.testing.assert_array_equal(trails.x, [10, 12])
    np.testing.assert_array_equal(trails.y, [30, 32])
    np.testing.assert_allclose(trails.time, [0.1, 1.1])


def test_named_columns_can_be_named_otherwise():
    trails = read("a,b,c,d\n1,0,5,6\n1,1,7,8\n", columns="id,frame,y,x")
    np.testing.assert_array_equal(trails.x, [6, 8])


def test_plain_columns_without_names_say_what_to_do():
    with pytest.raises(TrailFormatError, match="columns='frame,trail,x,y'"):
        read("1 2 3 4\n5 6 7 8\n")


@pytest.mark.parametrize("columns", ["frame,trail,x,why", "frame,trail,x,y,_,_", ""])
def test_names_that_do_not_fit_are_refused(columns):
    with pytest.raises((BadValueError, TrailFormatError), match="columns"):
        read("1 2 3 4\n5 6 7 8\n", columns=columns)


@pytest.mark.parametrize("text", ["id,frame,x\n1,2,3", "a,b\n1,2", "frame,x,y\n1,2,3"])
def test_missing_columns_are_told(text):
    with pytest.raises(TrailFormatError, match="columns trail"):
        read(text)


def test_rows_that_are_no_samples_are_dropped_and_told():
    rows = [
        "1,0,10,10",
        "1,1,nan,10",
        "1,2,word,10",
        "1,3,11,inf",
        "1,,11,11",
        ",4,11,11",
        "1,5,11,11",
        "1,6,11,11,12,13",
        "1,7",
        "1,5,40,40",
        "1,8,100,5",
        "1,9,5,-3",
        "2,0,5,5",
    ]
    trails = read("\n".join(["id,frame,x,y", *rows]))
    assert trails.table["trail"].tolist() == ["1"]
    np.testing.assert_array_equal(trails.x, [10, 11])
    np.testing.assert_array_equal(trails.time, [0, 5])
    problems = told(trails)
    assert "1 line with too many columns, the first is line 9" in problems
    assert "4 samples without a valid position" in problems
    assert "1 sample without a valid time" in problems
    assert "1 sample without a valid trail" in problems
    assert "2 samples outside the picture (100 x 80 px)" in problems
    assert "1 sample at the time of another sample of the trail" in problems
    assert (
        trails.problems.set_index("trail").loc["2", "problem"].startswith("only one usable sample")
    )


def test_half_a_pixel_beyond_the_middle_of_the_last_is_still_the_picture():
    trails = read("id,frame,x,y\n1,0,-0.5,79.4\n1,1,99.4,0\n")
    assert len(trails.x) == 2


def test_the_scene_ends_at_the_last_positions_if_nothing_tells():
    trails = read("id,frame,x,y\n1,0,10,20\n1,1,639,359\n", scene_size=None)
    assert (trails.scene.width, trails.scene.height) == (640, 360)
    assert "derived from the largest positions" in told(trails)


def test_the_outermost_box_belongs_to_the_scene_that_it_ends():
    text = "id,frame,left,top,width,height\n1,0,10,20,5,9\n1,1,37,40,5,9\n"
    trails = read(text, scene_size=None)
    np.testing.assert_array_equal(trails.x, [12.5, 39.5])
    np.testing.assert_array_equal(trails.y, [24.5, 44.5])
    assert (trails.scene.width, trails.scene.height) == (41, 46)


def test_shares_of_the_picture_are_noticed_and_told():
    text = "id,frame,x,y\n1,0,0.5,0.25\n1,1,0.25,0.5\n"
    trails = read(text, scene_size=(101, 81))
    np.testing.assert_array_equal(trails.x, [50, 25])
    np.testing.assert_array_equal(trails.y, [20, 40])
    assert "fractions of the picture" in told(trails)
    np.testing.assert_array_equal(read(text, normalized=False).x, [0.5, 0.25])
    whole = "id,frame,x,y\n1,0,0,1\n1,1,1,0\n"
    np.testing.assert_array_equal(read(whole).x, [0, 1])
    np.testing.assert_array_equal(read(whole, normalized=True).x, [0, 99])


def test_a_plan_in_metres_is_enlarged_and_told():
    text = "id,frame,x,y\n1,0,-5.5,0.5\n1,1,4.5,2.5\n1,2,-0.5,2.5\n"
    trails = read(text, scene_size=None)
    np.testing.assert_allclose(trails.x, [0, 639, 319.5])
    np.testing.assert_allclose(trails.y, [0, 127.8, 127.8], rtol=1e-6)
    assert trails.scene.width == 640
    assert "scaled" in told(trails)


def test_positions_beyond_any_picture_ask_for_its_size():
    with pytest.raises(BadValueError, match="scene_size"):
        read("id,frame,x,y\n1,0,1,1\n1,1,1e9,1\n", scene_size=None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"# only a comment\n",
        b"id,frame,x,y\n",
        b"\x89PNG\r\n\0\0\0",
        b"id,frame,x,y\n1,0,1,1\n",
        b"id,frame,x,y\n1,0,a,b\n1,1,c,d\n",
        b'id,frame,x,y\n"1,0,1,1\n1,1,2,2\n',
        b"id,frame,x,y\n1,0,1,500\n1,1,2,500\n",
    ],
)
def test_text_without_a_usable_trail_is_one_clear_line(data):
    with pytest.raises(TrailFormatError) as caught:
        read_text(data, PATH, scene_size=(100, 80))
    assert "\n" not in str(caught.value)
