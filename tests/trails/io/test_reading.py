import gzip
import io
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_uai.errors import BadValueError, NapariUaiError, TrailFormatError
from napari_uai.trails.io.reading import open_trails

DATA = Path(__file__).parents[3] / "../shared/data/trails"
EXAMPLE = DATA / "example_data_for_heatmap.zip"
PETS = DATA / "PETS2009-S2L1.txt"
UCY = DATA / "ucy_students03" / "obsmat_px.txt"


def needs(path):
    return pytest.mark.skipif(not path.exists(), reason=f"{path.name} is not here")


@needs(EXAMPLE)
def test_the_example_holds_what_json_says():
    trails = open_trails(EXAMPLE, scene_size=(1001, 501))
    with zipfile.ZipFile(EXAMPLE) as archive:
        content = json.loads(archive.read(archive.namelist()[0]))
    assert trails.table["trail"].tolist() == list(content)
    expected = np.concatenate([record["tracking"]["xy_center"] for record in content.values()])
    assert len(expected) == 125_874
    np.testing.assert_allclose(trails.x, 1000 * expected[:, 0], rtol=1e-6)
    np.testing.assert_allclose(trails.y, 500 * expected[:, 1], rtol=1e-6)


@needs(PETS)
def test_pets_is_read_as_boxes():
    trails = open_trails(PETS, frame_rate_hz=7, scene_size=(768, 576))
    assert len(trails) == 19
    rows = np.loadtxt(PETS, delimiter=",")
    rows = rows[rows[:, 1] == 15]
    here = trails.trail(trails.table["trail"].tolist().index("15"))
    np.testing.assert_allclose(trails.x[here], rows[:, 2] + rows[:, 4] / 2, rtol=1e-6)
    np.testing.assert_allclose(trails.y[here], rows[:, 3] + rows[:, 5] / 2, rtol=1e-6)
    np.testing.assert_allclose(trails.time[here], rows[:, 0] / 7)


@needs(UCY)
def test_ucy_is_read_by_named_columns():
    trails = open_trails(UCY, columns="frame,trail,x,_,y", frame_rate_hz=25)
    rows = np.loadtxt(UCY)
    assert len(trails) == len(np.unique(rows[:, 1])) == 428
    assert len(trails.x) == len(rows) == 21_859
    assert trails.x.max() == pytest.approx(783)
    assert trails.y.max() == pytest.approx(729)


def test_a_path_that_is_nowhere_is_named(tmp_path):
    with pytest.raises(TrailFormatError, match="nowhere: no such file or folder"):
        open_trails(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "options",
    [
        {"frame_rate_hz": 0},
        {"frame_rate_hz": float("nan")},
        {"scene_size": (1, 5)},
        {"scene_size": (640,)},
        {"location": "site"},
        {"camera": "gate"},
        {"normalized": True},
        {"box_point": "foot"},
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, options):
    path = tmp_path / "export.json"
    path.write_text('{"1": {"tracking": {"xy_center": [[0, 0], [1, 1]]}}}')
    assert len(open_trails(path)) == 1
    with pytest.raises(BadValueError, match=next(iter(options))):
        open_trails(path, **options)


def test_columns_of_a_folder_are_refused(tmp_path):
    with pytest.raises(BadValueError, match="columns"):
        open_trails(tmp_path, columns="frame,trail,x,y")


def test_what_a_file_is_does_not_depend_on_its_name(tmp_path):
    text = b"id,frame,x,y\n1,0,1,1\n1,1,2,2\n"
    for name, data in (("a.json", text), ("b.bin", gzip.compress(text)), ("c", b"\n" + text)):
        (tmp_path / name).write_bytes(data)
        assert len(open_trails(tmp_path / name)) == 1
    (tmp_path / "d.csv").write_text(' \n[{"tracking": {"xy_center": [[0, 0], [1, 1]]}}]')
    assert len(open_trails(tmp_path / "d.csv")) == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1 2 3", "\0\1\2", "word", "{}", "\x1f\x8b", "PK\3\4"]
)
def test_what_is_nothing_is_one_line_that_names_the_file(tmp_path, text):
    path = tmp_path / "nothing.dat"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(TrailFormatError, match=r"nothing\.dat: ") as caught:
        open_trails(path)
    assert "\n" not in str(caught.value)


