"""Files appear complete or not at all."""

import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from napari_uai.errors import CancelledError, OutputError
from napari_uai.files import cannot_write, whole_file, write_files


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with whole_file(path) as partial:
        partial.write_text("all of it")
        assert not path.exists()
    assert path.read_text() == "all of it"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [CancelledError("cancelled"), ValueError("no"), OSError(5, "no")])
def test_an_error_leaves_the_earlier_file_alone(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("earlier")

    def write_half():
        with whole_file(path) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        write_half()
    assert path.read_text() == "earlier"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_replaces_a_folder(tmp_path):
    store = tmp_path / "a.zarr"
    (store / "chunk").mkdir(parents=True)
    with whole_file(store) as partial:
        partial.mkdir()
        (partial / "other").touch()
    assert [file.name for file in store.iterdir()] == ["other"]
    assert [file.name for file in tmp_path.iterdir()] == ["a.zarr"]


def test_a_file_does_not_replace_a_folder(tmp_path):
    (tmp_path / "table.csv").mkdir()
    (tmp_path / "table.csv" / "precious").write_text("data")
    with pytest.raises(OutputError), whole_file(tmp_path / "table.csv") as partial:
        partial.write_text("frame,y,x")
    assert [p.name for p in tmp_path.rglob("*")] == ["table.csv", "precious"]


def test_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    path, barrier = tmp_path / "a.txt", threading.Barrier(4, timeout=30)

    def write(text):
        with whole_file(path) as partial:
            partial.write_text(text * 1000)
            barrier.wait()

    threads = [threading.Thread(target=write, args=(text,)) for text in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in {text * 1000 for text in "abcd"}
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_many_writers_of_one_file_at_a_time_all_succeed(tmp_path):
    """None takes the folder that another has just made for a leftover."""
    path = tmp_path / "a.txt"

    def write(number):
        with whole_file(path) as partial:
            partial.write_text(str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(200)))
    assert path.read_text().isdigit()
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_several_files_are_replaced_in_order_or_not_at_all(tmp_path, monkeypatch):
    names = [tmp_path / name for name in ("first", "second", "third")]
    placed = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda p, to: placed.append(to) or replace(p, to))
    write_files({name: name.name.encode() for name in names})
    assert placed == names
    assert [name.read_text() for name in names] == ["first", "second", "third"]

    (tmp_path / "folder").write_text("a file")
    with pytest.raises(OutputError, match="cannot write to"):
        write_files({names[0]: b"later", tmp_path / "folder" / "x": b""})
    assert names[0].read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 4


def test_a_full_disk_is_named_as_such():
    full = cannot_write(Path("a.bin"), OSError(errno.ENOSPC, "No space left on device"))
    assert str(full) == (
        "cannot write to a.bin: No space left on device; free disk space or choose another folder"
    )
