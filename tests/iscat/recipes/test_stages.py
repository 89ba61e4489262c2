"""Every entry of the catalogue, as shipped."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_uai.iscat.recipes import catalogue


def test_importing_the_catalogue_imports_nothing_heavy():
    code = (
        "import sys, napari_uai.iscat.recipes.catalogue\n"
        "heavy = {'pandas', 'numba', 'scipy', 'cv2', 'dask', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", list(catalogue.STAGES))
def test_every_stage_is_described_and_its_defaults_fit(name):
    stage = catalogue.STAGES[name]
    assert stage.summary
    assert all(i.description for i in stage.inputs), "describe every input"
    assert all(p.description for p in stage.parameters.values()), "describe every parameter"
    optional = {p.name for p in stage.parameters.values() if not p.required}
    if len(optional) == len(stage.parameters):
        stage.check({})
