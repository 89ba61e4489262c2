"""Settings of an earlier run: what it wrote is enough to do the same again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_uai.errors import BadValueError
from napari_uai.simulate.settings import TrailSettings
from napari_uai.simulate.trails.simulation import simulate_trails
from napari_uai.trails.analysis.analysis import analyse_trails
from napari_uai.trails.analysis.earlier_settings import RunSettings, settings_of_run
from napari_uai.trails.analysis.outputs import write_trail_results
from napari_uai.trails.heat.masks import read_mask


@pytest.fixture(scope="module")
def trails():
    return simulate_trails(TrailSettings(trails=60, seed=2)).trails


@pytest.fixture(scope="module")
def left(trails):
    inside = np.zeros((trails.scene.height, trails.scene.width), bool)
    inside[:, : trails.scene.width // 2] = True
    return inside


@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        ("default", ()),
        ("default", ("lower=0.05", "mask_weigh=arc", "painted_width_px=5", "unit=permille")),
        ("default", ("longest_side_px=360",)),
        ("reference", ("heat_lower=2.5", "min_trails=5")),
    ],
)
def test_a_run_tells_its_settings(trails, left, tmp_path, preset, settings):
    kind = str(trails.classes.index[0])
    result = analyse_trails(
        trails, preset=preset, settings=settings, masks={"": left, kind: ~left}, top=4
    )
    write_trail_results(result, tmp_path)
    found = settings_of_run(tmp_path)
    assert found.preset == preset
    assert found.settings == settings
    assert found.top == 4
    assert set(found.masks) == {"", kind}
    np.testing.assert_array_equal(read_mask(found.masks[""]).inside, left)
    np.testing.assert_array_equal(read_mask(found.masks[kind]).inside, ~left)


@pytest.mark.slow
def test_an_earlier_mask_is_not_left_behind(trails, left, tmp_path):
    write_trail_results(analyse_trails(trails, masks={"": left}), tmp_path)
    assert (tmp_path / "mask.png").exists()
    write_trail_results(analyse_trails(trails), tmp_path)
    assert not (tmp_path / "mask.png").exists()
    assert settings_of_run(tmp_path / "run.json") == RunSettings()


def test_what_is_no_record_is_told(trails, left, tmp_path):
    with pytest.raises(BadValueError, match="cannot be read"):
        settings_of_run(tmp_path)
    path = tmp_path / "run.json"
    for text in ("nonsense", "[]", '{"format": "another"}'):
        path.write_text(text)
        with pytest.raises(BadValueError, match=r"is not (the run\.json|valid JSON)"):
            settings_of_run(path)
    path.unlink()  # a record that no run has written would not be replaced
    write_trail_results(analyse_trails(trails, masks={"": left}), tmp_path)
    (tmp_path / "mask.png").unlink()
    with pytest.raises(BadValueError, match=r"mask\.png not found"):
        settings_of_run(path)
    record = json.loads(path.read_text())
    del record["parameters"]
    path.write_text(json.dumps(record))
    with pytest.raises(BadValueError, match="settings are missing"):
        settings_of_run(path)