def records(n):
    line = np.round(np.linspace(0.1, 0.9, 12), 4).tolist()
    return {
        str(i): {
            "_id": i,
            "bdb_classifier": {"topclass_dict": {"car": 0.5}},
            "first_epoch_ms": 1000 * i,
            "final_epoch_ms": 1000 * i + 900,
            "ancestor_id": 0,
            "descendant_id": i + 1 if i == 2 else 0,
            "tracking": {
                "xy_center": [[x, x] for x in line],
                "hull": [[[x, x], [x, 0.5], [0.5, x]] for x in line],
                "track_status": [1] * 12,
                "frame_width": 640,
                "frame_height": 360,
            },
        }
        for i in range(1, n)
    }


def zipped(data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("trails.json", data)
    return buffer.getvalue()


SEEDS = {
    "zip": zipped(json.dumps(records(4)).encode()),
    "json": json.dumps(records(4)).encode(),
    "gz": gzip.compress(json.dumps(records(4)).encode()),
    "csv": b"id,frame,x,y,class\n" + b"".join(b"1,%d,%d,5,car\n" % (i, i) for i in range(20)),
    "mot": b"".join(b"%d,3,%d,20,4,8,1,-1,-1,-1\n" % (i, i) for i in range(1, 20)),
}


def damaged(data, seed):
    """Cut, overwrite, repeat or drop bytes at random."""
    rng = random.Random(seed)
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            del data[at:]
        elif kind == 1:
            data[at : at + rng.randint(1, 9)] = rng.randbytes(rng.randint(0, 9))
        elif kind == 2:
            data[at:at] = rng.choice(
                [b"null", b"NaN", b"1e400", b"-", b"{}", b"[", b'"', b",", b"\n"]
            )
        elif kind == 3:
            del data[at : at + rng.randint(1, 60)]
        else:
            data[at:at] = data[at : at + rng.randint(1, 200)]
    return bytes(data)


@pytest.mark.slow
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kind=st.sampled_from(sorted(SEEDS)), seed=st.integers(0, 2**32))
def test_a_damaged_file_is_trails_or_one_clear_line(tmp_path, kind, seed):
    path = tmp_path / "damaged"
    path.write_bytes(damaged(SEEDS[kind], seed))
    try:
        trails = open_trails(path, keep_extrapolated=False)
    except NapariUaiError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert np.isfinite(trails.x).all()
        assert np.isfinite(trails.time).all()
        assert (trails.n_samples >= 2).all()
        assert trails.x.max() < trails.scene.width


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_record_leaves_the_others_of_its_report(tmp_path, seed):
    objects = tmp_path / "metadata" / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    whole = records(4)
    for name, record in whole.items():
        (objects / f"{name}.json").write_text(json.dumps({**record, "descendant_id": 0}))
    (objects / "3.json").write_bytes(damaged(json.dumps(whole["3"]).encode(), seed))
    info = tmp_path / "metadata" / "camera_info" / "5.json"
    info.parent.mkdir(exist_ok=True)
    info.write_bytes(damaged(b'{"_id": 5, "video_width": 640, "video_height": 360}', seed))
    trails = open_trails(tmp_path)
    assert trails.table["trail"].tolist()[:2] == ["1", "2"]


@pytest.mark.parametrize("time", ["1e300", "-1e21", "inf"])
def test_times_that_no_clock_says_are_dropped(tmp_path, time):
    path = tmp_path / "a.csv"
    rows = "".join(f"{trail},{i},{i + 1},{trail + 5}\n" for trail in range(3) for i in range(8))
    path.write_text(f"trail,time,x,y\n{rows}0,{time},4,4\n")
    trails = open_trails(path, scene_size=(32, 32))
    assert trails.time.max() == 7
    assert trails.problems["problem"].str.contains("without a valid time").any()
