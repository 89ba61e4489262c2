"""A folder of results changes as one, whenever the run that writes it is killed."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest

from napari_uai.errors import OutputError
from napari_uai.results import results_folder, settle, write_record

FILES = ("landings.csv", "traces.csv", "run.json")


def _write(folder, text, names=FILES[:2], **options):
    with results_folder(folder, replaces=FILES, record="run.json", **options) as partial:
        for name in names:
            (partial / name).write_text(f"{name} of {text}")
        write_record({"run": text}, partial / "run.json")


def _contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def _killed_at(folder, n, text, names):
    """Write results in another process, which ends at its ``n``-th change of a name."""
    child = os.fork()
    if child == 0:
        left = n

        def counting(function):
            def counted(path, *args, **kwargs):
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(9)
                return function(path, *args, **kwargs)

            return counted

        for name in ("replace", "unlink", "rename", "rmdir", "mkdir"):
            setattr(Path, name, counting(getattr(Path, name)))
        _write(folder, text, names)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


posix = pytest.mark.skipif(os.name == "nt", reason="Windows cannot fork a process")


@posix
def test_a_kill_at_any_moment_leaves_the_old_results_or_the_new_ones(tmp_path):
    _write(tmp_path / "old", "old")
    _write(tmp_path / "new", "new", FILES[:1])
    old, new = _contents(tmp_path / "old"), _contents(tmp_path / "new")
    seen = set()
    for n in range(100):
        folder = tmp_path / f"out{n}"
        _write(folder, "old")
        (folder / "notes.txt").write_text("mine")
        ended = _killed_at(folder, n, "new", FILES[:1])
        if (folder / "run.json").exists():  # a reader that knows nothing of runs and kills
            record = json.loads((folder / "run.json").read_text())
            for name, digest in record["sha256_of_files"].items():
                assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        settle(folder)
        found = _contents(folder)
        assert found.pop("notes.txt") == "mine"
        assert found in (old, new)
        seen.add(found["landings.csv"])
        _write(folder, "new", FILES[:1])
        assert {path.name for path in folder.iterdir()} == {"landings.csv", "run.json", "notes.txt"}
        if ended == 0:
            break
    assert ended == 0
    assert n > 6
    assert len(seen) == 2


@posix
def test_what_a_killed_first_run_has_left_is_gone_after_the_next(tmp_path):
    folder = tmp_path / "out"
    assert _killed_at(folder, 4, "first", FILES[:2]) == 9
    assert not (folder / "run.json").exists()
    _write(folder, "second")
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


def test_a_second_run_into_the_same_folder_is_refused_while_the_first_one_lives(tmp_path):
    inside, done = threading.Event(), threading.Event()

    def first():
        with results_folder(tmp_path, replaces=FILES, record="run.json") as partial:
            (partial / "landings.csv").write_text("first")
            inside.set()
            done.wait(10)
            write_record({}, partial / "run.json")

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(10)
    with pytest.raises(OutputError, match=rf"another run writes into .* \(process {os.getpid()} "):
        _write(tmp_path, "second")
    done.set()
    thread.join()
    assert (tmp_path / "landings.csv").read_text() == "first"
    _write(tmp_path, "second")
    assert (tmp_path / "landings.csv").read_text() == "landings.csv of second"


def test_files_of_the_user_are_replaced_only_if_asked_for(tmp_path):
    (tmp_path / "landings.csv").write_text("mine")
    with pytest.raises(OutputError, match="overwrite"):
        _write(tmp_path, "run")
    _write(tmp_path, "run", overwrite=True)
    assert (tmp_path / "landings.csv").read_text() == "landings.csv of run"


def test_an_error_of_the_work_itself_is_not_one_of_writing(tmp_path):
    with pytest.raises(FileNotFoundError, match="the recording"), results_folder(tmp_path / "out"):
        raise FileNotFoundError("the recording")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../mine.txt", "/etc/x", ".hidden", 3])
def test_a_journal_from_a_stranger_touches_nothing_outside(tmp_path, name):
    (tmp_path / "mine.txt").write_text("mine")
    hidden = tmp_path / "out" / ".napari-uai"
    hidden.mkdir(parents=True)
    (hidden / "mine.txt").write_text("theirs")
    journal = {"place": [name], "remove": [name], "record": ""}
    (hidden / ".journal.json").write_text(json.dumps(journal))
    settle(tmp_path / "out")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    with pytest.raises(OutputError, match="damaged"):
        _write(tmp_path / "out", "run")


def test_a_folder_in_the_place_of_a_file_is_an_error_and_stays(tmp_path):
    (tmp_path / "traces.csv").mkdir()
    with pytest.raises(OutputError, match=r"traces\.csv is a folder"):
        _write(tmp_path, "run")
    assert [path.name for path in tmp_path.iterdir()] == ["traces.csv"]
