"""A shape that the pixels of a headerless file contradict is refused; a right one never is."""

from dataclasses import replace

import numpy as np
import pytest

from napari_uai.errors import VideoFormatError
from napari_uai.simulate import scenario, simulate_recording
from napari_uai.videos import ReadOptions, open_frames, open_video

SCENARIOS = ("still", "drift-0.05", "drift-0.2", "living", "vesicles", "membrane")
N, HEIGHT, WIDTH = 60, 40, 56


def recording(kind="still", seed=0):
    settings = replace(
        scenario(kind), batch_size=10, frames=N, rows=HEIGHT, columns=WIDTH, landings=2, seed=seed
    )
    return simulate_recording(settings).video


def opens(path, **shape):
    return open_frames(path, ReadOptions(**shape))[0]


@pytest.mark.parametrize("kind", SCENARIOS)
@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i2", "<f4", ">f8"])
def test_right_shapes_are_not_doubted(tmp_path, kind, dtype):
    for seed in range(3):
        video = recording(kind, seed) // 2  # int16 ends at 32767
        video.astype(dtype).tofile(tmp_path / "a.bin")
        height, width = video.shape[1:]
        opened = opens(tmp_path / "a.bin", height=height, width=width, dtype=dtype)
        np.testing.assert_array_equal(opened.read(0, N), video)


@pytest.mark.parametrize("seed", range(8))
def test_noise_alone_is_not_doubted(tmp_path, seed):
    rng = np.random.default_rng(seed)
    mean = rng.uniform(2, 40000)
    rng.poisson(mean, (40, 32, 48)).astype("<u2").tofile(tmp_path / "a.bin")
    opens(tmp_path / "a.bin", height=32, width=48, dtype="<u2")
    np.zeros((40, 32, 48), "<u2").tofile(tmp_path / "a.bin")
    opens(tmp_path / "a.bin", height=32, width=48, dtype="<u2")


@pytest.mark.parametrize("dtype", ["<f8", "<f4", "<u4", "<i4", "<i2", ">f4", ">u2"])
def test_noise_of_any_type_is_not_doubted(tmp_path, dtype):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rng.normal(500, 200, (24, 20, 24)).astype(dtype).tofile(tmp_path / "a.bin")
        assert len(opens(tmp_path / "a.bin", height=20, width=24, dtype=dtype)) == 24


@pytest.mark.parametrize("row", [0, 7, -1])
@pytest.mark.parametrize("value", [0, 65535, np.nan])
def test_noise_with_a_row_of_its_own_is_not_doubted(tmp_path, row, value):
    for seed in range(10):
        video = np.random.default_rng(seed).poisson(1000, (60, 20, 18)).astype("<f4")
        video[:, row] = value
        video.tofile(tmp_path / "a.bin")
        assert len(opens(tmp_path / "a.bin", height=20, width=18, dtype="<f4")) == 60


