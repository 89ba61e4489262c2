"""DeepLabCut and SLEAP, through movement: each individual is a trail, at its mean keypoint."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.errors import TrailFormatError, one_line
from napari_uai.trails.io.content import Content
from napari_uai.trails.io.sample_table import SampleTable

_HDF5 = b"\x89HDF\r\n\x1a\n"


def is_pose(content: Content) -> bool:
    """Return whether a file is that of a pose tracker: HDF5, or csv with scorer and body parts."""
    if content.data.startswith(_HDF5):
        return True
    lines = content.head.splitlines()[:3]
    return len(lines) == 3 and lines[0].startswith("scorer,") and "bodyparts" in "".join(lines)


def pose_table(content: Content) -> SampleTable:
    """Return the mean of the keypoints of each individual in each frame."""
    if find_spec("movement") is None:
        raise TrailFormatError(
            'DeepLabCut and SLEAP files need movement: pip install "napari-uai[pose]"'
        )
    dataset = _loaded(content)
    position = dataset["position"]
    if "keypoints" in position.dims:
        position = position.mean("keypoints", skipna=True)
    position = position.transpose("individuals", "time", "space")
    names = [str(name) for name in position["individuals"].values]
    frames = np.arange(position.sizes["time"])
    values = np.asarray(position.sel(space=["x", "y"]).values, np.float64).reshape(-1, 2)
    table = pd.DataFrame(
        {
            "trail": np.repeat(names, len(frames)),
            "frame": np.tile(frames, len(names)),
            "x": values[:, 0],
            "y": values[:, 1],
        }
    )
    table = table.dropna(subset=["x", "y"])
    return SampleTable(table, columns={n: n for n in table.columns}, defined=True, unit="px")


def _loaded(content: Content) -> Any:
    """Return the dataset of the first program that can have written the file."""
    from loguru import logger
    from movement.io import load_dataset

    logger.disable("movement")  # what fails is said in one line below
    programs = ["DeepLabCut", "SLEAP"]
    if content.path.suffix.lower() == ".slp" or b"tracks" in content.data[:65536]:
        programs.reverse()
    reason = ""
    for program in programs:
        try:
            return load_dataset(content.path, source_software=program)
        except Exception as error:  # noqa: BLE001  # the libraries below raise many
            reason = reason or one_line(error, 100)
    raise TrailFormatError(f"not a file of DeepLabCut or SLEAP that movement reads: {reason}")
