from .files import write_psf
from .fit import PsfFit, fit_psf_stack
from .interferometric import interferometric_psf
from .microscope import Microscope
from .outputs import write_psf_fit
from .picture import stack_picture
from .profiles import radial_profiles

__all__ = [
    "Microscope",
    "PsfFit",
    "fit_psf_stack",
    "interferometric_psf",
    "radial_profiles",
    "stack_picture",
    "write_psf",
    "write_psf_fit",
]
