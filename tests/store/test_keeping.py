"""Pieces of work: computed once, whatever they depend on being the same."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from napari_uai.store.folder import Store
from napari_uai.store.keeping import identity_of, is_keeping, keeping, kept, pieces_of


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def _counted(calls, store, source, depends_on):
    with keeping(store), pieces_of(source, "a.bin"):
        return kept("double", depends_on, lambda: calls.append(depends_on) or 2 * depends_on)


def test_a_piece_is_computed_once_per_source_and_parameter(store):
    calls = []
    for source, value in [("x", 1), ("x", 1), ("x", 2), ("y", 1), ("x", 2)]:
        assert _counted(calls, store, source, value) == 2 * value
    assert calls == [1, 2, 1]
    assert {piece.what for piece in store.pieces()} == {"a.bin: double"}


def test_other_code_and_other_versions_compute_anew(store, monkeypatch):
    calls = []
    _counted(calls, store, "x", 1)
    monkeypatch.setattr("napari_uai.store.keeping.code_digest", lambda: "other")
    _counted(calls, store, "x", 1)
    monkeypatch.setattr("napari_uai.store.keeping.versions", lambda: {"numpy": "99"})
    _counted(calls, store, "x", 1)
    assert len(calls) == 3


def test_without_a_store_or_a_known_source_everything_is_computed(store):
    calls = []
    for _ in range(2):
        assert kept("a", 1, lambda: calls.append(1)) is None
        with keeping(store), pieces_of(None, "a.bin"):
            kept("a", 1, lambda: calls.append(1))
    assert len(calls) == 4
    with keeping(Store(store.folder, limit_bytes=0)):
        assert not is_keeping()


def test_what_is_kept_inside_survives_an_error_outside(store):
    calls = []

    def outer():
        parts = [kept("part", i, lambda i=i: calls.append(i) or i) for i in range(3)]
        if len(calls) == 3:
            raise KeyboardInterrupt
        return parts

    with keeping(store), pieces_of("x", "a.bin"):
        with pytest.raises(KeyboardInterrupt):
            kept("outer", None, outer)
        calls.append("again")
        assert kept("outer", None, outer) == [0, 1, 2]
    assert calls == [0, 1, 2, "again"]


def test_a_piece_brings_its_warnings_with_it(store):
    def warning():
        warnings.warn("seen", UserWarning, stacklevel=2)
        warnings.warn("seen", UserWarning, stacklevel=2)
        return 1

    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.warn("before", UserWarning, stacklevel=2)
            with keeping(store), pieces_of("x", "a.bin", warned=caught):
                kept("a", None, warning)
        assert list(dict.fromkeys(str(w.message) for w in caught)) == ["before", "seen"]


def test_nothing_is_kept_of_a_source_that_has_changed(store):
    def changed():
        raise ValueError("changed")

    with (
        keeping(store),
        pieces_of("x", "a.bin", check=changed),
        pytest.raises(ValueError, match="changed"),
    ):
        kept("a", None, lambda: 1)
    assert list(store.pieces()) == []


def test_what_cannot_be_kept_is_returned_all_the_same(store):
    with keeping(store), pieces_of("x", "a.bin"):
        assert isinstance(kept("a", None, object), object)
    assert list(store.pieces()) == []


def test_identities_of_equal_values_are_equal_and_of_others_an_error():
    assert identity_of({"b": 1, "a": np.float64(2)}) == identity_of({"a": 2.0, "b": 1})
    assert identity_of(1) != identity_of("1")
    with pytest.raises(TypeError, match="object"):
        identity_of(object())
