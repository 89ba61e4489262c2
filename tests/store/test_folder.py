"""The folder of the store: damaged pieces, its size, and disks that cannot be written."""

from __future__ import annotations

import os

import pytest

from napari_uai.store.folder import Store, default_store

KEYS = [f"{i:02x}" * 32 for i in range(20)]


def test_a_piece_comes_back(tmp_path):
    store = Store(tmp_path / "s")
    assert store.get(KEYS[0]) is None
    store.put(KEYS[0], b"payload", "a.bin: steps")
    assert store.get(KEYS[0]) == b"payload"
    (piece,) = store.pieces()
    assert piece.what == "a.bin: steps"
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["00"]


@pytest.mark.parametrize("position", [5, 40, -1])
def test_a_damaged_piece_is_noticed_and_removed(tmp_path, position):
    store = Store(tmp_path)
    store.put(KEYS[0], b"payload", "a")
    store.put(KEYS[1], b"payload", "b")
    path = next(piece.path for piece in store.pieces() if piece.what == "a")
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    assert store.get(KEYS[0]) is None
    assert [piece.path for piece in store.verify()] == [path]
    assert [piece.what for piece in store.pieces()] == ["b"]


def test_a_piece_that_was_cut_is_none(tmp_path):
    store = Store(tmp_path)
    store.put(KEYS[0], b"payload" * 100, "a")
    (piece,) = store.pieces()
    os.truncate(piece.path, piece.size // 2)
    assert store.get(KEYS[0]) is None


def test_the_pieces_that_were_used_last_stay(tmp_path):
    store = Store(tmp_path, limit_bytes=10_000)
    for i, key in enumerate(KEYS):
        store.put(key, bytes(1500), "a")
        (path,) = tmp_path.glob(f"*/{key}*")
        os.utime(path, (i, i))
        if i:
            assert store.get(KEYS[0]) is not None
    kept = [key for key in KEYS if store.get(key) is not None]
    assert kept[0] == KEYS[0]
    assert kept[1:] == KEYS[-len(kept) + 1 :]
    assert sum(piece.size for piece in store.pieces()) <= 10_000


def test_a_piece_larger_than_the_store_is_not_kept(tmp_path):
    store = Store(tmp_path, limit_bytes=100)
    store.put(KEYS[0], bytes(1000), "a")
    assert list(store.pieces()) == []


def test_a_folder_that_cannot_be_written_is_a_problem_and_no_error(tmp_path):
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "s")
    store.put(KEYS[0], b"payload", "a")
    assert str(tmp_path / "file") in store.problem
    assert store.get(KEYS[0]) is None
    assert list(store.pieces()) == []


def test_where_it_is_and_how_large(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_UAI_CACHE", str(tmp_path))
    monkeypatch.setenv("NAPARI_UAI_CACHE_GIB", "0.5")
    assert default_store() == Store(tmp_path / "pieces", 2**29)
    monkeypatch.setenv("NAPARI_UAI_CACHE_GIB", "many")
    assert default_store().limit_bytes == 2**31


def test_clear_removes_the_pieces_alone(tmp_path):
    store = Store(tmp_path)
    store.put(KEYS[0], b"1", "a")
    (tmp_path / "notes.txt").touch()
    assert store.clear() == 1
    assert list(store.pieces()) == []
    assert (tmp_path / "notes.txt").exists()


def test_pieces_of_another_user_are_read_though_their_time_cannot_be_set(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.put("a" * 64, b"content", "a piece")

    def denied(*_):
        raise PermissionError

    monkeypatch.setattr("os.utime", denied)
    assert store.get("a" * 64) == b"content"
