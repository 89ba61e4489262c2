"""Tables of spots as PiSCAT and pandas save them."""

from __future__ import annotations

import gzip
import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import napari_uai as uai
from napari_uai.errors import TableFormatError
from napari_uai.iscat.tables import FIT_COLUMNS, SPOT_COLUMNS
from napari_uai.limits import CHUNK_BYTES, COLUMNS

HERE = Path(__file__).parent
EIGHTEEN = [*SPOT_COLUMNS, *FIT_COLUMNS]
SPOTS = pd.DataFrame(
    {"y": [3.0, 4.0], "x": [1.0, 2.0], "frame": [0.0, 7.0], "center_intensity": [-1e-3, 2e-3],
     "sigma": 1.7}
)  # fmt: skip


def saved() -> pd.DataFrame:
    """Return the table in the two files that pandas wrote: 1, 2, 3, ... row by row."""
    table = pd.DataFrame(np.arange(1.0, 73.0).reshape(4, 18), columns=EIGHTEEN)
    table.loc[3, EIGHTEEN[6:]] = np.nan  # a fit that failed, as PiSCAT has it
    table.loc[3, "Sigma_ratio"] = 1.0
    table.loc[2, "Fit_errors_Bias"] = np.inf
    table["particle"] = [5, 5, 6, 6]
    return table


