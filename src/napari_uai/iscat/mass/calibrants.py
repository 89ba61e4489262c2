"""Standards from recordings of calibrants, whose peaks have known masses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge

from napari_uai.errors import BadValueError, TableFormatError, counted
from napari_uai.iscat.mass.events import LandingTable, read_csv
from napari_uai.iscat.mass.mixtures import fit_mixture, resample_mixture
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked

_SPELLINGS = {
    "mass_kda": ("mass_kda", "mass", "masses", "masses_kda", "kda"),
    "contrast": ("contrast", "contrasts"),
    "contrast_error": ("contrast_error", "contrasts_error", "contrast_se", "contrasts_se", "error"),
    "name": ("name", "standard", "protein", "calibrant"),
}


def read_standards(path: str | Path) -> pd.DataFrame:
    r"""Read a table of standards.

    Parameters
    ----------
    path
        csv with ``mass_kda`` and ``contrast``, and, if known, ``contrast_error`` and ``name``.

    Returns
    -------
    pandas.DataFrame
        For :func:`fit_calibration`.

    Raises
    ------
    TableFormatError
        If the file cannot be read, or a column is missing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from napari_uai.iscat import mass
    >>> path = Path(tempfile.mkdtemp()) / "standards.csv"
    >>> _ = path.write_text("Mass (kDa),contrast\n66,0.0021\n132,0.0042\n")
    >>> mass.read_standards(path)["mass_kda"].tolist()
    [66, 132]
    """
    path = Path(path)
    table = read_csv(path)
    spelled = {str(name).lower().replace("(", "").replace(")", "").strip().replace(" ", "_"): name
               for name in table.columns}  # fmt: skip
    columns = {}
    for role, words in _SPELLINGS.items():
        known = [spelled[word] for word in words if word in spelled]
        if known:
            columns[known[0]] = role
    missing = {"mass_kda", "contrast"} - set(columns.values())
    if missing:
        raise TableFormatError(
            f"{path} has no column {' and '.join(sorted(missing))}; standards need mass_kda and "
            "contrast, and may have contrast_error and name"
        )
    return table[list(columns)].rename(columns=columns)


@checked
def calibrant_peaks(
    landings: LandingTable,
    masses_kda: Sequence[float],
    *,
    replicates: Annotated[int, Ge(2)] = 400,
    seed: Annotated[int, Ge(0)] = 0,
    monitor: Monitor = SILENT,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Find the peaks of a calibrant, whose masses are known.

    A mixture with as many components as there are masses is fitted to the absolute contrasts; peaks
    and masses are matched in order.

    Parameters
    ----------
    landings
        Of a recording of the calibrant.
    masses_kda
        Masses of its peaks, such as 66 and 132 for a monomer and its dimer.
    replicates
        Bootstrap samples for the errors of the peaks.
    seed
        Seed of starts and samples.
    monitor
        Progress and cancellation.

    Returns
    -------
    tuple
        Standards, one row per mass: ``name, mass_kda, contrast, contrast_error``; and notes, such
        as that the landings suggest another number of peaks.

    Raises
    ------
    BadValueError
        If there are no contrasts, too few landings, or the masses are not different numbers above
        0.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.iscat import mass
    >>> rng = np.random.default_rng(0)
    >>> contrasts = -3.2e-5 * np.r_[rng.normal(66, 4, 300), rng.normal(132, 4, 100)]
    >>> landings = mass.landing_table(pd.DataFrame({"contrast": contrasts}), "albumin")
    >>> standards, _ = mass.calibrant_peaks(landings, [66, 132], replicates=100)
    >>> f"{mass.fit_calibration(standards).slope:.2e}"
    '3.20e-05'
    """
    masses = np.sort(np.asarray(masses_kda, np.float64))
    if not (masses.size and np.isfinite(masses).all() and (masses > 0).all()):
        raise BadValueError("masses of a calibrant must be numbers above 0 (kDa)")
    if (np.diff(masses) == 0).any():
        raise BadValueError(f"masses of a calibrant must be different, got {masses.tolist()}")
    contrasts = landings.table["contrast"].abs().to_numpy()
    if not np.isfinite(contrasts).any():
        raise BadValueError(f"{landings.name} has no contrasts, only masses: nothing to calibrate")
    errors = landings.table["contrast_error"].to_numpy()
    noise = errors if np.isfinite(errors).all() else None
    if len(contrasts) < 5 * masses.size:
        raise BadValueError(
            f"{landings.name} has {counted(len(contrasts), 'landing')}, which is too few for "
            f"{counted(masses.size, 'peak')}: at least {5 * masses.size} are needed"
        )
    mixture = fit_mixture(contrasts, noise, components=int(masses.size), seed=seed)
    free = fit_mixture(contrasts, noise, most_components=int(masses.size) + 2, seed=seed)
    drawn = resample_mixture(
        mixture, contrasts, noise, replicates=replicates, seed=seed, monitor=monitor
    )
    notes = []
    if len(free) != masses.size:
        notes.append(
            f"{landings.name}: {masses.size} masses were given, but the landings suggest "
            f"{len(free)} peaks: check its histogram"
        )
    standards = pd.DataFrame(
        {
            "name": landings.name,
            "mass_kda": masses,
            "contrast": mixture.means,
            "contrast_error": drawn.means.std(axis=0, ddof=1),
        }
    )
    return standards, tuple(notes)
