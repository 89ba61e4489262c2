from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.trails.io.reading import open_trails

KINDS = {"pedestrian": (16, 24), "car": (60, 40), "bicycle": (30, 30), "bus": (120, 60)}
"""Width and height of the boxes of each class, in px."""


@pytest.fixture(scope="module")
def street():
    """Return the scene: 64 trails of four classes, 1280 x 720 px, sorted by frame."""
    rng = np.random.default_rng(11)
    rows = []
    for trail in range(1, 65):
        kind = rng.choice(list(KINDS), p=[0.42, 0.3, 0.2, 0.08])
        n, first = int(rng.integers(8, 30)), int(rng.integers(1, 860))
        start, end = rng.uniform((70, 40), (1200, 680), (2, 2))
        xy = np.round(np.linspace(start, end, n) + rng.normal(0, 0.5, (n, 2)), 2)
        rows += [(trail, first + k, *xy[k], kind) for k in range(n)]
    table = pd.DataFrame(rows, columns=["trail", "frame", "x", "y", "class"])
    table = table.sort_values(["frame", "trail"], ignore_index=True)
    sides = np.array([KINDS[kind] for kind in table["class"]])
    table["width"], table["height"] = sides.T
    table["left"] = (table["x"] - table["width"] / 2).round(2)
    table["top"] = (table["y"] - table["height"] / 2).round(2)
    table["time"] = table["frame"].astype(float)
    return table


@pytest.fixture
def opened(tmp_path):
    """Return a function that writes the file of a case and opens it."""

    def open_case(case):
        path = tmp_path / case.name
        path.write_bytes(case.content.encode() if isinstance(case.content, str) else case.content)
        return open_trails(path, **case.options)

    return open_case


@pytest.fixture
def check(opened):
    """Return a function that compares what a file is read as with what is right."""

    def check_case(case):
        right = case.right.astype({"trail": "str"}).sort_values(["trail", "time"])
        trails = opened(case)
        found = trails.samples.assign(kind=trails.table["class"].to_numpy()[trails.owner])
        found = found.sort_values(["trail", "time"])
        assert found["trail"].tolist() == right["trail"].tolist()
        assert found["kind"].tolist() == right["class"].tolist()
        np.testing.assert_allclose(found["time"], right["time"], rtol=0, atol=1e-6)
        for axis in ("x", "y"):
            np.testing.assert_allclose(found[axis], right[axis], rtol=0, atol=case.atol)
        largest = tuple(int(right[axis].max() + 0.5) + 1 for axis in ("x", "y"))
        assert (trails.scene.width, trails.scene.height) == (case.size or largest)
        notes = [f"{p.trail}: {p.problem}".removeprefix(": ") for p in trails.problems.itertuples()]
        assert notes == list(case.notes)
        assert set(trails.problems["file"]) <= {case.name}

    return check_case
