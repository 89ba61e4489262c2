"""Trajectories as PiSCAT saves them in HDF5 and mat."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.io import savemat

import napari_uai as uai
from napari_uai.errors import TableFormatError
from napari_uai.iscat.piscat.trajectories import _KEYS
from napari_uai.iscat.tables import FIT_COLUMNS

BATCH = 20


def particle(number: int, peak: int, contrast: float, y: float, x: float) -> dict[str, Any]:
    """Return what PiSCAT saves of a V of known height that peaks in a known frame."""
    frame = np.arange(peak - 12, peak + 13)
    flow = np.arange(peak - 40, peak + 41)

    def v(frames: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.maximum(1 - np.abs(frames - peak) / BATCH, 0) * contrast

    fit = np.full(len(frame), 1.7 * np.sqrt(2))
    values = [
        np.zeros((len(frame), 17)), np.zeros((len(frame), 17)), v(frame), v(flow), frame, flow,
        np.full(len(frame), 1.7), np.full(len(frame), x), np.full(len(frame), y),
        np.array([number]), v(frame), *[np.full(len(frame), each) for each in (x, y)], fit, fit,
        np.zeros(len(frame)), *[np.full(len(frame), 0.1)] * 6,
    ]  # fmt: skip
    return dict(zip(_KEYS, values, strict=True))


PARTICLES = [
    particle(3, 100, -4e-3, 20.25, 9.0),
    particle(11, 140, 6e-3, 7.0, 30.5),
    *(particle(20 + i, 200 + i, 1e-3, 5.0, 5.0 + i) for i in range(9)),
]


def in_hdf5(path: Path, particles: list[dict[str, Any]] = PARTICLES) -> Path:
    with h5py.File(path, "w") as file:
        for i, values in enumerate(particles):
            for name, value in values.items():
                file[f"#{i}/{name}"] = value
    return path


def cells(items: list[Any]) -> npt.NDArray[Any]:
    array = np.empty(len(items), object)
    array[:] = items
    return array


def in_mat(path: Path, *, compressed: bool, n: int = len(_KEYS), rows: bool = False) -> Path:
    lists = [[*values.values()][:n] for values in PARTICLES]
    data = cells([cells(items) for items in lists])
    if rows:
        data = np.empty((len(lists), n), object)
        for i, items in enumerate(lists):
            data[i] = cells(items)
    savemat(path, {"data": data}, do_compression=compressed)
    return path


@pytest.fixture(params=["hdf5", "mat", "packed mat", "mat of rows"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "hdf5":
        return in_hdf5(tmp_path / "a.h5")
    packed, rows = request.param == "packed mat", request.param == "mat of rows"
    return in_mat(tmp_path / "a.mat", compressed=packed, rows=rows)


def test_spots_have_the_values_that_were_saved(path: Path) -> None:
    spots = uai.read_piscat_trajectories(path).spots
    assert len(spots) == 25 * len(PARTICLES)
    assert spots["particle"].unique().tolist() == [3, 11, *range(20, 29)]  # as in the file
    first = spots[spots["particle"] == 3]
    assert_array_equal(first["frame"], np.arange(88, 113))
    assert_array_equal(first["center_intensity"], PARTICLES[0]["center_int"])
    assert_array_equal(first[["y", "x"]], 25 * [(20.25, 9.0)])
    assert_allclose(first[["Fit_Y-Center", "Fit_X-Center"]], 25 * [(20.25, 9.0)])
    assert_allclose(spots[["Fit_X-Sigma", "Fit_Y-Sigma"]], 1.7)
    assert_allclose(spots["Sigma_ratio"], 1.0)
    assert {"status", *FIT_COLUMNS} <= {*spots.columns}


def test_landings_are_where_and_when_the_contrast_is_extreme(path: Path) -> None:
    landings = uai.read_piscat_trajectories(path).landings
    assert landings.columns.tolist() == [
        *("landing", "frame", "y", "x", "contrast", "n_localizations"),
    ]
    assert landings.loc[0].tolist() == [3, 100, 20.25, 9.0, -4e-3, 25]
    assert landings.loc[1].tolist() == [11, 140, 7.0, 30.5, 6e-3, 25]


def test_traces_give_the_three_contrasts(path: Path) -> None:
    read = uai.read_piscat_trajectories(path)
    assert read.traces.groupby("landing").size().unique().tolist() == [81]
    measured = uai.iscat.measure_contrasts(read.landings, read.traces, batch_size=BATCH)
    assert_allclose(measured["intersection_contrast"], read.landings["contrast"], rtol=1e-6)
    assert_allclose(measured["prominence_contrast"], measured["peak_contrast"], rtol=0.01)


def test_trajectories_without_fits_are_read(tmp_path: Path) -> None:
    path = in_mat(tmp_path / "a.mat", compressed=True, n=10)
    spots = uai.read_piscat_trajectories(path).spots
    assert "Fit_Amplitude" not in spots
    assert len(spots) == 25 * len(PARTICLES)


def test_particles_of_the_same_number_are_numbered_by_their_order(tmp_path: Path) -> None:
    path = in_hdf5(tmp_path / "a.h5", [PARTICLES[0], PARTICLES[0]])
    read = uai.read_piscat_trajectories(path)
    assert read.landings["landing"].tolist() == [0, 1]
    assert len(read) == 2


def test_landings_of_the_tracks_are_those_of_the_video(tmp_path: Path) -> None:
    y, x = np.mgrid[:40, :40]
    video = 1e-4 * np.random.default_rng(0).normal(size=(240, 40, 40))
    for values in PARTICLES[:2]:
        spot = np.exp(
            -((y - values["y_center"][0]) ** 2 + (x - values["x_center"][0]) ** 2) / (2 * 1.7**2)
        )
        video[values["frame_number_flow"]] += values["center_int_flow"][:, None, None] * spot
    spots = uai.read_piscat_trajectories(in_hdf5(tmp_path / "a.h5", PARTICLES[:2])).spots
    landings = uai.iscat.landings_from_tracks(spots, video, batch_size=BATCH)
    assert landings["frame"].tolist() == [140, 100]
    assert_allclose(landings["contrast"], [6e-3, -4e-3], rtol=0.03)


def refusal(path: Path) -> str:
    with pytest.raises(TableFormatError) as caught:
        uai.read_piscat_trajectories(path)
    text = str(caught.value)
    assert text.isprintable()
    assert str(path) in text
    return text


def test_bad_hdf5_is_refused_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    assert "does not exist" in refusal(path)
    with h5py.File(path, "w") as file:
        file["video"] = np.zeros((2, 3, 4))
    assert "contains no trajectories" in refusal(path)
    lacking = {key: value for key, value in PARTICLES[0].items() if key != "x_center"}
    assert "particle 0 has no x_center" in refusal(in_hdf5(path, [lacking]))
    short = {**PARTICLES[0], "sigma": np.ones(3)}
    assert "3 values of sigma and 25 frames" in refusal(in_hdf5(path, [short]))
    short = {**PARTICLES[0], "center_int_flow": np.ones(3)}
    assert "3 values for 81 frames" in refusal(in_hdf5(path, [short]))
    with h5py.File(path, "w") as file:
        for i in range(3):
            for name in ("frame_number", "y_center", "x_center"):
                file.create_dataset(f"#{i}/{name}", (10**7,), chunks=(1000,), dtype="f8")
    assert "NAPARI_UAI_MAX_CHUNK_BYTES" in refusal(path)


def test_bad_mat_is_refused_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(b"not a mat file" * 20)
    assert "neither HDF5 nor a MATLAB file" in refusal(path)
    savemat(path, {"data": np.zeros((3, 4))})
    assert "contains no trajectories" in refusal(path)
    savemat(path, {"data": cells([cells([1.0, 2.0])] * 2)})
    assert "2 items instead of 10 or 22" in refusal(path)
    in_mat(path, compressed=False)
    path.write_bytes(path.read_bytes()[:3000])
    assert "truncated" in refusal(path)


def test_a_mat_file_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"data": np.zeros((3, 4))})
    head = path.read_bytes()[:128]
    zeros = zlib.compress(struct.pack("<II", 14, 2**28) + bytes(2**28))
    path.write_bytes(head + struct.pack("<II", 15, len(zeros)) + zeros)
    assert "unpacks to far more than its size" in refusal(path)


def test_endless_nesting_of_cells_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"data": np.zeros((3, 4))})
    flags = struct.pack("<IIII", 6, 8, 1, 0)
    shape = struct.pack("<IIii", 5, 8, 1, 1)
    name = struct.pack("<II", 1, 0)
    content = b""
    for _ in range(100):
        content = flags + shape + name + content
        content = struct.pack("<II", 14, len(content)) + content
    path.write_bytes(path.read_bytes()[:128] + content)
    assert "NAPARI_UAI_MAX_DEPTH" in refusal(path)
