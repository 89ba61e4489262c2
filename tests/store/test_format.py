"""What comes out of the store is what went in, to the last bit."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_uai.iscat.disturbances.record import Disturbances, Span
from napari_uai.store.format import NotStorableError, packed, unpacked

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda each: (
        st.lists(each) | st.tuples(each, each) | st.dictionaries(st.text(), each, max_size=3)
    ),
    max_leaves=8,
)


@given(plain)
def test_plain_values(value):
    assert unpacked(packed(value)) == value


@given(hnp.arrays(st.sampled_from(["f4", "f8", "i8", "u2", "?"]), hnp.array_shapes(min_side=0)))
def test_arrays(array):
    back = unpacked(packed(array))
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_tables_with_their_types_index_and_attributes():
    table = pd.DataFrame(
        {
            "landing": np.arange(4, dtype=np.int32),
            "contrast": np.array([0.1, np.nan, -np.inf, 1e-300]),
            "kind": ["landing", "takeoff", "ü\n", ""],
            "certain": [True, False, True, True],
        }
    )
    table.attrs = {"psf": np.eye(3), "names": ("a", None)}
    cut = table[table["certain"]]
    for each in (table, cut, table[:0], pd.DataFrame()):
        back = unpacked(packed(each))
        pd.testing.assert_frame_equal(back, each, check_exact=True, check_index_type="exact")
        assert [*back.dtypes] == [*each.dtypes]
    back = unpacked(packed(table))
    assert back.attrs["names"] == ("a", None)
    np.testing.assert_array_equal(back.attrs["psf"], np.eye(3))


def test_dataclasses_of_the_package():
    value = Disturbances(100, (4, 5), (Span("torn", 3, 7),), np.eye(4, 5) > 0, jumps=(50,))
    back = unpacked(packed(value))
    assert isinstance(back, Disturbances)
    assert (back.spans, back.jumps, back.shape) == (value.spans, value.jumps, value.shape)
    np.testing.assert_array_equal(back.flickering, value.flickering)


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1: 2},
        np.array([object()]),
        pd.DataFrame({"a": ["x", np.nan]}),
        pd.DataFrame({"a": pd.Categorical(["x"])}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
    ],
)
def test_what_would_not_come_back_is_not_stored(value):
    with pytest.raises(NotStorableError):
        packed(value)


def test_classes_from_elsewhere_are_not_made():
    text = packed({"class": ["os", "stat_result"], "fields": {}})
    hostile = unpacked(text)  # a dict with such keys is a dict
    assert hostile == {"class": ["os", "stat_result"], "fields": {}}


def test_nothing_is_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    np.savez(tmp_path / "a.npz", document=np.array([Evil()], dtype=object), allow_pickle=True)
    with pytest.raises((ValueError, pickle.UnpicklingError)):
        unpacked((tmp_path / "a.npz").read_bytes())
    assert not (tmp_path / "ran").exists()
