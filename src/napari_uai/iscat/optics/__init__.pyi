from .files import write_psf
from .fit import PsfFit, fit_psf_stack
from .interferometric import interferometric_psf
from .microscope import Microscope

__all__ = [
    "Microscope",
    "PsfFit",
    "fit_psf_stack",
    "interferometric_psf",
    "write_psf",
]
