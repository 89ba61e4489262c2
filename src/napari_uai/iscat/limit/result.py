"""What a detection limit consists of: one run per recipe and batch, and tables of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from napari_uai.iscat.limit.matching import accuracy
from napari_uai.iscat.limit.recall import RecallCurve, binned_recall
from napari_uai.iscat.mass.calibration import Calibration
from napari_uai.iscat.recipes.recipe import Recipe
from napari_uai.typing import Floats
from napari_uai.videos.recording import Recording

RECALLS = (0.5, 0.9)
"""Recalls whose contrasts are reported."""

CURVE_POINTS = 80
"""Contrasts at which curves are listed."""


@dataclass(frozen=True, eq=False)
class LimitRun:
    """What one recipe with one batch would find.

    Attributes
    ----------
    label
        Recipe and batch, as far as they differ between runs.
    recipe
        All steps and parameters.
    batch_size
        Frames.
    landings
        Rows that the recipe reports in the recording itself; ``frame`` is that of the file.
    injections
        ``run, frame, y, x, contrast`` of each injected landing (frame of the file), whether it was
        ``found``, and, if so, how it was reported: ``found_frame, found_y, found_x,
        found_contrast``, and the errors stated for them.
    curve
        Recall against contrast.
    nulls
        ``kind, run, reported, field``: rows reported in recordings without landings, and the share
        of the field in which they were counted.
    accepted_false
        Accepted number of false landings; None if the recipe does not control it.
    image
        Where the image of a point comes from.
    window
        First and last frame + 1 between which landings were injected.
    sigma_px
        Width that the recipe states (px).
    fast
        Whether binned frames were reused.
    complete
        Whether all injections were made; not if another batch was certainly better.
    problems
        Warnings, one line each.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uai as uai
    >>> video = np.random.default_rng(0).poisson(10_000, (240, 24, 24))
    >>> result = uai.detection_limit(video, batch_sizes=[60], injections=10, nulls=0)
    >>> result.runs[0].label, len(result.runs[0].injections)
    ('matched', 10)
    """

    label: str
    recipe: Recipe
    batch_size: int
    landings: pd.DataFrame
    injections: pd.DataFrame
    curve: RecallCurve
    nulls: pd.DataFrame
    accepted_false: float | None
    image: str
    window: tuple[int, int]
    sigma_px: float
    fast: bool
    complete: bool = True
    problems: tuple[str, ...] = ()

    def false_rows(self, kind: str) -> float:
        """Return the rows reported per recording without landings, for the whole field.

        NaN if there is none of that kind, or no field.
        """
        of_kind = self.nulls[self.nulls["kind"] == kind]
        field = float(of_kind["field"].sum())
        return float(of_kind["reported"].sum()) / field if field else float("nan")

    def curve_table(self, contrasts: Floats) -> pd.DataFrame:
        """Return ``contrast, recall, low, high`` at absolute contrasts."""
        recall, low, high = self.curve.at(contrasts)
        return pd.DataFrame({"contrast": contrasts, "recall": recall, "low": low, "high": high})


@dataclass(frozen=True, eq=False)
class LimitResult:
    """Detection limits of recipes, or of batches, on one recording.

    Attributes
    ----------
    recording
        Into which landings were injected.
    runs
        One per recipe and batch.
    calibration
        Of contrast and mass; None if unknown.
    suggested
        Whether the batches are a series from which the best is suggested.
    settings
        Of the analysis.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uai as uai
    >>> video = np.random.default_rng(0).poisson(10_000, (240, 24, 24))
    >>> result = uai.detection_limit(video, batch_sizes=[60], injections=10, nulls=0)
    >>> list(result.limits.columns)
    ['label', 'recall', 'contrast', 'low', 'high']
    """

    recording: Recording
    runs: tuple[LimitRun, ...]
    calibration: Calibration | None = None
    suggested: bool = False
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def limits(self) -> pd.DataFrame:
        """Contrast found with a recall of 50 and of 90 %, its interval, and masses."""
        rows = [
            (run.label, recall, *run.curve.contrast_at(recall))
            for run in self.runs
            for recall in RECALLS
        ]
        table = pd.DataFrame(rows, columns=["label", "recall", "contrast", "low", "high"])
        return self.with_masses(table, ("contrast", "low", "high"))

    @property
    def curves(self) -> pd.DataFrame:
        """Recall of each run against contrast: ``label, contrast, recall, low, high``."""
        sizes = np.concatenate([run.injections["contrast"].abs() for run in self.runs])
        contrasts = np.geomspace(sizes.min(), sizes.max(), CURVE_POINTS)
        table = self._of_runs(lambda run: run.curve_table(contrasts))
        return self.with_masses(table, ("contrast",))

    @property
    def groups(self) -> pd.DataFrame:
        """Share of injected landings found, by contrast, with Jeffreys intervals."""
        table = self._of_runs(
            lambda run: binned_recall(
                run.injections["contrast"].to_numpy(np.float64),
                run.injections["found"].to_numpy(bool),
            )
        )
        return self.with_masses(table, ("contrast",))

    @property
    def accuracy(self) -> pd.DataFrame:
        """Bias, spread and pulls of the found landings; see :func:`accuracy`."""
        return self._of_runs(lambda run: accuracy(run.injections))

    @property
    def injections(self) -> pd.DataFrame:
        """All injected landings; see :class:`LimitRun`."""
        return self._of_runs(lambda run: run.injections)

    @property
    def nulls(self) -> pd.DataFrame:
        """Rows reported in recordings without landings; see :class:`LimitRun`."""
        return self._of_runs(lambda run: run.nulls)

    @property
    def best(self) -> LimitRun:
        """The run that finds half of the landings at the lowest contrast."""
        return min(self.runs, key=lambda run: run.curve.contrast_at(RECALLS[0])[0])

    @property
    def problems(self) -> tuple[str, ...]:
        """Warnings of all runs, one line each."""
        return tuple(dict.fromkeys(problem for run in self.runs for problem in run.problems))

    def with_masses(self, table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
        """Add ``mass_kda`` (``low_kda``, ``high_kda``) of contrasts, if there is a calibration.

        Contrasts that are not reached are infinite, and so are their masses.
        """
        if self.calibration is None:
            return table
        columns = {"contrast": "mass_kda", "low": "low_kda", "high": "high_kda"}
        return table.assign(**{columns[n]: self.calibration.masses(table[n])[0] for n in names})

    def _of_runs(self, table_of: Callable[[LimitRun], pd.DataFrame]) -> pd.DataFrame:
        tables = []
        for run in self.runs:
            table = table_of(run).copy()
            table.insert(0, "label", run.label)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)
