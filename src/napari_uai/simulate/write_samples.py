"""The sample recordings and the sample trails that come with the package.

``python -m napari_uai.simulate.write_samples FOLDER`` writes both; sample trails that are there
already must be removed first. :mod:`napari_uai.sample_data` gives their paths.
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
from napari_uai.videos.writers import write_video

SAMPLE_NAME = "landings.bin"
FLUORESCENCE_NAME = "fluorescence.bin"
TRAILS_NAME = "trails"


def sample_recording_settings() -> RecordingSettings:
    """Return the settings of the sample recording: small, with clear landings.

    1200 frames of 40 x 40 px and a status line below, 3.9 MB; batch 200; five landings whose
    signal-to-noise ratio in one frame of the rolling average is 9 to 15; slight stage drift, four
    bad pixels, two frames dropped by the camera. The seed is one whose landings keep apart.
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
    """Write the sample recording, its sidecar and its truth into a folder."""
    return write_recording(sample_recording_settings(), folder / SAMPLE_NAME)


def sample_fluorescence() -> SimulatedFluorescence:
    """Simulate the fluorescence of the field of the sample recording.

    55 frames of 24 x 24 px at a twentieth of the frame rate, pixels twice as large, turned by 6
    degrees; it begins at frame 100. Four of the five particles carry a label.
    """
    return simulate_fluorescence(
        SimulatedFrames(sample_recording_settings()).truth, FluorescenceSettings(seed=8)
    )


def write_sample_fluorescence(folder: Path) -> Path:
    """Write the sample fluorescence, its sidecar and its truth into a folder."""
    iscat, made = sample_recording_settings(), sample_fluorescence()
    path = write_video(
        made.video,
        folder / FLUORESCENCE_NAME,
        dtype="<u2",
        pixel_size_um=iscat.pixel_size_um * made.settings.magnification,
        frame_rate_hz=iscat.frame_rate_hz / made.settings.frames_per_frame,
        overwrite=True,
    )
    write_json(folder / f"{path.stem}_truth.json", fluorescence_document(made))
    return path


def sample_trail_settings() -> TrailSettings:
    """Return the settings of the sample trails: twelve minutes, two anomalies of each kind.

    400 trails; a snapshot every minute and a half; slow trackers, which keeps it small.
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
    """Write the sample trails as a report folder, with their truth, into ``folder/trails``."""
    return simulate_to_folder(sample_trail_settings(), folder / TRAILS_NAME)


if __name__ == "__main__":
    write_sample_recording(Path(sys.argv[1]))
    write_sample_fluorescence(Path(sys.argv[1]))
    write_sample_trails(Path(sys.argv[1]))
