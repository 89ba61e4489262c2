from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_uai.trails.io.reading import open_trails

SIZE = (320, 180)
BOXES = {"car": (24, 14), "bus": (40, 20), "pedestrian": (6, 12)}


@pytest.fixture(scope="session")
def scene():
    """Return the samples of 12 trails of three classes that cross a scene at 5 frames a second."""
    rng = np.random.default_rng(3)
    rows = []
    for i in range(12):
        kind = ("car", "bus", "pedestrian")[i % 3]
        n = int(rng.integers(8, 20))
        start, end = rng.uniform((30, 20), (290, 160), (2, 2))
        xy = np.round(np.linspace(start, end, n) + rng.normal(0, 0.3, (n, 2)), 2)
        first = int(rng.integers(1, 100))
        rows += [(i + 3, first + k, *xy[k], kind, *BOXES[kind]) for k in range(n)]
    names = ["trail", "frame", "x", "y", "class", "width", "height"]
    table = pd.DataFrame(rows, columns=names)
    table["left"], table["top"] = table.x - table.width / 2, table.y - table.height / 2
    table["right"], table["bottom"] = table.left + table.width, table.top + table.height
    table["seconds"] = table.frame / 5
    return table


@pytest.fixture
def reading(tmp_path):
    """Return a function that writes a file, or takes one, and opens it."""

    def read(content, name="trails.csv", **options):
        path = tmp_path / name
        if isinstance(content, pd.DataFrame):
            content = content.to_csv(index=False)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return open_trails(path, **options)

    return read


@pytest.fixture
def is_the_scene(scene):
    """Return a function that compares trails with the scene."""

    def check(trails, *, seconds=1.0, classes=True, names=True, pixels=True, tolerance=0.02):
        """Compare names, numbers of samples, positions, times (scaled by seconds), classes."""
        known = scene.sort_values(["trail", "frame"], kind="stable")
        counts = known.groupby("trail").size()
        assert len(trails) == len(counts)
        order = np.argsort(trails.table["trail"].str.extract(r"(\d+)$")[0].astype(int))
        trails = trails.select(order.to_numpy())
        if names:
            assert trails.table["trail"].tolist() == [str(name) for name in counts.index]
        assert trails.n_samples.tolist() == counts.tolist()
        for axis in ("x", "y"):
            found, right = getattr(trails, axis).astype(float), known[axis].to_numpy()
            if pixels:
                np.testing.assert_allclose(found, right, atol=tolerance)
            else:
                slope, offset = np.polyfit(right, found, 1)
                assert slope > 0
                np.testing.assert_allclose((found - offset) / slope, right, atol=tolerance)
        if seconds is not None:
            since = known["frame"].to_numpy() * seconds
            found = trails.time - trails.time.min()
            np.testing.assert_allclose(found, since - since.min(), atol=2e-3)
        if classes:
            assert (
                trails.table["class"].tolist() == known.groupby("trail")["class"].first().tolist()
            )
        return trails

    return check
