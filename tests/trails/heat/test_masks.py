"""Masks: the part of each trail that lies inside, and which trails count."""

import cv2
import numpy as np
import pandas as pd
import pytest

from napari_uai.errors import BadValueError
from napari_uai.trails.heat.masks import apply_masks, as_mask, inside_fraction, read_mask
from napari_uai.trails.table import Scene, trails_of

SCENE = Scene(101, 51)
LEFT = np.zeros((51, 101), bool)
LEFT[:, :50] = True


def trails_along(*paths, times=None, classes=None):
    rows = [
        (f"t{i}", j if times is None else times[j], y, x, "a" if classes is None else classes[i])
        for i, path in enumerate(paths)
        for j, (x, y) in enumerate(path)
    ]
    return trails_of(pd.DataFrame(rows, columns=["trail", "time", "y", "x", "class"]), SCENE)


def test_a_fraction_is_of_the_time_or_of_the_way():
    # 8 s for the 40 px within, 2 s for the 40 px beyond.
    trails = trails_along([(9.5, 20), (49.5, 20), (89.5, 20)], times=[0.0, 8.0, 10.0])
    assert inside_fraction(trails, LEFT, weigh="time")[0] == pytest.approx(0.8, abs=0.01)
    assert inside_fraction(trails, LEFT, weigh="arc")[0] == pytest.approx(0.5, abs=0.01)


def test_trails_are_looked_up_between_sparse_samples_too():
    inside = np.zeros((51, 101), bool)
    inside[:, 30:50] = True
    trails = trails_along([(0, 20), (100, 20)])
    assert inside_fraction(trails, inside)[0] == pytest.approx(0.2, abs=0.01)


def test_fractions_are_those_of_a_plain_loop():
    rng = np.random.default_rng(0)
    paths = [rng.uniform((0, 0), (100, 50), (rng.integers(2, 9), 2)) for _ in range(40)]
    inside = rng.random((51, 101)) < 0.5
    inside = cv2.blur(inside.astype(np.float32), (9, 9)) > 0.5
    found = inside_fraction(trails_along(*paths), inside, weigh="arc")
    for fraction, path in zip(found, paths, strict=True):
        lengths = np.hypot(*np.diff(path, axis=0).T)
        along = np.concatenate([[0], np.cumsum(lengths)])
        at = np.linspace(0, along[-1], 4001)
        x, y = (np.interp(at, along, path[:, k]).round().astype(int) for k in (0, 1))
        assert fraction == pytest.approx(inside[y, x].mean(), abs=0.02)


def test_a_trail_that_neither_moves_nor_lasts_counts_by_its_samples():
    trails = trails_along([(10, 10)], [(90, 10), (90, 10)])
    for weigh in ("time", "arc"):
        fractions = inside_fraction(trails, LEFT, weigh=weigh)
        np.testing.assert_array_equal(fractions, [1, 0])


def test_positions_beyond_the_scene_belong_to_its_border():
    trails = trails_along([(-30, 20), (-20, 20)], [(140, -5), (130, 70)])
    np.testing.assert_array_equal(inside_fraction(trails, LEFT), [1, 0])


def test_a_trail_wholly_inside_has_fraction_one_exactly():
    rng = np.random.default_rng(1)
    trails = trails_along(rng.uniform(0, 40, (500, 2)))
    assert inside_fraction(trails, LEFT)[0] == 1
    assert apply_masks(trails, default=LEFT, threshold=1.0).included[0]


def test_the_threshold_decides_which_trails_count():
    trails = trails_along([(0, 5), (62, 5)], [(0, 5), (99, 5)], [(60, 5), (90, 5)])
    assert apply_masks(trails, default=LEFT, threshold=0.6).included.tolist() == [
        True,
        False,
        False,
    ]
    assert apply_masks(trails, default=LEFT, threshold=0.4).included.tolist() == [True, True, False]
    assert apply_masks(trails).included.all()


