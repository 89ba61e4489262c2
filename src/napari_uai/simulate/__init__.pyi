from .files import WrittenRecording, truth_document, write_recording
from .iscat.fluorescence import (
    FluorescenceSettings,
    SimulatedFluorescence,
    simulate_fluorescence,
)
from .iscat.recording import SimulatedFrames, SimulatedRecording, simulate_recording
from .iscat.scenarios import disturbed, scenario, undisturbed
from .settings import RecordingSettings, TrailSettings
from .trails.report_folders import WrittenScene, simulate_to_folder, write_report_folder
from .trails.simulation import SimulatedTrails, simulate_trails
from .write_samples import sample_recording_settings, sample_trail_settings

__all__ = [
    "FluorescenceSettings",
    "RecordingSettings",
    "SimulatedFluorescence",
    "SimulatedFrames",
    "SimulatedRecording",
    "SimulatedTrails",
    "TrailSettings",
    "WrittenRecording",
    "WrittenScene",
    "disturbed",
    "sample_recording_settings",
    "sample_trail_settings",
    "scenario",
    "simulate_fluorescence",
    "simulate_recording",
    "simulate_to_folder",
    "simulate_trails",
    "truth_document",
    "undisturbed",
    "write_recording",
    "write_report_folder",
]
