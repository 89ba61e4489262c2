"""FITS files: scaled integers, tables of tiles, several images."""

import pickle

import numpy as np
import pytest
from astropy.io import fits

from napari_uai.errors import VideoFormatError
from napari_uai.videos import open_frames, open_video, video_info


def counts(dtype="u2", n=12):
    return np.random.default_rng(1).integers(0, 60_000, (n, 20, 24)).astype(dtype)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_images_are_scaled_as_the_header_says(tmp_path, dtype):
    fits.PrimaryHDU(counts(dtype)).writeto(tmp_path / "a.fits")
    frames, info = open_frames(tmp_path / "a.fits")
    assert info.format == "fits"
    assert frames.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(frames.read(3, 9), counts(dtype)[3:9])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(0, 1), counts(dtype)[:1])


def test_scale_and_zero_apply(tmp_path):
    unit = fits.PrimaryHDU(counts("i2"))
    unit.header["BSCALE"], unit.header["BZERO"] = 0.5, 100.0
    unit.writeto(tmp_path / "a.fits", output_verify="silentfix")
    with fits.open(tmp_path / "a.fits") as opened:
        expected = np.array(opened[0].data)
    np.testing.assert_array_equal(open_video(tmp_path / "a.fits").compute(), expected)


@pytest.mark.parametrize("method", ["RICE_1", "GZIP_1"])
def test_compressed_images_are_read(tmp_path, method):
    packed = fits.CompImageHDU(counts("i2"), compression_type=method)
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(tmp_path / "a.fits")
    np.testing.assert_array_equal(open_video(tmp_path / "a.fits").compute(), counts("i2"))


def test_one_of_several_images_is_chosen(tmp_path):
    units = [fits.PrimaryHDU(), fits.ImageHDU(counts(), name="DARK"), fits.ImageHDU(counts() + 1)]
    fits.HDUList(units).writeto(tmp_path / "a.fits")
    with pytest.raises(VideoFormatError, match=r"several images \(DARK, 2\): choose one"):
        open_video(tmp_path / "a.fits")
    chosen = open_video(tmp_path / "a.fits", image="DARK")
    np.testing.assert_array_equal(chosen.compute(), counts())


def test_the_rate_and_the_camera_are_told(tmp_path):
    unit = fits.PrimaryHDU(counts())
    unit.header["KCT"], unit.header["INSTRUME"] = 0.0025, "iXon"
    unit.writeto(tmp_path / "a.fits")
    info = video_info(tmp_path / "a.fits")
    assert info.frame_rate_hz == pytest.approx(400)
    assert info.details["camera"] == "iXon"


@pytest.mark.parametrize("left", [0, 100, 2880, 5000])
def test_what_is_no_whole_fits_is_refused(tmp_path, left):
    fits.PrimaryHDU(counts()).writeto(tmp_path / "a.fits")
    whole = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits").write_bytes(whole[:left])
    with pytest.raises(VideoFormatError, match=r"a\.fits"):
        open_video(tmp_path / "a.fits").compute()
