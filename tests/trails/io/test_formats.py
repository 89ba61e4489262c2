"""Formats of other programs, written as these programs do: every one holds the same scene."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError, TrailFormatError
from napari_uai.trails.io.readers import formats
from napari_uai.trails.io.reading import open_trails

SIZE = (320, 180)
NUMBERS = {"pedestrian": 1, "car": 3, "bus": 6}


def told(trails):
    return "; ".join(trails.problems["problem"])


def lines(*columns, separator=",", end=""):
    n = len(columns[0]) if hasattr(columns[0], "__len__") else len(columns[1])
    full = (column if hasattr(column, "__len__") else [column] * n for column in columns)
    rows = zip(*full, strict=True)
    return "".join(separator.join(f"{v:g}" if isinstance(v, float) else str(v) for v in row) + end
                   + "\n" for row in rows)  # fmt: skip


@pytest.fixture
def boxes(scene):
    scene = scene.sort_values(["frame", "trail"])
    return [scene.frame, scene.trail, *(scene[k] for k in ("left", "top", "width", "height"))]


@pytest.mark.parametrize("separator", [",", " ", "\t", ", ", ";"])
@pytest.mark.parametrize(
    "more", [(), (0.9,), (0.9, -1), (-1, -1, -1, -1), (1, -1, -1, -1), (0.9, -1, -1, -1)]
)
def test_mot_text_of_any_width_and_separator(boxes, reading, is_the_scene, separator, more):
    text = lines(*boxes, *more, separator=separator)
    is_the_scene(reading(text, "mot.txt", scene_size=SIZE), classes=False)


@pytest.mark.parametrize("columns", [8, 9, 10])
def test_the_eighth_column_of_mot_text_is_a_class(scene, boxes, reading, is_the_scene, columns):
    kinds = scene.loc[boxes[0].index, "class"].map(NUMBERS)
    more = {8: (0.9, kinds), 9: (1, kinds, 1), 10: (1, kinds, 0, 0)}[columns]
    trails = reading(lines(*boxes, *more), "gt.txt", scene_size=SIZE)
    is_the_scene(trails, classes=False)
    named = {"pedestrian": "pedestrian", "car": "car", "bus": "non motorized vehicle"}
    numbered = {kind: str(number) for kind, number in NUMBERS.items()}
    right = scene.groupby("trail")["class"].first().map(named if columns == 9 else numbered)
    kinds = dict(zip(trails.table["trail"].astype(int), trails.table["class"], strict=True))
    assert kinds == right.to_dict()


def test_world_positions_of_mot_text_are_no_classes(scene, boxes, reading, is_the_scene):
    text = lines(*boxes, 1, scene.x / 7, scene.y / 7, 0)
    assert reading(text, "gt.txt", scene_size=SIZE).classes.index.tolist() == ["unclassified"]


def test_velocities_are_no_boxes(scene, reading):
    text = lines(scene.frame, scene.trail, scene.x, 0, scene.y, -0.5, 0, 0.3, separator=" ")
    with pytest.raises(TrailFormatError, match="8 columns of numbers without names"):
        reading(text, "obsmat.txt")


def test_a_sequence_of_the_mot_challenge_knows_its_size_and_rate(tmp_path, boxes, is_the_scene):
    (tmp_path / "seq" / "gt").mkdir(parents=True)
    (tmp_path / "seq" / "gt" / "gt.txt").write_text(lines(*boxes, 1, 1, 1))
    (tmp_path / "seq" / "seqinfo.ini").write_text(
        "[Sequence]\nname=seq\nframeRate=5\nimWidth=320\nimHeight=180\n"
    )
    for path in (tmp_path / "seq", tmp_path / "seq" / "gt" / "gt.txt"):
        trails = is_the_scene(open_trails(path), seconds=0.2, classes=False)
        assert (trails.scene.width, trails.scene.height) == SIZE


@pytest.mark.parametrize("score", [(), (0.98,)])
def test_kitti_tracking_labels(scene, reading, is_the_scene, score):
    kinds = scene["class"]
    text = "0 -1 DontCare -1 -1 -10 1 2 3 4 -1000 -1000 -1000 -10 -1 -1 -1" + " 1" * len(score)
    corners = [scene[k] for k in ("left", "top", "right", "bottom")]
    rows = lines(scene.frame, scene.trail, kinds, 0, 0, -1.57, *corners, 1.5, 1.6, 3.9, 1, 2, 20, 0,
                 *score, separator=" ")  # fmt: skip
    trails = is_the_scene(reading(f"{text}\n{rows}", "0000.txt", scene_size=SIZE))
    assert "1 box of class DontCare: dropped" in told(trails)


def test_sdd_annotations(scene, reading, is_the_scene):
    corners = [scene[k].round(2) for k in ("left", "top", "right", "bottom")]
    quoted = '"' + scene["class"] + '"'
    text = lines(scene.trail, *corners, scene.frame, 0, 0, 0, quoted, separator=" ")
    lost = '99 1 1 5 5 7 1 0 0 "car"\n99 1 1 5 5 8 1 0 0 "car"\n'
    trails = is_the_scene(reading(lost + text, "annotations.txt", scene_size=SIZE))
    assert "2 boxes marked as lost" in told(trails)
    generated = '3 1 1 5 5 900 0 0 1 "car"\n'
    kept = reading(text + generated, "annotations.txt", scene_size=SIZE)
    without = reading(text + generated, "annotations.txt", scene_size=SIZE, keep_extrapolated=False)
    assert len(kept.x) == len(without.x) + 1


@pytest.mark.parametrize("world", [(-1, -1), (42.5, -90.7)])
def test_cameras_of_ai_city_are_told_apart(scene, reading, is_the_scene, world):
    box = [scene[k] for k in ("left", "top", "width", "height")]
    first = lines(1, scene.trail, scene.frame, *box, *world, separator=" ")
    second = lines(2, scene.trail, scene.frame, *box, *world, separator=" ")
    is_the_scene(reading(first, "one.txt", scene_size=SIZE), classes=False)
    with pytest.raises(TrailFormatError, match=r"2 cameras.*--camera"):
        reading(first + second, "two.txt")
    is_the_scene(reading(first + second, "two.txt", scene_size=SIZE, camera="2"), classes=False)


HEADER = """LABEL,ID,TRACK_ID,QUALITY,POSITION_X,POSITION_Y,POSITION_Z,POSITION_T,FRAME
Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame
Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame
,,,(quality),({unit}),({unit}),({unit}),(sec),
"""


@pytest.mark.parametrize("unit", ["pixel", "micron"])
def test_spots_of_trackmate(scene, reading, is_the_scene, unit):
    spots = pd.DataFrame({"label": "ID1", "id": scene.index, "track": scene.trail, "q": 5.1,
                          "x": scene.x, "y": scene.y, "z": 0, "t": scene.seconds,
                          "frame": scene.frame})  # fmt: skip
    alone = "ID7,7777,None,1,5,5,0,0,0\n"
    text = HEADER.format(unit=unit) + alone + spots.to_csv(index=False, header=False)
    options = {"scene_size": SIZE} if unit == "pixel" else {}
    trails = reading(text, **options)
    is_the_scene(trails, seconds=0.2, classes=False, pixels=unit == "pixel")
    assert "1 spot without a valid trail" in told(trails)


def test_tracks_of_trackmate(scene, reading, is_the_scene):
    parts = [
        f'<particle nSpots="{len(rows)}">'
        + "".join(
            f'<detection t="{r.frame}" x="{r.x}" y="{r.y}" z="0.0"/>' for r in rows.itertuples()
        )
        + "</particle>"
        for _, rows in scene.groupby("trail")
    ]
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Tracks nTracks="12" spaceUnits="pixel" '
        f'frameInterval="0.2" timeUnits="sec">{"".join(parts)}</Tracks>'
    )
    trails = reading(text, "tracks.xml", scene_size=SIZE)
    is_the_scene(trails, seconds=0.2, classes=False, names=False)


def test_the_model_of_trackmate(scene, reading, is_the_scene):
    spots = "".join(
        f'<Spot ID="{i}" POSITION_X="{r.x}" POSITION_Y="{r.y}" POSITION_T="0" FRAME="{r.frame}"/>'
        for i, r in enumerate(scene.itertuples())
    )
    tracks = "".join(
        f'<Track TRACK_ID="{name}">'
        + "".join(
            f'<Edge SPOT_SOURCE_ID="{a}" SPOT_TARGET_ID="{b}"/>'
            for a, b in zip(rows.index[:-1], rows.index[1:], strict=True)
        )
        + "</Track>"
        for name, rows in scene.groupby("trail")
    )
    text = (
        f'<TrackMate version="7.1"><Model spatialunits="pixel" timeunits="sec"><AllSpots>{spots}'
        f"</AllSpots><AllTracks>{tracks}</AllTracks></Model><Settings><ImageData "
        'timeinterval="0.2"/></Settings></TrackMate>'
    )
    trails = reading(text, "model.xml", scene_size=SIZE)
    is_the_scene(trails, seconds=0.2, classes=False)


def test_xml_with_entities_is_refused(reading):
    text = '<!DOCTYPE a [<!ENTITY b "c">]><Tracks><particle>&b;</particle></Tracks>'
    with pytest.raises(TrailFormatError, match="entities"):
        reading(text, "tracks.xml")


def test_tracks_of_cvat(scene, reading, is_the_scene):
    tracks = "".join(
        f'<track id="{name}" label="{rows["class"].iloc[0]}">'
        + "".join(
            f'<box frame="{r.frame}" xtl="{r.left}" ytl="{r.top}" xbr="{r.right}" ybr="{r.bottom}" '
            'outside="0" occluded="0" keyframe="1"/>'
            for r in rows.itertuples()
        )
        + '<box frame="999" xtl="0" ytl="0" xbr="4" ybr="4" outside="1"/></track>'
        for name, rows in scene.groupby("trail")
    )
    size = "<original_size><width>320</width><height>180</height></original_size>"
    meta = f"<meta><task>{size}</task></meta>"
    text = f"<annotations><version>1.1</version>{meta}{tracks}</annotations>"
    trails = is_the_scene(reading(text, "annotations.xml"))
    assert (trails.scene.width, trails.scene.height) == SIZE


def test_gpx_becomes_a_map_with_north_up(scene, reading, is_the_scene):
    tracks = "".join(
        f"<trk><name>{name}</name><type>{rows['class'].iloc[0]}</type><trkseg>"
        + "".join(
            f'<trkpt lat="{48 - r.y / 1e5:.8f}" lon="{8 + r.x / 1e5:.8f}"><time>'
            f"{pd.Timestamp(r.seconds, unit='s').isoformat()}Z</time></trkpt>"
            for r in rows.itertuples()
        )
        + "</trkseg></trk>"
        for name, rows in scene.groupby("trail")
    )
    text = f'<?xml version="1.0"?><gpx xmlns="http://www.topografix.com/GPX/1/1">{tracks}</gpx>'
    is_the_scene(reading(text, "tracks.gpx"), seconds=0.2, pixels=False, tolerance=0.2)


@pytest.mark.parametrize("times", ["times", "coordTimes", "coordinateProperties"])
def test_lines_of_geojson_with_times(scene, reading, is_the_scene, times):
    features = []
    for name, rows in scene.groupby("trail"):
        stamps = [f"2024-06-12T08:00:{seconds:09.6f}Z" for seconds in rows.seconds]
        values = {"times": stamps} if times == "coordinateProperties" else stamps
        properties = {"class": rows["class"].iloc[0], times: values}
        points = [[8 + x / 1e5, 48 - y / 1e5] for x, y in zip(rows.x, rows.y, strict=True)]
        geometry = {"type": "LineString", "coordinates": points}
        features.append({"type": "Feature", "id": name, "properties": properties,
                         "geometry": geometry})  # fmt: skip
    text = json.dumps({"type": "FeatureCollection", "features": features})
    is_the_scene(reading(text, "a.geojson"), seconds=0.2, pixels=False, tolerance=0.2)


def test_points_of_geojson_in_pixels(scene, reading, is_the_scene):
    features = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [r.x, r.y]},
         "properties": {"track_id": r.trail, "frame": r.frame, "label": kind}}
        for r, kind in zip(scene.itertuples(), scene["class"], strict=True)
    ]  # fmt: skip
    text = json.dumps({"type": "FeatureCollection", "features": features})
    is_the_scene(reading(text, "a.geojson", scene_size=SIZE))


def test_events_of_frigate_are_fractions_of_the_picture(scene, reading, is_the_scene):
    events = [
        {"id": f"1718179225.57-a{name}", "label": rows["class"].iloc[0], "camera": "front",
         "start_time": 1718179225.0, "data": {"box": [0.1, 0.1, 0.1, 0.1], "path_data": [
             [[r.x / 319, r.y / 179], 1718179225 + r.seconds] for r in rows.itertuples()]}}
        for name, rows in scene.groupby("trail")
    ]  # fmt: skip
    trails = reading(json.dumps(events), "events.json", scene_size=SIZE)
    is_the_scene(trails, seconds=0.2, names=False)
    events[3]["camera"] = "back"
    with pytest.raises(TrailFormatError, match="2 cameras"):
        reading(json.dumps(events), "events.json")
    assert len(reading(json.dumps(events), "events.json", where="camera=front")) == 11


@pytest.mark.parametrize("stamped", [True, False])
def test_tracker_data_of_opendatacam_are_centres(scene, reading, is_the_scene, stamped):
    frames = []
    for frame, rows in scene.groupby("frame"):
        objects = [{"id": r.trail, "x": r.x, "y": r.y, "w": r.width, "h": r.height, "bearing": 3,
                    "confidence": 0.8, "name": scene["class"][r.Index], "isZombie": False}
                   for r in rows.itertuples()]  # fmt: skip
        stamp = {"timestamp": f"2024-06-12T08:00:{frame / 5:09.6f}Z"} if stamped else {}
        frames.append({"frameId": frame, **stamp, "objects": objects})
    trails = reading(json.dumps(frames), "tracker.json", scene_size=SIZE)
    is_the_scene(trails, seconds=0.2 if stamped else 1)


def test_annotations_of_coco_with_tracks(scene, reading, is_the_scene):
    kinds = [{"id": number, "name": kind} for kind, number in NUMBERS.items()]
    images = [{"id": 1000 + f, "frame_id": f, "width": 320, "height": 180} for f in range(200)]
    annotations = [
        {"id": i, "image_id": 1000 + r.frame, "track_id": r.trail, "area": 1.0, "iscrowd": 0,
         "category_id": NUMBERS[scene["class"][r.Index]],
         "bbox": [r.left, r.top, r.width, r.height]}
        for i, r in enumerate(scene.itertuples())
    ]  # fmt: skip
    text = json.dumps({"images": images, "annotations": annotations, "categories": kinds})
    trails = is_the_scene(reading(text, "coco.json"))
    assert (trails.scene.width, trails.scene.height) == SIZE


@pytest.fixture
def records(scene):
    return scene[["trail", "frame", "x", "y", "class"]].rename(columns={"trail": "id"})


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split", "table", "lines"])
def test_json_of_pandas(records, reading, is_the_scene, orient):
    how = {"orient": "records", "lines": True} if orient == "lines" else {"orient": orient}
    how |= {"index": False} if orient == "table" else {}
    is_the_scene(reading(records.to_json(**how), "t.json", scene_size=SIZE))


def test_json_of_frames_with_objects(scene, reading, is_the_scene):
    frames = {
        frame: [{"track_id": r.trail, "class": scene["class"][r.Index], "conf": 0.9,
                 "bbox": [r.left, r.top, r.width, r.height]} for r in rows.itertuples()]
        for frame, rows in scene.groupby("frame")
    }  # fmt: skip
    listed = [{"frame_id": frame, "objects": objects} for frame, objects in frames.items()]
    for document in (frames, listed, {"frames": listed}):
        is_the_scene(reading(json.dumps(document), "t.json", scene_size=SIZE))
    text = "\n".join(json.dumps(item) for item in listed)
    is_the_scene(reading(text, "t.jsonl", scene_size=SIZE))


def test_json_of_objects_with_paths(scene, reading, is_the_scene):
    def item(name, rows, as_lists):
        points = [[r.x, r.y, r.seconds] if as_lists else {"frame": r.frame, "x": r.x, "y": r.y}
                  for r in rows.itertuples()]  # fmt: skip
        return {"id": name, "label": rows["class"].iloc[0], "trajectory": points}

    for as_lists in (True, False):
        objects = [item(name, rows, as_lists) for name, rows in scene.groupby("trail")]
        by_id = {str(one["id"]): {k: one[k] for k in one if k != "id"} for one in objects}
        for document in (objects, {"tracks": objects}, by_id):
            trails = reading(json.dumps(document), "t.json", scene_size=SIZE)
            is_the_scene(trails, seconds=0.2 if as_lists else 1)


@pytest.mark.parametrize("width", [4, 5])
def test_tracks_of_napari_in_npy(scene, reading, is_the_scene, width):
    columns = [scene.trail, scene.frame, *([0 * scene.x] if width == 5 else []), scene.y, scene.x]
    buffer = io.BytesIO()
    np.save(buffer, np.column_stack(columns))
    is_the_scene(reading(buffer.getvalue(), "tracks.npy", scene_size=SIZE), classes=False)


def test_named_fields_in_npy(records, reading, is_the_scene):
    buffer = io.BytesIO()
    kinds = {"class": "U16"}
    np.save(buffer, records.to_records(index=False, column_dtypes=kinds))
    is_the_scene(reading(buffer.getvalue(), "tracks.npy", scene_size=SIZE))


def test_arrays_of_another_shape_are_refused(reading):
    for array in (np.zeros((4, 3)), np.array(["a", None], object)):
        buffer = io.BytesIO()
        np.save(buffer, array)
        with pytest.raises(TrailFormatError, match="npy"):
            reading(buffer.getvalue(), "tracks.npy")


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_tables_of_arrow(records, reading, is_the_scene, kind):
    pytest.importorskip("pyarrow")
    buffer = io.BytesIO()
    getattr(records.reset_index(drop=True), f"to_{kind}")(buffer)
    is_the_scene(reading(buffer.getvalue(), f"t.{kind}", scene_size=SIZE))


def test_workbooks_of_excel(scene, records, reading, is_the_scene):
    pytest.importorskip("openpyxl")
    dated = records.drop(columns="frame")
    dated["time"] = pd.Timestamp("2024-06-12 08:00") + pd.to_timedelta(scene.seconds, unit="s")
    for table, seconds in ((records, 1), (dated, 0.2)):
        buffer = io.BytesIO()
        table.to_excel(buffer, index=False)
        is_the_scene(reading(buffer.getvalue(), "t.xlsx", scene_size=SIZE), seconds=seconds)


def test_broken_and_old_workbooks_say_what_to_do(reading):
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<w/>")
    for data in (buffer.getvalue(), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99):
        with pytest.raises(TrailFormatError, match="csv"):
            reading(data, "t.xlsx")


@pytest.mark.parametrize(
    ("package", "name", "data"),
    [
        ("pyarrow", "tables", b"PAR1"),
        ("openpyxl", "tables", b"PK\x03\x04 xl/workbook.xml"),
        ("movement", "pose", b"\x89HDF\r\n\x1a\n"),
        ("movement", "pose", b"scorer,DLC,DLC\nindividuals,a,a\nbodyparts,n,n\ncoords,x,y\n"),
    ],
)
def test_a_package_that_is_missing_is_named(monkeypatch, reading, package, name, data):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    for module in ("spreadsheets", "pose"):
        monkeypatch.setattr(f"napari_uai.trails.io.formats.{module}.find_spec", lambda _: None)
    with pytest.raises(TrailFormatError, match=rf"needs? {package}.*napari-uai\[{name}\]"):
        reading(data, "t.bin")


@pytest.mark.parametrize("confidence", [True, False])
def test_a_folder_of_labels_of_ultralytics(scene, tmp_path, is_the_scene, confidence):
    for frame, rows in scene.groupby("frame"):
        text = "".join(
            f"{NUMBERS[scene['class'][r.Index]]} {r.x / 319:.6f} {r.y / 179:.6f} 0.1 0.1"
            f"{' 0.9' if confidence else ''} {r.trail}\n"
            for r in rows.itertuples()
        )
        (tmp_path / f"video_{frame}.txt").write_text(text)
    trails = open_trails(tmp_path, scene_size=SIZE)
    is_the_scene(trails, classes=False)
    assert sorted(trails.classes.index) == ["1", "3", "6"]


def test_labels_without_ids_are_refused(tmp_path):
    for frame in range(3):
        (tmp_path / f"video_{frame}.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(TrailFormatError, match="without ids"):
        open_trails(tmp_path)


def test_trails_of_several_files_are_told_apart(records, tmp_path):
    for name in ("monday", "tuesday"):
        records.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "notes.txt").write_text("no table\n")
    trails = open_trails(tmp_path, scene_size=SIZE)
    assert len(trails) == 24
    assert {"monday/3", "tuesday/3"} <= set(trails.table["trail"])
    assert "trails of 2 files" in told(trails)
    assert "notes.txt" in trails.problems["file"].tolist()


def test_options_of_reports_do_not_apply_to_tables(records, reading):
    with pytest.raises(BadValueError, match="location applies to report folders only"):
        reading(records, location="site")


def test_every_format_is_listed_once_with_what_it_needs():
    names = [name for name, _ in formats()]
    assert len(names) == len(set(names)) > 20
    assert all(needs for _, needs in formats())


def test_poses_of_deeplabcut_are_trails_of_their_mean_keypoint(scene, reading, is_the_scene):
    pytest.importorskip("movement")
    frames = range(scene.frame.max() + 1)
    columns = {}
    for name, rows in scene.groupby("trail"):
        xy = rows.set_index("frame")[["x", "y"]].reindex(frames)
        for part, shift in (("nose", 2), ("tail", -2)):
            columns |= {("DLC", f"m{name}", part, axis): xy[axis] + shift for axis in ("x", "y")}
            columns["DLC", f"m{name}", part, "likelihood"] = 1.0
    table = pd.DataFrame(columns, index=frames)
    table.columns.names = ["scorer", "individuals", "bodyparts", "coords"]
    trails = reading(table.to_csv(), "dlc.csv", scene_size=SIZE)
    is_the_scene(trails, classes=False, names=False)


def test_columns_without_names_are_numbered_from_one(scene, reading, is_the_scene):
    text = lines(scene.x, scene.y, 7, scene.trail, scene.frame, separator=" ")
    trails = reading(text, "t.txt", scene_size=SIZE, columns="x=1,y=2,trail=4,frame=5")
    assert "columns not used: 3" in told(is_the_scene(trails, classes=False))


def test_detections_without_ids_are_not_those_of_cameras(scene, reading):
    box = [scene[k].astype(int) for k in ("left", "top", "width", "height")]
    with pytest.raises(TrailFormatError, match="without an identity"):
        reading(lines(scene.frame, -1, *box, 0.9), "det.txt")


def test_a_folder_of_kitti_labels_tells_sequences_apart(scene, tmp_path):
    corners = [scene[k] for k in ("left", "top", "right", "bottom")]
    rest = [1] * 7
    rows = lines(scene.frame, scene.trail, scene["class"], 0, 0, 0, *corners, *rest, separator=" ")
    for name in ("0000", "0001"):
        (tmp_path / f"{name}.txt").write_text(rows)
    trails = open_trails(tmp_path, scene_size=SIZE)
    assert len(trails) == 24
    assert trails.classes.to_dict() == {"bus": 8, "car": 8, "pedestrian": 8}


def test_spots_of_several_positions_of_trackmate_are_refused(scene, reading):
    rows = lines(scene.frame, 0, scene.trail, 5, scene.x, scene.y, 0, scene.frame / 5, scene.frame)
    one = HEADER.format(unit="pixel") + rows
    assert len(reading(one, "a.csv", scene_size=SIZE)) == 12
    with pytest.raises(TrailFormatError, match=r"2 positions one below the other.*export each"):
        reading(one + one, "a.csv")
    first, *rest = one.splitlines()
    lines_of = [f"{first},image", *(f"{row}," for row in rest[:3])]
    lines_of += [f"{row},{image}" for image in ("p1.tif", "p2.tif") for row in rest[3:]]
    with pytest.raises(TrailFormatError, match=r"column 'image' \(p1\.tif, p2\.tif\) tells them"):
        reading("\n".join(lines_of) + "\n", "a.csv")
    assert len(reading("\n".join(lines_of) + "\n", "a.csv", where="image=p2.tif")) == 12
