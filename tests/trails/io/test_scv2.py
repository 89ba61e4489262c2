import gzip
import json
import shutil

import cv2
import numpy as np
import pytest

from napari_uai.errors import CancelledError, TrailFormatError
from napari_uai.monitor import Monitor
from napari_uai.trails.io import scv2
from napari_uai.trails.io.reading import open_trails
from napari_uai.trails.io.scv2 import list_reports, read_report

START = 1_684_858_000_000  # ms


def write(path, content, *, packed=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(content).encode()
    if packed:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(data))
    else:
        path.write_bytes(data)


def picture(path, shape=(36, 64, 3), value=80):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full(shape, value, np.uint8)
    image[..., 0] = 10  # blue in a file of OpenCV
    assert cv2.imwrite(str(path), image)


def record(identity, start=START, n=5, **further):
    line = np.linspace(0.1, 0.9, n)
    return {
        "_id": identity,
        "bdb_classifier": "car",
        "first_epoch_ms": start,
        "final_epoch_ms": start + 1000,
        "ancestor_id": 0,
        "descendant_id": 0,
        "tracking": {"xy_center": np.column_stack([line, line]).tolist()},
        **further,
    }


def camera_folder(root, location="site", camera="gate", *, packed=True, deeper=""):
    report = root / "locations" / location / camera / "report"
    for i in range(3):
        path = report / "metadata" / "objects" / deeper / f"{100 + i}.json"
        write(path, record(100 + i, START + 10_000 * i), packed=packed)
    info = {"_id": START - 9000, "video_width": 641, "video_height": 361}
    write(report / "metadata" / "camera_info" / f"{START - 9000}.json", info, packed=packed)
    picture(report / "images" / "backgrounds" / deeper / f"{START - 5000}.png")
    for i in range(2):
        picture(report / "images" / "snapshots" / deeper / f"{START + 7000 * i}.jpg")
        write(report / "metadata" / "snapshots" / f"{START + 7000 * i}.json", {})
    return report


@pytest.fixture
def report(tmp_path):
    return camera_folder(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("deeper", ["", "2023-05-23/16"])
def test_a_report_is_read_however_it_is_packed_and_nested(tmp_path, packed, deeper):
    folder = camera_folder(tmp_path, packed=packed, deeper=deeper)
    trails = read_report(folder)
    assert trails.problems.empty
    assert trails.table["trail"].tolist() == ["100", "101", "102"]
    assert set(trails.table["class"]) == {"car"}
    np.testing.assert_array_equal(trails.table["start"], START / 1000 + 10 * np.arange(3))
    np.testing.assert_allclose(trails.x[:5], 640 * np.linspace(0.1, 0.9, 5), rtol=1e-6)
    np.testing.assert_allclose(trails.y[:5], 360 * np.linspace(0.1, 0.9, 5), rtol=1e-6)
    assert trails.scene.image.shape == (36, 64, 3)
    assert trails.scene.image[0, 0].tolist() == [80, 80, 10]
    assert trails.scene.snapshots["time"].tolist() == [START / 1000, START / 1000 + 7]
    assert all(path.is_file() for path in trails.scene.snapshots["path"])


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "locations",
        "locations/site",
        "locations/site/gate",
        "locations/site/gate/report",
        "locations/site/gate/report/metadata",
        "locations/site/gate/report/metadata/objects",
    ],
)
def test_any_folder_above_the_objects_will_do(tmp_path, report, inner):
    assert [r.folder for r in list_reports(tmp_path / inner)] == [report]
    trails = open_trails(tmp_path / inner, location="site", camera="gate")
    assert len(trails) == 3
    assert trails.source == report


