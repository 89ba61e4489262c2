"""``napari-uai report``: where it writes, and what it says when it cannot."""

from __future__ import annotations

import pytest

from napari_uai.cli.app import main
from napari_uai.sample_data import sample_path


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "results"
    words = ["--recipe", "classical", "--set", "dra.batch_size=200"]
    assert main(["iscat", str(sample_path("landings.bin")), "--out", str(out), *words]) == 0
    return out


def test_the_page_and_the_methods_are_written_into_the_results(results, capsys):
    capsys.readouterr()
    assert main(["report", str(results)]) == 0
    named = capsys.readouterr().out.split()
    assert named == [str(results / "report.html"), str(results / "methods.txt")]
    assert (results / "methods.txt").read_text("utf-8").startswith("Landings were detected in")


def test_the_page_may_lie_elsewhere(results, tmp_path):
    assert main(["report", str(results), "--out", str(tmp_path / "new" / "a.html")]) == 0
    assert {p.name for p in (tmp_path / "new").iterdir()} == {"a.html", "methods.txt"}


def test_a_folder_without_results_is_one_line(tmp_path, one_line_error):
    assert main(["report", str(tmp_path)]) == 2
    one_line_error("has no run.json: not a results folder of napari-uai")


def test_a_folder_that_does_not_exist_is_one_line(tmp_path, one_line_error):
    assert main(["report", str(tmp_path / "none")]) == 2
    one_line_error("none", "does not exist")


def test_a_file_is_one_line(results, one_line_error):
    assert main(["report", str(results / "run.json")]) == 2
    one_line_error("is a file: choose the folder that it is in")
