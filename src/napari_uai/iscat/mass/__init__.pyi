from .analysis import MassResult, MassSet, analyse_masses
from .calibrants import calibrant_peaks, read_standards
from .calibration import Calibration, fit_calibration, read_calibration, write_calibration
from .comparing import cliffs_delta, compare_groups, compare_weights, holm
from .density import kernel_density
from .events import LandingTable, landing_table, read_landings
from .mixtures import Mixture, Resampled, fit_mixture, intervals, resample_mixture
from .outputs import write_masses
from .picture import mass_picture

__all__ = [
    "Calibration",
    "LandingTable",
    "MassResult",
    "MassSet",
    "Mixture",
    "Resampled",
    "analyse_masses",
    "calibrant_peaks",
    "cliffs_delta",
    "compare_groups",
    "compare_weights",
    "fit_calibration",
    "fit_mixture",
    "holm",
    "intervals",
    "kernel_density",
    "landing_table",
    "mass_picture",
    "read_calibration",
    "read_landings",
    "read_standards",
    "resample_mixture",
    "write_calibration",
    "write_masses",
]
