"""Names that earlier documentation told still work, or say what to write instead."""

import importlib

import pytest

import napari_uai
from napari_uai._moved import MOVED


@pytest.mark.parametrize("name", MOVED)
def test_a_module_that_moved_says_where(name):
    with pytest.raises(ModuleNotFoundError, match=f"import from {MOVED[name]} instead"):
        importlib.import_module(name)
    importlib.import_module(MOVED[name])


def test_the_former_public_face_gives_the_same_names_with_a_warning():
    former = importlib.import_module("napari_uai.workflow")
    for name in ("open_recording", "run_recipe", "write_results", "analyse_trails"):
        with pytest.warns(DeprecationWarning, match=f"from napari_uai import {name}"):
            assert getattr(former, name) is getattr(napari_uai, name)


def test_the_public_face_lists_its_names_and_no_others():
    assert sorted(napari_uai.__all__) == sorted(dir(napari_uai))
    for name in napari_uai.__all__:
        getattr(napari_uai, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        napari_uai.no_such_name  # noqa: B018
