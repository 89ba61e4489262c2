from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_uai.widgets.kit.layers import Place, place_of, points_layer, table_of
from napari_uai.widgets.kit.palette import BRIGHT, DARK, UNSIGNED
from napari_uai.widgets.kit.rings import follow_rings, refresh_rings

AROUND = 100.0
TABLE = pd.DataFrame(
    {
        "landing": [1, 2, 3],
        "frame": [300, 350, 900],
        "y": [4.0, 12.0, 20.0],
        "x": [5.0, 6.0, 7.0],
        "contrast": [0.01, -0.02, 0.01],
    }
)


def hex_of(colour):
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour[:3])


@pytest.fixture
def viewer_model():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((1200, 24, 20), np.uint8), scale=(1, 0.5, 0.5))
    follow_rings(viewer)
    return viewer


@pytest.fixture
def place():
    return Place(scale=(1.0, 0.5, 0.5), translate=(20.0, 0.0, 0.0))


@pytest.fixture
def rings(viewer_model, place):
    data, attributes, _ = points_layer(TABLE, place, name="rings", kind="landing", around=AROUND)
    return viewer_model.add_points(data, **attributes)


def clicked(layer, frame, row):
    """Return the point that a click at the place of a row finds in a frame."""
    y, x = TABLE.loc[row, ["y", "x"]] * 0.5
    return layer.get_value((frame, y, x), world=True, view_direction=None, dims_displayed=[1, 2])


@pytest.mark.parametrize(
    ("frame", "row", "found"),
    [(320, 0, 0), (220, 0, 0), (420, 0, 0), (219, 0, None), (421, 0, None), (420, 1, 1)],
)
def test_a_ring_is_there_for_half_a_batch_before_and_after_its_frame(
    viewer_model, rings, frame, row, found
):
    viewer_model.dims.set_point(0, frame)
    assert clicked(rings, frame, row) == found


def test_rings_fade_with_their_distance_from_the_frame_in_view(viewer_model, rings):
    strengths = []
    for frame in (320, 345, 370, 420):
        viewer_model.dims.set_point(0, frame)
        strengths.append(rings.border_color[0, 3])
        assert rings.text.color(rings.features)[0, 3] == pytest.approx(strengths[-1])
    assert strengths[0] == 1.0
    assert (np.diff(strengths) < 0).all()
    assert strengths[-1] > 0.2


@pytest.mark.parametrize("zoom", [0.5, 3.0, 40.0])
def test_rings_are_one_pixel_of_the_screen_wide_at_any_zoom(viewer_model, rings, zoom):
    viewer_model.scene.camera.zoom = zoom
    assert not rings.border_width_is_relative
    np.testing.assert_allclose(rings.border_width * 0.5 * zoom, 1.0, rtol=1e-6)


def test_the_hue_is_the_sign_whatever_the_kind(place):
    for kind in ("landing", "localization", "truth", "position"):
        _, attributes, _ = points_layer(TABLE, place, name="rings", kind=kind)
        assert [hex_of(c) for c in attributes["border_color"]] == [BRIGHT, DARK, BRIGHT]
    _, attributes, _ = points_layer(TABLE.drop(columns="contrast"), place, name="spots")
    assert {hex_of(c) for c in attributes["border_color"]} == {UNSIGNED}


def test_kinds_differ_by_shape_and_size(place):
    looks = {
        (attributes["symbol"], float(np.max(attributes["size"])))
        for kind in ("landing", "localization", "truth")
        for _, attributes, _ in [points_layer(TABLE, place, name="rings", kind=kind)]
    }
    assert len(looks) == 3


def test_localizations_are_hidden_at_first(place):
    for kind, visible in (("landing", True), ("localization", False), ("truth", True)):
        assert points_layer(TABLE, place, name="rings", kind=kind)[1]["visible"] is visible


def test_verdicts_show_in_width_strength_and_text(viewer_model, rings):
    viewer_model.dims.set_point(0, 320)
    rings.features["accepted"] = ["yes", "no", ""]
    before = rings.border_color[1, 3]
    refresh_rings(rings, viewer_model)
    assert rings.border_width[0] == 2 * rings.border_width[2]
    assert rings.border_color[1, 3] < 0.5 * before
    assert list(rings.text.string(rings.features)) == ["1 ✓", "2 ✗", "3"]
    assert [hex_of(c) for c in rings.border_color] == [BRIGHT, DARK, BRIGHT]


def test_positions_of_rings_are_those_of_their_table(viewer_model, rings, place):
    assert place_of(rings).scale == pytest.approx(place.scale)
    back = table_of(rings, place)
    assert back["frame"].tolist() == TABLE["frame"].tolist()
    np.testing.assert_allclose(rings.data_to_world(rings.data[0]), (320, 2, 2.5))
    assert viewer_model.dims.range[0].stop == 1199


def test_deleted_points_leave_the_others_their_looks(viewer_model, rings):
    rings.selected_data = {0}
    rings.remove_selected()
    viewer_model.dims.set_point(0, 370)
    assert [hex_of(c) for c in rings.border_color] == [DARK, BRIGHT]
    assert rings.border_color[0, 3] == 1.0
    assert list(rings.text.string(rings.features)) == ["2", "3"]


def test_rings_that_were_there_before_are_followed_as_well(place):
    viewer = ViewerModel()
    viewer.add_image(np.zeros((1200, 24, 20), np.uint8), scale=(1, 0.5, 0.5))
    data, attributes, _ = points_layer(TABLE, place, name="rings", kind="landing", around=AROUND)
    layer = viewer.add_points(data, **attributes)
    follow_rings(viewer)
    viewer.dims.set_point(0, 370)
    assert layer.border_color[0, 3] < layer.border_color[1, 3] == 1.0
