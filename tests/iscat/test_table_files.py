"""Tables as csv, JSON, HDF5 and MAT, read by other libraries."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat

from napari_uai.errors import BadValueError, OutputError
from napari_uai.iscat.column_meanings import meanings_of
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.iscat.table_files import TABLE_SUFFIXES, export_table
from napari_uai.sample_data import sample_path
from napari_uai.videos import open_recording

TEXTS = ["ok", "not converged", "größer ≥ 3 µm", None, "=1+1", ""]


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "frame": np.arange(6),
            "y": [0.1, 1 / 3, np.nan, np.inf, -np.inf, -1e-300],
            "x": np.arange(6, dtype=np.float32) / 3,
            "contrast": np.linspace(-0.01, 0.02, 6),
            "ImgCnt": pd.array([1, None, 3, 2**53, 5, 6], dtype="Int64"),
            "found": [True, False, True, False, True, False],
            "status": TEXTS,
            "Fit_X-Center": np.arange(6.0),
            "2nd a/b": np.arange(6, dtype=np.uint8),
        }
    )


def test_json_has_exact_values_and_null_for_missing_ones(table, tmp_path):
    def no_constants(name):
        pytest.fail(f"{name} is not JSON")

    path = export_table(table, tmp_path / "a.json")
    document = json.loads(path.read_text("utf-8"), parse_constant=no_constants)
    rows = document["rows"]
    assert [row["y"] for row in rows] == [0.1, 1 / 3, None, "Infinity", "-Infinity", -1e-300]
    assert [float(y) for y in ("Infinity", "-Infinity")] == table["y"][3:5].tolist()
    assert [row["ImgCnt"] for row in rows] == [1, None, 3, 2**53, 5, 6]
    assert all(type(row["ImgCnt"]) is int for row in rows if row["ImgCnt"] is not None)
    assert [row["found"] for row in rows] == table["found"].tolist()
    assert [row["status"] for row in rows] == TEXTS
    np.testing.assert_array_equal([row["x"] for row in rows], table["x"])
    assert list(rows[0]) == list(document["columns"]) == list(table.columns)


def test_hdf5_has_a_dataset_per_column_with_its_meaning(table, tmp_path):
    with h5py.File(export_table(table, tmp_path / "a.h5")) as file:
        names = list(file.attrs["columns"])
        assert [file[name].attrs["name"] for name in names] == list(table.columns)
        for name in ("frame", "y", "x", "contrast", "found", "Fit_X-Center"):
            assert file[name].dtype == table[name].dtype
            np.testing.assert_array_equal(file[name][:], table[name])
        np.testing.assert_array_equal(file["ImgCnt"][:], [1, np.nan, 3, 2**53, 5, 6])
        assert list(file["status"].asstr()[:]) == [text or "" for text in TEXTS]
        assert file["y"].attrs["unit"] == "px"
        assert "rows down" in file["y"].attrs["meaning"]
        np.testing.assert_array_equal(file[names[-1]][:], np.arange(6))


def test_mat_has_a_struct_of_columns_and_one_of_meanings(table, tmp_path):
    file = loadmat(export_table(table, tmp_path / "a.mat"), squeeze_me=True)
    data, about = file["data"], file["columns"]
    assert all(name.isidentifier() for name in data.dtype.names)
    for name in ("frame", "y", "contrast", "found"):
        np.testing.assert_array_equal(data[name].item(), table[name])
    assert data["frame"].item().dtype.kind in "iu"
    assert data["x"].item().dtype == np.float32
    np.testing.assert_array_equal(data["ImgCnt"].item(), [1, np.nan, 3, 2**53, 5, 6])
    texts = [str(text) if np.size(text) else "" for text in data["status"].item()]
    assert texts == [text or "" for text in TEXTS]
    np.testing.assert_array_equal(data["Fit_X_Center"].item(), np.arange(6))
    assert str(about["Fit_X_Center"].item()["name"]) == "Fit_X-Center"
    assert str(about["y"].item()["unit"]) == "px"


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_a_table_without_rows_keeps_its_columns(suffix, table, tmp_path):
    path = export_table(table.iloc[:0], tmp_path / f"a{suffix}")
    if suffix == ".csv":
        assert list(pd.read_csv(path).columns) == list(table.columns)
    elif suffix == ".json":
        document = json.loads(path.read_text("utf-8"))
        assert document["rows"] == []
        assert list(document["columns"]) == list(table.columns)
    elif suffix == ".mat":
        assert len(loadmat(path)["data"].dtype.names) == table.shape[1]
    else:
        with h5py.File(path) as file:
            assert {len(file[name]) for name in file} == {0}


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_texts_that_are_no_unicode_are_written_all_the_same(suffix, tmp_path):
    table = pd.DataFrame({"a\0b": ["x\0y", "\ud800.bin"]}, dtype=object)
    path = export_table(table, tmp_path / f"a{suffix}")
    if suffix == ".json":
        rows = json.loads(path.read_text("utf-8"))["rows"]
        assert rows == [{"a\\0b": "x\\0y"}, {"a\\0b": "\\ud800.bin"}]


def test_columns_whose_names_become_equal_stay_apart(tmp_path):
    table = pd.DataFrame([[1, 2, 3]], columns=["a/b", "a_b", "a-b"])
    data = loadmat(export_table(table, tmp_path / "a.mat"))["data"]
    assert [int(data[name].item().item()) for name in data.dtype.names] == [1, 2, 3]
    with h5py.File(export_table(table, tmp_path / "a.h5")) as file:
        assert [int(file[name][0]) for name in file.attrs["columns"]] == [1, 2, 3]


def test_what_cannot_be_stored_is_an_error_and_leaves_no_file(table, tmp_path):
    with pytest.raises(BadValueError, match=r"cannot write .*a.xls: use one of .*\.json"):
        export_table(table, tmp_path / "a.xls")
    with pytest.raises(BadValueError, match="two columns are named 'y'"):
        export_table(table.rename(columns={"x": "y"}), tmp_path / "a.json")
    large = pd.DataFrame({"id": pd.array([2**60 + 1, None], dtype="Int64")})
    with pytest.raises(BadValueError, match="'id' has whole numbers beyond"):
        export_table(large, tmp_path / "a.mat")
    assert list(tmp_path.iterdir()) == []
    assert json.loads(export_table(large, tmp_path / "a.json").read_text())["rows"][0] == {
        "id": 2**60 + 1
    }
    with pytest.raises(OutputError, match="already exists"):
        export_table(large, tmp_path / "a.json")
    export_table(table, tmp_path / "a.json", overwrite=True)


@pytest.mark.slow
def test_every_column_of_a_run_has_a_meaning():
    landings = run_recipe(open_recording(sample_path("landings.bin")), "matched")
    for name, table in landings.written_tables().items():
        assert set(table.columns) <= set(meanings_of(table.columns)), name
