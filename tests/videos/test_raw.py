"""Headerless recordings: every type, byte order, offset and range; shapes found and refused."""

import json
import os
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import gaussian_filter

from napari_uai.errors import BadValueError, VideoFormatError
from napari_uai.sample_data import sample_path
from napari_uai.simulate.iscat.recording import SimulatedFrames
from napari_uai.simulate.iscat.scenarios import scenario
from napari_uai.videos import (
    ReadOptions,
    VideoWarning,
    frames_of,
    open_frames,
    open_video,
    video_info,
)
from napari_uai.videos.headerless.guess import plausible_shapes
from napari_uai.videos.mapped import FileFrames
from napari_uai.videos.readers.raw import shape_in_name

TYPES = [
    order + kind
    for order in "<>"
    for kind in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")
]


def speckle_recording(n=60, height=36, width=48, seed=0):
    rng = np.random.default_rng(seed)
    still = 20000 + 4000 * gaussian_filter(rng.normal(size=(height, width)), 1.5)
    return (still + rng.normal(0, 140, (n, height, width))).astype("<u2")


@pytest.mark.slow
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_what_was_written_is_read_for_every_type_offset_and_range(tmp_path, data):
    dtype = np.dtype(data.draw(st.sampled_from(TYPES)))
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 5)))
    video = data.draw(hnp.arrays(dtype, shape))
    offset = data.draw(st.integers(0, 33))
    start = data.draw(st.none() | st.integers(0, shape[0] - 1))
    stop = data.draw(st.none() | st.integers((start or 0) + 1, shape[0]))
    path = tmp_path / "recording.bin"
    path.write_bytes(b"\xab" * offset + video.tobytes())

    opened = open_video(
        path,
        height=shape[1],
        width=shape[2],
        dtype=dtype.str,
        offset=offset,
        frames=(start, stop),
    )

    assert opened.dtype.isnative
    got = opened.compute(scheduler="synchronous")
    assert got.dtype == opened.dtype
    np.testing.assert_array_equal(got, video[start:stop].astype(got.dtype))


def test_frames_of_native_type_are_read_without_conversion(tmp_path):
    video = speckle_recording()
    video.tofile(tmp_path / "a.bin")
    frames, _ = open_frames(
        tmp_path / "a.bin", ReadOptions(height=36, width=48, dtype="<u2", frames=(5, None))
    )
    block = frames.read(10, 20)
    assert block.dtype == video.dtype
    np.testing.assert_array_equal(block, video[15:25])


def test_half_floats_and_booleans_come_in_types_that_kernels_take(tmp_path):
    video = np.arange(24).reshape(2, 3, 4)
    (video / 4).astype("<f2").tofile(tmp_path / "half.bin")
    half = open_video(tmp_path / "half.bin", height=3, width=4, dtype="<f2")
    assert half.dtype == np.float32
    np.testing.assert_array_equal(half.compute(), video / 4)
    (video % 2 == 0).tofile(tmp_path / "mask.bin")
    mask = open_video(tmp_path / "mask.bin", height=3, width=4, dtype="bool")
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask.compute(), video % 2 == 0)


def test_legacy_axis_order_gives_width_rows_of_height_pixels(tmp_path):
    data = np.arange(2 * 3 * 5, dtype="<u2")
    data.tofile(tmp_path / "a.bin")
    asked = {"height": 3, "width": 5, "dtype": "<u2"}
    np.testing.assert_array_equal(
        open_video(tmp_path / "a.bin", **asked).compute(), data.reshape(2, 3, 5)
    )
    np.testing.assert_array_equal(
        open_video(tmp_path / "a.bin", **asked, axis_order="width-height").compute(),
        data.reshape(2, 5, 3),
    )


@pytest.mark.parametrize("sidecar", ["a.json", "a.bin.json"])
def test_shape_and_scale_come_from_the_sidecar(tmp_path, sidecar):
    video = speckle_recording(4)
    (tmp_path / "a.bin").write_bytes(b"head" + video.astype(">u2").tobytes())
    facts = {"height": 36, "width": 48, "dtype": ">u2", "offset": 4, "frames": 4}
    (tmp_path / sidecar).write_text(
        json.dumps({**facts, "pixel_size_um": 0.0437, "frame_rate_hz": 400})
    )
    np.testing.assert_array_equal(open_video(tmp_path / "a.bin").compute(), video)
    info = video_info(tmp_path / "a.bin")
    assert (info.pixel_size_um, info.frame_rate_hz) == (0.0437, 400.0)
    assert (info.shape, info.dtype, info.offset) == ((4, 36, 48), ">u2", 4)
    assert info.source == ("sidecar",)


