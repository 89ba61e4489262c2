from __future__ import annotations

import gzip
import json
import os

import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Tracks
from napari.settings import get_settings

from napari_uai.errors import OutputError
from napari_uai.sample_data import sample_path
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.io.reading import open_trails
from napari_uai.trails.io.writing import write_trails
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.trails.readers import trail_layers, trail_reader, write_tracks

SAMPLE = sample_path("trails")


@pytest.fixture(scope="module")
def trails():
    return simulate_trails(TrailSettings(trails=30, seed=1)).trails


def test_the_sample_opens_as_a_scene_and_tracks_that_lie_over_it(viewer):
    scene, tracks = viewer.open_sample("napari-uai", "trails")
    assert isinstance(scene, Image)
    assert scene.rgb
    assert isinstance(tracks, Tracks)
    assert len(np.unique(tracks.data[:, 0])) == 400
    assert {"class", "duration_s"} <= set(tracks.features.columns)
    assert len(tracks.metadata[KEY]["classes"]) == 4
    (low_y, low_x), (high_y, high_x) = scene.extent.world
    positions = tracks.data[:, 2:] * tracks.scale[1:] + tracks.translate[1:]
    assert (positions >= [low_y, low_x]).all()
    assert (positions <= [high_y, high_x]).all()


def test_a_report_folder_dropped_on_the_viewer_opens(viewer):
    layers = viewer.open(SAMPLE / "locations" / "site" / "gate" / "report", plugin="napari-uai")
    assert [type(layer) for layer in layers] == [Image, Tracks]
    assert layers[1].name == "site/gate"


def test_a_folder_of_several_cameras_asks_in_the_dock(viewer, tmp_path):
    for camera in ("gate", "yard"):
        objects = tmp_path / "locations" / "site" / camera / "report" / "metadata" / "objects"
        objects.mkdir(parents=True)
    assert viewer.open(tmp_path, plugin="napari-uai") == []
    dock = next(iter(viewer.window.dock_widgets.values()))
    assert dock.sources.path.text() == str(tmp_path)
    assert [dock.sources.camera.itemText(i) for i in range(2)] == ["gate", "yard"]


@pytest.mark.parametrize("name", ["my_trails.csv", "trails.csv.gz", "trails.json", "trails.zip"])
def test_what_was_written_is_recognised_and_opens_with_all_samples(trails, tmp_path, name):
    path = write_trails(trails, tmp_path / name)
    reader = trail_reader(str(path))
    assert reader is not None
    (_, _, kind), (data, _, tracks_kind) = reader(str(path))
    assert (kind, tracks_kind) == ("image", "tracks")
    assert len(data) == len(trails.y)


