from __future__ import annotations

import json

import numpy as np
from napari.layers import Points

from napari_uai.sample_data import sample_path
from napari_uai.videos.frames import Frames
from napari_uai.widgets.kit.layers import KEY


def test_the_sample_recording_opens_lazily_with_its_known_landings(viewer):
    video, truth = viewer.open_sample("napari-uai", "landings")
    assert isinstance(video.data, Frames)
    assert video.metadata[KEY]["pixel_size_um"] == video.scale[1]
    assert isinstance(truth, Points)
    assert {"contrast", "raw_frame"} <= set(truth.features.columns)
    extent = video.extent.world
    world = np.array([truth.data_to_world(position) for position in truth.data])
    assert (world >= extent[0]).all()
    assert (world <= extent[1]).all()


def test_a_known_landing_of_the_sample_shows_while_one_scrubs_past_it(viewer):
    _, truth = viewer.open_sample("napari-uai", "landings")
    frame, y, x = truth.data_to_world(truth.data[0])
    strengths = []
    for away in (0, 50, -90):
        viewer.dims.set_point(0, frame + away)
        where = (frame + away, y, x)
        found = truth.get_value(where, world=True, view_direction=None, dims_displayed=[1, 2])
        assert found == 0
        strengths.append(truth.border_color[0, 3])
    assert strengths[0] > strengths[1] > strengths[2] > 0.2


def test_the_sample_fluorescence_is_linked_by_its_rates_and_three_pairs(viewer, open_widget):
    """Spots of its brightest frames, marked by hand, lie on the landings once it is linked."""
    video, truth = viewer.open_sample("napari-uai", "landings")
    [second] = viewer.open_sample("napari-uai", "fluorescence")
    labels = json.loads(sample_path("fluorescence_truth.json").read_text())
    places = np.array([[label["y"], label["x"]] for label in labels["labels"]])
    landings = truth.data[[label["landing"] for label in labels["labels"]]]
    widget = open_widget(viewer, "Link a second recording")
    widget.first.choose(video.name)
    widget.second.choose(second.name)
    widget.use_rates()
    known = labels["settings"]
    assert widget.fields["frames_per_frame"].value() == known["frames_per_frame"]
    assert widget.fields["magnification"].value() == known["magnification"]
    widget.fields["first_frame"].setValue(known["first_frame"])
    scale = np.array(second.scale[1:])
    viewer.add_points([truth.data_to_world(p) for p in landings[:3]], name="in first")
    viewer.add_points(np.pad(places[:3] * scale, ((0, 0), (1, 0))), name="in second")
    widget.first_points.choose("in first")
    widget.second_points.choose("in second")
    widget.link()
    for label, place, landing in zip(labels["labels"], places, landings, strict=True):
        world = second.data_to_world((label["first_frame"], *place))
        expected = truth.data_to_world(landing)
        np.testing.assert_allclose(world[1:], expected[1:], atol=2e-3)
        assert 0 <= world[0] - expected[0] < known["frames_per_frame"]
    # and by hand, with the values of the simulation
    widget.first_points.choose("(none)")
    widget.second_points.choose("(none)")
    for name in ("rotation_deg", "shift_rows", "shift_columns"):
        widget.fields[name].setValue(known[name])
    before = np.asarray(second.affine)
    widget.link()
    np.testing.assert_allclose(np.asarray(second.affine), before, atol=2e-3)