def unpacked(name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(gzip.decompress((HERE / f"{name}.gz").read_bytes()))
    return path


@pytest.fixture(params=["csv", "fixed", "table", "datasets"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "csv":
        saved().to_csv(tmp_path / "psfs_20240101-120000.csv")
        return tmp_path / "psfs_20240101-120000.csv"
    if request.param == "datasets":
        with h5py.File(tmp_path / "a.h5", "w") as file:
            for name, values in saved().items():
                file[f"psfs/{name}"] = values.to_numpy()
        return tmp_path / "a.h5"
    return unpacked(f"pandas_{request.param}.h5", tmp_path)


def test_every_file_gives_the_table_with_standard_deviations_as_widths(path: Path) -> None:
    table, expected = uai.read_piscat_table(path), saved()
    assert [*table.columns] == [*EIGHTEEN, "status", "R2", "particle"]
    unchanged = [c for c in EIGHTEEN[5:] if "-Sigma" not in c]
    assert_array_equal(table[[*SPOT_COLUMNS, "particle"]], expected[[*SPOT_COLUMNS, "particle"]])
    assert_array_equal(table.loc[:1, unchanged], expected.loc[:1, unchanged])
    for name in ("Fit_X-Sigma", "Fit_Y-Sigma", "Fit_errors_X-Sigma", "Fit_errors_Y-Sigma"):
        assert_allclose(table.loc[:1, name], expected.loc[:1, name] / np.sqrt(2))
    assert table["frame"].dtype == np.int64
    assert table["particle"].dtype == np.int64


def test_failed_fits_have_no_values_and_say_so(path: Path) -> None:
    table = uai.read_piscat_table(path)
    assert table["status"].tolist() == ["ok", "ok", "degenerate", "not converged"]
    assert table.loc[2:, [*FIT_COLUMNS, "R2"]].isna().all(axis=None)


def test_widths_are_those_of_a_fit_in_the_way_of_piscat(tmp_path: Path) -> None:
    y, x = np.mgrid[:32, :32]
    video = np.exp(-((y - 15.3) ** 2 + (x - 16.8) ** 2) / (2 * 1.7**2))[np.newaxis]
    spots = pd.DataFrame({"y": [15], "x": [17], "frame": 0, "center_intensity": 1.0, "sigma": 1.7})
    legacy = uai.iscat.fit_spots(spots, video, legacy=True)
    legacy[EIGHTEEN].to_csv(tmp_path / "a.csv")
    own = uai.iscat.fit_spots(spots, video)
    read = uai.read_piscat_table(tmp_path / "a.csv")
    assert_allclose(read[["Fit_X-Sigma", "Fit_Y-Sigma"]], own[["Fit_X-Sigma", "Fit_Y-Sigma"]])


def test_negative_widths_are_widths(tmp_path: Path) -> None:
    table = saved()
    table["Fit_X-Sigma"] *= -1
    table.to_csv(tmp_path / "a.csv")
    assert (uai.read_piscat_table(tmp_path / "a.csv").loc[:1, "Fit_X-Sigma"] > 0).all()


def test_spots_can_be_linked_and_fitted_on(tmp_path: Path) -> None:
    SPOTS.to_csv(tmp_path / "a.csv")
    table = uai.read_piscat_table(tmp_path / "a.csv")
    assert uai.iscat.link_spots(table)["particle"].tolist() == [0, 0]  # sqrt(2) px apart
    video = np.random.default_rng(0).normal(size=(8, 16, 16))
    assert len(uai.iscat.fit_spots(table, video)) == 2


def test_a_table_of_places_alone_is_read(tmp_path: Path) -> None:
    SPOTS[["y", "x", "frame"]].to_csv(tmp_path / "a.csv")
    table = uai.read_piscat_table(tmp_path / "a.csv")
    assert [*table.columns] == [*SPOT_COLUMNS]
    assert table[["center_intensity", "sigma"]].isna().all(axis=None)


def test_of_several_tables_one_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for group, shift in (("all", 0), ("filtered/psfs", 10)):
            for name in SPOTS:
                file[f"{group}/{name}"] = SPOTS[name] + shift
    assert uai.read_piscat_table(path, key="/filtered/psfs")["y"].tolist() == [13.0, 14.0]
    assert "2 tables (all, filtered/psfs): choose one with key=" in refusal(path)
    assert "no table 'al': choose from all" in refusal(path, key="al")


def refusal(path: Path, **options: str) -> str:
    with pytest.raises(TableFormatError) as caught:
        uai.read_piscat_table(path, **options)
    text = str(caught.value)
    assert text.isprintable()
    assert str(path) in text
    return text


def csv(path: Path, table: pd.DataFrame) -> Path:
    table.to_csv(path)
    return path


def test_bad_tables_are_refused_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    assert "does not exist" in refusal(path)
    assert "is a folder" in refusal(tmp_path)
    assert "no column frame" in refusal(csv(path, SPOTS.drop(columns="frame")))
    assert "y must contain numbers" in refusal(csv(path, SPOTS.assign(y=["a", "b"])))
    assert "frame must contain whole numbers" in refusal(csv(path, SPOTS.assign(frame=[0.5, 1])))
    assert "frame must contain whole numbers" in refusal(csv(path, SPOTS.assign(frame=[0, np.nan])))
    assert "table of napari-uai" in refusal(csv(path, SPOTS.assign(status="ok")))
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    assert "corrupt or not a table in HDF5" in refusal(path)
    with h5py.File(path, "w") as file:
        file["video"] = np.zeros((2, 3, 4))
    assert "contains no table" in refusal(path)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("was-loaded",)


@pytest.mark.parametrize("names", [pickle.dumps([Bomb()], 0), b"(lp0\nVy\n", b"", b"\x80\x05junk"])
def test_names_of_columns_are_never_unpickled(
    names: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = unpacked("pandas_table.h5", tmp_path)
    with h5py.File(path, "r+") as file:
        file["df/table"].attrs["values_block_0_kind"] = np.bytes_(names) if names else 0
    assert "not a list of texts" in refusal(path)
    assert not (tmp_path / "was-loaded").exists()


def test_numbers_stored_as_objects_are_refused(tmp_path: Path) -> None:
    path = unpacked("pandas_fixed.h5", tmp_path)
    with h5py.File(path, "r+") as file:
        del file["df/block1_values"]
        file.create_dataset("df/block1_values", (1,), dtype=h5py.vlen_dtype(np.uint8))
    assert "particle stored as objects of Python" in refusal(path)


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    path = unpacked("pandas_fixed.h5", tmp_path)
    with h5py.File(path, "r+") as file:
        del file["df/block0_items"]
    assert "no df/block0_items" in refusal(path)
    with h5py.File(path, "r+") as file:
        file["df/block0_items"] = np.array([b"y", b"x"])
    assert "not a block of columns" in refusal(path)
    with h5py.File(path, "w") as file:
        for name, n in (("y", 2), ("x", 2), ("frame", 3)):
            file[name] = np.arange(n)
    assert "columns of different lengths" in refusal(path)


def test_other_files_and_endless_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["y"] = h5py.ExternalLink("secret.h5", "y")
        file["x"] = file["frame"] = np.arange(3)
    assert "no column y" in refusal(path)
    with h5py.File(path, "w") as file:
        for name in ("y", "x", "frame"):
            file.create_dataset(name, shape=(10**10,), chunks=(1000,), dtype="f8")
    assert "NAPARI_UAI_MAX_FRAMES" in refusal(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("y", shape=(9 * 10**7,), chunks=(1000,), dtype="f8")
        file["x"] = file["frame"] = file["y"]
    assert CHUNK_BYTES.variable in refusal(path)
    path = unpacked("pandas_fixed.h5", tmp_path)
    with h5py.File(path, "r+") as file:
        file["df"].attrs["nblocks"] = 10**9
    assert COLUMNS.variable in refusal(path)
