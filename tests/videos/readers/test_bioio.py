"""Files of microscopes: what is said without bioio, and what is asked of it."""

import sys
from datetime import timedelta
from types import ModuleType, SimpleNamespace

import dask.array as da
import numpy as np
import pytest

from napari_uai.errors import VideoFormatError
from napari_uai.videos import open_frames, open_video, video_info


def counts():
    return np.random.default_rng(1).integers(0, 250, (12, 2, 1, 20, 24)).astype("u2")


class BioImage:
    """What is used of the class of that name."""

    scenes = ("Image:0",)
    dims = SimpleNamespace(order="TCZYX")
    physical_pixel_sizes = SimpleNamespace(X=0.05, Y=0.05, Z=None)
    time_interval = timedelta(milliseconds=2.5)

    def __init__(self, path):
        if path.read_bytes() == b"damaged":
            raise ValueError("it is damaged\nin many ways")

    def set_scene(self, scene):
        self.scene = scene

    @property
    def dask_data(self):
        return da.from_array(counts(), chunks=(1, 1, 1, 20, 24))


@pytest.fixture
def library(monkeypatch):
    module = ModuleType("bioio")
    module.BioImage = BioImage
    monkeypatch.setitem(sys.modules, "bioio", module)


@pytest.mark.parametrize("name", ["a.nd2", "a.czi", "a.lif", "a.dat"])
def test_the_extra_is_named_where_it_is_missing(tmp_path, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioio", None)
    (tmp_path / name).write_bytes(b"\xda\xce\xbe\x0a" + bytes(1000))
    with pytest.raises(VideoFormatError, match=r'pip install "napari-uai\[bioio\]"'):
        open_video(tmp_path / name, height=10, width=10, dtype="u1")


@pytest.mark.usefixtures("library")
def test_a_channel_is_read_with_its_scale(tmp_path):
    (tmp_path / "a.nd2").write_bytes(b"nd2")
    with pytest.raises(VideoFormatError, match=r"choose a channel \(0 to 1\)"):
        open_video(tmp_path / "a.nd2")
    opened = open_video(tmp_path / "a.nd2", channel=1)
    np.testing.assert_array_equal(opened.compute(), counts()[:, 1, 0])


@pytest.mark.usefixtures("library")
def test_the_scale_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(BioImage, "dask_data", da.from_array(counts()[:, :1]))
    (tmp_path / "a.nd2").write_bytes(b"nd2")
    info = video_info(tmp_path / "a.nd2")
    assert (info.format, info.pixel_size_um, info.frame_rate_hz) == ("bioio", 0.05, 400)
    frames, _ = open_frames(tmp_path / "a.nd2")
    np.testing.assert_array_equal(frames.read(2, 4), counts()[2:4, 0, 0])


@pytest.mark.parametrize("suffix", [".sif", ".oib", ".oif", ".vsi"])
def test_files_that_need_java_say_so(tmp_path, suffix, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioio", None)
    (tmp_path / f"a{suffix}").write_bytes(bytes(1000))
    with pytest.raises(
        VideoFormatError, match=r'napari-uai\[bioio\]" bioio-bioformats \(with Java'
    ):
        open_video(tmp_path / f"a{suffix}")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("suffix", "plugin"),
    [
        *((".nd2", "bioio-nd2"), (".czi", "bioio-czi"), (".lif", "bioio-lif")),
        *((".dv", "bioio-dv"), (".sif", "bioio-bioformats"), (".vsi", "bioio-bioformats")),
    ],
)
def test_the_plugin_is_named_for_each_suffix(tmp_path, suffix, plugin, monkeypatch):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"damaged")
    monkeypatch.setattr("napari_uai.videos.readers.bioio.find_spec", lambda _name: None)
    with pytest.raises(VideoFormatError, match=f"needs a plugin of bioio: pip install {plugin},"):
        open_video(path)
    monkeypatch.setattr("napari_uai.videos.readers.bioio.find_spec", lambda name: name)
    with pytest.raises(VideoFormatError, match=rf"by {plugin} \(it is damaged\): copy it again"):
        open_video(path)
    essay = type("UnsupportedFileFormatError", (Exception,), {})("See our list of plugins")
    monkeypatch.setattr(BioImage, "__init__", lambda *_: (_ for _ in ()).throw(essay))
    with pytest.raises(VideoFormatError, match=rf"by {plugin} \(it may be damaged\): copy it"):
        open_video(path)
