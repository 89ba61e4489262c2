"""Simulated recordings as files: raw binary, sidecar, and the truth beside it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.files import whole_file
from napari_uai.monitor import SILENT, Monitor
from napari_uai.simulate.iscat.recording import SimulatedFrames, chunk_frames
from napari_uai.videos.frames import map_chunks

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from napari_uai.simulate.settings import RecordingSettings

TRUTH_FORMAT = "napari-uai truth 1"
"""First entry of a truth file; changes when a reader has to know."""


@dataclass(frozen=True)
class WrittenRecording:
    """Where a simulated recording stands.

    Attributes
    ----------
    video
        Frames without header, little-endian 16-bit counts.
    sidecar
        JSON with shape and type, by which the recording opens without questions.
    truth
        JSON with the landings and the settings.
    """

    video: Path
    sidecar: Path
    truth: Path


def write_recording(
    settings: RecordingSettings, path: Path, *, monitor: Monitor = SILENT
) -> WrittenRecording:
    """Simulate a recording of any length into a file, in memory that does not grow with it.

    Parameters
    ----------
    settings
        What to simulate.
    path
        File to write, for instance ``recording.bin``; ``recording.json`` (sidecar) and
        ``recording_truth.json`` are written beside it. Folders are made as needed.
    monitor
        Progress and cancelling, once per chunk of frames.

    Returns
    -------
    WrittenRecording
        The three paths. None of them stands there half written.

    Raises
    ------
    OutputError
        If the folder or a file cannot be written.
    CancelledError
        If the monitor says so; nothing is left behind.
    """
    frames = SimulatedFrames(settings)
    written = WrittenRecording(
        path, path.with_suffix(".json"), path.with_name(f"{path.stem}_truth.json")
    )
    with whole_file(path) as partial:
        chunk = chunk_frames(frames.shape)
        with partial.open("wb") as file:
            for block in map_chunks(frames.read, len(frames), chunk, monitor=monitor):
                file.write(block.astype("<u2", copy=False).tobytes())
        write_json(written.sidecar, sidecar(settings))
        write_json(written.truth, truth_document(settings, frames.truth))
    return written


def sidecar(settings: RecordingSettings) -> dict[str, Any]:
    """Return what a reader has to know of the headerless file."""
    frames, height, width = settings.file_shape
    return {
        "height": height,
        "width": width,
        "dtype": "<u2",
        "offset": 0,
        "frames": frames,
        "frame_rate_hz": settings.frame_rate_hz,
        "pixel_size_um": settings.pixel_size_um,
    }


def truth_document(settings: RecordingSettings, truth: pd.DataFrame) -> dict[str, Any]:
    """Return the truth as plain numbers and strings, as it stands in the file.

    Parameters
    ----------
    settings
        What the recording was made from.
    truth
        Landings and take-offs of :class:`~napari_uai.simulate.iscat.recording.SimulatedRecording`.

    Returns
    -------
    dict
        ``format``, ``settings`` and ``landings``, a list with one entry per row of ``truth``.
    """
    rounded = truth.round({"y": 4, "x": 4, "snr": 4}).to_dict("records")
    return {
        "format": TRUTH_FORMAT,
        "settings": dataclasses.asdict(settings),
        "landings": [{str(key): value for key, value in row.items()} for row in rounded],
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a truth or a sidecar, whole or not at all."""
    with whole_file(path) as partial:
        text = json.dumps(content, indent=1, default=_plain, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not go into a truth file")
