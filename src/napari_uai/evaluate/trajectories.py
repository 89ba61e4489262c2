"""Figures of merit of trajectories: how many are true, and whether their motion is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from napari_uai.errors import BadValueError
from napari_uai.evaluate.matching import check_columns
from napari_uai.evaluate.truth import Truth

_UNITS = ("um2_per_s", "px2_per_frame")
_ENDS = ("", "_error", "_low", "_high")


@dataclass(frozen=True)
class TrajectoryEvaluation:
    """Figures of merit of trajectories.

    Attributes
    ----------
    found
        Trajectories with ``true_particle`` (-1 if none), ``true_diffusion`` (in the unit of the
        table), ``true_contrast`` and ``within``, whether the 95 % interval holds the truth.
    seen_frames
        Sum over true particles of the frames in which they are in the field.
    in_motion
        Sum over matched trajectories of their spots.

    Examples
    --------
    >>> import napari_uai as uai
    >>> settings = uai.simulate.RecordingSettings(frames=50, landings=0, movers=1)
    >>> movers = uai.simulate.SimulatedFrames(settings).movers
    >>> truth = uai.evaluate.Truth(movers.iloc[:0], n_frames=50, movers=movers)
    >>> found = movers.groupby("particle")[["y", "x", "contrast"]].mean()
    >>> ends = {f"diffusion{end}_px2_per_frame": 0.5 for end in ("", "_error", "_low", "_high")}
    >>> found = found.assign(first_frame=0, last_frame=49, n_spots=50, **ends)
    >>> print(uai.evaluate.evaluate_trajectories(found, truth).as_text().splitlines()[0])
    1 trajectory, 1 true, 0 false
    """

    found: pd.DataFrame
    seen_frames: int
    in_motion: int

    @property
    def matched(self) -> pd.DataFrame:
        """The trajectories of true particles."""
        return self.found[self.found["true_particle"] >= 0]

    @property
    def diffusion_ratio(self) -> tuple[float, float]:
        """Mean of found over true diffusion constants, weighted by spots, and its error."""
        ratio = (self.matched[_column(self.found)] / self.matched["true_diffusion"]).to_numpy()
        weight = self.matched["n_spots"].to_numpy(np.float64)
        if not len(ratio):
            return float("nan"), float("nan")
        mean = float(np.average(ratio, weights=weight))
        return mean, float(np.sqrt(np.sum((weight * (ratio - mean)) ** 2)) / weight.sum())

    def as_text(self) -> str:
        """Return the figures as text for a terminal."""
        matched = self.matched
        n, true = len(self.found), len(matched)
        noun = "trajectory" if n == 1 else "trajectories"
        lines = [f"{n} {noun}, {true} true, {n - true} false"]
        if self.seen_frames:
            share = min(self.in_motion / self.seen_frames, 1.0)
            lines.append(f"particles in the field are tracked in {share:.0%} of the frames")
        if true:
            ratio, error = self.diffusion_ratio
            lines.append(
                f"diffusion constants: {ratio:.3f} +- {error:.3f} times the true ones; the truth "
                f"is in {matched['within'].mean():.0%} of the 95 % intervals"
            )
            contrast = (matched["contrast"] / matched["true_contrast"]).median()
            lines.append(f"contrasts: {contrast:.3f} times the true ones")
        return "\n".join(lines)


def evaluate_trajectories(
    found: pd.DataFrame, truth: Truth, *, max_px: float = 2.5
) -> TrajectoryEvaluation:
    """Compare trajectories with the particles of a simulation.

    A trajectory is matched to the particle whose mean position over the same frames is nearest.
    Several trajectories may belong to one particle, which leaves the field and enters it, or is
    lost in between.

    Parameters
    ----------
    found
        As in ``trajectories.csv``.
    truth
        With ``movers``, as from :func:`read_truth`.
    max_px
        Largest distance of the mean positions, in px.

    Returns
    -------
    TrajectoryEvaluation
        Matched trajectories and figures.

    Raises
    ------
    BadValueError
        If the truth has no particles that move, or has no scale while the table has; or a column
        is missing or contains anything but numbers.

    Examples
    --------
    >>> import napari_uai as uai
    >>> settings = uai.simulate.scenario("diffusing")
    >>> made = uai.simulate.SimulatedFrames(settings)
    >>> truth = uai.evaluate.Truth(made.truth, movers=made.movers)
    >>> found = uai.run_recipe(made[:200], "tracking").trajectories
    >>> figures = uai.evaluate.evaluate_trajectories(found, truth)
    >>> len(figures.matched) > 5
    True
    """
    if truth.movers is None or truth.movers.empty:
        raise BadValueError(
            "the truth has no particles that move: simulate them with --scenario diffusing"
        )
    column = _column(found)
    unit = column.removeprefix("diffusion_")
    names = [f"diffusion{end}_{unit}" for end in _ENDS]
    check_columns(
        found, ("first_frame", "last_frame", "n_spots", "y", "x", *names), "table of trajectories"
    )
    y, x = (_by_frame(truth.movers, axis) for axis in ("y", "x"))
    particles = truth.movers.groupby("particle")[["contrast", "diffusion_px2_per_frame"]].first()
    matches = np.array([_nearest(row, y, x, max_px) for row in found.itertuples()], int)
    known = matches >= 0
    out = found.assign(true_particle=np.where(known, particles.index[matches], -1))
    true = particles["diffusion_px2_per_frame"].to_numpy()[matches] * _scale(truth, unit)
    out["true_diffusion"] = np.where(known, true, np.nan)
    out["true_contrast"] = np.where(known, particles["contrast"].to_numpy()[matches], np.nan)
    out["within"] = (out[names[2]] <= out["true_diffusion"]) & (
        out["true_diffusion"] <= out[names[3]]
    )
    inside = _inside(y, x, truth)
    return TrajectoryEvaluation(out, int(inside.sum()), int(found["n_spots"][known].sum()))


def _column(found: pd.DataFrame) -> str:
    """Return the column of the diffusion constants."""
    for unit in _UNITS:
        if f"diffusion_{unit}" in found.columns:
            return f"diffusion_{unit}"
    raise BadValueError(
        "table of trajectories has no diffusion constants; its columns: "
        f"{', '.join(map(str, found.columns))}"
    )


def _by_frame(movers: pd.DataFrame, axis: str) -> np.ndarray:
    """Return a coordinate of each particle in each frame: frames, particles."""
    return movers.pivot_table(index="raw_frame", columns="particle", values=axis).to_numpy()


def _nearest(row: object, y: np.ndarray, x: np.ndarray, max_px: float) -> int:
    """Return the number of the particle nearest to a trajectory, -1 if none is near."""
    span = slice(int(row.first_frame), int(row.last_frame) + 1)  # type: ignore[attr-defined]
    if not len(y[span]):
        return -1
    centre = row.y, row.x  # type: ignore[attr-defined]
    distance = np.hypot(y[span].mean(axis=0) - centre[0], x[span].mean(axis=0) - centre[1])
    best = int(np.argmin(distance))
    return best if distance[best] <= max_px else -1


def _scale(truth: Truth, unit: str) -> float:
    if unit != "um2_per_s":
        return 1.0
    if truth.pixel_size_um is None or truth.frame_rate_hz is None:
        raise BadValueError("the truth has no pixel size or frame rate, but the table has")
    return truth.pixel_size_um**2 * truth.frame_rate_hz


def _inside(y: np.ndarray, x: np.ndarray, truth: Truth) -> np.ndarray:
    """Return when which particles are in the field."""
    if truth.shape is None:
        return np.zeros(0, bool)
    rows, columns = truth.shape
    return np.asarray((y >= 0) & (y <= rows - 1) & (x >= 0) & (x <= columns - 1))