@pytest.mark.parametrize(
    "text",
    [
        "1,9,499,157,30,76,1,-1,-1,-1\n2,9,497,158,32,74,1,-1,-1,-1\n",
        "particle;frame;x;y\n1;0;3;4\n1;1;4;5\n",
        "Track_ID\tT\tX\tY\n1\t0\t3\t4\n1\t1\t4\t5\n",
    ],
)
def test_texts_of_tracks_are_recognised(tmp_path, text):
    path = tmp_path / "tracks.txt"
    path.write_text(text)
    assert trail_reader(str(path)) is not None
    assert len(trail_layers(path)[1][0]) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("landings_tracked.csv", b"frame,y,x,contrast\n1,2,3,4\n"),
        ("track_times.csv", b"track,duration\n1,2\n"),
        ("track.csv", b""),
        ("tracks.csv", b"\0\1\2\3" * 100),
        ("tracks.json", b'{"type": "FeatureCollection", "features": []}'),
        ("notes.json.gz", gzip.compress(json.dumps({"a": 1}).encode(), mtime=0)),
        ("broken.json.gz", b"\x1f\x8b no gzip"),
        ("trails.zip", b"PK no zip"),
    ],
)
def test_other_files_are_left_to_other_readers(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert trail_reader(str(path)) is None


SAMPLES = pd.DataFrame(
    [
        (trail, time, 10.0 * trail + 3 * time, 20.0 + 4 * time)
        for trail in (1, 2)
        for time in (0.0, 0.5, 1.0)
    ],
    columns=["trail", "time_s", "x", "y"],
)
"""Two trails of three samples."""


def written_by_us(path):
    columns = {name: SAMPLES[name] for name in ("trail", "time_s", "x", "y")}
    table = path.with_name("first.csv")
    pd.DataFrame(columns).to_csv(table, index=False)
    write_trails(open_trails(table, scene_size=(64, 48)), path, frame_rate_hz=2)


def write_mot(path):
    rows = [
        f"{round(2 * time) + 1},{trail},{x - 2},{y - 2},4,4,1,-1,-1,-1"
        for trail, time, x, y in SAMPLES.itertuples(index=False)
    ]
    path.write_text("\n".join(rows))


def write_kitti(path):
    rows = [
        f"{round(2 * time)} {trail} Car 0 0 0 {x - 2} {y - 2} {x + 2} {y + 2} 1 1 1 0 0 0 0"
        for trail, time, x, y in SAMPLES.itertuples(index=False)
    ]
    path.write_text("\n".join(rows))


def write_json_lines(path):
    SAMPLES.to_json(path, orient="records", lines=True)


def write_trackmate(path):
    particles = "".join(
        "<particle>"
        + "".join(f'<detection t="{2 * t:g}" x="{x}" y="{y}" z="0"/>' for _, t, x, y in own.values)
        + "</particle>"
        for _, own in SAMPLES.groupby("trail")
    )
    path.write_text(
        '<?xml version="1.0"?><Tracks nTracks="2" spaceUnits="pixel" frameInterval="0.5" '
        f'timeUnits="s">{particles}</Tracks>'
    )


def write_gpx(path):
    tracks = "".join(
        "<trk><trkseg>"
        + "".join(
            f'<trkpt lat="{50 + y / 1e5}" lon="{10 + x / 1e5}">'
            f"<time>2024-06-12T08:00:{t:06.3f}Z</time></trkpt>"
            for _, t, x, y in own.values
        )
        + "</trkseg></trk>"
        for _, own in SAMPLES.groupby("trail")
    )
    path.write_text(f'<?xml version="1.0"?><gpx version="1.1">{tracks}</gpx>')


def write_workbook(path):
    pytest.importorskip("openpyxl")
    SAMPLES.to_excel(path, index=False)


def write_array(path):
    frames = SAMPLES.assign(frame=2 * SAMPLES["time_s"])
    np.save(path, frames[["trail", "frame", "y", "x"]].to_numpy())


DROPPED = {
    "a.csv.gz": written_by_us,
    "trails.csv": written_by_us,
    "trails.zip": written_by_us,
    "a.json": written_by_us,
    "a.json.gz": written_by_us,
    "a.geojson": written_by_us,
    "trails.parquet": written_by_us,
    "mot.txt": write_mot,
    "kitti.txt": write_kitti,
    "a.tsv": lambda path: SAMPLES.to_csv(path, sep="\t", index=False),
    "a.jsonl": write_json_lines,
    "a.xml": write_trackmate,
    "a.gpx": write_gpx,
    "tracks.xlsx": write_workbook,
    "tracks.npy": write_array,
}


@pytest.mark.parametrize("name", DROPPED)
def test_a_file_of_every_format_of_trails_opens_by_drop(viewer, tmp_path, name):
    path = tmp_path / name
    DROPPED[name](path)
    get_settings().plugins.extension2reader = {"*": "napari-uai"}  # "remember this choice"
    scene, tracks = viewer.open(path, plugin=None)
    assert isinstance(tracks, Tracks)
    assert scene.visible
    assert [len(tracks.data[tracks.data[:, 0] == i]) for i in np.unique(tracks.data[:, 0])] == [
        3,
        3,
    ]
    steps = np.diff(tracks.data[:3, 2:], axis=0)
    np.testing.assert_allclose(steps[0], steps[1], rtol=0.02)
    if name != "a.gpx":  # degrees, of which those of longitude are shorter
        assert steps[0][1] / steps[0][0] == pytest.approx(3 / 4, rel=0.02)
    duration = 2 if name in FRAMES_ONLY else 1
    np.testing.assert_allclose(tracks.features["duration_s"], duration, rtol=0.02)


FRAMES_ONLY = {"mot.txt", "kitti.txt", "tracks.npy"}
"""They count frames: of 1 s each, as no rate is given."""


def test_other_folders_and_missing_files_are_left_to_other_readers(tmp_path):
    assert trail_reader(str(tmp_path)) is None
    assert trail_reader(str(tmp_path / "tracks.csv")) is None
    (tmp_path / "metadata").mkdir()
    assert trail_reader([str(tmp_path)]) is None


def test_a_folder_of_very_many_folders_is_let_go_at_once(tmp_path, monkeypatch):
    for i in range(30):
        for j in range(30):
            (tmp_path / f"{i}" / f"{j}").mkdir(parents=True)
    looked_at = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looked_at.append(path) or scandir(path))
    assert trail_reader(str(tmp_path)) is None
    assert len(looked_at) <= 300


def test_a_broken_file_is_reported(tmp_path):
    path = tmp_path / "tracks.csv"
    path.write_text("track,frame,x,y\n1,a,b,c\n")
    with pytest.raises(ValueError, match=r"tracks\.csv: "):
        trail_reader(str(path))(str(path))


