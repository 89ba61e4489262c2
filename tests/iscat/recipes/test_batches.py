from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_uai as uai
from napari_uai.iscat.recipes.batches import batches_of, suggested_batch, warning_of_batch


@given(st.integers(1, 10**7), st.integers(1, 10**5))
def test_a_suggested_batch_leaves_room_for_six_and_is_round(n_frames, batch):
    suggested = suggested_batch(n_frames, batch)
    assert 1 <= suggested <= batch
    assert suggested == batch or str(suggested).strip("0") in {"1", "2", "5"}
    assert suggested == 1 or 6 * suggested <= n_frames
    if suggested < batch:
        assert 6 * batch > n_frames  # the batch of the recipe is kept wherever it fits
        assert suggested * 2.5 >= min(n_frames // 6, batch)


def test_recipes_with_two_batches_name_both():
    recipe = uai.load_recipe("matched").with_values(traces={"batch_size": 300})
    assert batches_of(recipe) == {"dra": 500, "traces": 300}
    said = warning_of_batch(recipe, 1200)
    assert said is not None
    assert said.endswith("dra.batch_size=200, traces.batch_size=200 suggested")


@pytest.mark.parametrize(("batch", "is_said"), [(50, False), (100, True)])
def test_a_run_says_that_its_batch_is_long(batch, is_said):
    video = np.random.default_rng(0).poisson(3000, (400, 16, 16)).astype(np.uint16)
    result = uai.run_recipe(video, "classical", dra={"batch_size": batch})
    assert any("dra.batch_size=50 suggested" in line for line in result.problems) == is_said
