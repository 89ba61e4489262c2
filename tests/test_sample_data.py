"""Samples of a source tree are its files; those of an installed package come from a cache."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import napari_uai
from napari_uai import sample_data
from napari_uai.errors import BadValueError, OutputError
from napari_uai.sample_data import sample_names, sample_path

TREE = Path(napari_uai.__file__).parents[2]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package as a wheel has it: archives beside the modules, no source tree around them."""
    package = tmp_path / "lib" / "python" / "napari_uai"
    (package / "sample_data").mkdir(parents=True)
    sys.path.insert(0, str(TREE / "tools"))
    try:
        from pack_samples import PACKED, pack
    finally:
        sys.path.pop(0)
    for sample, names in PACKED.items():
        archive = package / "sample_data" / f"{sample}.tar.xz"
        pack([TREE / "sample_data" / name for name in names], archive)
    monkeypatch.setattr(sample_data, "files", lambda _: package)
    monkeypatch.setenv("NAPARI_UAI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_every_sample_of_the_source_tree_is_where_it_says():
    for name in sample_names():
        assert sample_path(name) == TREE / "sample_data" / name
        assert sample_path(name).exists()


def test_an_unknown_sample_is_refused_with_the_closest_name():
    with pytest.raises(BadValueError, match=r"no sample 'landing\.bin'.*'landings\.bin'"):
        sample_path("landing.bin")


def test_archives_unpack_to_the_bytes_of_the_source_tree(installed):
    ours, theirs = sample_path("trails"), TREE / "sample_data" / "trails"
    names = {path.relative_to(theirs) for path in theirs.rglob("*") if path.is_file()}
    assert {path.relative_to(ours) for path in ours.rglob("*") if path.is_file()} == names
    assert all((ours / name).read_bytes() == (theirs / name).read_bytes() for name in names)
    for name in ("fluorescence.bin", "fluorescence.bin.json", "fluorescence_truth.json"):
        assert sample_path(name).read_bytes() == (TREE / "sample_data" / name).read_bytes()
    assert all(not path.name.startswith(".") for path in installed.iterdir())


def test_the_recording_is_simulated_as_in_the_source_tree(installed):
    made, committed = (
        np.fromfile(path, "<u2").astype(int)
        for path in (sample_path("landings.bin"), TREE / "sample_data" / "landings.bin")
    )
    # another processor may round the last bit of a product differently
    assert np.abs(made - committed).max() <= 1
    assert (made == committed).mean() > 0.999
    for name in ("landings.json", "landings_truth.json"):
        assert sample_path(name).read_bytes() == (TREE / "sample_data" / name).read_bytes()


def test_a_sample_is_made_once(installed):
    path = sample_path("fluorescence.bin")
    path.write_bytes(b"kept")
    assert sample_path("fluorescence.bin").read_bytes() == b"kept"
    shutil.rmtree(path.parent)
    assert len(sample_path("fluorescence.bin").read_bytes()) == 55 * 24 * 24 * 2


def test_a_cache_that_cannot_be_written_is_an_error(installed):
    installed.write_text("a file")
    with pytest.raises(OutputError, match="cannot write to"):
        sample_path("trails")


def test_the_public_face_has_the_samples():
    code = "import napari_uai as uai; print(uai.sample_data.sample_names()[0], uai.sample_path)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("landings.bin <function")


def test_a_name_like_none_of_them_lists_all():
    with pytest.raises(BadValueError, match=r"landings\.bin.*trails"):
        sample_path("nothing")
