from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_uai import iscat
from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.regions import checked_region
from napari_uai.iscat.recipes.editing import limited_to
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.iscat.recipes.run import run_recipe
from napari_uai.sample_data import sample_path
from napari_uai.stages import Stage
from napari_uai.videos.frames import frames_of
from napari_uai.videos.recording import open_recording

REGION = (5, 33, 9, 38)


@pytest.fixture
def video():
    return np.random.default_rng(3).normal(1000, 10, (12, 30, 40)).astype(np.float32)


def with_status_line(video):
    """Frames of bytes whose last row is a status line."""
    frames = np.full((len(video), 12, 12), 120, np.uint8)
    frames[:, -1, :4] = 0xFF, 0x00, 0xAA, 0x55
    frames[:, -1, 4] = np.arange(len(video))
    frames[:, -1, 5:8] = (1, 0, 0)
    return frames


@pytest.mark.parametrize("kind", ["numpy", "dask", "frames"])
def test_a_region_is_cut_out_of_every_kind_of_video(video, kind):
    given = {
        "numpy": video,
        "dask": da.from_array(video, chunks=(5, 30, 40)),
        "frames": frames_of(video),
    }[kind]
    cropped = iscat.crop(given, region=(2, 12, 5, 36))
    assert isinstance(cropped, type(given)) or kind == "frames"
    np.testing.assert_array_equal(np.asarray(cropped), video[:, 2:12, 5:36])


def test_without_a_region_nothing_is_cut(video):
    assert iscat.crop(video) is video
    assert checked_region(None, video.shape) == (0, 30, 0, 40)


def test_a_status_line_in_a_region_is_cut_off(video):
    frames = with_status_line(video)
    stage: Stage = iscat.crop.stage
    cropped = iscat.crop(frames, region=(4, 12, 2, 9))
    assert cropped.shape == (12, 7, 7)
    assert (cropped == 120).all()
    assert stage.origin(frames, {"region": (4, 12, 2, 9)}) == (0, 4, 2)
    with pytest.raises(BadValueError, match="only holds the status line"):
        iscat.crop(frames, region=(11, 12, 0, 12))


@pytest.mark.parametrize("region", [(0, 31, 0, 5), (-1, 5, 0, 5), (5, 5, 0, 5), (0, 5, 7, 3)])
def test_a_region_outside_the_frame_is_refused(video, region):
    with pytest.raises(BadValueError, match="is not inside frames of 30 rows and 40 columns"):
        iscat.crop(video, region=region)


@pytest.mark.parametrize("name", ["matched", "classical"])
def test_a_run_in_a_region_is_one_on_those_pixels_with_places_of_the_whole(name):
    recording = open_recording(sample_path("landings.bin"))
    recipe = load_recipe(name).with_values(dra={"batch_size": 200})
    limited = run_recipe(recording, limited_to(recipe, REGION))
    top, bottom, left, right = REGION
    pixels = np.asarray(recording.video)[:, top:bottom, left:right]
    alone = run_recipe(pixels, recipe)
    assert len(alone.landings) > 0
    for table in ("landings", "localizations"):
        one, other = getattr(limited, table), getattr(alone, table)
        moved = other.assign(y=other["y"] + top, x=other["x"] + left)
        columns = ["raw_frame", "y", "x", *([] if table == "localizations" else ["contrast"])]
        np.testing.assert_allclose(one[columns], moved[columns], rtol=1e-6, atol=1e-6)
    assert limited.recipe.values("crop")["region"] == REGION