@pytest.mark.parametrize("dtype", ["<u2", "|u1", "<f4"])
@pytest.mark.parametrize("period", [2, 8, 20, 1000])
def test_fringes_and_stripes_are_not_doubted(tmp_path, period, dtype):
    """Rows that repeat are no second frame."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :56]
    for scene in (x % 7, np.sin(2 * np.pi * (x + y) / period), x % 9 + y % 2):
        mean = 100 + 20 * scene
        rng.poisson(mean, (40, 40, 56)).astype(dtype).tofile(tmp_path / "a.bin")
        assert len(opens(tmp_path / "a.bin", height=40, width=56, dtype=dtype)) == 40


@pytest.mark.parametrize("kind", SCENARIOS)
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({"dtype": ">u2"}, "'<u2'"),
        ({"dtype": "uint8"}, "'<u2'"),
        ({"swapped": True}, "trust_shape"),
    ],
)
def test_wrong_shapes_are_refused_and_the_right_one_is_named(tmp_path, kind, wrong, right):
    video = recording(kind)
    video.tofile(tmp_path / "a.bin")
    sides = video.shape[1:]
    height, width = sides[::-1] if wrong.get("swapped") else sides
    shape = {"height": height, "width": width, "dtype": wrong.get("dtype", "<u2")}
    with pytest.raises(VideoFormatError, match=right) as refused:
        opens(tmp_path / "a.bin", **shape)
    assert f"{sides[0]} x {sides[1]} '<u2'" in str(refused.value)
    opens(tmp_path / "a.bin", **shape, trust_shape=True)


@pytest.mark.parametrize("kind", SCENARIOS)
@pytest.mark.parametrize(
    ("dtype", "wrong", "right"),
    [
        ("<u2", {"height": HEIGHT // 2}, "height=40"),
        ("<u2", {"height": HEIGHT // 2, "width": 2 * WIDTH}, "width=56"),
        ("<f4", {"dtype": "<i4"}, "dtype='<f4'"),
        ("<f4", {"dtype": "<u4"}, "dtype='<f4'"),
    ],
)
def test_half_frames_rows_beside_each_other_and_floats_are_told(
    tmp_path, kind, dtype, wrong, right
):
    recording(kind).astype(dtype).tofile(tmp_path / "a.bin")
    shape = {"height": HEIGHT, "width": WIDTH, "dtype": dtype} | wrong
    with pytest.raises(VideoFormatError, match=right):
        opens(tmp_path / "a.bin", **shape)
    opens(tmp_path / "a.bin", **shape, trust_shape=True)


@pytest.mark.parametrize("dtype", ["<u2", "<u4", "<f4"])
def test_two_cameras_that_take_turns_and_mirrored_images_are_not_doubted(tmp_path, dtype):
    for seed in range(4):
        first, second = recording("still", seed), recording("still", seed + 100)
        turns = np.stack([first, second], axis=1).reshape(-1, HEIGHT, WIDTH)
        turns.astype(dtype).tofile(tmp_path / "a.bin")
        assert len(opens(tmp_path / "a.bin", height=HEIGHT, width=WIDTH, dtype=dtype)) == 2 * N
        mirrored = np.concatenate([first, first[:, :, ::-1]], axis=2)
        mirrored.astype(dtype).tofile(tmp_path / "b.bin")
        opens(tmp_path / "b.bin", height=HEIGHT, width=2 * WIDTH, dtype=dtype)


@pytest.mark.parametrize("header", [512, 1024, 3000])
def test_a_header_that_was_not_stated_is_named(tmp_path, header):
    video = recording()
    (tmp_path / "a.raw").write_bytes(b"CAM" + bytes(header - 3) + video.tobytes())
    with pytest.raises(VideoFormatError, match=f"offset={header}"):
        opens(tmp_path / "a.raw", height=video.shape[1], width=video.shape[2], dtype="<u2")


@pytest.mark.parametrize("header", [8, 16, 64])
def test_bytes_between_frames_are_named(tmp_path, header):
    video = recording()
    stamped = [i.to_bytes(8, "little") * (header // 8) + f.tobytes() for i, f in enumerate(video)]
    (tmp_path / "a.raw").write_bytes(b"".join(stamped))
    shape = {"height": video.shape[1], "width": video.shape[2], "dtype": "<u2"}
    with pytest.raises(VideoFormatError, match=f"frame_header={header}"):
        opens(tmp_path / "a.raw", **shape)
    opened = open_video(tmp_path / "a.raw", **shape, frame_header=header)
    np.testing.assert_array_equal(opened.compute(), video)


def packed(pixels, name):
    even, odd = pixels.ravel()[::2].astype(int), pixels.ravel()[1::2].astype(int)
    if name == "mono12p":
        groups = even & 255, even >> 8 | (odd & 15) << 4, odd >> 4
    else:
        groups = even >> 4, even & 15 | (odd & 15) << 4, odd >> 4
    return np.stack(groups, axis=-1).astype(np.uint8)


@pytest.mark.parametrize("name", ["mono12p", "mono12packed"])
def test_packed_pixels_read_as_words_are_refused(tmp_path, name):
    video = recording() // 16
    packed(video, name).tofile(tmp_path / "a.raw")
    with pytest.raises(VideoFormatError, match=f"'{name}'"):
        opens(tmp_path / "a.raw", height=video.shape[1], width=video.shape[2], dtype="<u2")


def test_a_truncated_file_is_not_taken_for_one_with_a_header(tmp_path):
    video = recording()
    (tmp_path / "a.raw").write_bytes(video.tobytes()[: -3 * WIDTH])
    opened, info = open_frames(
        tmp_path / "a.raw", ReadOptions(video.shape[1], video.shape[2], "<u2")
    )
    assert len(opened) == N - 1
    assert "not a complete frame" in info.warnings[0]