def test_several_cameras_are_listed_until_one_is_chosen(tmp_path):
    for location, camera in (("a", "north"), ("a", "south"), ("b", "north")):
        camera_folder(tmp_path, location, camera)
    listing = "location a: north, south; location b: north"
    with pytest.raises(TrailFormatError, match=f"3 cameras.*{listing}"):
        open_trails(tmp_path)
    with pytest.raises(TrailFormatError, match=f"unknown location 'c'.*{listing}"):
        open_trails(tmp_path, location="c")
    with pytest.raises(TrailFormatError, match=f"unknown camera 'west' at location a.*{listing}"):
        open_trails(tmp_path, location="a", camera="west")
    with pytest.raises(TrailFormatError, match="2 cameras"):
        open_trails(tmp_path, camera="north")
    assert open_trails(tmp_path, location="b").source.parts[-3:-1] == ("b", "north")
    assert open_trails(tmp_path, camera="south").source.parts[-3:-1] == ("a", "south")


def test_a_folder_without_reports_says_what_is_expected(tmp_path):
    with pytest.raises(TrailFormatError, match="no report folder"):
        open_trails(tmp_path)


def test_an_empty_object_folder_is_named(tmp_path, report):
    shutil.rmtree(report / "metadata" / "objects")
    (report / "metadata" / "objects").mkdir()
    with pytest.raises(TrailFormatError, match=r"no object records.*objects"):
        open_trails(tmp_path)


def test_bad_objects_are_listed_with_their_file_and_the_rest_goes_on(report):
    objects = report / "metadata" / "objects"
    good = (objects / "100.json.gz").read_bytes()
    (objects / "200.json.gz").write_bytes(good[:60])
    (objects / "201.json").write_text('{"_id": 201, "tracking": {"xy_')
    (objects / "202.json").write_bytes(b"")
    write(objects / "203.json", {"_id": 203})
    write(objects / "204.json", record(204, n=1))
    write(objects / "205.json", record(100))
    (objects / "206.json").mkdir()
    (objects / "207.json").symlink_to(objects / "nowhere.json")
    trails = read_report(report)
    assert trails.table["trail"].tolist() == ["100", "101", "102"]
    told = trails.problems.set_index("file")["problem"]
    assert "truncated gz" in told["metadata/objects/200.json.gz"]
    assert "JSON" in told["metadata/objects/201.json"]
    assert "JSON" in told["metadata/objects/202.json"]
    assert "xy_center" in told["metadata/objects/203.json"]
    assert "one usable sample" in told["metadata/objects/204.json"]
    assert "100.json.gz" in told["metadata/objects/205.json"]
    assert "cannot be read" in told["metadata/objects/207.json"]


def test_an_object_that_unpacks_without_end_is_not_read(report, monkeypatch):
    monkeypatch.setattr(scv2, "RECORD_LIMIT", 10_000)
    write(report / "metadata" / "objects" / "300.json", record(300, n=5000), packed=True)
    trails = read_report(report)
    assert len(trails) == 3
    assert "after decompression" in trails.problems["problem"].iloc[0]


def test_objects_that_are_all_broken_are_one_line_with_the_first_reason(report):
    for path in (report / "metadata" / "objects").iterdir():
        path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(TrailFormatError, match=r"no usable trail.*3 problems.*100\.json\.gz"):
        read_report(report)


def test_an_object_without_id_has_the_name_of_its_file(report):
    write(report / "metadata" / "objects" / "555.json", record(None))
    assert "555" in read_report(report).table["trail"].tolist()


def test_the_background_is_the_newest_before_the_trails(report):
    for start, value in ((-9000, 1), (-1000, 2), (1000, 3)):
        picture(report / "images" / "backgrounds" / f"{START + start}.png", value=value)
    assert read_report(report).scene.image[0, 0, 0] == 2


def test_a_background_that_is_broken_gives_way_to_the_one_before(report):
    (report / "images" / "backgrounds" / f"{START - 100}.jpg").write_bytes(b"no picture")
    trails = read_report(report)
    assert trails.scene.source.name == f"{START - 5000}.png"
    assert "not a readable image" in trails.problems["problem"].iloc[0]


