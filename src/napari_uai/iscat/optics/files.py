"""Models of the point-spread function as files, which detection and fits read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.files import write_files
from napari_uai.iscat.optics.interferometric import interferometric_psf, planes_of
from napari_uai.iscat.optics.microscope import Microscope

FORMAT = "napari-uai point-spread function 1"


def write_psf(
    path: str | Path,
    size_px: int,
    microscope: Microscope,
    *,
    focus_um: npt.ArrayLike = 0.0,
    height_um: npt.ArrayLike = 0.0,
    amplitude: float = 0.01,
    phase_rad: float = np.pi,
) -> Path:
    """Write the image of a point, or a stack of its images, as a file that detection reads.

    Give its path as ``point_spread_function`` to :func:`napari_uai.iscat.detect_steps`, to
    :func:`napari_uai.iscat.fit_psf` or to ``napari-uai limit``; the first two choose among the
    images of a stack. What it was made with is written beside it, as .toml.

    Parameters
    ----------
    path
        File, .npy; replaced if it exists.
    size_px
        Rows and columns of an image, odd.
    microscope
        Objective, layers and polarisation.
    focus_um, height_um, amplitude, phase_rad
        As in :func:`interferometric_psf`. The value of largest magnitude of all is 1.

    Returns
    -------
    pathlib.Path
        The .npy file: rows, columns; or planes, rows, columns; float32.

    Raises
    ------
    BadValueError
        If the name or the size is not as said, or an argument is outside its limits.
    OutputError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from napari_uai.iscat.optics import Microscope, write_psf
    >>> focus = np.linspace(-0.5, 0.5, 5)
    >>> path = write_psf(tempfile.mkdtemp() + "/psf.npy", 21, Microscope(), focus_um=focus)
    >>> np.load(path).shape
    (5, 21, 21)
    >>> path.with_suffix(".toml").exists()
    True
    """
    import io

    import tomli_w

    path = Path(path)
    if path.suffix != ".npy":
        raise BadValueError(f"{path}: a point-spread function is written as .npy: change the name")
    if size_px < 3 or size_px % 2 == 0:
        raise BadValueError(f"size_px must be odd and at least 3, got {size_px}")
    images = interferometric_psf(
        (size_px, size_px), microscope, focus_um=focus_um, height_um=height_um,
        amplitude=amplitude, phase_rad=phase_rad,
    )  # fmt: skip
    focus, height = planes_of(focus_um, height_um)
    document: dict[str, Any] = {
        "format": FORMAT,
        "amplitude": float(amplitude),
        "phase_rad": float(phase_rad),
        "focus_um": _plain(focus.tolist()),
        "height_um": _plain(height.tolist()),
        "microscope": {n: v for n, v in asdict(microscope).items() if v is not None},
    }
    content = io.BytesIO()
    np.save(content, images.astype(np.float32))
    write_files(
        {
            path.with_suffix(".toml"): tomli_w.dumps(document).encode(),
            path: content.getvalue(),
        }
    )
    return path


def _plain(values: float | Sequence[float]) -> float | list[float]:
    """Round what differs from a short number by arithmetic alone."""
    if isinstance(values, Sequence):
        return [round(float(value), 9) for value in values]
    return round(float(values), 9)
