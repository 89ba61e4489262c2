"""Simulated recordings as files: headerless binary, sidecar and ground truth."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.files import whole_file
from napari_uai.monitor import SILENT, Monitor
from napari_uai.simulate.iscat.recording import SimulatedFrames, chunk_frames
from napari_uai.videos.frames import map_chunks

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.simulate.settings import RecordingSettings

TRUTH_FORMAT = "napari-uai truth 1"
"""First entry of a truth file; changes whenever readers need to distinguish versions."""


@dataclass(frozen=True)
class WrittenRecording:
    """Paths of a simulated recording.

    Attributes
    ----------
    video
        Frames without header; little-endian uint16.
    sidecar
        JSON with shape and type of the frames, which :func:`~napari_uai.videos.open_video` reads.
    truth
        JSON with landings and settings; see :func:`~napari_uai.evaluate.truth.read_truth`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import napari_uai as uai
    >>> settings = uai.simulate.RecordingSettings(frames=1200, landings=2, rows=16, columns=16)
    >>> written = uai.simulate.write_recording(settings, Path(tempfile.mkdtemp()) / "small.bin")
    >>> written.sidecar.name, written.truth.name
    ('small.json', 'small_truth.json')
    """

    video: Path
    sidecar: Path
    truth: Path


def write_recording(
    settings: RecordingSettings, path: str | Path, *, monitor: Monitor = SILENT
) -> WrittenRecording:
    """Simulate a recording and write it to a file, chunk by chunk.

    Memory does not depend on the length of the recording.

    Parameters
    ----------
    settings
        Settings of the simulation.
    path
        File to write, such as ``recording.bin``; ``recording.json`` (sidecar) and
        ``recording_truth.json`` are written beside it. Missing folders are created.
    monitor
        Progress and cancellation, once per chunk of frames.

    Returns
    -------
    WrittenRecording
        Paths of the three files; each is either complete or absent.

    Raises
    ------
    OutputError
        If a folder or file cannot be written.
    CancelledError
        If cancelled by the monitor; nothing is left behind.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import napari_uai as uai
    >>> settings = uai.simulate.RecordingSettings(frames=1200, landings=2, rows=16, columns=16)
    >>> written = uai.simulate.write_recording(settings, Path(tempfile.mkdtemp()) / "small.bin")
    >>> uai.open_video(written.video).shape
    (1200, 16, 16)
    >>> len(uai.read_truth(written.truth).landings)
    2
    """
    path = Path(path)
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
        document = truth_document(settings, frames.truth)
        disturbances = [disturbance._asdict() for disturbance in frames.disturbances]
        parts = _named("disturbances", disturbances) | _named("movers", _movers(frames.movers))
        write_json(written.truth, document | parts)
    return written


def sidecar(settings: RecordingSettings) -> dict[str, Any]:
    """Return the description of the headerless file that readers need."""
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
    """Return the ground truth of a recording as plain numbers and strings.

    Parameters
    ----------
    settings
        Settings of the simulation.
    truth
        Landings and take-offs, as in
        :class:`~napari_uai.simulate.iscat.recording.SimulatedRecording`.

    Returns
    -------
    dict
        Content of a truth file: ``format``, ``settings`` and ``landings``, a list with one entry
        per row of ``truth``.

    Examples
    --------
    >>> import napari_uai as uai
    >>> settings = uai.simulate.RecordingSettings(frames=1200, landings=2, rows=16, columns=16)
    >>> frames = uai.simulate.SimulatedFrames(settings)
    >>> document = uai.simulate.truth_document(settings, frames.truth)
    >>> uai.evaluate.truth_of(document).n_frames
    1200
    """
    rounded = truth.round({"y": 4, "x": 4, "snr": 4}).to_dict("records")
    return {
        "format": TRUTH_FORMAT,
        "settings": dataclasses.asdict(settings),
        "landings": [{str(key): value for key, value in row.items()} for row in rounded],
    }


def _movers(paths: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each free particle with its place in every frame."""
    return [
        {
            "contrast": path["contrast"].iloc[0],
            "diffusion_px2_per_frame": path["diffusion_px2_per_frame"].iloc[0],
            "y": path["y"].round(2).tolist(),
            "x": path["x"].round(2).tolist(),
        }
        for _, path in paths.groupby("particle")
    ]


def _named(name: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a part of a document, which is left out if it is empty; unknown places are null."""
    plain = [{k: None if v != v else v for k, v in entry.items()} for entry in entries]  # noqa: PLR0124
    return {name: plain} if plain else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a truth file or sidecar; it appears complete or not at all."""
    with whole_file(path) as partial:
        text = json.dumps(content, indent=1, default=_plain, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
