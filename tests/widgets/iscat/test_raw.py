"""The dialog for recordings that need a choice: suggestions, scale, preview."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_uai.sample_data import sample_path
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.plugin_docks import RAW_TITLE
from napari_uai.widgets.kit.preferences import preferences


@pytest.fixture
def bare_file(tmp_path):
    """The sample recording without the file that states its shape; 1200 frames of 41 x 40 px."""
    path = tmp_path / "recording.bin"
    path.write_bytes(sample_path("landings.bin").read_bytes())
    return path


@pytest.fixture
def dialog(viewer, open_widget, bare_file, previewed):
    widget = open_widget(viewer, RAW_TITLE)
    widget.set_path(bare_file)
    previewed(widget)
    return widget


def shape_in(widget):
    return widget.height_px.value(), widget.width_px.value()


def choose(combo, index):
    """Choose an entry of a list as a user does, who may choose the one that is shown."""
    combo.setCurrentIndex(index)
    combo.activated.emit(index)


def test_a_suggestion_that_is_chosen_again_is_applied_again(dialog, previewed):
    suggested = shape_in(dialog)
    assert dialog.suggestions.currentIndex() == 1
    dialog.height_px.setValue(7)
    previewed(dialog)
    assert dialog.suggestions.currentIndex() == 0  # the list does not claim what is not shown
    choose(dialog.suggestions, 1)
    assert shape_in(dialog) == suggested
    dialog.width_px.setValue(9)
    dialog.suggestions.activated.emit(1)
    assert shape_in(dialog) == suggested


def test_suggestions_follow_the_pixel_type(dialog, previewed):
    dialog.pixel_type.setCurrentIndex(dialog.pixel_type.findData("|u1"))
    previewed(dialog)
    kinds = {dialog.suggestions.itemData(i)[2] for i in range(1, dialog.suggestions.count())}
    assert kinds == {"|u1"}


def test_suggestions_follow_the_header(dialog, bare_file, previewed):
    bare_file.write_bytes(bytes(300) + bare_file.read_bytes())
    dialog.offset.setValue(300)
    previewed(dialog)
    suggested = [dialog.suggestions.itemData(i) for i in range(1, dialog.suggestions.count())]
    assert (41, 40, "<u2", 300, 0) in suggested
    choose(dialog.suggestions, 1 + suggested.index((41, 40, "<u2", 300, 0)))
    assert dialog.offset.value() == 300
    assert shape_in(dialog) == (41, 40)


def test_pixel_types_are_in_words(dialog):
    types = [dialog.pixel_type.itemText(i) for i in range(dialog.pixel_type.count())]
    assert types[:3] == [
        "16-bit unsigned, little-endian", "16-bit unsigned, big-endian", "8-bit unsigned",
    ]  # fmt: skip
    assert dialog.suggestions.currentText().endswith("px, 16-bit unsigned, little-endian")


def test_pixel_size_and_frame_rate_go_into_the_layer_and_the_sidecar(viewer, dialog, bare_file):
    dialog.pixel_size_um.setValue(0.08)
    dialog.frame_rate_hz.setValue(400)
    dialog.remember.setChecked(True)
    dialog.open_button.click()
    [layer] = viewer.layers
    assert tuple(layer.scale) == (1, 0.08, 0.08)
    assert [str(unit) for unit in layer.units[1:]] == ["micrometer"] * 2
    record = layer.metadata[KEY]
    assert (record["pixel_size_um"], record["frame_rate_hz"]) == (0.08, 400)
    written = json.loads(bare_file.with_suffix(".bin.json").read_text())
    assert (written["pixel_size_um"], written["frame_rate_hz"]) == (0.08, 400)


def test_the_scale_that_a_file_states_is_shown(dialog, bare_file, previewed):
    stated = {"height": 41, "width": 40, "dtype": "<u2", "pixel_size_um": 0.05}
    bare_file.with_suffix(".json").write_text(json.dumps(stated))
    dialog.set_path("")
    dialog.set_path(bare_file)
    previewed(dialog)
    assert dialog.pixel_size_um.value() == 0.05
    assert dialog.frame_rate_hz.text() == "unknown"


def test_the_pixel_size_of_the_preferences_is_named_as_such(viewer, dialog):
    preferences("recordings").pixel_size_nm = 200.0
    dialog.reset_choices()
    assert dialog.pixel_size_um.text() == "0.2 µm, preferences"
    dialog.open_button.click()
    assert viewer.layers[0].scale[1] == 0.2


def test_a_recording_beside_one_in_micrometres_is_drawn_in_micrometres(
    viewer, dialog, notifications, qtbot
):
    viewer.open_sample("napari-uai", "landings")
    pixel = viewer.layers[0].scale[1]
    assert dialog.pixel_size_um.text().startswith(f"{pixel:.4g} µm, as landings")
    dialog.open_button.click()
    viewer.screenshot(flash=False)
    opened = viewer.layers[-1]
    assert opened.scale[1] == pixel
    assert viewer.layers.extent.units is not None
    assert not [note for note in notifications if "units" in note]


def test_a_recording_beside_one_in_pixels_is_drawn_in_pixels(viewer, dialog, notifications):
    viewer.add_image(np.zeros((10, 41, 40), np.uint8))
    dialog.pixel_size_um.setValue(0.08)
    dialog.open_button.click()
    viewer.screenshot(flash=False)
    opened = viewer.layers[-1]
    assert tuple(opened.scale) == (1, 1, 1)
    assert opened.metadata[KEY]["pixel_size_um"] == 0.08
    assert "its pixel size is kept" in dialog.message.text()
    assert not [note for note in notifications if "units" in note]


def test_first_middle_and_last_frame_are_previewed(dialog):
    first, middle, last = dialog.preview.buttons
    pictures = []
    for button in (first, middle, last):
        button.click()
        pictures.append(dialog.preview.picture.pixmap().toImage())
    assert [button.toolTip() for button in (first, middle, last)] == [
        "Frame 0", "Frame 599", "Frame 1199",
    ]  # fmt: skip
    assert pictures[0] != pictures[1] != pictures[2]


def test_the_frame_in_the_preview_stays_chosen_while_the_shape_is_changed(dialog, previewed):
    dialog.preview.buttons[2].click()
    dialog.width_px.setValue(20)
    previewed(dialog)
    assert dialog.preview.buttons[2].isChecked()
