"""Masses of many recordings: histograms, mixtures and comparisons of all, of groups and of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeAlias

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, Lt

from napari_uai.errors import BadValueError, counted
from napari_uai.iscat.mass.calibration import Calibration
from napari_uai.iscat.mass.comparing import compare_groups, compare_weights
from napari_uai.iscat.mass.density import Bandwidth, kernel_density
from napari_uai.iscat.mass.events import LandingTable
from napari_uai.iscat.mass.masses import add_masses
from napari_uai.iscat.mass.mixtures import (
    MOST_COMPONENTS,
    Mixture,
    Resampled,
    Widths,
    fit_mixture,
    intervals,
    resample_mixture,
)
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.typing import Floats

Sign: TypeAlias = Literal["folded", "dark", "bright", "separate"]
"""Contrasts of either sign together by their size, one sign only, or each on its own."""

Kind: TypeAlias = Literal["pooled", "group", "recording"]

FEWEST = 10
"""Fewest landings of which a distribution is fitted."""

_GRID = 801
_MARGIN = 3  # bandwidths beyond the outermost mass


@dataclass(frozen=True, eq=False)
class MassSet:
    """Masses that were analysed together.

    Attributes
    ----------
    kind
        ``pooled``, ``group`` or ``recording``.
    name
        Name of the group or recording.
    sign
        ``folded``, ``dark`` or ``bright``.
    landings
        Rows of :attr:`MassResult.landings`.
    mixture
        Fitted to their masses; None if there are too few.
    components
        One row per component: ``component, weight, landings, mean_kda, mean_error_kda,
        calibration_error_kda, width_kda``, and ``_low, _high`` of weight, mean and width.
    density
        ``mass_kda, kernel, mixture`` and a column per component, as densities per kDa.
    bandwidth_kda
        Of the kernel density.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.iscat import mass
    >>> contrasts = 3.2e-5 * np.random.default_rng(0).normal(66, 5, 200)
    >>> landings = mass.landing_table(pd.DataFrame({"contrast": contrasts}), "albumin")
    >>> result = mass.analyse_masses([landings], calibration=mass.Calibration(3.2e-5))
    >>> result.sets[0].label, len(result.sets[0].components)
    ('albumin', 1)
    """

    kind: Kind
    name: str
    sign: str
    landings: pd.DataFrame
    mixture: Mixture | None
    components: pd.DataFrame
    density: pd.DataFrame
    bandwidth_kda: float

    @property
    def label(self) -> str:
        """Name, with the sign if it is not folded."""
        return self.name if self.sign == "folded" else f"{self.name}, {self.sign}"


@dataclass(frozen=True, eq=False)
class MassResult:
    """Result of :func:`analyse_masses`.

    Attributes
    ----------
    landings
        All landings: ``recording, group``, the columns of :class:`LandingTable`, ``mass_error_kda``
        and ``mass_noise_kda``.
    sets
        Pooled, of each group, and of each recording, in this order.
    comparisons
        As of :func:`compare_groups`; without rows if there are no groups.
    weights
        As of :func:`compare_weights`; without rows if there are no groups.
    calibration
        Calibration that was used; None if the masses are those of the files.
    settings
        Parameters of the analysis.
    problems
        What was taken from files, left out, or should be looked at.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.iscat import mass
    >>> contrasts = 3.2e-5 * np.random.default_rng(0).normal(66, 5, 200)
    >>> landings = mass.landing_table(pd.DataFrame({"contrast": contrasts}), "albumin")
    >>> result = mass.analyse_masses([landings], calibration=mass.Calibration(3.2e-5))
    >>> result.problems
    ('not all contrasts have errors: widths contain the measurement noise',)
    """

    landings: pd.DataFrame
    sets: tuple[MassSet, ...]
    comparisons: pd.DataFrame
    weights: pd.DataFrame
    calibration: Calibration | None
    settings: dict[str, object]
    problems: tuple[str, ...]

    @property
    def pooled(self) -> tuple[MassSet, ...]:
        """The sets of all recordings together, one per sign."""
        return tuple(each for each in self.sets if each.kind == "pooled")

    def of_kind(self, kind: Kind) -> tuple[MassSet, ...]:
        """Return the sets of a kind."""
        return tuple(each for each in self.sets if each.kind == kind)


@checked
def analyse_masses(
    recordings: Sequence[LandingTable],
    *,
    calibration: Calibration | None = None,
    groups: Sequence[str] | None = None,
    sign: Sign = "folded",
    components: Annotated[int, Ge(1), Le(MOST_COMPONENTS)] | None = None,
    most_components: Annotated[int, Ge(1), Le(MOST_COMPONENTS)] = 6,
    widths: Widths = "auto",
    level: Annotated[float, Gt(0), Lt(1)] = 0.95,
    replicates: Annotated[int, Ge(20)] = 400,
    permutations: Annotated[int, Ge(1)] = 999,
    bandwidth: Bandwidth = "isj",
    seed: Annotated[int, Ge(0)] = 0,
    monitor: Monitor = SILENT,
) -> MassResult:
    """Analyse the masses of recordings: of all together, of groups, and of each.

    Parameters
    ----------
    recordings
        As from :func:`read_landings`.
    calibration
        From contrast to mass. If None, masses in the files are used, or calibrations in them.
    groups
        Name of the group of each recording, to compare groups; None for no comparison.
    sign
        ``folded``: contrasts of both signs together by their size; ``dark`` or ``bright``: one sign
        only; ``separate``: each sign on its own.
    components
        Number of components of the mixtures; None to choose it by the Bayesian information
        criterion.
    most_components, widths
        As for :func:`fit_mixture`.
    level
        Probability that the intervals of all weights, of all means, and of all widths of a mixture
        cover the true values, together.
    replicates
        Bootstrap samples for the intervals.
    permutations
        Exchanges of landings between groups for the p values of weights.
    bandwidth
        As for :func:`kernel_density` (kDa).
    seed
        Seed of everything that is random.
    monitor
        Progress and cancellation.

    Returns
    -------
    MassResult
        Intervals of means contain the error of the calibration.

    Raises
    ------
    BadValueError
        If there are no landings, no masses and no calibration, or the groups do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.iscat import mass
    >>> rng = np.random.default_rng(0)
    >>> masses = np.r_[rng.normal(66, 4, 200), rng.normal(132, 4, 100)]
    >>> table = pd.DataFrame({"contrast": -3.2e-5 * masses, "contrast_error": 1.28e-4})
    >>> landings = mass.landing_table(table, "albumin")
    >>> result = mass.analyse_masses([landings], calibration=mass.Calibration(3.2e-5))
    >>> result.pooled[0].components["mean_kda"].round(-1).tolist()
    [70.0, 130.0]
    """
    _check(recordings, groups)
    tables, problems = [], []
    for i, recording in enumerate(_named_apart(recordings)):
        table, notes = _with_masses(recording, calibration)
        table.insert(0, "group", "" if groups is None else groups[i])
        table.insert(0, "recording", recording.name)
        tables.append(table)
        problems += [*recording.notes, *notes]
    landings = pd.concat(tables, ignore_index=True)
    if not np.isfinite(landings["mass_noise_kda"].to_numpy()).all():
        problems.append("not all contrasts have errors: widths contain the measurement noise")
    chosen = list(_selections(landings, sign, groups is not None, len(recordings)))
    sets = []
    for i, (kind, name, of_sign, rows) in enumerate(chosen):
        part = monitor.part(0.9 * i / len(chosen), 0.9 * (i + 1) / len(chosen), name)
        one, note = _analysed(
            kind, name, of_sign, rows, calibration,
            components=components, most_components=most_components, widths=widths, level=level,
            replicates=replicates, bandwidth=bandwidth, seed=seed, monitor=part,
        )  # fmt: skip
        sets.append(one)
        problems += note
    comparisons, weights = _compared(sets, level, permutations, seed, monitor.part(0.9, 1.0))
    if len(comparisons) and _few_recordings(landings):
        problems.append(
            "a group has a single recording: differences between recordings count as differences "
            "between groups"
        )
    settings: dict[str, object] = {
        "sign": sign, "components": components, "most_components": most_components,
        "widths": widths, "level": level, "replicates": replicates, "permutations": permutations,
        "bandwidth": bandwidth, "seed": seed,
    }  # fmt: skip
    return MassResult(
        landings, tuple(sets), comparisons, weights, calibration, settings,
        tuple(dict.fromkeys(problems)),
    )  # fmt: skip


def component_table(
    mixture: Mixture, drawn: Resampled, calibration: Calibration | None, level: float, seed: int
) -> pd.DataFrame:
    """Return the components of a mixture of masses with errors and intervals.

    Errors are standard deviations of the bootstrap. The intervals of the means contain the error of
    the calibration, drawn anew for each replicate and shared by all components.
    """
    means, calibration_error = drawn.means, np.zeros(len(mixture))
    if calibration is not None:
        calibration_error = calibration.error_at(mixture.means)
        means = _recalibrated(means, calibration, np.random.default_rng(seed + 1))
    limits = {
        "weight": intervals(drawn.weights, level=level),
        "mean": intervals(means, level=level),
        "width": intervals(drawn.widths, level=level),
    }
    return pd.DataFrame(
        {
            "component": np.arange(1, len(mixture) + 1),
            "weight": mixture.weights,
            "weight_error": drawn.weights.std(axis=0, ddof=1),
            "weight_low": limits["weight"][0],
            "weight_high": limits["weight"][1],
            "landings": mixture.weights * mixture.n_values,
            "mean_kda": mixture.means,
            "mean_error_kda": drawn.means.std(axis=0, ddof=1),
            "calibration_error_kda": calibration_error,
            "mean_low": limits["mean"][0],
            "mean_high": limits["mean"][1],
            "width_kda": mixture.widths,
            "width_low": limits["width"][0],
            "width_high": limits["width"][1],
        }
    )


def _recalibrated(masses: Floats, calibration: Calibration, rng: np.random.Generator) -> Floats:
    """Return the masses (replicates, K) that other calibrations within its errors would give."""
    covariance = np.array(
        [
            [calibration.slope_error**2, calibration.covariance],
            [calibration.covariance, calibration.intercept_error**2],
        ]
    )
    if not covariance.any():
        return masses
    centre = (calibration.slope, calibration.intercept)
    slopes, intercepts = rng.multivariate_normal(centre, covariance, len(masses)).T
    moved = (calibration.contrasts(masses) - intercepts[:, None]) / slopes[:, None]
    return np.asarray(moved)


def _check(recordings: Sequence[LandingTable], groups: Sequence[str] | None) -> None:
    if not recordings or not any(len(each) for each in recordings):
        raise BadValueError("no landings: give results that contain some")
    if groups is None:
        return
    if len(groups) != len(recordings):
        raise BadValueError(
            f"one group per recording is needed: {len(groups)} groups, {len(recordings)} recordings"
            f" ({', '.join(each.name for each in recordings)})"
        )
    if len(set(groups)) < 2:
        raise BadValueError("a comparison needs at least two different groups")


def _named_apart(recordings: Sequence[LandingTable]) -> list[LandingTable]:
    """Return the recordings with different names, so that none is taken for another."""
    names: list[str] = []
    for recording in recordings:
        same = sum(each.name == recording.name for each in recordings) > 1
        number = sum(name.startswith(f"{recording.name} (") for name in names) + 1
        names.append(f"{recording.name} ({number})" if same else recording.name)
    return [replace(r, name=name) for r, name in zip(recordings, names, strict=True)]


def _with_masses(
    recording: LandingTable, calibration: Calibration | None
) -> tuple[pd.DataFrame, list[str]]:
    """Return a table with masses, by the best that is known, and what was used."""
    table, name = recording.table, recording.name
    has_contrasts = bool(table["contrast"].notna().any())
    if calibration is not None and (has_contrasts or not len(table)):
        return add_masses(table, calibration), []
    if calibration is not None:
        raise BadValueError(f"{name} has masses but no contrasts: give no calibration to use them")
    if not len(table) or table["mass_kda"].notna().all():
        # Files count departures as negative masses.
        unknown = np.full(len(table), np.nan)
        table = table.assign(
            contrast=table["contrast"].fillna(-np.sign(table["mass_kda"])),
            mass_kda=table["mass_kda"].abs(), mass_error_kda=unknown, mass_noise_kda=unknown,
        )  # fmt: skip
        note = "the masses of the file are used"
        if has_contrasts and recording.calibration is not None:
            noise = recording.calibration.noise(table["contrast_error"].to_numpy())
            table = table.assign(mass_error_kda=noise, mass_noise_kda=noise)
            note += ", their errors by the calibration of the file"
        return table, [f"{name}: {note}"]
    if recording.calibration is not None:
        return add_masses(table, recording.calibration), [
            f"{name}: the calibration of the file is used, which states no error"
        ]
    raise BadValueError(
        f"{name} has no masses: give a calibration (--calibration, --standards, --calibrant or "
        "--contrast-per-kda)"
    )


def _selections(
    landings: pd.DataFrame, sign: Sign, grouped: bool, n_recordings: int
) -> Iterator[tuple[Kind, str, str, pd.DataFrame]]:
    """Yield the sets to analyse; a recording that is alone in all, or in its group, is there."""
    parts: list[tuple[Kind, str, pd.DataFrame]] = [("pooled", "all", landings)]
    if grouped:
        parts += [
            ("group", str(name), rows) for name, rows in landings.groupby("group", sort=False)
        ]
    if n_recordings > 1:
        parts += [
            ("recording", str(name), rows)
            for name, rows in landings.groupby("recording", sort=False)
            if not grouped or len(rows) < (landings["group"] == rows["group"].iloc[0]).sum()
        ]
    else:
        parts[0] = ("pooled", str(landings["recording"].iloc[0]), landings)
    for kind, name, rows in parts:
        for of_sign in ("dark", "bright") if sign == "separate" else (sign,):
            signs = np.sign(rows["contrast"])
            wanted = {"folded": signs == signs, "dark": signs < 0, "bright": signs > 0}  # noqa: PLR0124
            yield kind, name, of_sign, rows[wanted[of_sign]]


def _analysed(
    kind: Kind, name: str, sign: str, rows: pd.DataFrame, calibration: Calibration | None,
    *, components: int | None, most_components: int, widths: Widths, level: float,
    replicates: int, bandwidth: Bandwidth, seed: int, monitor: Monitor,
) -> tuple[MassSet, list[str]]:  # fmt: skip
    """Fit the distribution of some landings."""
    masses = rows["mass_kda"].to_numpy(np.float64)
    noise = np.nan_to_num(rows["mass_noise_kda"].to_numpy(np.float64))
    empty = MassSet(kind, name, sign, rows, None, pd.DataFrame(), pd.DataFrame(), np.nan)
    if len(masses) < max(FEWEST, 2 * (components or 1)) or not masses.std() > 0:
        return empty, [
            f"{empty.label}: {counted(len(masses), 'landing')}, too few for a distribution"
        ]
    mixture = fit_mixture(
        masses, noise, components=components, most_components=most_components, widths=widths,
        seed=seed, monitor=monitor.part(0.0, 0.4),
    )  # fmt: skip
    drawn = resample_mixture(
        mixture, masses, noise, replicates=replicates, seed=seed, monitor=monitor.part(0.4, 1.0)
    )
    density, width = _curves(masses, noise, mixture, bandwidth)
    table = component_table(mixture, drawn, calibration, level, seed)
    notes = []
    if components is None and len(mixture) == most_components > 1:
        notes.append(
            f"{empty.label}: {len(mixture)} components is the largest number that was tried: "
            "raise most_components"
        )
    return replace(
        empty, mixture=mixture, components=table, density=density, bandwidth_kda=width
    ), notes


def _curves(
    masses: Floats, noise: Floats, mixture: Mixture, bandwidth: Bandwidth
) -> tuple[pd.DataFrame, float]:
    """Return densities over mass; those of the components as they are measured, noise included."""
    _, width = kernel_density(masses, masses[:1], bandwidth=bandwidth)
    at = np.linspace(masses.min() - _MARGIN * width, masses.max() + _MARGIN * width, _GRID)
    kernel, _ = kernel_density(masses, at, bandwidth=width)
    levels = np.quantile(noise, (np.arange(20) + 0.5) / 20) if noise.any() else np.zeros(1)
    each = np.mean([mixture.density(at, level) for level in levels], axis=0)
    table = pd.DataFrame({"mass_kda": at, "kernel": kernel, "mixture": each.sum(axis=1)})
    for k in range(len(mixture)):
        table[f"component_{k + 1}"] = each[:, k]
    return table, width


def _compared(
    sets: Sequence[MassSet], level: float, permutations: int, seed: int, monitor: Monitor
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the groups, sign by sign."""
    comparisons, weights = [], []
    for pooled in (each for each in sets if each.kind == "pooled"):
        groups = [s for s in sets if s.kind == "group" and s.sign == pooled.sign]
        masses = {s.name: s.landings["mass_kda"].to_numpy() for s in groups if len(s.landings) > 1}
        if len(masses) < 2:
            continue
        comparisons.append(
            compare_groups(masses, level=level, seed=seed, monitor=monitor.part(0.0, 0.4))
        )
        comparisons[-1].insert(0, "sign", pooled.sign)
        if pooled.mixture is None or len(pooled.mixture) < 2:
            continue
        noise = {s.name: np.nan_to_num(s.landings["mass_noise_kda"].to_numpy()) for s in groups}
        weights.append(
            compare_weights(
                masses, pooled.mixture, noise, permutations=permutations, seed=seed,
                monitor=monitor.part(0.4, 1.0),
            )
        )  # fmt: skip
        weights[-1].insert(0, "sign", pooled.sign)
    return (
        pd.concat(comparisons, ignore_index=True) if comparisons else pd.DataFrame(),
        pd.concat(weights, ignore_index=True) if weights else pd.DataFrame(),
    )


def _few_recordings(landings: pd.DataFrame) -> bool:
    return bool((landings.groupby("group")["recording"].nunique() < 2).any())