def test_shape_comes_from_the_name_convention(tmp_path):
    video = speckle_recording(4)
    path = tmp_path / "feature_map_type_uint16_shape(4, 36, 48).raw"
    video.tofile(path)
    np.testing.assert_array_equal(open_video(path).compute(), video)
    assert video_info(path).source == ("name",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mask_map_type_uint8_shape(19996, 70, 72).raw", (19996, 70, 72, "uint8")),
        ("type_float64_shape(3,4,5).raw", (3, 4, 5, "float64")),
        ("my_type_a_type_int16_shape(3, 4, 5)_copy.bin", (3, 4, 5, "int16")),
    ],
)
def test_names_of_the_convention_are_understood(name, expected):
    found = shape_in_name(name)
    assert (found["frames"], found["height"], found["width"]) == expected[:3]
    assert found["dtype"] == np.dtype(expected[3])


@pytest.mark.parametrize("name", ["recording.bin", "type_nonsense_shape(3, 4, 5).raw", "shape(3)"])
def test_other_names_say_nothing(name):
    assert shape_in_name(name) == {}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"height": 17, "width": 3}, r"height 17 \(arguments\) or 36 \(sidecar\), width 3"),
        ({"dtype": "<u4"}, r"dtype uint32 \(arguments\) or uint16 \(sidecar\)"),
        ({"offset": 8}, r"offset 8 \(arguments\) or 0 \(sidecar\)"),
    ],
)
def test_arguments_that_contradict_the_sidecar_are_refused_with_shapes(tmp_path, asked, told):
    speckle_recording(50).tofile(tmp_path / "a.bin")
    layout = {"height": 36, "width": 48, "dtype": "<u2", "offset": 0}
    (tmp_path / "a.json").write_text(json.dumps(layout))
    way_out = r"correct the arguments or edit or remove a\.json; .* fit: 36 x 48 '<u2' \(50 frames"
    with pytest.raises(VideoFormatError, match=f"{told}.*: {way_out}"):
        open_video(tmp_path / "a.bin", **asked)


def test_arguments_may_repeat_and_complete_what_the_sidecar_says(tmp_path):
    video = speckle_recording(4)
    video.tofile(tmp_path / "a.bin")
    (tmp_path / "a.json").write_text('{"width": 48, "dtype": "<u2"}')
    opened = open_video(tmp_path / "a.bin", height=36, width=48)
    np.testing.assert_array_equal(opened.compute(), video)
    assert video_info(tmp_path / "a.bin", height=36, width=48).source == ("arguments", "sidecar")


def test_arguments_that_contradict_the_name_are_refused(tmp_path):
    path = tmp_path / "type_uint16_shape(4, 36, 48).raw"
    speckle_recording(4).tofile(path)
    with pytest.raises(VideoFormatError, match=r"35 \(arguments\) or 36 \(name\).*rename the file"):
        open_video(path, height=35)


def test_sidecar_and_name_that_contradict_each_other_are_refused(tmp_path):
    path = tmp_path / "type_uint16_shape(4, 36, 48).raw"
    speckle_recording(4).tofile(path)
    path.with_suffix(".json").write_text('{"height": 35}')
    with pytest.raises(VideoFormatError, match=r"height 35 \(sidecar\) or 36 \(name\)"):
        open_video(path)


def test_a_name_without_byte_order_agrees_with_a_sidecar_that_has_one(tmp_path):
    video = speckle_recording(4)
    path = tmp_path / "type_uint16_shape(4, 36, 48).raw"
    video.astype(">u2").tofile(path)
    path.with_suffix(".json").write_text('{"dtype": ">u2"}')
    np.testing.assert_array_equal(open_video(path).compute(), video)


def test_a_partial_last_frame_is_dropped_with_a_warning(tmp_path):
    video = speckle_recording(4)
    (tmp_path / "a.bin").write_bytes(video.tobytes() + b"\0" * 100)
    asked = {"height": 36, "width": 48, "dtype": "<u2"}
    with pytest.warns(VideoWarning, match="last 100 bytes are not a complete frame"):
        opened = open_video(tmp_path / "a.bin", **asked)
    np.testing.assert_array_equal(opened.compute(), video)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        info = video_info(tmp_path / "a.bin", **asked)
    assert len(info.warnings) == 1


