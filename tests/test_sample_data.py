"""Where samples are found."""

from __future__ import annotations

import pytest

from napari_uai import NapariUaiError, sample_path


def test_samples_are_files_and_folders() -> None:
    assert sample_path("landings.bin").is_file()
    assert (sample_path("trails") / "truth.csv").is_file()


def test_an_unknown_sample_is_an_error_that_lists_those_that_exist() -> None:
    with pytest.raises(NapariUaiError, match=r"landings\.bin.*trails"):
        sample_path("nothing")
