"""The sample recordings and sample trails of the package.

``python -m napari_uai.simulate.write_samples FOLDER`` writes all of them; existing sample trails
must be removed first. :mod:`napari_uai.sample_data` returns their paths.
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_uai.simulate.files import WrittenRecording, write_json, write_recording
from napari_uai.simulate.iscat.fluorescence import (
    FluorescenceSettings,
    SimulatedFluorescence,
    fluorescence_document,
    simulate_fluorescence,
)
from napari_uai.simulate.iscat.recording import SimulatedFrames
from napari_uai.simulate.settings import RecordingSettings, TrailSettings
from napari_uai.simulate.trails.report_folders import WrittenScene, simulate_to_folder
from napari_uai.videos.writing.writers import write_video

SAMPLE_NAME = "landings.bin"
FLUORESCENCE_NAME = "fluorescence.bin"
TRAILS_NAME = "trails"


def sample_recording_settings() -> RecordingSettings:
    """Return the settings of the sample recording, which is small and has clear landings.

    It has 1200 frames of 40 x 40 px with a status line below (3.9 MB), five landings whose
    signal-to-noise ratio in one frame of the rolling average (batch 200) is 9 to 15, slight stage
    drift, four bad pixels and two dropped frames. With this seed the landings do not overlap.

    Returns
    -------
    RecordingSettings
        Settings for :func:`~napari_uai.simulate.iscat.recording.simulate_recording`.

    Examples
    --------
    >>> import napari_uai as uai
    >>> uai.simulate.sample_recording_settings().file_shape
    (1200, 41, 40)
    """
    return RecordingSettings(
        seed=280,
        frames=1200,
        rows=40,
        columns=40,
        batch_size=200,
        landings=5,
        landing_snr=(9.0, 18.0),
        margin_px=7.0,
        drift_px=0.02,
        status_line="last row",
        dropped_frames=2,
    )


def write_sample_recording(folder: Path) -> WrittenRecording:
    """Write the sample recording, its sidecar and its ground truth into a folder."""
    return write_recording(sample_recording_settings(), folder / SAMPLE_NAME)


def sample_fluorescence() -> SimulatedFluorescence:
    """Simulate the fluorescence of the field of the sample recording.

    It has 55 frames of 24 x 24 px at 1/20 of the frame rate, with pixels twice as large, rotated
    by 6 degrees, and begins at frame 100. Four of the five particles are labelled.
    """
    return simulate_fluorescence(
        SimulatedFrames(sample_recording_settings()).truth, FluorescenceSettings(seed=8)
    )


def write_sample_fluorescence(folder: Path) -> Path:
    """Write the sample fluorescence, its sidecar and its ground truth into a folder."""
    iscat, fluorescence = sample_recording_settings(), sample_fluorescence()
    path = write_video(
        fluorescence.video,
        folder / FLUORESCENCE_NAME,
        dtype="<u2",
        pixel_size_um=iscat.pixel_size_um * fluorescence.settings.magnification,
        frame_rate_hz=iscat.frame_rate_hz / fluorescence.settings.frames_per_frame,
        overwrite=True,
    )
    write_json(folder / f"{path.stem}_truth.json", fluorescence_document(fluorescence))
    return path


def sample_trail_settings() -> TrailSettings:
    """Return the settings of the sample trails: twelve minutes, two anomalies of each kind.

    There are 400 trails, and a snapshot every 90 s. Low sampling rates keep the files small.

    Returns
    -------
    TrailSettings
        Settings for :func:`~napari_uai.simulate.trails.simulation.simulate_trails`.

    Examples
    --------
    >>> import napari_uai as uai
    >>> uai.simulate.sample_trail_settings().trails
    400
    """
    return TrailSettings(
        seed=7,
        trails=400,
        anomalous_fraction=0.03,
        duration_s=720.0,
        rates_hz=(1.5, 2.5),
        snapshot_every_s=90.0,
    )


def write_sample_trails(folder: Path) -> WrittenScene:
    """Write the sample trails as a report folder with ground truth, ``folder/trails``."""
    return simulate_to_folder(sample_trail_settings(), folder / TRAILS_NAME)


if __name__ == "__main__":
    write_sample_recording(Path(sys.argv[1]))
    write_sample_fluorescence(Path(sys.argv[1]))
    write_sample_trails(Path(sys.argv[1]))