def test_a_range_beyond_the_end_is_clipped_with_a_warning(tmp_path):
    speckle_recording(4).tofile(tmp_path / "a.bin")
    asked = {"height": 36, "width": 48, "dtype": "<u2"}
    with pytest.warns(VideoWarning, match="it ends at 4"):
        opened = open_video(tmp_path / "a.bin", **asked, frames=(1, 10))
    assert opened.shape[0] == 3
    assert video_info(tmp_path / "a.bin", **asked, frames=(1, 3)).first_frame == 1


@pytest.mark.parametrize("frames", [(4, None), (2, 2), (3, 1), (-1, None), (None, -1), (0.5, 2)])
def test_a_range_without_frames_is_refused(tmp_path, frames):
    speckle_recording(4).tofile(tmp_path / "a.bin")
    with pytest.raises(BadValueError, match=r"must be below|empty|integer"):
        open_video(tmp_path / "a.bin", height=36, width=48, dtype="<u2", frames=frames)


def test_a_name_that_promises_more_frames_than_the_file_holds_is_refused_with_shapes(tmp_path):
    path = tmp_path / "a_type_uint16_shape(100, 36, 50).raw"
    speckle_recording(60).tofile(path)
    with pytest.raises(VideoFormatError, match=r"100 frames.*57\.6 times.*36 x 48 '<u2' \(60"):
        open_video(path)


def test_a_file_too_short_for_one_frame_is_refused(tmp_path):
    speckle_recording(2).tofile(tmp_path / "a.bin")
    with pytest.raises(VideoFormatError, match="too few for one frame of 72 x 72"):
        open_video(tmp_path / "a.bin", height=72, width=72, dtype="<u2")


@pytest.mark.parametrize(("height", "width"), [(36, 48), (48, 36), (73, 72), (40, 41)])
def test_the_true_shape_of_a_recording_is_the_first_that_is_offered(tmp_path, height, width):
    speckle_recording(50, height, width).tofile(tmp_path / "a.bin")
    assert plausible_shapes(tmp_path / "a.bin")[0] == (50, height, width, "<u2")


def test_the_true_shape_of_the_sample_is_the_first_that_is_offered():
    assert plausible_shapes(sample_path("landings.bin"))[0] == (1200, 41, 40, "<u2")


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        *(("still", (200, 72, 72), dtype) for dtype in ("<u2", ">u2", "|u1", "<u4", "<f4", "<f8")),
        ("drift-0.2", (200, 64, 128), "<u2"),
        ("living", (600, 70, 50), "<u2"),
        ("still", (40, 200, 250), "<u2"),
        ("living", (800, 40, 41), "<u2"),
    ],
)
def test_the_true_shape_of_a_simulation_is_the_first_of_any_type(tmp_path, name, shape, dtype):
    frames, rows, columns = shape
    settings = replace(scenario(name, 100), frames=frames, rows=rows, columns=columns, landings=0)
    counts = SimulatedFrames(settings).read(0, frames)
    if dtype == "|u1":
        counts //= 200
    counts.astype(dtype).tofile(tmp_path / "a.bin")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert plausible_shapes(tmp_path / "a.bin")[0] == (*shape, dtype)


def test_noise_offers_shapes_that_fit_the_file_exactly(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (100, 64, 64), np.uint8)
    noise.tofile(tmp_path / "a.bin")
    shapes = plausible_shapes(tmp_path / "a.bin", ReadOptions(dtype="u1"))
    assert 0 < len(shapes) <= 5
    assert all(n * h * w == noise.size for n, h, w, _ in shapes)


def test_a_recording_of_unknown_shape_is_refused_with_the_likely_one(tmp_path):
    speckle_recording(50, 73, 72).tofile(tmp_path / "a.bin")
    with pytest.raises(VideoFormatError, match=r"give height, width and dtype.*73 x 72 '<u2' \(50"):
        open_video(tmp_path / "a.bin")
    with pytest.raises(VideoFormatError, match=r"give dtype.*: 73 x 72 '<u2' \(50"):
        open_video(tmp_path / "a.bin", height=73, width=72)


@pytest.mark.parametrize("dtype", ["nonsense", "<c8", "O", "u2,u2", "M8[s]", "(2,)u2"])
def test_a_type_that_is_none_of_pixels_is_refused(tmp_path, dtype):
    speckle_recording(2).tofile(tmp_path / "a.bin")
    with pytest.raises(BadValueError, match="not a pixel type"):
        open_video(tmp_path / "a.bin", height=36, width=48, dtype=dtype)