def test_no_background_before_the_trails_is_told(report):
    old = report / "images" / "backgrounds" / f"{START - 5000}.png"
    old.rename(old.with_name(f"{START + 5000}.png"))
    trails = read_report(report)
    assert trails.scene.image is not None
    assert "after the first trail" in trails.problems["problem"].iloc[0]


def test_a_report_without_pictures_is_read_and_told(report):
    shutil.rmtree(report / "images")
    trails = read_report(report)
    assert trails.scene.image is None
    assert trails.scene.snapshots.empty
    told = " ".join(trails.problems["problem"])
    assert "no background found" in told
    assert "2 of 2 snapshots not found" in told


def camera_info(report, start, width=641, height=361):
    info = {"_id": START + start, "video_width": width, "video_height": height}
    write(report / "metadata" / "camera_info" / f"{START + start}.json", info)


def test_the_camera_in_force_is_the_newest_at_or_before_the_first_trail(report):
    camera_info(report, -6000, 1281, 721)
    camera_info(report, 5000, 321, 181)
    assert read_report(report).scene.width == 1281


@pytest.mark.parametrize(
    ("start", "text"),
    [(-2000, "between background and first trail"), (5000, "during the trails (1 times)")],
)
def test_a_restart_of_the_camera_is_told(report, start, text):
    camera_info(report, start)
    assert text in " ".join(read_report(report).problems["problem"])


@pytest.mark.parametrize(
    "content", [[1], {}, {"_id": "word"}, {"_id": START, "video_width": -5, "video_height": "x"}]
)
def test_camera_info_without_facts_is_told(report, content):
    write(report / "metadata" / "camera_info" / "x.json", content)
    trails = read_report(report)
    assert trails.scene.width == 641
    assert "camera_info" in trails.problems["file"].iloc[0]


def test_without_camera_info_the_objects_or_the_background_tell_the_size(report):
    shutil.rmtree(report / "metadata" / "camera_info")
    assert read_report(report).scene.width == 64
    tracking = {**record(1)["tracking"], "frame_width": 1920, "frame_height": 1080}
    write(report / "metadata" / "objects" / "400.json", record(400, tracking=tracking))
    assert read_report(report).scene.width == 1920
    assert read_report(report, scene_size=(640, 480)).scene.height == 480


def test_a_background_of_another_shape_is_told(report):
    picture(report / "images" / "backgrounds" / f"{START - 10}.png", shape=(50, 50, 3))
    assert "background stretched" in read_report(report).problems["problem"].iloc[0]


def test_chains_are_joined_over_files(report):
    objects = report / "metadata" / "objects"
    write(objects / "500.json", record(500, START, descendant_id=501))
    write(objects / "501.json", record(501, START + 2000, ancestor_id=500))
    table = read_report(report).table.set_index("trail")
    assert table.loc["500", "n_samples"] == 10
    assert "501" not in table.index


def test_the_order_of_trails_does_not_depend_on_threads(tmp_path, monkeypatch):
    folder = tmp_path / "metadata" / "objects"
    for i in range(150):
        write(folder / f"{1000 + i}.json", record(1000 + i, n=2 + i % 7))
    tables = []
    for n in (1, 4):
        monkeypatch.setattr(scv2, "_THREADS", n)
        tables.append(read_report(tmp_path))
    assert tables[0].table.equals(tables[1].table)
    np.testing.assert_array_equal(tables[0].x, tables[1].x)
    assert tables[0].table["trail"].tolist() == [str(1000 + i) for i in range(150)]


def test_progress_reaches_the_end_and_a_stop_stops(report):
    seen = []
    read_report(report, monitor=Monitor(lambda fraction, text: seen.append((fraction, text))))
    assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen)
    assert "3 of 3 objects" in [text for _, text in seen]
    with pytest.raises(CancelledError):
        read_report(report, monitor=Monitor(cancelled=lambda: len(seen) > 0))
