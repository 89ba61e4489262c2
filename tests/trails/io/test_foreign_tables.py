"""Tables as other programs write them: every one holds the same scene."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.trails.io.convert import trails_of_frame
from napari_uai.trails.table import UNCLASSIFIED

SIZE = (320, 180)


def told(trails):
    return "; ".join(trails.problems["problem"])


def named(scene, **columns):
    """Return columns of the scene by other names."""
    return pd.DataFrame({name: scene[key] for name, key in columns.items()})


@pytest.mark.parametrize(
    "header",
    [
        "TrackID Frame PosX PosY ObjClass", "track-id frame_no pos_x pos_y cls_name",
        "tid frameNumber cx cy category", "trackId frameIndex xCenter yCenter vehicleType",
        "obj_id frame_num center_x center_y object_class", "objectID image_id x y type",
        "tracker_id frame_index x_center y_center class_name", "Trajectory Slice X Y Type",
        "person_id image_number X_px Y_px agent_class",
        "Vehicle_ID Frame_ID Local_X Local_Y v_Class",
        "TRACK_ID TIMESTEP position_x position_y OBJECT_TYPE", "particle frm px py species",
        "traj_id video_frame x_pos y_pos label_name", "uid fn xpos ypos cat",
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", [1, -1])
def test_columns_are_known_by_any_of_their_names(scene, reading, is_the_scene, header, order):
    table = scene[["trail", "frame", "x", "y", "class"]].set_axis(header.split(), axis=1)
    table = table.iloc[:, ::order].sample(frac=1, random_state=1)
    is_the_scene(reading(table, scene_size=SIZE))


@pytest.mark.parametrize(
    "header",
    [
        "left top right bottom", "x1 y1 x2 y2", "xmin ymin xmax ymax", "X_Min Y_Min X_Max Y_Max",
        "xtl ytl xbr ybr", "bbox_x1 bbox_y1 bbox_x2 bbox_y2", "bb_left bb_top bb_right bb_bottom",
        "x0 y0 x1 y1", "bbox-1 bbox-0 bbox-3 bbox-2", "box.x1 box.y1 box.x2 box.y2", "l t r b",
        "top_left_x top_left_y bottom_right_x bottom_right_y", "bbox[0] bbox[1] bbox[2] bbox[3]",
    ],
)  # fmt: skip
def test_the_position_of_corners_is_their_middle(scene, reading, is_the_scene, header):
    corners = scene[["left", "top", "right", "bottom"]].set_axis(header.split(), axis=1)
    table = pd.concat(
        [named(scene, frame="frame", track_id="trail", label="class"), corners], axis=1
    )
    is_the_scene(reading(table, scene_size=SIZE))
    feet = reading(table, scene_size=SIZE, box_point="bottom")
    first = scene[scene.trail == 3]
    np.testing.assert_allclose(feet.y[feet.trail(0)], first.bottom, atol=0.02)


@pytest.mark.parametrize(
    "header",
    [
        "left top width height", "bbox_left bbox_top bbox_width bbox_height", "l t w h",
        "bbox_x bbox_y bbox_w bbox_h", "x_tl y_tl width height", "rect.x rect.y rect.w rect.h",
        "bbox_0 bbox_1 bbox_2 bbox_3", "BoundingBox_X BoundingBox_Y BoundingBox_W BoundingBox_H",
    ],
)  # fmt: skip
def test_the_position_of_a_corner_and_sides_is_the_middle(scene, reading, is_the_scene, header):
    corners = scene[["left", "top", "width", "height"]].set_axis(header.split(), axis=1)
    table = pd.concat(
        [named(scene, frame="frame", track_id="trail", label="class"), corners], axis=1
    )
    is_the_scene(reading(table, scene_size=SIZE))


def test_x_and_y_beside_a_width_and_height_are_a_corner_and_this_is_said(
    scene, reading, is_the_scene
):
    table = named(scene, id="trail", frame="frame", x="left", y="top", width="width",
                  height="height", label="class")  # fmt: skip
    trails = is_the_scene(reading(table, scene_size=SIZE))
    assert "taken as the upper left corner" in told(trails)
    assert "columns='x=x,y=y'" in told(trails)
    centres = reading(table.assign(x=scene.x, y=scene.y), scene_size=SIZE, columns="x=x,y=y")
    assert "corner" not in told(is_the_scene(centres))
    corners = reading(table, scene_size=SIZE, box_point="top-left")
    np.testing.assert_allclose(corners.x[corners.trail(0)], scene.left[scene.trail == 3], atol=0.01)


def test_centres_with_sides_and_lengths_of_bodies_are_positions(scene, reading, is_the_scene):
    table = named(scene, id="trail", frame="frame", x_center="x", y_center="y", width="width",
                  height="height", label="class")  # fmt: skip
    is_the_scene(reading(table, scene_size=SIZE))
    bodies = named(scene, id="trail", frame="frame", x="x", y="y", length="width", width="height",
                   height="height", label="class")  # fmt: skip
    is_the_scene(reading(bodies, scene_size=SIZE))
    pictures = named(scene, id="trail", frame="frame", x="x", y="y", label="class")
    is_the_scene(reading(pictures.assign(width=320, height=180), scene_size=SIZE))


def test_columns_not_used_are_named_in_one_note(scene, reading):
    table = named(scene, id="trail", frame="frame", x="x", y="y").assign(speed=1.0, note="a")
    assert told(reading(table, scene_size=SIZE, frame_rate_hz=1)) == "columns not used: speed, note"


def test_columns_are_named_by_what_they_mean(scene, reading, is_the_scene):
    table = named(scene, a="trail", b="frame", c="x", d="y", e="class")
    names = "trail=a,frame=b,x=c,y=d,class=e"
    is_the_scene(reading(table, scene_size=SIZE, columns=names))
    in_ms = {"trail": "a", "time_ms": "b", "x": "c", "y": "d", "class": "e"}
    is_the_scene(reading(table, scene_size=SIZE, columns=in_ms), seconds=0.001)
    with pytest.raises(BadValueError, match="x=ex: no such column"):
        reading(table, columns="trail=a,frame=b,x=ex,y=d")


def test_rows_are_chosen_by_any_column(scene, reading, is_the_scene):
    table = named(scene, id="trail", frame="frame", x="x", y="y", label="class")
    both = pd.concat([table.assign(cam="A"), table.assign(cam="B", x=scene.y, y=scene.x)])
    with pytest.raises(TrailFormatError, match=r"2 cameras in column 'cam'.*--camera A"):
        reading(both, scene_size=SIZE)
    is_the_scene(reading(both, scene_size=SIZE, camera="A"))
    is_the_scene(reading(both, scene_size=SIZE, where="cam=A"))
    assert set(reading(both, where="cam=A,label=car").table["class"]) == {"car"}
    with pytest.raises(BadValueError, match="it holds A, B"):
        reading(both, where="cam=C")
    with pytest.raises(BadValueError, match="no column 'came'; did you mean 'cam'"):
        reading(both, where="came=A")
    with pytest.raises(BadValueError, match="no column of cameras"):
        reading(table, camera="A")


def test_the_class_is_the_column_that_names_it(scene, reading, is_the_scene):
    table = named(scene, id="trail", frame="frame", x="x", y="y", name="class")
    table["class"] = table["name"].map({"car": 2, "bus": 5, "pedestrian": 0})
    is_the_scene(reading(table, scene_size=SIZE))
    numbers = reading(table.drop(columns="name"), scene_size=SIZE)
    assert sorted(numbers.classes.index) == ["0", "2", "5"]
    assert "classes are numbers (0, 2, 5)" in told(numbers)


def test_labels_of_spots_are_no_classes(scene, reading):
    table = named(scene, track="trail", frame="frame", x="x", y="y")
    table["label"] = [f"ID{i}" for i in range(len(table))]
    trails = reading(table, scene_size=SIZE)
    assert set(trails.table["class"]) == {UNCLASSIFIED}
    assert "column 'label' is not taken as class" in told(trails)


def test_a_table_of_spots_says_where_the_tracks_may_be(scene, reading):
    table = named(scene, frame="frame", x="x", y="y", belongs="trail").assign(ID=range(len(scene)))
    with pytest.raises(TrailFormatError, match=r"'ID' has a single sample.* such as 'belongs'"):
        reading(table)


def test_ids_are_texts(scene, reading):
    def ids(column):
        table = named(scene, frame="frame", x="x", y="y").assign(id=column)
        return reading(table, scene_size=SIZE).table["trail"].tolist()

    large = scene.trail.astype("int64") + 2**62
    padded = [f"{name:05d}" for name in scene.trail]
    assert ids(large) == [str(name) for name in large.unique()]
    assert ids(large.astype("str").where(scene.index > 0)) == [str(name) for name in large.unique()]
    assert ids(padded) == sorted(set(padded))
    parts = [f"1_{name}" for name in scene.trail]
    assert ids(parts) == list(dict.fromkeys(parts))
    other = named(scene, frame="frame", x="x", y="y").assign(who=padded)
    trails = reading(other, scene_size=SIZE, columns="trail=who")
    assert trails.table["trail"].tolist() == sorted(set(padded))
    assert ids(scene.trail.astype(float)) == [str(name) for name in scene.trail.unique()]
    assert ids(large.astype("uint64") + 2**63)[0] == str(2**62 + 2**63 + 3)


@pytest.mark.parametrize("nobody", [-1, 2**64 - 1, ""])
def test_what_is_not_tracked_is_dropped_and_counted(scene, reading, nobody):
    ids = scene.trail.astype("str").where(scene.trail != 3, str(nobody))
    table = named(scene, frame="frame", x="x", y="y").assign(id=ids)
    trails = reading(table, scene_size=SIZE)
    assert len(trails) == 11
    n = (scene.trail == 3).sum()
    assert f"{n} samples without a" in told(trails)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("quoting", [0, 1])
def test_any_separator_and_decimal_mark_is_told(
    scene, reading, is_the_scene, separator, decimal, quoting
):
    table = scene[["trail", "frame", "x", "y", "class"]]
    text = table.to_csv(index=False, sep=separator, decimal=decimal, quoting=quoting)
    is_the_scene(reading(text, scene_size=SIZE))


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_any_encoding_of_a_spreadsheet_is_read(scene, reading, encoding):
    table = scene[["trail", "frame", "x", "y", "class"]].replace("pedestrian", "Fußgänger")
    data = table.to_csv(index=False, sep=";", decimal=",", lineterminator="\r\n").encode(encoding)
    assert set(reading(data, scene_size=SIZE).table["class"]) == {"car", "bus", "Fußgänger"}


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;;"])
def test_the_line_that_names_the_separator_is_obeyed(scene, reading, is_the_scene, line):
    table = scene[["trail", "frame", "x", "y", "class"]]
    is_the_scene(reading(f"{line}\r\n" + table.to_csv(index=False, sep=";"), scene_size=SIZE))


def test_packed_tables_are_the_same(scene, reading, is_the_scene):
    text = scene[["trail", "frame", "x", "y", "class"]].to_csv(index=False, sep="|")
    is_the_scene(reading(gzip.compress(text.encode()), "trails.gz", scene_size=SIZE))


def test_names_of_pictures_are_frames(scene, reading, is_the_scene):
    table = named(scene, id="trail", x="x", y="y", label="class")
    table["image"] = [f"gate_{frame:06d}.jpg" for frame in scene.frame]
    trails = is_the_scene(reading(table, scene_size=SIZE))
    assert "frames are the numbers in names" in told(trails)


def test_data_frames_take_the_same_options(scene, is_the_scene):
    table = named(scene, a="trail", frame="frame", c="x", d="y", label="class")
    options = {"columns": "trail=a,x=c,y=d", "scene_size": SIZE}
    is_the_scene(trails_of_frame(table, **options))
    is_the_scene(trails_of_frame(table.set_index("frame"), **options))
    in_order = "trail,frame,x,y,class"
    is_the_scene(trails_of_frame(table, columns=in_order, scene_size=SIZE))


def test_reasons_are_totals_and_shares_the_commonest_first(scene, reading):
    table = named(scene, id="trail", frame="frame", x="x", y="y")
    table.loc[scene.index % 4 == 0, "x"] = 999
    table.loc[[1, 50], "y"] = np.nan
    trails = reading(table, scene_size=SIZE)
    n = (scene.index % 4 == 0).sum()
    first, second, *_ = trails.problems["problem"]
    assert first.startswith(f"{n} of {len(scene)} samples (25 %) in 12 trails outside the picture")
    assert second.startswith(
        f"2 of {len(scene)} samples (1 %) in 2 trails without a valid position"
    )
    assert (trails.problems["trail"] != "").sum() <= 6


def test_a_scene_that_does_not_fit_is_refused_with_the_remedy(scene, reading):
    table = named(scene, id="trail", frame="frame").assign(
        x=500_000 + scene.x / 10, y=5_400_000 + scene.y / 10
    )
    with pytest.raises(TrailFormatError, match="leave out scene_size"):
        reading(table, scene_size=SIZE)
    assert len(reading(table)) == 12


@pytest.mark.parametrize(
    "header",
    ["x_percent y_percent", "x% y%", "x_pct y_pct", "X (%) Y (%)", "cx_percent cy_percent"],
)
def test_percent_of_the_picture_are_known_by_their_names(scene, reading, is_the_scene, header):
    table = named(scene, id="trail", frame="frame", label="class")
    for name, axis, last in zip(header.replace(" (", "(").split(), "xy", (319, 179), strict=True):
        table[name] = 100 * scene[axis] / last
    is_the_scene(reading(table, scene_size=SIZE))


def test_positions_from_0_to_100_raise_a_doubt_that_can_be_answered(scene, reading, is_the_scene):
    table = named(scene, id="trail", frame="frame", label="class")
    low, high = scene[["x", "y"]].min(), scene[["x", "y"]].max()
    wide = 97 * (scene[["x", "y"]] - low) / (high - low)
    table = table.assign(x=wide["x"].round(3), y=wide["y"].round(3))
    for size in (SIZE, None):
        trails = reading(table, scene_size=size)
        assert "if they are percent of the picture, say so with columns='x_percent" in told(trails)
    said = reading(table, scene_size=SIZE, columns="x_percent=x,y_percent=y")
    np.testing.assert_allclose(said.x.max(), 0.97 * 319, atol=0.01)
    assert "percent" not in told(said)
    px = reading(table.assign(x=scene["x"], y=scene["y"]), scene_size=SIZE)
    assert "percent" not in told(px)


def test_tables_of_several_recordings_name_the_column_that_tells_them_apart(
    scene, reading, is_the_scene
):
    table = named(scene, id="trail", frame="frame", x="x", y="y", label="class").assign(speed=1.5)
    both = pd.concat([table.assign(well="B2"), table.assign(well="C4", x=scene.y, y=scene.x)])
    with pytest.raises(TrailFormatError, match=r"column 'well' \(B2, C4\).*where='well=B2'"):
        reading(both, scene_size=SIZE)
    is_the_scene(reading(both, scene_size=SIZE, where="well=B2"))


def test_headers_among_the_rows_are_dropped_and_said(scene, reading):
    first, second = scene[scene.frame < 60], scene[scene.frame >= 60]
    columns = ["trail", "frame", "x", "y", "class"]
    text = "".join(part[columns].to_csv(index=False) for part in (first, second))
    trails = reading(text, scene_size=SIZE)
    assert len(trails.x) == len(scene)
    assert "1 line repeats the header: dropped" in told(trails)