@pytest.mark.parametrize(
    "content",
    ['{"height": -3}', '{"width": "72"}', '{"dtype": "u99"}', "{", '{"frame_rate_hz": 0}'],
)
def test_a_sidecar_that_makes_no_sense_is_refused(tmp_path, content):
    speckle_recording(2).tofile(tmp_path / "a.bin")
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(VideoFormatError, match=r"a\.json"):
        open_video(tmp_path / "a.bin", height=36, width=48, dtype="<u2")


def test_json_that_is_no_sidecar_is_passed_over(tmp_path):
    speckle_recording(2).tofile(tmp_path / "a.bin")
    (tmp_path / "a.json").write_text('{"landings": []}')
    assert open_video(tmp_path / "a.bin", height=36, width=48, dtype="<u2").shape == (2, 36, 48)


@pytest.mark.parametrize("argument", [{"height": 0}, {"width": 7.5}, {"offset": -1}])
def test_impossible_arguments_are_refused(tmp_path, argument):
    speckle_recording(2).tofile(tmp_path / "a.bin")
    with pytest.raises(BadValueError, match="integer"):
        open_video(tmp_path / "a.bin", **{"height": 36, "width": 48, "dtype": "u2", **argument})


def test_a_pickled_source_reads_the_same(tmp_path):
    video = speckle_recording()
    video.tofile(tmp_path / "a.bin")
    frames, _ = open_frames(tmp_path / "a.bin", ReadOptions(height=36, width=48, dtype="<u2"))
    frames.read(0, 1)
    copy = pickle.loads(pickle.dumps(frames))
    assert copy.name == frames.name
    np.testing.assert_array_equal(copy.read(3, 7), video[3:7])


def test_the_name_changes_with_content_and_parameters(tmp_path):
    path = tmp_path / "a.bin"
    speckle_recording().tofile(path)
    asked = {"height": 36, "width": 48, "dtype": "<u2"}
    first = open_video(path, **asked)
    names = {
        first.name,
        open_video(path, **asked, frames=(1, None)).name,
        open_video(path, **{**asked, "dtype": ">u2"}, trust_shape=True).name,
        open_video(path, height=48, width=36, dtype="<u2", trust_shape=True).name,
    }
    assert open_video(path, **asked).name == first.name
    speckle_recording(61).tofile(path)
    names.add(open_video(path, **asked).name)
    assert len(names) == 5


def test_a_file_cut_while_open_is_an_error_not_a_crash(tmp_path):
    path = tmp_path / "a.bin"
    video = speckle_recording()
    video.tofile(path)
    frames, _ = open_frames(path, ReadOptions(height=36, width=48, dtype="<u2"))
    frames.read(0, 1)
    path.write_bytes(video[:10].tobytes())
    with pytest.raises(VideoFormatError, match="has become shorter"):
        frames.read(20, 21)


def test_frames_that_were_read_stay_valid_when_the_file_is_cut(tmp_path):
    video = speckle_recording()
    video.tofile(tmp_path / "a.bin")
    frames = FileFrames(tmp_path / "a.bin", shape=video.shape, dtype="<u2")
    blocks = [frames.read(i, i + 1) for i in range(60)]
    os.truncate(tmp_path / "a.bin", 0)
    np.testing.assert_array_equal(np.concatenate(blocks), video)


def test_many_threads_read_the_same_as_one(tmp_path):
    video = speckle_recording(200)
    video.tofile(tmp_path / "a.bin")
    frames, _ = open_frames(tmp_path / "a.bin", ReadOptions(height=36, width=48, dtype="<u2"))
    with ThreadPoolExecutor(8) as pool:
        blocks = list(pool.map(lambda i: frames.read(i, i + 3).copy(), range(0, 198, 3)))
    np.testing.assert_array_equal(np.concatenate(blocks), video[:198])


def test_the_dask_video_leads_back_to_the_file(tmp_path):
    speckle_recording().tofile(tmp_path / "a.bin")
    opened = open_video(tmp_path / "a.bin", height=36, width=48, dtype="<u2")
    assert isinstance(frames_of(opened), FileFrames)


def test_a_wrong_shape_is_told_from_a_cut_file_by_its_pixels(tmp_path):
    still = np.random.default_rng(7).integers(900, 1100, (31, 24))
    noise = np.random.default_rng(8).integers(-5, 6, (50, 31, 24))
    path = tmp_path / "recording.bin"
    path.write_bytes((still + noise).astype("<u2").tobytes())
    with pytest.raises(VideoFormatError, match=r"pixels suggest another shape.* 31 x 24 '<u2'"):
        open_video(path, height=30, width=23, dtype="<u2")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.warns(VideoWarning, match="not a complete frame"):
        assert open_video(path, height=31, width=24, dtype="<u2").shape == (49, 31, 24)
