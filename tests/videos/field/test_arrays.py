"""Arrays saved by numpy, in any order of axes and of any type."""

import re

import numpy as np
import pytest

from napari_uai.videos.health import finite_video, recording_health


def saved(folder, array, name="a.npy"):
    np.save(folder / name, array, allow_pickle=True)
    return folder / name


def left_out(x, b, lost):
    """Before stages read it, the frame before takes the place of each that is not finite."""
    health = recording_health(x)
    assert re.match(r"\d+ frames? contains? NaN or infinity \(70", health.problems[0])
    b[lost] = b[lost[0] - 1]
    np.testing.assert_array_equal(finite_video(x, health), b.astype("f4"))


def test_npy_plain(tmp_path, b, opens):
    opens(saved(tmp_path, b), b)


def test_npy_be(tmp_path, b, opens):
    assert opens(saved(tmp_path, b.astype(">u2")), b).dtype == ">u2"


def test_npy_F(tmp_path, b, opens):
    opens(saved(tmp_path, np.asfortranarray(b)), b)


def test_npy_N1HW(tmp_path, b, opens):
    opens(saved(tmp_path, b[:, None]), b)


def test_npy_NHW1(tmp_path, b, opens):
    opens(saved(tmp_path, b[..., None]), b)


@pytest.mark.parametrize("kept", [np.ascontiguousarray, np.asarray], ids=["HWN", "HWN_view"])
def test_npy_HWN(tmp_path, b, kept, refused, opens):
    path = saved(tmp_path, kept(np.moveaxis(b, 0, -1)))
    refused(path, "frames seem to lie along the axis of length 160", {"axes": "YXT"})
    opens(path, b, axes="YXT")


def test_npy_f2(tmp_path, b, opens):
    half = (b / 4096).astype("f2")
    assert opens(saved(tmp_path, half), half.astype("f4")).dtype == "<f2"


def test_npy_object(tmp_path, b, refused):
    path = saved(tmp_path, np.array([*b, None], dtype=object))
    refused(path, "contains Python objects: save the frames as an array of integers or floats")


def test_npy_complex(tmp_path, b, refused):
    refused(saved(tmp_path, b.astype("c8")), "complex64 values: save it as integers or floats")


def test_npy_nan(tmp_path, b, opens):
    x = b.astype("f4")
    x[70:75, 20:24, 30:34] = np.nan
    opens(saved(tmp_path, x), x)
    left_out(x, b, [70, 71, 72, 73, 74])


def test_npy_inf(tmp_path, b, opens):
    x = b.astype("f4")
    x[70, 20, 30] = np.inf
    opens(saved(tmp_path, x), x)
    left_out(x, b, [70])


def test_npy_pickle_v2_truncated(tmp_path, b, refused):
    path = saved(tmp_path, b)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path, "is not a complete npy file .*: save it again")


def test_npy_width3(tmp_path, b, opens):
    opens(saved(tmp_path, b[:, :, :3]), b[:, :, :3])


def test_npy_4D_TZYX_w4(tmp_path, b, opens):
    opens(saved(tmp_path, b[:, None, :, :4]), b[:, :, :4])


def test_name_unicode_space(tmp_path, b, opens):
    opens(saved(tmp_path, b, "Messung µ 1%s (neu).npy"), b)
