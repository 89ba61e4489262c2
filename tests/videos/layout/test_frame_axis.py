"""Arrays whose frames lie along another axis than assumed are doubted, all others are not."""

import numpy as np
import pytest
import tifffile
import zarr

from napari_uai.errors import VideoFormatError
from napari_uai.videos import open_video

SHAPE = (90, 40, 50)


def noise(seed=1):
    return np.random.default_rng(seed).normal(size=SHAPE)


def scene():
    return np.random.default_rng(0).normal(size=SHAPE[1:])


def save_npy(path, array):
    np.save(path / "a.npy", array)
    return path / "a.npy"


def save_tif(path, array):
    tifffile.imwrite(path / "a.tif", array, photometric="minisblack")
    return path / "a.tif"


def save_zarr(path, array):
    zarr.save_array(path / "a.zarr", array)
    return path / "a.zarr"


@pytest.mark.parametrize("save", [save_npy, save_tif, save_zarr])
@pytest.mark.parametrize("contrast", [0.3, 1, 30])
@pytest.mark.parametrize(("order", "axes"), [((1, 2, 0), "YXT"), ((1, 0, 2), "YTX")])
def test_frames_along_another_axis_are_refused_with_the_axes_to_give(
    tmp_path, save, contrast, order, axes
):
    video = (1000 + 10 * (contrast * scene() + noise())).astype("u2")
    path = save(tmp_path, np.ascontiguousarray(video.transpose(order)))
    with pytest.raises(VideoFormatError, match=f"give axes='{axes}', or axes='TYX' to"):
        open_video(path)
    np.testing.assert_array_equal(open_video(path, axes=axes).compute(), video)
    as_stored = open_video(path, axes="TYX").compute()
    np.testing.assert_array_equal(as_stored, video.transpose(order))


def recordings():
    n, height, width = SHAPE
    y, x = np.mgrid[:height, :width]
    time = np.arange(n)[:, None, None]
    moving = np.exp(-((x - (time * 0.7) % width) ** 2 + (y - 20) ** 2) / 30)
    return {
        "noise": noise(),
        "scene": 30 * scene() + noise(),
        "bleaching": 50 * np.exp(-time / 30) + noise(),
        "bleaching scene": 5 * scene() * np.exp(-time / 100) + noise(),
        "vignetting": 50 * np.exp(-((y - 20) ** 2 + (x - 25) ** 2) / 400) + noise(),
        "flicker": 50 * np.random.default_rng(3).normal(size=(n, 1, 1)) + noise(),
        "lines": 50 * np.random.default_rng(3).normal(size=(1, height, 1)) + noise(),
        "moving": 50 * moving + noise(),
        "drift": np.array([np.roll(10 * scene(), k, 1) for k in range(n)]) + noise(),
        "half": np.where(time < n // 2, 30 * scene(), 0) + noise(),
        "flat": np.full(SHAPE, 7.0),
        "not finite": np.where(noise(4) > 3, np.nan, 30 * scene() + noise()),
        "short": (30 * scene() + noise())[:5],
    }


@pytest.mark.parametrize("kind", recordings())
def test_recordings_of_every_kind_open(tmp_path, kind):
    path = save_npy(tmp_path, recordings()[kind].astype("f4"))
    assert open_video(path).shape == recordings()[kind].shape
