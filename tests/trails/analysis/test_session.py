"""One engine: what a session keeps, and that Python, command line and dock get the same."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pandas as pd
import pytest

from napari_uai.cli.app import main
from napari_uai.errors import BadValueError, CancelledError, RecipeError
from napari_uai.monitor import Monitor
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.analysis import outputs
from napari_uai.trails.analysis.analysis import analyse_trails
from napari_uai.trails.analysis.folder import TrailSource
from napari_uai.trails.analysis.session import Request, TrailSession
from napari_uai.trails.heat.footprints import paint_footprints
from napari_uai.trails.heat.heat import measure_heat
from napari_uai.trails.heat.painted_width import choose_painted_width
from napari_uai.trails.heat.scaling import rescale
from napari_uai.trails.scores.scores import score_trails


@pytest.fixture(scope="module")
def trails():
    return simulate_trails(TrailSettings(trails=120, seed=3)).trails


@pytest.fixture(scope="module")
def session(trails):
    return TrailSession(trails)


def left_half(trails):
    inside = np.zeros((trails.scene.height, trails.scene.width), bool)
    inside[:, : trails.scene.width // 2] = True
    return inside


def requests(trails):
    half = left_half(trails)
    return [
        Request(),
        Request(settings=("heat_lower=20", "heat_scale=sqrt")),
        Request(settings=("upper=0.2", "scale=linear", "window=0.4")),
        Request(settings=("lower=1", "upper=9", "unit=trails", "region_threshold=0.3")),
        Request(masks={"": half}),
        Request(masks={"": half, "car": ~half}, settings=("mask_threshold=0.2",), top=4),
        Request(settings=("n_directions=8", "painted_width_px=5")),
        Request(preset="reference", settings=("min_trails=5",)),
        Request(),
    ]


def assert_same(result, wanted):
    pd.testing.assert_frame_equal(result.scores, wanted.scores)
    pd.testing.assert_frame_equal(result.problems, wanted.problems)
    np.testing.assert_array_equal(result.at_samples, wanted.at_samples)
    np.testing.assert_array_equal(result.rows, wanted.rows)
    np.testing.assert_array_equal(result.stretches, wanted.stretches)
    assert result.parameters == wanted.parameters
    assert result.mask_records == wanted.mask_records
    assert result.n_masked_out == wanted.n_masked_out
    assert list(result.heat) == list(wanted.heat)
    for kind, heat in wanted.heat.items():
        np.testing.assert_array_equal(result.heat[kind].shade, heat.shade)
        np.testing.assert_array_equal(result.heat[kind].counts, heat.counts)
    assert [r.area_px for r in result.regions] == [r.area_px for r in wanted.regions]


@pytest.mark.parametrize("number", range(9))
def test_results_are_those_of_a_new_session(trails, session, number):
    request = requests(trails)[number]
    wanted = analyse_trails(
        trails,
        preset=request.preset,
        masks=request.masks,
        top=request.top,
        settings=request.settings,
    )
    assert_same(session.run(request), wanted)


def test_a_change_of_limits_is_quick_and_one_of_the_mask_is_not(trails):
    session = TrailSession(trails)
    assert not session.is_quick(Request())
    session.run(Request())
    assert session.is_quick(Request(settings=("heat_lower=9", "upper=0.3", "region_threshold=.4")))
    assert not session.is_quick(Request(settings=("n_directions=8",)))
    assert not session.is_quick(Request(masks={"": left_half(trails)}))
    reference = Request(preset="reference", settings=("min_trails=5",))
    assert not session.is_quick(reference)
    session.run(reference)
    assert session.is_quick(replace(reference, settings=("min_trails=5", "heat_upper=40")))
    assert not session.is_quick(replace(reference, settings=("min_trails=5", "upper=40")))


def test_what_a_change_does_not_concern_is_the_same_object(trails):
    session = TrailSession(trails)
    first = session.run(Request())
    limits = session.run(Request(settings=("heat_lower=9",)))
    assert limits.scores is first.scores
    assert limits.heat is not first.heat
    assert limits.heat["car"].counts is first.heat["car"].counts
    regions = session.run(Request(settings=("heat_lower=9", "region_threshold=0.2")))
    assert regions.heat is limits.heat
    assert regions.regions is not limits.regions
    window = session.run(Request(settings=("heat_lower=9", "window=0.4")))
    assert window.heat is regions.heat
    assert window.scores is not regions.scores
    assert session.run(Request(regions=False)).regions == ()


def test_scores_and_heat_are_those_of_the_functions_of_the_library(trails):
    result = analyse_trails(trails, settings=["n_directions=8", "blur_px=5", "heat_scale=sqrt"])
    scores = score_trails(trails, n_directions=8, blur_px=5)
    pd.testing.assert_frame_equal(result.scores, scores.table)
    np.testing.assert_array_equal(result.at_samples, scores.at_samples)
    width = choose_painted_width(trails, longest_side_px=360).painted_width_px
    footprints = paint_footprints(trails, longest_side_px=360, painted_width_px=width)
    heat = measure_heat(footprints, trails.table["class"], blur_px=5)
    scaled = rescale(heat, lower=5.0, upper=1000.0, scale="sqrt")
    assert list(result.heat) == list(trails.classes.index)
    for kind, of in result.heat.items():
        counts = heat.map_of(kind)
        np.testing.assert_array_equal(of.counts, counts)
        shade = scaled.scales[heat.classes.index(kind)].apply(counts)
        np.testing.assert_array_equal(of.shade, shade)
        assert of.n_trails == trails.classes[kind]


def crowd(n_classes, n_trails):
    """Make trails of many classes, each on a lane of its own."""
    rng = np.random.default_rng(4)
    names = np.repeat([f"{kind:03}-{i}" for kind in range(n_classes) for i in range(n_trails)], 20)
    lane = np.repeat(np.arange(n_classes), 20 * n_trails)
    return pd.DataFrame(
        {
            "trail": names,
            "class": np.char.add("class", lane.astype(str)),
            "frame": np.tile(np.arange(20), n_classes * n_trails),
            "x": np.tile(np.linspace(4, 155, 20), n_classes * n_trails)
            + rng.normal(0, 0.3, len(lane)),
            "y": 5 + 0.6 * lane + rng.normal(0, 0.3, len(lane)),
        }
    )


@pytest.fixture
def small_pictures(monkeypatch):
    """Draw pictures at a sixth of their size: 400 of them are written."""
    for name in ("heatmap_picture", "top_picture"):
        draw = partial(getattr(outputs, name), longest_side_px=200)
        monkeypatch.setattr(outputs, name, draw)


@pytest.mark.slow
@pytest.mark.usefixtures("small_pictures")
def test_130_classes_give_the_same_files_in_the_dock_and_on_the_command_line(tmp_path, capsys):
    crowd(130, 12).to_csv(tmp_path / "crowd.csv", index=False)
    cv2.imwrite(str(tmp_path / "scene.png"), np.full((90, 160, 3), 99, np.uint8))
    coarse = ("longest_side_px=64", "painted_width_px=1", "n_directions=2")
    where = [str(tmp_path / "crowd.csv"), "--out", str(tmp_path / "cli")]
    where += ["--scene", str(tmp_path / "scene.png"), *(x for s in coarse for x in ("--set", s))]
    assert main(["trails", *where]) == 0
    assert "of 130 classes, only the 100 most frequent" in capsys.readouterr().err

    source = TrailSource(scene=tmp_path / "scene.png")
    session = TrailSession(source.open(tmp_path / "crowd.csv"))
    session.run(Request(settings=(*coarse, "heat_lower=9"), regions=False))  # a slider moved
    result = session.run(Request(settings=coarse))
    assert len(result.heat) == 100
    assert {region.kind for region in result.regions} == set(result.heat)
    assert len(result.scores) == 130 * 12
    outputs.write_trail_results(replace(result, options=source.record), tmp_path / "dock")

    written = [sorted((tmp_path / folder).iterdir()) for folder in ("cli", "dock")]
    assert [len(paths) for paths in written] == [3 * 100 + 5] * 2
    for ours, theirs in zip(*written, strict=True):
        assert ours.name == theirs.name
        if ours.name != "run.json":
            assert ours.read_bytes() == theirs.read_bytes(), ours.name
    records = [json.loads((tmp_path / f / "run.json").read_text()) for f in ("cli", "dock")]
    for record in records:
        del record["written"], record["seconds"]
    assert records[0] == records[1]


def test_a_mask_painted_again_in_the_same_array_is_another_request(trails):
    painted = left_half(trails)
    first = Request(masks={"": painted.copy()})
    painted[:10] = False
    assert not first.like(Request(masks={"": painted}))
    assert first.like(replace(first, settings=()))


def test_errors_name_what_is_wrong_and_the_session_goes_on(trails, session):
    nowhere = np.zeros((trails.scene.height, trails.scene.width), bool)
    nowhere[0, 0] = True
    with pytest.raises(BadValueError, match="inside the mask"):
        session.run(Request(masks={"": nowhere}))
    with pytest.raises(RecipeError, match="n_direction"):
        session.run(Request(settings=("n_direction=8",)))
    with pytest.raises(BadValueError, match="limits"):
        session.run(Request(settings=("heat_lower=9", "heat_upper=3")))
    assert len(session.run(Request()).scores) == len(trails)


def test_a_cancelled_request_leaves_nothing_half_done(trails):
    session = TrailSession(trails)
    with pytest.raises(CancelledError):
        session.run(Request(), monitor=Monitor(cancelled=lambda: True))
    assert_same(session.run(Request()), analyse_trails(trails))
