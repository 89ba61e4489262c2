"""Recordings of a table, each with parameters of its own."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from napari_uai.errors import BadValueError
from napari_uai.iscat.recipes.batch_table import analyse_table, read_batch_table
from napari_uai.iscat.recipes.recipe import load_recipe


@pytest.fixture
def recipe():
    return load_recipe("classical").with_values(dra={"batch_size": 20})


def test_cells_are_parameters_and_empty_ones_those_of_the_recipe(tmp_path, recipe):
    table = tmp_path / "t.csv"
    table.write_text(
        "path, name,dra.batch_size,spots.polarity\na/x.npy,,7,\nx.npy,own,,dark\n\n", "utf-8"
    )
    first, second = read_batch_table(table, recipe)
    assert (first.path, first.name) == (tmp_path / "a" / "x.npy", "x")
    assert second.name == "own"
    values = [each.recipe.values("dra")["batch_size"] for each in (first, second)]
    assert values == [7, 20]
    assert second.recipe.values("spots")["polarity"] == "dark"
    assert first.recipe.values("spots") == recipe.values("spots")


def test_toml_says_the_same(tmp_path, recipe):
    table = tmp_path / "t.toml"
    table.write_text(
        '[[recording]]\npath = "x.npy"\ndra.batch_size = 7\n'
        '[[recording]]\npath = "x.npy"\n"spots.polarity" = "dark"\n',
        "utf-8",
    )
    first, second = read_batch_table(table, recipe)
    assert (first.name, second.name) == ("x-1", "x-2")
    assert first.recipe.values("dra")["batch_size"] == 7
    assert second.recipe.values("spots")["polarity"] == "dark"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file\nx.npy\n", "no column 'path'"),
        ("path\n", "lists no recordings"),
        ("path,name\n,a\n", "recording 1 has no path"),
        ("path,batch\nx.npy,3\n", "stage.parameter, not 'batch'"),
        ("path,dra.batch_siz\nx.npy,3\n", "recording 1: .*did you mean 'batch_size'"),
        ("path,dra.batch_size\nx.npy,3\ny.npy,-1\n", "recording 2: .*at least 1"),
        ("path,name\nx.npy,../a\n", "leads out of"),
        ("path,name\nx.npy,/a\n", "leads out of"),
    ],
)
def test_bad_tables_are_an_error_in_one_line(tmp_path, recipe, text, message):
    table = tmp_path / "t.csv"
    table.write_text(text, "utf-8")
    with pytest.raises(BadValueError, match=message) as caught:
        analyse_table(table, tmp_path / "out", recipe)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_tables_are_said(tmp_path, recipe):
    with pytest.raises(BadValueError, match="does not exist"):
        read_batch_table(tmp_path / "none.csv", recipe)
    with pytest.raises(BadValueError, match=r"none\.toml"):
        read_batch_table(tmp_path / "none.toml", recipe)
    (tmp_path / "r.toml").write_text(recipe.to_toml(), "utf-8")
    with pytest.raises(BadValueError, match="no \\[\\[recording\\]\\] tables"):
        read_batch_table(tmp_path / "r.toml", recipe)


def test_each_recording_runs_with_its_own_and_failures_are_listed(tmp_path, recipe):
    video = np.random.default_rng(0).poisson(1000, (120, 16, 16)).astype(np.uint16)
    np.save(tmp_path / "x.npy", video)
    table = tmp_path / "t.csv"
    table.write_text("path,dra.batch_size\nx.npy,10\nmissing.npy,\n", "utf-8")
    seen = []
    outcomes = analyse_table(table, tmp_path / "out", recipe, on_outcome=seen.append)
    assert [bool(each.error) for each in outcomes] == [False, True]
    assert seen == outcomes
    record = json.loads((tmp_path / "out" / "x" / "run.json").read_text())
    (dra,) = [stage for stage in record["stages"] if stage["name"] == "dra"]
    assert dra["parameters"]["batch_size"] == 10
    with (tmp_path / "out" / "problems.csv").open() as file:
        failed = [row["recording"] for row in csv.DictReader(file) if row["failed"] == "yes"]
    assert failed == ["missing"]
