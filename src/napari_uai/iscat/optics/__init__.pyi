from .interferometric import interferometric_psf
from .microscope import Microscope

__all__ = [
    "Microscope",
    "interferometric_psf",
]
