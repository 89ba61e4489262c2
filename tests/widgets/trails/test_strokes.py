"""Wide lines of trails stay within their width, as napari draws them."""

import numpy as np
import pytest
from napari.layers import Shapes
from scipy.spatial import KDTree

import napari_uai as uai
from napari_uai.widgets.trails.drawing import path_of
from napari_uai.widgets.trails.strokes import stroke


def reach(path, width, along):
    """Return how far the drawn line reaches from a path, in widths."""
    shape = Shapes([along], shape_type="path", edge_width=width)._data_view.shapes[0]
    drawn = shape._edge_vertices + width * shape._edge_offsets
    at = np.linspace(0, len(path) - 1, 5000)
    numbers = np.arange(len(path))
    dense = np.column_stack([np.interp(at, numbers, path[:, axis]) for axis in (0, 1)])
    return KDTree(dense).query(drawn)[0].max() / width


@pytest.fixture(scope="module")
def trails():
    return uai.open_trails(uai.sample_path("trails"))


def test_no_corner_of_a_trail_becomes_a_spike(trails):
    width = 20.0
    paths = [path_of(trails, row) for row in range(0, len(trails), 4)]
    assert max(reach(path, width, path) for path in paths) > 3
    assert max(reach(path, width, stroke(path, width)) for path in paths) < 1.2


def test_a_path_keeps_its_ends_and_stays_within_the_line(trails):
    for row in range(0, len(trails), 40):
        path = path_of(trails, row)
        drawn = stroke(path, 12.0)
        np.testing.assert_array_equal(drawn[[0, -1]], path[[0, -1]])
        at = np.linspace(0, len(drawn) - 1, 5000)
        dense = np.column_stack(
            [np.interp(at, np.arange(len(drawn)), drawn[:, axis]) for axis in (0, 1)]
        )
        assert KDTree(dense).query(path)[0].max() < 12.0


def test_wide_bends_are_left_as_they_are():
    path = np.array([[0.0, 0.0], [0.0, 40.0], [40.0, 60.0], [80.0, 60.0]])
    np.testing.assert_array_equal(stroke(path, 10.0), path)
