"""A catalogue of three toy stages, so that the workflow is tested without any science."""

import warnings
from typing import Annotated, Any, Literal

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from annotated_types import Ge, Gt, Le, Unit

from napari_uai.errors import BadValueError
from napari_uai.iscat.recipes import catalogue, recipe
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import Stage
from napari_uai.videos.frames import Video

TOY_RECIPE = """
description = "Brightest pixel of each frame of the cut and differenced video."

[[stage]]
name = "cut"
use = "toy_cut"

[stage.parameters]
rows = 2

[[stage]]
name = "dra"
use = "toy_difference"

[stage.parameters]
batch_size = 3

[[stage]]
name = "spots"
use = "toy_peaks"

[[stage]]
name = "landings"
use = "toy_landings"
input = ["cut", "spots"]

[stage.parameters]
half_width = "@dra.batch_size"

[outputs]
landings = "landings"
localizations = "spots"
"""


def toy_cut(video: Video, *, rows: Annotated[int, Ge(0), Unit("px")] = 1) -> Video:
    """Drop rows at the top.

    Parameters
    ----------
    video
        Frames, rows, columns.
    rows
        Number of rows, counted
        from the top.

    Returns
    -------
    Video
        Fewer rows.
    """
    return video[:, rows:]


def toy_difference(
    video: Video,
    *,
    batch_size: Annotated[int, Ge(1), Unit("frames")] = 2,
    shift: Annotated[float, Gt(-1), Le(1)] | None = None,
) -> Video:
    """Subtract the frame a batch before.

    Parameters
    ----------
    video
        Frames, rows, columns.
    batch_size : int
        Frames between.
    shift
        Added.
    """
    if video.shape[0] <= batch_size:
        raise BadValueError("too short; take a smaller batch_size")
    if shift == 1:
        warnings.warn("a shift of 1 is odd\nindeed", UserWarning, stacklevel=2)
    return video[batch_size:] - 1.0 * video[:-batch_size] + (shift or 0)


def toy_peaks(
    video: Video,
    *,
    polarity: Literal["bright", "dark"] = "bright",
    threshold: Annotated[float, Gt(0)] = 1.0,
    name: str = "a",
    circle: tuple[int, int] | None = None,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Find the brightest pixel of each frame."""
    rows: list[dict[str, Any]] = []
    for i in range(len(video)):
        monitor.update(i / len(video))
        frame = np.asarray(video[i]) * (1 if polarity == "bright" else -1)
        y, x = np.unravel_index(np.argmax(frame), frame.shape)
        if frame[y, x] > threshold:
            rows.append({"y": float(y), "x": float(x), "frame": i, "Fit_X-Center": x + 0.25})
    return pd.DataFrame(rows, columns=["y", "x", "frame", "Fit_X-Center"])


def toy_landings(
    video: Video, table: pd.DataFrame, *, half_width: Annotated[int, Ge(1)]
) -> pd.DataFrame:
    """Give each place one landing, in the coordinates of the video."""
    rows: list[dict[str, Any]] = []
    for landing, ((y, x), spots) in enumerate(table.groupby(["y", "x"])):
        frame = int(spots["frame"].min())
        step = float(video[frame, int(y), int(x)]) - float(
            video[frame - half_width, int(y), int(x)]
        )
        rows.append(
            {
                "landing": 10 * landing,
                "y": y,
                "x": x,
                "frame": frame,
                "contrast": step,
                "score": step,
            }
        )
    return pd.DataFrame(rows, columns=["landing", "y", "x", "frame", "contrast", "score"])


@pytest.fixture
def toys(monkeypatch, tmp_path):
    """Replace the catalogue and the packaged recipes."""
    stages = [
        Stage(toy_cut, "Cut", "filter", lambda _, p: (0, p["rows"], 0)),
        Stage(toy_difference, "Difference", "filter", lambda _, p: (p["batch_size"], 0, 0)),
        Stage(toy_peaks, "Peaks", "measure"),
        Stage(toy_landings, "Landings", "measure"),
    ]
    monkeypatch.setattr(catalogue, "STAGES", {s.name: s for s in stages})
    folder = tmp_path / "packaged"
    folder.mkdir()
    (folder / "toy.toml").write_text(TOY_RECIPE)
    monkeypatch.setattr(recipe, "files", lambda _: folder)


@pytest.fixture
def steps_video():
    """30 frames of 12 x 10 with a step of 5 at (7, 4) from frame 11 on, of 9 at (3, 6) from 20."""
    video = np.full((30, 12, 10), 100.0, np.float32)
    video[11:, 7, 4] += 5
    video[20:, 3, 6] += 9
    return da.from_array(video, chunks=(8, -1, -1))
