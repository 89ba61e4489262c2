"""The command line: what is kept."""

from __future__ import annotations

import pytest

from napari_uai.cli.app import main
from napari_uai.kernel_files import kernel_store
from napari_uai.store.folder import default_store


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_UAI_CACHE", str(tmp_path))
    monkeypatch.setenv("NAPARI_UAI_CACHE_GIB", "1.5")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    kernel_store().put("c" * 64, bytes(2000), "a kernel")
    store = default_store()
    store.put("a" * 64, bytes(3000), "a.bin: Detect steps")
    store.put("b" * 64, bytes(10), "b\x1b[31m.bin: Detect steps")
    return store


def test_pieces_are_listed_with_their_sizes_and_no_codes_for_the_terminal(store, capsys):
    assert main(["cache", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.endswith("a.bin: Detect steps") and "3 KiB" in line for line in lines)
    assert lines[-2:] == [
        f"2 pieces, 3 KiB of 1.5 GiB, in {store.folder}",
        f"1 compiled kernel, 2 KiB of 512 MiB, in {kernel_store().folder}",
    ]
    assert "\x1b" not in "".join(lines)


def test_damaged_pieces_are_found_and_removed(store, capsys):
    path = next(piece.path for piece in store.pieces() if piece.what.startswith("a.bin"))
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["cache", "verify"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"removed: {path}",
        "2 pieces, 1 damaged",
        "1 compiled kernel, 0 damaged",
    ]
    assert main(["cache", "verify"]) == 0
    assert capsys.readouterr().out.startswith("1 piece, 0 damaged\n")


def test_all_are_cleared(store, capsys):
    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr().out == "2 pieces removed\n"
    assert list(store.pieces()) == []
    assert main(["cache", "clear", "--kernels"]) == 0
    assert capsys.readouterr().out == "0 pieces removed\n1 compiled kernel removed\n"


def test_a_cache_that_was_never_used_is_empty(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NAPARI_UAI_CACHE", str(tmp_path / "none"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert main(["cache", "list"]) == 0
    assert capsys.readouterr().out.startswith("0 pieces, 0 B of ")
    assert not (tmp_path / "none").exists()
