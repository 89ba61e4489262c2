"""Files of every format open by drop, with their scale; what has to be chosen is asked for."""

from __future__ import annotations

import json
import struct

import napari
import numpy as np
import pytest
import tifffile
from napari.settings import get_settings
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_uai.videos.formats import FORMATS
from napari_uai.videos.frames import Frames
from napari_uai.videos.read_options import ReadOptions
from napari_uai.videos.writing.writers import write_video
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.plugin_docks import RAW_TITLE


@pytest.fixture
def small(recording):
    return recording[:40] // 200


def write_h5(path, video):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["video"] = video
        file["video"].attrs.update(pixel_size_um=0.05, frame_rate_hz=400.0)


def write_mat(path, video):
    from scipy.io import savemat

    savemat(path, {"video": np.moveaxis(video, 0, -1)})


def write_fits(path, video):
    pytest.importorskip("astropy.io.fits").PrimaryHDU(video).writeto(path)


def write_avi(path, video):
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=400)
        stream.width, stream.height, stream.pix_fmt = video.shape[2], video.shape[1], "gray"
        for frame in video.astype(np.uint8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())


def write_animation(path, video):
    first, *others = map(Image.fromarray, video.astype(np.uint8))
    first.save(path, save_all=True, append_images=others, duration=40)


def write_webp(path, video):
    first, *others = map(Image.fromarray, video.astype(np.uint8))
    first.save(path, save_all=True, append_images=others, duration=40, lossless=True)


def write_spe(path, video):
    head = bytearray(4100)
    n, rows, columns = video.shape
    stated = (42, "<H", columns), (108, "<h", 3), (656, "<H", rows), (1446, "<i", n)
    for place, kind, value in (*stated, (1992, "<f", 2.5)):
        struct.pack_into(kind, head, place, value)
    path.write_bytes(bytes(head) + video.astype("<u2").tobytes())


def write_lambert(path, video):
    n, rows, columns = video.shape
    layout = f"datatype = UINT16\nx = {columns}\ny = {rows}\ntimestamps = {n}"
    head = f"{{FLIMIMAGE}}\n[INFO]\nversion = 1.0\n[LAYOUT]\n{layout}\n{{END}}"
    path.write_bytes(head.encode() + video.astype("<u2").tobytes())


def write_images(folder, video):
    folder.mkdir()
    for i, frame in enumerate(video):
        Image.fromarray(frame).save(folder / f"{i}.png")


def write_n5(folder, video):
    folder.mkdir()
    sizes = list(reversed(video.shape))
    stated = {"dimensions": sizes, "blockSize": sizes, "dataType": "uint16"}
    stated |= {"compression": {"type": "raw"}, "resolution": [0.05, 0.05, 0.0025]}
    stated |= {"units": ["um", "um", "s"], "axes": ["x", "y", "t"]}
    (folder / "attributes.json").write_text(json.dumps(stated))
    block = folder / "0" / "0" / "0"
    block.parent.mkdir(parents=True)
    block.write_bytes(struct.pack(">HH3I", 0, 3, *sizes) + video.astype(">u2").tobytes())


def write_ours(path, video):
    write_video(video, path, pixel_size_um=0.05, frame_rate_hz=400)


SCALED = {"a.bin", "a.npy", "a.tif", "a.ome.tif", "a.zarr", "a.h5", "A.TIF", "a.n5"}
WRITERS = {
    "a.bin": write_ours,
    "a.tif": write_ours,
    "a.ome.tif": write_ours,
    "A.TIF": write_ours,
    "a.npy": write_ours,
    "a.zarr": write_ours,
    "a.npz": np.savez,
    "a.h5": write_h5,
    "a.mat": write_mat,
    "a.fits": write_fits,
    "a.avi": write_avi,
    "a.gif": write_animation,
    "a.webp": write_webp,
    "a.n5": write_n5,
    "a.spe": write_spe,
    "a.fli": write_lambert,
    "folder": write_images,
}


