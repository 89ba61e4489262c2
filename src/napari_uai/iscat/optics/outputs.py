"""Files of a fit of the point-spread function: values, fitted images, picture, record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_uai.figures import save_figure
from napari_uai.files import cannot_write
from napari_uai.iscat.optics.fit import PsfFit
from napari_uai.iscat.optics.picture import FONT_SIZE, PIXELS_PER_INCH, stack_picture
from napari_uai.results import results_folder, versions, write_record, write_table

RECORD = "psf.json"
PICTURES = ("psf.svg", "psf.png")
FILES = ("psf.csv", "psf.npy", *PICTURES, RECORD)
"""All files that a fit may write."""

RECORD_FORMAT = "napari-uai point-spread function fit 1"


def write_psf_fit(
    fit: PsfFit,
    stack: npt.ArrayLike,
    positions_um: npt.ArrayLike,
    folder: str | Path,
    *,
    axis: str = "focus",
    about: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Write the files of a fit of the point-spread function.

    Parameters
    ----------
    fit
        As returned by :func:`fit_psf_stack`.
    stack
        Contrasts that were fitted: planes, rows, columns.
    positions_um
        Focus or height of each plane, um.
    folder
        Created if necessary. Files of an earlier fit are replaced; others are kept.
    axis
        What the positions are.
    about
        What else the record says of the input.
    overwrite
        Replace files of your own with the names of results as well, which are an error otherwise.

    Returns
    -------
    dict
        Path by file name: psf.csv (parameter, value, error, unit, fitted), psf.npy (fitted images,
        float32), psf.svg, psf.png, psf.json.

    Raises
    ------
    OutputError
        If the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from napari_uai.iscat.optics import Microscope, fit_psf_stack, interferometric_psf
    >>> from napari_uai.iscat.optics import write_psf_fit
    >>> focus, optics = np.linspace(-0.6, 0.6, 9), Microscope(polarization="scalar")
    >>> stack = interferometric_psf((15, 15), optics, focus_um=focus, contrast=0.01)
    >>> fit = fit_psf_stack(stack, optics, focus_um=focus, free=["amplitude", "phase_rad"])
    >>> sorted(write_psf_fit(fit, stack, focus, tempfile.mkdtemp()))
    ['psf.csv', 'psf.json', 'psf.npy', 'psf.png', 'psf.svg']
    """
    values = fit.values
    picture = stack_picture(
        stack, positions_um, pixel_size_um=fit.microscope.pixel_size_um, axis=axis,
        model=fit.model, y=values["y"], x=values["x"],
    )  # fmt: skip
    record = {
        "format": RECORD_FORMAT,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        **(about or {}),
        axis + "_um": np.asarray(positions_um, np.float64).ravel().tolist(),
        "microscope": asdict(fit.microscope),
        "residual_deviation": fit.residual_deviation,
        "r2": fit.r2,
        "covariance": fit.covariance.tolist(),
        "versions": versions(),
    }
    with results_folder(folder, replaces=FILES, record=RECORD, overwrite=overwrite) as partial:
        try:
            write_table(fit.table, partial / "psf.csv")
            np.save(partial / "psf.npy", fit.model.astype(np.float32))
            for name in PICTURES:
                save_figure(
                    picture, partial / name, font_size=FONT_SIZE, pixels_per_inch=PIXELS_PER_INCH
                )
            write_record(record, partial / RECORD)
        except OSError as error:
            raise cannot_write(Path(folder), error) from error
    return {name: Path(folder) / name for name in FILES}