def test_a_class_has_its_own_mask_and_the_rest_the_default():
    path = [(10, 10), (20, 10)]
    trails = trails_along(path, path, path, classes=["car", "van", "bike"])
    found = apply_masks(trails, {"van": ~LEFT}, LEFT)
    assert found.included.tolist() == [True, False, True]
    assert apply_masks(trails, {"van": ~LEFT}).included.tolist() == [True, False, True]
    assert apply_masks(trails, {"car": LEFT}, ~LEFT).included.tolist() == [True, False, False]


def test_a_mask_of_another_size_is_stretched_with_a_note():
    trails = trails_along([(10, 10), (20, 10)], [(70, 10), (90, 10)])
    small = np.zeros((26, 51), bool)
    small[:, :25] = True
    found = apply_masks(trails, default=small)
    assert found.included.tolist() == [True, False]
    assert "(51 x 26 px) was stretched to the scene (101 x 51 px)" in found.notes[0]
    assert "aspect" not in found.notes[0]
    square = apply_masks(trails, default=np.ones((40, 40)))
    assert "aspect ratios differ" in square.notes[0]
    assert apply_masks(trails, default=LEFT).notes == ()


def test_a_mask_of_a_class_that_no_trail_has_is_noted():
    found = apply_masks(trails_along([(1, 1)]), {"lorry": LEFT})
    assert found.notes == ("mask for class lorry, but no trail of this class",)


def picture(kind):
    """Paint the left half in several ways."""
    grey = LEFT.astype(np.uint8)
    colour = np.zeros((51, 101, 3), np.uint8)
    colour[LEFT] = (0, 0, 90)
    clear = np.zeros((51, 101, 4), np.uint8)
    clear[LEFT] = (0, 0, 0, 255)
    pink = clear.copy()
    pink[LEFT] = (200, 100, 255, 60)
    light = np.where(LEFT, 250, 40).astype(np.uint8)
    return {
        "labels": grey,
        "white": grey * 255,
        "deep": grey.astype(np.uint16) * 65535,
        "colour": colour,
        "black on nothing": clear,
        "see-through": pink,
        "dimmed": light,
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["labels", "white", "deep", "colour", "black on nothing", "see-through", "dimmed"],
)
def test_a_mask_is_read_from_a_png(tmp_path, kind):
    path = tmp_path / "mask ä.png"
    cv2.imencode(".png", picture(kind))[1].tofile(path)
    np.testing.assert_array_equal(read_mask(path, SCENE).inside, LEFT)


def test_compression_of_a_jpeg_adds_nothing_to_a_mask(tmp_path):
    path = tmp_path / "mask.jpg"
    cv2.imencode(".jpg", picture("white"))[1].tofile(path)
    assert (read_mask(path).inside != LEFT).mean() < 0.01


def test_a_picture_that_is_no_mask_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "nothing.png").touch()
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((5, 5), np.uint8))
    for name, says in (
        ("text.png", "not a readable image"),
        ("nothing.png", "not a readable image"),
        ("black.png", "is empty"),
        ("absent.png", "does not exist"),
    ):
        with pytest.raises(BadValueError, match=says) as caught:
            read_mask(tmp_path / name)
        assert name in str(caught.value)


def test_an_empty_mask_is_refused():
    with pytest.raises(BadValueError, match="mask of class a is empty"):
        apply_masks(trails_along([(1, 1)]), {"a": np.zeros((51, 101))})
    with pytest.raises(BadValueError, match="is empty"):
        as_mask(np.full((3, 3), np.nan))


@pytest.mark.parametrize("mask", [np.ones((3, 3, 3)), np.ones((0, 4)), np.array([["a"]])])
def test_what_is_no_picture_is_refused(mask):
    with pytest.raises(BadValueError, match="rows, columns"):
        as_mask(mask)


def test_wrong_values_are_refused():
    trails = trails_along([(1, 1)])
    with pytest.raises(BadValueError, match="threshold"):
        apply_masks(trails, default=LEFT, threshold=0)
    with pytest.raises(BadValueError, match="one of time, arc"):
        inside_fraction(trails, LEFT, weigh="samples")