@pytest.mark.parametrize("plugin", ["napari-uai", None], ids=["chosen", "dropped"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_file_opens_lazily_with_its_pixels_and_scale(viewer, small, tmp_path, name, plugin):
    path = tmp_path / name
    WRITERS[name](path, small)
    if plugin is None:  # in napari's dialog, "remember this choice"
        get_settings().plugins.extension2reader = {"*": "napari-uai"}
    [layer] = viewer.open(path, plugin=plugin)
    assert isinstance(layer.data, Frames)
    np.testing.assert_array_equal(np.asarray(layer.data[17]), small[17])
    record = layer.metadata[KEY]
    if name in SCALED:
        assert layer.scale[1] == pytest.approx(0.05)
        assert str(layer.units[1]) == "micrometer"
        assert record["frame_rate_hz"] == pytest.approx(400)
    elif name == "a.avi":
        assert record["frame_rate_hz"] == pytest.approx(400)
    else:
        assert str(layer.units[1]) == "pixel"


def test_a_file_of_every_format_is_opened_here():
    opened = {video_format_of(name) for name in WRITERS} | {"lambert"}  # a.fli, by its content
    assert opened | {"bioio"} == {each.name for each in FORMATS}  # bioio has tests of its own


def video_format_of(name):
    suffix = name[name.rfind(".") :].lower() if "." in name else ".png"
    return next(each.name for each in FORMATS if suffix in each.suffixes)


def test_every_suffix_of_every_format_is_in_the_manifest(viewer):
    from npe2 import PluginManager

    pictures = {".png", ".jpg", ".jpeg", ".bmp", ".pgm"}
    for suffix in {s for each in FORMATS for s in each.suffixes} - pictures:
        readers = list(PluginManager.instance().iter_compatible_readers([f"a{suffix.upper()}"]))
        ours = {reader.command for reader in readers if reader.plugin_name == "napari-uai"}
        # files of PiSCAT are told apart by their content
        assert ours - {"napari-uai.read_piscat"} == {"napari-uai.read_recording"}, suffix


def test_what_was_assumed_is_shown(viewer, small, tmp_path, notifications):
    np.save(tmp_path / "a.npy", np.stack([small.astype(np.uint8)] * 3, axis=-1))
    [layer] = viewer.open(tmp_path / "a.npy", plugin="napari-uai")
    assert layer.data.shape == small.shape
    assert "the last axis, of length 3, is taken as colours" in notifications[-1]


@pytest.fixture
def planes(tmp_path, small):
    """5 times, 3 planes, 2 channels."""
    stack = small[:30].reshape(5, 3, 2, *small.shape[1:])
    path = tmp_path / "planes.ome.tif"
    tifffile.imwrite(path, stack, metadata={"axes": "TZCYX", "PhysicalSizeX": 0.05})
    return path, stack


@pytest.fixture
def asked(viewer, monkeypatch, qtbot, drain):
    """Open a file; return the dock that asks, after its preview has settled."""
    monkeypatch.setattr(napari, "current_viewer", lambda: viewer)

    def settle(widget):
        requests = widget._frame_request, widget._guess_request
        for _ in range(3):
            qtbot.waitUntil(
                lambda: not widget._later.isActive() and not any(r.busy for r in requests),
            )
            drain()
        return widget

    def open_it(path):
        assert viewer.open(path, plugin="napari-uai") == []
        return settle(viewer.window.dock_widgets[f"{RAW_TITLE} (napari-uai)"])

    open_it.settle = settle
    return open_it


def test_plane_and_channel_are_chosen_in_the_dock(viewer, planes, asked, keep_picture):
    path, stack = planes
    widget = asked(path)
    assert widget.choices.asked == ["Plane", "Channel"]
    assert widget.height_px.isHidden()
    assert widget.remember.isHidden()
    assert "Choose plane and channel" in widget.message.text()
    assert not widget.preview.picture.pixmap().isNull()
    viewer.window._qt_window.resize(1280, 800)
    keep_picture(viewer, "choice-of-plane-and-channel")
    widget.choices.boxes["plane"].setCurrentText("2")
    widget.choices.boxes["channel"].setCurrentText("1")
    asked.settle(widget)
    widget.open_button.click()
    [layer] = viewer.layers
    assert layer.name == "planes.ome, plane 2, channel 1"
    np.testing.assert_array_equal(np.asarray(layer.data), stack[:, 2, 1])
    assert layer.metadata[KEY]["reading"]["given"] == {"plane": 2, "channel": 1}


def test_axes_that_nobody_named_are_never_assumed(viewer, tmp_path, small, asked):
    stack = small[:30].reshape(3, 10, *small.shape[1:])
    np.save(tmp_path / "a.npy", stack)
    widget = asked(tmp_path / "a.npy")
    assert widget.choices.asked == ["Axes"]
    assert not widget.open_button.isEnabled()
    assert "name its axes" in widget.message.text()
    widget.choices.boxes["axes"].setCurrentText("CTYX")
    asked.settle(widget)
    assert widget.choices.asked == ["Axes", "Channel"]
    widget.choices.boxes["channel"].setCurrentText("2")
    asked.settle(widget)
    widget.open_button.click()
    np.testing.assert_array_equal(np.asarray(viewer.layers[0].data), stack[2])
    widget.choices.boxes["axes"].setCurrentText("TT")
    asked.settle(widget)
    assert "axes must be different letters" in widget.message.text()
    assert not widget.open_button.isEnabled()


def test_one_of_several_images_is_chosen_in_the_dock(viewer, tmp_path, small, asked):
    np.savez(tmp_path / "a.npz", dark=small[:2], video=small)
    widget = asked(tmp_path / "a.npz")
    assert widget.choices.asked == ["Image"]
    widget.choices.boxes["image"].setCurrentText("video")
    asked.settle(widget)
    assert "40 frames" in widget.message.text()
    widget.open_button.click()
    assert viewer.layers[0].name == "a, image video"
    assert viewer.layers[0].data.shape == small.shape


def test_rows_of_a_headerless_file_come_back_after_one_that_has_a_header(
    viewer, planes, tmp_path, small, asked
):
    path, _ = planes
    widget = asked(path)
    small.tofile(tmp_path / "b.bin")
    widget.set_path(tmp_path / "b.bin")
    asked.settle(widget)
    assert widget.choices.asked == []
    assert not widget.height_px.isHidden()
    assert widget.choices.boxes["plane"].isHidden()


def test_the_form_states_headers_before_each_frame(viewer, open_widget):
    widget = open_widget(viewer, RAW_TITLE)
    widget.height_px.setValue(24)
    widget.width_px.setValue(20)
    widget.frame_header.setValue(16)
    assert widget.shape_of_file() == ReadOptions(24, 20, "<u2", 0, frame_header=16)


def test_the_frame_header_of_a_sidecar_is_in_the_form(viewer, open_widget, tmp_path, small, asked):
    path = tmp_path / "b.bin"
    path.write_bytes(b"".join(bytes(16) + frame.tobytes() for frame in small))
    stated = {"height": 24, "width": 20, "dtype": "<u2", "frame_header": 16}
    path.with_suffix(".json").write_text(json.dumps(stated))
    widget = open_widget(viewer, RAW_TITLE)
    widget.set_path(path)
    asked.settle(widget)
    assert widget.shape_of_file() == ReadOptions(24, 20, "<u2", 0, frame_header=16)
    widget.open_button.click()
    np.testing.assert_array_equal(np.asarray(viewer.layers[0].data[7]), small[7])


def test_a_doubted_shape_opens_only_if_the_user_insists(viewer, open_widget, tmp_path, asked):
    rng = np.random.default_rng(1)
    speckle = gaussian_filter(rng.normal(size=(72, 80)), 2)
    frames = rng.poisson(2600 * (1 + speckle), (200, 72, 80)).astype("<u2")
    frames.tofile(tmp_path / "b.bin")
    widget = open_widget(viewer, RAW_TITLE)
    widget.set_path(tmp_path / "b.bin")
    asked.settle(widget)
    assert widget.trust.isHidden()
    widget.height_px.setValue(72)
    widget.width_px.setValue(80)
    widget.pixel_type.setCurrentIndex(widget.pixel_type.findData(">u2"))
    asked.settle(widget)
    assert "do not look like frames" in widget.message.text()
    assert not widget.open_button.isEnabled()
    assert not widget.trust.isHidden()
    widget.trust.setChecked(True)
    asked.settle(widget)
    widget.open_button.click()
    assert viewer.layers[0].data.shape == (200, 72, 80)
