"""Opening a file is interrupted when it computes for too long, whichever library does."""

import json
import subprocess
import sys
import threading
import time
import zipfile

import pandas as pd
import pytest

from napari_uai.errors import NapariUaiError, TrailFormatError, VideoFormatError
from napari_uai.limits import SECONDS
from napari_uai.trails import open_trails
from napari_uai.untrusted import refusing, time_limited, watch


@pytest.fixture
def no_time(monkeypatch):
    monkeypatch.setenv(SECONDS.variable, "0")
    monkeypatch.setattr(watch, "_TICK", 0.02)


def compute_for_ever():
    n = 0
    while True:
        n += 1


def swallow_errors_for_ever():
    while True:
        try:
            compute_for_ever()
        except Exception:  # noqa: BLE001  # as libraries do
            continue


@pytest.mark.parametrize("work", [compute_for_ever, swallow_errors_for_ever])
def test_work_without_end_is_interrupted_with_the_variable_that_allows_more(work, no_time):
    with (
        pytest.raises(TrailFormatError, match=rf"^a\.csv takes too long.*{SECONDS.variable}"),
        time_limited("a.csv", error=TrailFormatError),
    ):
        work()


def test_the_guard_of_libraries_interrupts_too(no_time):
    with pytest.raises(VideoFormatError, match="takes too long"), refusing("a.tif", "a TIFF file"):
        compute_for_ever()


def test_another_thread_is_interrupted_alone(no_time):
    caught = []

    def work():
        try:
            with time_limited("a.csv"):
                compute_for_ever()
        except NapariUaiError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(caught) == 1


def test_nothing_is_interrupted_after_the_block(no_time):
    for _ in range(20):
        with pytest.raises(VideoFormatError), time_limited("a.tif"):
            compute_for_ever()
        with time_limited("a.tif"):
            pass
    deadline = time.process_time() + 0.2
    while time.process_time() < deadline:
        pass


def test_waiting_is_not_counted(monkeypatch):
    monkeypatch.setenv(SECONDS.variable, "1")
    monkeypatch.setattr(watch, "_TICK", 0.02)
    with time_limited("a.tif"):
        time.sleep(1.5)


def test_imports_are_not_interrupted(no_time, tmp_path, monkeypatch):
    (tmp_path / "slow_module.py").write_text(
        "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with time_limited("a.tif"):
        import slow_module
    assert slow_module.end > 0


def test_errors_of_the_block_pass(no_time):
    with pytest.raises(KeyError), time_limited("a.tif"):
        raise KeyError("a")


@pytest.mark.parametrize(("n_bytes", "times"), [(0, 1), (2**20, 1), (3 * 2**20, 2), (2**40, 30)])
def test_large_files_have_more_time_up_to_a_limit(n_bytes, times, monkeypatch):
    monkeypatch.delenv(SECONDS.variable, raising=False)
    allowed = watch._Watch("a.tif", n_bytes)._allowed(SECONDS.default)
    assert allowed == times * SECONDS.default


def test_a_folder_has_the_time_of_its_files(tmp_path, monkeypatch):
    monkeypatch.delenv(SECONDS.variable, raising=False)
    for i in range(4):
        (tmp_path / f"{i}.png").write_bytes(bytes(3 * 2**20))
    allowed = watch._Watch(tmp_path, None)._allowed(100.0)
    assert allowed == 120.0


def test_a_slow_workbook_is_interrupted(tmp_path, monkeypatch):
    pytest.importorskip("openpyxl")
    path, changed = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    rows = [(1, frame, frame, 2 * frame) for frame in range(9)]
    pd.DataFrame(rows, columns=["trail", "frame", "x", "y"]).to_excel(path, index=False)
    row = b'<row r="1">' + b'<c t="n"><v>1</v></c>' * 300_000 + b"</row>"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"<sheetData>", b"<sheetData>" + row))
    open_trails(path)  # imports
    monkeypatch.setenv(SECONDS.variable, "0")
    monkeypatch.setattr(watch, "_TICK", 0.02)
    with pytest.raises(TrailFormatError, match=SECONDS.variable):
        open_trails(changed)


def test_ordinary_files_open_within_their_time(tmp_path):
    rows = [{"trail": 1, "frame": i, "x": i, "y": i} for i in range(9)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    assert len(open_trails(tmp_path / "a.json")) == 1


def test_profilers_work_after_a_file_was_opened(tmp_path):
    """An interruption that is taken back leaves the interpreter looking for it before each step."""
    code = (
        "import cProfile, pathlib\n"
        "from napari_uai.untrusted import time_limited\n"
        "with time_limited(pathlib.Path('a')):\n    pass\n"
        "def f():\n    return 1\n"
        "assert cProfile.Profile().runcall(f) == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=tmp_path)
