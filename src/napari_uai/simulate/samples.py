"""The sample recording that comes with the package.

``python -m napari_uai.simulate.samples FOLDER`` writes it anew, byte for byte.
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_uai.simulate.files import WrittenRecording, write_recording
from napari_uai.simulate.settings import RecordingSettings

SAMPLE_NAME = "landings.bin"


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


if __name__ == "__main__":
    write_sample_recording(Path(sys.argv[1]))
