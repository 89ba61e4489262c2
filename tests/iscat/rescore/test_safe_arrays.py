import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from napari_uai.errors import WeightsError
from napari_uai.iscat.rescore.safe_arrays import packed_arrays, unpacked_arrays

ARRAYS = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.float32([0.5]),
    "none": np.zeros((0, 4), np.float32),
}


def test_the_library_of_that_name_reads_what_is_written():
    read = load(packed_arrays(ARRAYS))
    assert set(read) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert read[name].dtype == np.float16
        np.testing.assert_array_equal(read[name], array)


def test_what_the_library_of_that_name_writes_is_read():
    read = unpacked_arrays(save(ARRAYS, metadata={"made": "here"}))
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(read[name], array)


@given(st.integers(0, 400))
def test_no_cut_file_is_read(length):
    data = packed_arrays(ARRAYS)
    if length < len(data):
        with pytest.raises(WeightsError, match="get it anew"):
            unpacked_arrays(data[:length])


@given(st.binary(max_size=60))
def test_noise_is_refused_with_one_kind_of_error(data):
    with pytest.raises(WeightsError):
        unpacked_arrays(data)


def test_arrays_of_whole_numbers_are_refused():
    with pytest.raises(WeightsError):
        unpacked_arrays(save({"n": np.arange(3)}))