def test_saved_tracks_of_ours_open_as_the_same_trails(viewer, tmp_path):
    _, tracks = viewer.open_sample("napari-uai", "trails")
    path = str(tmp_path / "tracks.csv")
    assert tracks.save(path, plugin="napari-uai") == [path]
    again = open_trails(path, scene_size=(1280, 720))
    kept = tracks.metadata[KEY]["trails"]
    assert again.table["class"].tolist() == kept.table["class"].tolist()
    assert again.table["trail"].tolist() == kept.table["trail"].tolist()
    np.testing.assert_allclose(again.x, kept.x, rtol=1e-5)


def test_tracks_of_others_are_saved_with_their_features(viewer, tmp_path):
    data = np.array([[1, 0, 5, 6], [1, 1, 6, 7], [4, 3, 1, 1], [4, 4, 2, 2.5]])
    layer = viewer.add_tracks(data, features={"brightness": [1.0, 2.0, 3.0, 4.0]})
    path = str(tmp_path / "particles.csv")
    assert layer.save(path, plugin="napari-uai") == [path]
    table = pd.read_csv(path)
    assert list(table.columns) == ["trail", "frame", "y", "x", "brightness"]
    np.testing.assert_array_equal(table[["trail", "frame", "y", "x"]], data)
    assert len(open_trails(path)) == 2


def test_an_unwritable_path_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write to"):
        write_tracks(str(tmp_path / "file" / "t.csv"), np.zeros((2, 4)), {})


TRAILS = [(i, f, 20 + 3 * f + i, 10 + 2 * i) for i in (1, 2) for f in range(1, 9)]


def rows(form, separator="\n", head=""):
    return head + separator.join(form.format(i=i, f=f, x=x, y=y) for i, f, x, y in TRAILS) + "\n"


POINTS = [{"id": i, "frame": f, "x": x, "y": y} for i, f, x, y in TRAILS]
PATHS = [
    {"id": f"a{i}", "label": "car", "camera": "gate", "data": {"path_data": [
        [[x / 100, y / 100], f] for j, f, x, y in TRAILS if j == i]}}
    for i in (1, 2)
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mot_tracks.txt", rows("{f} {i} {x} {y} 4 4 -1 -1 -1 -1 ")),
        ("0001.txt", rows("{f} {i} Car 0 0 -1 {x} {y} {x}9 {y}9 1 1 1 1 1 1 1")),
        ("annotations.txt", rows('{i} {x} {y} {x}9 {y}9 {f} 0 0 0 "Biker"')),
        ("jps.txt", rows("{i} {f} {x} {y} 1", head="# framerate: 16\n# id frame x/m y/m z/m\n")),
        ("my_tracks.csv", rows("{i},{f},{x},{y},{x}9,{y}9", head="tid,frameNo,x1,y1,x2,y2\n")),
        ("tracks.tsv", rows("{i}|{f}|{x}|{y}", head="sep=|\ntrack|image_id|cx|cy\n")),
        ("records.json", json.dumps(POINTS)),
        ("lines.jsonl", "\n".join(map(json.dumps, POINTS))),
        ("events.json", json.dumps(PATHS)),
        ("tracks.gpx", "<gpx>" + "".join(
            f"<trk><name>{i}</name><trkseg>" + "".join(
                f'<trkpt lat="{y / 100}" lon="{x / 100}"/>' for j, f, x, y in TRAILS if j == i)
            + "</trkseg></trk>" for i in (1, 2)) + "</gpx>"),
        ("tracks.xml", '<Tracks frameInterval="0.2" timeUnits="sec">' + "".join(
            "<particle>" + "".join(
                f'<detection t="{f}" x="{x}" y="{y}"/>' for j, f, x, y in TRAILS if j == i)
            + "</particle>" for i in (1, 2)) + "</Tracks>"),
    ],
)  # fmt: skip
def test_tables_of_other_programs_open_when_dropped(viewer, tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    layers = viewer.open(path, plugin="napari-uai")
    assert [type(layer) for layer in layers] == [Image, Tracks]
    assert len(np.unique(layers[1].data[:, 0])) == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("matrix.txt", "1 0 0 0 0 1\n0 1 0 0 0 1\n"),
        ("readme.txt", "what this is\nand more\n"),
        ("package.json", '[{"name": "a", "x": 1}]'),
        ("feed.xml", "<rss><item/></rss>"),
        ("settings.json", "{}"),
    ],
)
def test_texts_that_hold_no_trails_are_left_to_other_readers(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert trail_reader(str(tmp_path / name)) is None
