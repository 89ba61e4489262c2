"""Tables as people have them: each once misread, refused or crashed on; all hold one scene.

Each case writes the scene as another program does, and states what is right: ids, classes, times,
positions, extent, and what is said about it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import TrailFormatError
from napari_uai.trails.io.reading import open_trails
from napari_uai.trails.table import UNCLASSIFIED

GERMAN = {"pedestrian": "Fußgänger", "car": "Auto", "bicycle": "Fahrrad", "bus": "Bus"}
FRAME_S = 0.2
NOON = 1_718_179_200.0
"""2024-06-12 08:00 UTC, in s since 1970."""

FRAMES = "no frame rate: times are frame numbers, 1 s per frame; give frame_rate_hz (--frame-rate)"
LARGEST = "scene_size unknown: derived from the largest positions"
CORNER = (
    "'x', 'y' taken as the upper left corner of boxes, because they have a width and height; if "
    "they are positions: columns='x=x,y=y'"
)


class Case(NamedTuple):
    """A file and what is right: a row per sample; texts of problems, those of a trail after its id.

    ``size`` is None where it follows from the largest positions.
    """

    content: str | bytes
    right: pd.DataFrame
    notes: tuple[str, ...]
    name: str = "trails.csv"
    size: tuple[int, int] | None = None
    options: Mapping[str, Any] = MappingProxyType({})
    atol: float = 0.006  # two decimals


CASES: dict[str, Callable[[pd.DataFrame], Case]] = {}


def case(function: Callable[[pd.DataFrame], Case]) -> Callable[[pd.DataFrame], Case]:
    CASES[function.__name__] = function
    return function


@pytest.mark.parametrize("name", CASES)
def test_a_table_of_the_field_is_read_as_it_is_meant(name, street, check):
    check(CASES[name](street))


def largest(right):
    return int(right["x"].max() + 0.5) + 1, int(right["y"].max() + 0.5) + 1


def text(table, *columns, header=True, **how):
    return table[list(columns) or list(table.columns)].to_csv(index=False, header=header, **how)


def plain(table, **names):
    """Return text of trail, frame, x, y and class, under other names."""
    return text(table[["trail", "frame", "x", "y", "class"]].rename(columns=names))


# names of columns -----------------------------------------------------------------------------


@case
def ref_csv(street):
    return Case(plain(street), street, (LARGEST, FRAMES))


def renamed(old, new):
    def with_name(street):
        return Case(plain(street, **{old: new}), street, (LARGEST, FRAMES))

    with_name.__name__ = f"hdr_{new}"
    return case(with_name)


renamed("class", "class_name")
renamed("class", "cls")
renamed("class", "object_type")
renamed("frame", "frame_idx")
renamed("frame", "image_id")


@case
def unsorted_frame_no(street):
    rows = street.sample(frac=1, random_state=1)
    return Case(plain(rows, frame="frameNo"), street, (LARGEST, FRAMES))


@case
def napari_track_edit(street):
    """ID is that of the spot; the track is in another column."""
    table = pd.DataFrame({"ID": range(1, len(street) + 1), "Parent ID": "", "Time": street["frame"],
                          "y": street["y"], "x": street["x"], "Tracklet ID": street["trail"],
                          "Lineage ID": street["trail"]})  # fmt: skip
    notes = (LARGEST, "columns not used: ID, Parent ID, Lineage ID")
    return Case(text(table), street.assign(**{"class": UNCLASSIFIED}), notes)


# ids ------------------------------------------------------------------------------------------


@case
def csv_minus1(street):
    pending = street["trail"].isin((5, 9, 33))
    table = street.assign(trail=street["trail"].where(~pending, -1))
    n = pending.sum()
    share = f"{100 * n / len(street):.0f} %"
    note = f"{n} samples without an identity (-1), {share}: dropped"
    return Case(plain(table, trail="track_id"), street[~pending], (note, LARGEST, FRAMES))


@case
def deepstream_64bit_missing(street):
    ids = (2**62 + 7 * street["trail"].astype("int64")).astype("str")
    blank = street.index == 100
    table = street.assign(object_id=ids.where(~blank, ""), label=street["class"])
    names = ("object_id", "frame", "left", "top", "width", "height", "label")
    notes = ("1 sample without a valid trail: dropped", LARGEST, FRAMES)
    return Case(text(table, *names), street.assign(trail=ids)[~blank], notes)


@case
def id_zeros(street):
    table = street.assign(trail=[f"{number:05d}" for number in street["trail"]])
    return Case(plain(table), table, (LARGEST, FRAMES))


# boxes ----------------------------------------------------------------------------------------

BOX = ["left", "top", "width", "height"]


def mot(street, *more, separator=",", end=""):
    """Return frame, id, box and more columns; frames count from 1, those of the scene from 0."""
    table = pd.concat([street["frame"] + 1, street[["trail", *BOX]]], axis=1)
    for i, values in enumerate(more):
        table[f"more {i}"] = values
    rows = text(table, header=False, sep=separator)
    return rows.replace("\n", f"{end}\n"), street.assign(time=street["time"] + 1)


@case
def mot_space_boxmot(street):
    rows, right = mot(street, -1, -1, -1, -1, separator=" ", end=" ")
    return Case(rows, right.assign(**{"class": UNCLASSIFIED}), (LARGEST, FRAMES), "mot.txt")


@case
def mot7(street):
    rows, right = mot(street, 0.9)
    return Case(rows, right.assign(**{"class": UNCLASSIFIED}), (LARGEST, FRAMES), "mot.txt")


@case
def mot10_visdrone_class(street):
    numbers = street["class"].map({"pedestrian": 1, "car": 4, "bicycle": 3, "bus": 9})
    rows, right = mot(street, 1, numbers, 0, 0)
    note = "classes are numbers (1, 3, 4, 9): the file does not name them"
    right = right.assign(**{"class": numbers.astype("str")})
    return Case(rows, right, (LARGEST, FRAMES, note), "visdrone.txt")


@case
def ultralytics_xyxy(street):
    numbers = street["class"].map({"pedestrian": 0, "bicycle": 1, "car": 2, "bus": 5})
    table = street.assign(cls=numbers, conf=0.9, x1=street["left"], y1=street["top"],
                          x2=street["left"] + street["width"], track_id=street["trail"],
                          y2=street["top"] + street["height"])  # fmt: skip
    names = ("frame", "track_id", "cls", "conf", "x1", "y1", "x2", "y2")
    notes = (LARGEST, FRAMES, "classes are numbers (0, 1, 2, 5): the file does not name them",
             "columns not used: conf")  # fmt: skip
    return Case(text(table, *names), street.assign(**{"class": numbers.astype("str")}), notes)


@case
def ultralytics_xyxy_at_their_feet(street):
    """The same with ``--box-point bottom``."""
    made = ultralytics_xyxy(street)
    right = made.right.assign(y=made.right["top"] + made.right["height"])
    return made._replace(right=right, options={"box_point": "bottom"})


@case
def bbox_left(street):
    table = street.rename(columns={side: f"bbox_{side}" for side in BOX} | {"frame": "frame_id"})
    table = table.assign(track_id=street["trail"], class_name=street["class"])
    names = ("frame_id", "track_id", *(f"bbox_{side}" for side in BOX), "class_name")
    return Case(text(table, *names), street, (LARGEST, FRAMES))


@case
def highd(street):
    table = street.assign(id=street["trail"], x=street["left"], y=street["top"], xVelocity=0.0,
                          yVelocity=0.0)  # fmt: skip
    names = ("frame", "id", "x", "y", "width", "height", "xVelocity", "yVelocity")
    notes = (LARGEST, CORNER, FRAMES, "columns not used: xVelocity, yVelocity")
    return Case(text(table, *names), street.assign(**{"class": UNCLASSIFIED}), notes)


@case
def xywh_topleft(street):
    table = street.assign(track_id=street["trail"], x=street["left"], y=street["top"])
    table["label"] = street["class"]
    names = ("track_id", "frame", "x", "y", "width", "height", "label")
    return Case(text(table, *names), street, (LARGEST, CORNER, FRAMES))


@case
def kitti(street):
    rows = street.assign(kind=street["class"].str.capitalize(), right=street["left"] +
                         street["width"], bottom=street["top"] + street["height"])  # fmt: skip
    lines = [
        f"{r.frame} {r.trail} {r.kind} 0 0 -1.57 {r.left:.2f} {r.top:.2f} {r.right:.2f} "
        f"{r.bottom:.2f} 1.5 1.6 3.9 1 2 20 0.1"
        for r in rows.itertuples()
    ]
    lines.insert(40, "7 -1 DontCare -1 -1 -10 1 2 3 4 -1000 -1000 -1000 -10 -1 -1 -1")
    right = rows.assign(**{"class": rows["kind"]})
    notes = ("1 box of class DontCare: dropped", LARGEST, FRAMES)
    return Case("\n".join(lines) + "\n", right, notes, "0000.txt")


def aicity_text(street):
    rows = pd.DataFrame({"camera": 1 + (street["trail"] > 30), "id": street["trail"],
                         "frame": street["frame"]})  # fmt: skip
    boxes = street[["left", "top", "width", "height"]].round().astype(int)
    return text(pd.concat([rows, boxes], axis=1).assign(xw=-1, yw=-1), header=False, sep=" ")


@case
def aicity(street):
    right = street[street["trail"] > 30].assign(**{"class": UNCLASSIFIED})
    sides = right[["left", "top", "width", "height"]].round()
    right = right.assign(x=sides["left"] + sides["width"] / 2, y=sides["top"] + sides["height"] / 2)
    return Case(aicity_text(street), right, (LARGEST, FRAMES), "aicity.txt",
                options={"camera": "2"})  # fmt: skip


def test_of_several_cameras_one_must_be_chosen(street, tmp_path):
    (tmp_path / "aicity.txt").write_text(aicity_text(street))
    with pytest.raises(TrailFormatError, match=r"2 cameras in column 'camera': 2 .*--camera 2"):
        open_trails(tmp_path / "aicity.txt")


# units of positions ---------------------------------------------------------------------------


@case
def norm_csv_3over_scene(street):
    over = street.groupby("trail").head(1).index[[3, 30, 60]]
    shares = street.assign(x=(street["x"] / 1279).round(5), y=(street["y"] / 719).round(5))
    shares.loc[over, "x"] = 1.0012
    px = "(1280 x 720 px)"
    names = [f"{n}: 1 sample outside the picture {px}: dropped" for n in street["trail"][over]]
    share = f"{100 * 3 / len(street):.1g} %"
    notes = (
        f"3 of {len(street)} samples ({share}) in 3 trails outside the picture {px}: dropped",
        "almost all positions between 0 and 1: interpreted as fractions of the picture",
        FRAMES,
        *names,
    )
    size = (1280, 720)
    return Case(plain(shares), street.drop(index=over), notes, size=size,
                options={"scene_size": size}, atol=0.01)  # fmt: skip


@case
def one_far_positive(street):
    row = street.index[street["trail"] == 1][3]
    table = street.copy()
    table.loc[row, "x"] = 25_000.0
    notes = ("1: 1 sample far from all others: dropped", LARGEST, FRAMES)
    return Case(plain(table), street.drop(index=row), notes)


@case
def one_negative(street):
    row = street.index[street["trail"] == 1][3]
    table = street.copy()
    table.loc[row, "x"] = -3.0
    right = street.drop(index=row)
    width, height = largest(right)
    outside = f"1: 1 sample outside the picture ({width} x {height} px): dropped"
    return Case(plain(table), right, (outside, LARGEST, FRAMES))


def on_a_map(street, x0, y0, metres_per_px):
    """Return positions in metres, where they are in a picture of 640 px, and its size."""
    table = street.assign(x=(x0 + street["x"] * metres_per_px).round(3),
                          y=(y0 + street["y"] * metres_per_px).round(3))  # fmt: skip
    low = table[["x", "y"]].min()
    scale = 639 / (table[["x", "y"]].max() - low).max()
    right = street.assign(x=(table["x"] - low["x"]) * scale, y=(table["y"] - low["y"]) * scale)
    note = f"shifted by x {-low['x']:.9g}, y {-low['y']:.9g} and scaled by {scale:.4g} to 640 px"
    return table, right, note, largest(right)


@case
def offset_1000(street):
    table, right, note, size = on_a_map(street, 900, 900, 0.1)
    note = f"scene_size unknown and positions not in pixels: {note}"
    return Case(plain(table), right, (note, FRAMES), size=size)


@case
def offset_utm(street):
    table, right, note, size = on_a_map(street, 500_000, 5_400_000, 0.1)
    note = f"scene_size unknown and positions not in pixels: {note}"
    return Case(plain(table), right, (note, FRAMES), size=size)


@case
def interaction(street):
    table, right, note, size = on_a_map(street, 900, 900, 0.1)
    rows = pd.DataFrame({"track_id": table["trail"], "frame_id": table["frame"],
                         "timestamp_ms": 200 * table["frame"], "agent_type": table["class"],
                         "x": table["x"], "y": table["y"], "vx": 0.0, "vy": 0.0, "psi_rad": 0.0,
                         "length": 4.0, "width": 1.8})  # fmt: skip
    notes = (f"scene_size unknown and positions not in pixels: {note}",
             "columns not used: frame_id, vx, vy, psi_rad, length, width")  # fmt: skip
    return Case(text(rows), right.assign(time=FRAME_S * right["frame"]), notes, size=size)


@case
def pedpy_jps(street):
    table, right, note, size = on_a_map(street, 0, 0, 0.01)
    rows = table[["trail", "frame", "x", "y"]].round(4).assign(z=1.76)
    comments = ("# description: experiment\n# framerate: 5.00\n# geometry: geo.xml\n"
                "# id frame x/m y/m z/m\n")  # fmt: skip
    right = right.assign(time=right["frame"] / 5, **{"class": UNCLASSIFIED})
    notes = ("frame rate 5 Hz, from a comment of the file",
             f"scene_size unknown and positions not in pixels but in m: {note}",
             "columns not used: z/m")  # fmt: skip
    rows = comments + text(rows, header=False, sep=" ")
    return Case(rows, right, notes, "traj.txt", size=size)


# times ----------------------------------------------------------------------------------------


def timed(street, name, shown, seconds, *notes, **how):
    table = street[["trail", "x", "y", "class"]].assign(**{name: shown})
    return Case(text(table, **how), street.assign(time=seconds), (LARGEST, *notes))


def dates(street, add_s=0.0):
    ms = 1000 * (NOON + add_s + street["frame"] * FRAME_S)
    return pd.to_datetime(ms.round().astype("int64"), unit="ms")


@case
def iso_offset_local(street):
    shown = dates(street).dt.strftime("%Y-%m-%dT%H:%M:%S.%f+02:00")
    return timed(street, "time", shown, NOON - 7200 + street["frame"] * FRAME_S)


@case
def days5(street):
    late = 86_400.0 * (street["trail"] % 5)
    shown = dates(street, late).dt.strftime("%Y-%m-%d %H:%M:%S.%f").str[:-3]
    return timed(street, "time", shown, NOON + late + street["frame"] * FRAME_S)


@case
def time_unix_ms(street):
    seconds = NOON + 25.574 + street["frame"] * FRAME_S
    shown = (seconds * 1000).round().astype("int64")
    note = "times taken as ms since 1970 by their size"
    return timed(street, "timestamp", shown, shown / 1000, note)


@case
def time_german(street):
    shown = dates(street).dt.strftime("%d.%m.%Y %H:%M:%S.%f")
    how = {"sep": ";", "decimal": ","}
    return timed(street, "time", shown, NOON + street["frame"] * FRAME_S, **how)


@case
def time_hms(street):
    shown = dates(street).dt.strftime("%H:%M:%S.%f")
    note = "times of day without a date: seconds since midnight"
    return timed(street, "time", shown, 8 * 3600 + street["frame"] * FRAME_S, note)


def test_pictures_and_tables_show_local_times_and_dates(street, opened):
    local = opened(iso_offset_local(street))
    assert (local.table["utc_offset_s"] == 7200).all()
    clock = opened(time_hms(street))
    assert clock.table["time_of_day"].all()
    assert np.ptp(opened(days5(street)).time) > 4 * 86_400


# spreadsheets ---------------------------------------------------------------------------------


def german(street):
    return street.assign(**{"class": street["class"].map(GERMAN)})


@case
def decimal_comma_quoted(street):
    columns = street[["trail", "frame", "x", "y", "class"]]
    return Case(text(columns, decimal=",", quoting=1), street, (LARGEST, FRAMES))


@case
def utf16(street):
    rows = german(street)[["trail", "frame", "x", "y", "class"]]
    content = text(rows, sep="\t", decimal=",", lineterminator="\r\n").encode("utf-16")
    return Case(content, german(street), (LARGEST, FRAMES))


@case
def latin1(street):
    rows = german(street)[["trail", "frame", "x", "y", "class"]]
    content = text(rows, sep=";", decimal=",", lineterminator="\r\n").encode("cp1252")
    notes = ("not in UTF-8: read as Windows-1252", LARGEST, FRAMES)
    return Case(content, german(street), notes)


@case
def sep_line(street):
    rows = text(street[["trail", "frame", "x", "y", "class"]], sep=";")
    return Case(f"sep=;\n{rows}", street, (LARGEST, FRAMES))


@case
def pipe(street):
    rows = text(street[["trail", "frame", "x", "y", "class"]], sep="|")
    return Case(rows, street, (LARGEST, FRAMES))


@case
def xlsx(street):
    content = io.BytesIO()
    pytest.importorskip("openpyxl")
    columns = ["trail", "frame", "x", "y", "class"]
    street[columns].to_excel(content, index=False, sheet_name="Tracks")
    return Case(content.getvalue(), street, (LARGEST, FRAMES), "trails.xlsx")


# other programs -------------------------------------------------------------------------------


@case
def frigate_events(street):
    events = [
        {"id": f"1718179225.57-a{trail:04d}", "label": rows["class"].iloc[0], "camera": "front",
         "start_time": NOON, "end_time": None, "zones": [], "has_clip": True,
         "data": {"type": "object", "box": [0.1, 0.1, 0.1, 0.1], "score": 0.8,
                  "path_data": [[[round(r.x / 1279, 4), round(r.y / 719, 4)],
                                 NOON + r.frame * FRAME_S] for r in rows.itertuples()]}}
        for trail, rows in street.groupby("trail")
    ]  # fmt: skip
    names = [f"1718179225.57-a{trail:04d}" for trail in street["trail"]]
    right = street.assign(trail=names, time=NOON + street["frame"] * FRAME_S)
    size = (1280, 720)
    return Case(json.dumps(events), right, (), "events.json", size=size,
                options={"scene_size": size}, atol=0.08)  # fmt: skip


@case
def records_json(street):
    rows = street[["trail", "frame", "x", "y", "class"]]
    rows = rows.rename(columns={"trail": "id", "class": "cls"})
    return Case(rows.to_json(orient="records"), street, (LARGEST, FRAMES), "records.json")


@case
def trackmate_spots(street):
    n = len(street)
    table = pd.DataFrame({"LABEL": [f"ID{i}" for i in range(n)], "ID": range(n),
                          "TRACK_ID": street["trail"], "QUALITY": 5.1, "POSITION_X": street["x"],
                          "POSITION_Y": street["y"], "POSITION_Z": 0.0,
                          "POSITION_T": (street["frame"] * FRAME_S).round(1),
                          "FRAME": street["frame"], "RADIUS": 2.5, "VISIBILITY": 1})  # fmt: skip
    first, *rows = text(table).splitlines()
    above = ["Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame,Radius,Visibility",
             "Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame,R,Visibility",
             ",,,(quality),(pixel),(pixel),(pixel),(sec),,(pixel),"]  # fmt: skip
    right = street.assign(time=FRAME_S * street["frame"], **{"class": UNCLASSIFIED})
    return Case("\n".join([first, *above, *rows, ""]), right, (LARGEST,), "allspots.csv")


@case
def trackmate_xml(street):
    tracks = "".join(
        f'<particle nSpots="{len(rows)}">\n'
        + "".join(f'<detection t="{r.frame}" x="{r.x}" y="{r.y}" z="0.0"/>\n'
                  for r in rows.itertuples())
        + "</particle>\n"
        for _, rows in street.groupby("trail")
    )  # fmt: skip
    head = ('<?xml version="1.0" encoding="UTF-8"?>\n<Tracks nTracks="64" spaceUnits="pixel" '
            'frameInterval="0.2" timeUnits="sec" from="TrackMate v7">\n')  # fmt: skip
    right = street.assign(time=FRAME_S * street["frame"], **{"class": UNCLASSIFIED})
    return Case(f"{head}{tracks}</Tracks>\n", right, (LARGEST,), "tracks.xml")
