"""Landings of any source: results of runs, exports of mass photometers, tables by hand."""

import h5py
import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import NapariUaiError, TableFormatError
from napari_uai.iscat.mass import landing_table, read_landings
from napari_uai.iscat.mass.events import VOCABULARY

CONTRASTS = np.array([-0.0064, 0.0032, -0.0096])


def photometer(path, **more):
    """Write an export as DiscoverMP does: negative contrasts bind, and have positive masses."""
    with h5py.File(path, "w") as file:
        file["contrasts"] = CONTRASTS
        file["masses_kDa"] = np.array([200.0, -100.0, 300.0])
        file["frame_indices"] = np.array([10, 20, 30])
        file["x_coords"], file["y_coords"] = np.arange(3.0), np.arange(3.0) + 5
        for name, value in more.items():
            file[name] = value
    return path


def test_landings_of_a_run_are_read_as_they_are(tmp_path):
    table = pd.DataFrame(
        {"landing": [1, 2], "raw_frame": [5, 9], "y": [1.0, 2.0], "x": [3.0, 4.0],
         "contrast": [-0.001, 0.002], "contrast_error": [1e-4, 2e-4], "score": [5.0, 6.0]}
    )  # fmt: skip
    folder = tmp_path / "albumin"
    folder.mkdir()
    table.to_csv(folder / "landings.csv", index=False)
    for source in (folder, folder / "landings.csv", tmp_path):
        [read] = read_landings(source)
        assert read.name == "albumin"
        assert read.notes == ()
        shared = table.columns.drop("score")
        pd.testing.assert_frame_equal(read.table[shared], table[shared], check_dtype=False)


def test_a_folder_of_results_has_one_recording_each(tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "landings.csv").write_text("contrast\n0.001\n")
    assert [each.name for each in read_landings(tmp_path)] == ["a", "b"]


def test_an_hdf5_export_of_a_photometer_is_read(tmp_path):
    [read] = read_landings(photometer(tmp_path / "eventsFitted.h5"))
    np.testing.assert_array_equal(read.table["contrast"], CONTRASTS)
    np.testing.assert_array_equal(read.table["mass_kda"], [200, -100, 300])
    np.testing.assert_array_equal(read.table["raw_frame"], [10, 20, 30])
    np.testing.assert_array_equal(read.table["y"], [5, 6, 7])
    assert "contrast from 'contrasts'" in read.notes[0]


def test_arrays_of_two_dimensions_are_flattened(tmp_path):
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file["contrasts"] = CONTRASTS[None]
    np.testing.assert_array_equal(read_landings(path)[0].table["contrast"], CONTRASTS)


def test_the_calibration_of_a_file_is_used(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["contrasts"] = CONTRASTS
        file["calibration/gradient"] = np.array([-3.2e-5])
        file["calibration/offset"] = np.array(-0.0001)
    [read] = read_landings(path)
    masses, _ = read.calibration.masses(CONTRASTS[[0, 2]])
    np.testing.assert_allclose(masses, (CONTRASTS[[0, 2]] + 0.0001) / -3.2e-5)


def test_events_of_several_movies_are_recordings(tmp_path):
    path = tmp_path / "merged.h5"
    with h5py.File(path, "w") as file:
        for name, n in (("movie_1", 2), ("movie_2", 3)):
            file[f"per_movie_events/{name}/contrasts"] = CONTRASTS[:n]
            file[f"per_movie_events/{name}/calibration/gradient"] = -6e-5
            file[f"per_movie_events/{name}/calibration/offset"] = 0.0
    read = read_landings(path)
    sizes = {each.name: len(each) for each in read}
    assert sizes == {"merged movie_1": 2, "merged movie_2": 3}
    assert read[0].calibration.slope == pytest.approx(6e-5)


@pytest.mark.parametrize(
    "text",
    [
        "frame_indices,x_coords,y_coords,contrasts,masses_kDa\n7,1,2,-0.0032,100\n",
        "# exported\nframe,y_det,contrasts_det,contrasts,x,y,masses_kDa\n7,9,1,-0.0032,1,2,100\n",
        "Frame;X;Y;Contrast;Mass [kDa]\n7;1,0;2,0;-0,0032;100,0\n",
        "raw_frame\tx\ty\tcontrast\tmass_kda\n7\t1\t2\t-0.0032\t100\n",
    ],
)
def test_csv_exports_are_read_by_the_names_of_their_columns(tmp_path, text):
    path = tmp_path / "events.csv"
    path.write_text(text)
    [read] = read_landings(path)
    row = read.table.iloc[0]
    values = [row[name] for name in ("raw_frame", "x", "y", "contrast", "mass_kda")]
    assert values == pytest.approx([7, 1, 2, -0.0032, 100])


def test_every_name_of_the_vocabulary_is_recognised():
    for role, words in VOCABULARY.items():
        for word in words:
            table = pd.DataFrame({"contrast": [0.001], word: [0.5]})
            if role != "contrast":
                assert landing_table(table, "a").table[role][0] == 0.5


def test_rows_that_are_left_out_are_counted():
    table = pd.DataFrame(
        {"contrast": [0.001, np.nan, 0.003, 0.004], "contrast_error": [1e-4, 1e-4, -1.0, 1e-4],
         "accepted": ["", "yes", "yes", "no"]}
    )  # fmt: skip
    read = landing_table(table, "a")
    assert read.table["contrast"].tolist() == [0.001]
    assert len(read.notes) == 3
    assert all("1 of 4 rows left out" in note for note in read.notes)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"frame,y\n1,2\n", "no column of contrasts or masses (frame, y)"),
        (b"", "not a table of text"),
        (b"\0\1\2\3", "not a table of text"),
        (b"contrast,y\n1,2\n1,2,3,4\n", "cannot be read as a table"),
        (b"\x89HDF\r\n\x1a\n broken", "an event table in HDF5"),
        (b"a" * 70_000, "first line that is too long"),
    ],
)
def test_other_files_are_named_on_one_line(tmp_path, content, words):
    path = tmp_path / "events.csv"
    path.write_bytes(content)
    with pytest.raises(TableFormatError) as caught:
        read_landings(path)
    assert words in str(caught.value)
    assert "events.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_empty_folders_are_named(tmp_path):
    with pytest.raises(TableFormatError, match="does not exist"):
        read_landings(tmp_path / "no.csv")
    with pytest.raises(TableFormatError, match=r"no landings\.csv"):
        read_landings(tmp_path)


def test_hdf5_without_events_is_named(tmp_path):
    path = tmp_path / "movie.h5"
    with h5py.File(path, "w") as file:
        file["movie/frame"] = np.zeros((2, 3, 4))
    with pytest.raises(TableFormatError, match="no datasets of contrasts or masses"):
        read_landings(path)


def test_datasets_of_different_lengths_are_refused(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["contrasts"], file["frame_indices"] = CONTRASTS, np.arange(2)
    with pytest.raises(TableFormatError, match="different lengths"):
        read_landings(path)


def test_data_in_other_files_are_not_read(tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["contrasts"] = CONTRASTS
    linked, external = tmp_path / "linked.h5", tmp_path / "external.h5"
    with h5py.File(linked, "w") as file:
        file["contrasts"] = h5py.ExternalLink(str(secret), "contrasts")
    (tmp_path / "raw.bin").write_bytes(CONTRASTS.tobytes())
    with h5py.File(external, "w") as file:
        file.create_dataset("contrasts", (3,), "f8", external=[(str(tmp_path / "raw.bin"), 0, 24)])
    for path in (linked, external):
        with pytest.raises(NapariUaiError, match=path.name):
            read_landings(path)


def test_a_table_that_states_terabytes_is_refused(tmp_path):
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("contrasts", (2**37,), "f8", chunks=(2**16,), compression="gzip")
    with pytest.raises(NapariUaiError, match="NAPARI_UAI_MAX"):
        read_landings(path)
