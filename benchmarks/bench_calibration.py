"""Whether the errors of landings are true: pulls, intervals and false rows on simulated recordings.

Run it as ``python benchmarks/bench_calibration.py --seeds 4``; only some families with ``--families
still dense``. Optics, noise and drift of each recording are drawn by its seed; the detector is left
at its defaults, as in use, and so assumes a width that is not the true one.

A reported landing is matched to a true one of its sign within 2.5 px: first to one within half a
batch, then, whatever is left, at any time. A pull is the difference of found and true value over
the stated error: of mean 0 and standard deviation 1 if the errors are true.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from scipy.stats import norm

from napari_uai.evaluate.matching import match_landings
from napari_uai.files import whole_file
from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.detect.steps.detector import accept_events, detect_steps
from napari_uai.iscat.rescore.rescoring import rescore_steps
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.settings import RecordingSettings
from napari_uai.typing import Floats
from napari_uai.videos.frames import frames_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MATCH_PX = 2.5
ACCEPTED_FALSE = 1.0
FALSE_LEVELS = (0.1, 1.0, 10.0)
"""Accepted numbers of false landings at which the real ones are counted; errors are looked at with
the middle one."""

STRONG_SNR = 10.0
"""Smallest signal-to-noise ratio, in one frame of the rolling average, of the landings whose found
and true contrast are compared: they are found whatever the noise does."""

DEVIATION_TARGET = 0.85, 1.15
BEYOND_TARGET = 0.01
"""Standard deviation of pulls, and share beyond three, that errors are to reach."""

QUANTITIES = ("contrast", "y", "x", "time")
SINGLE = norm(0, 1)


class Drawn(NamedTuple):
    """Range from which a setting is drawn, uniformly."""

    low: float
    high: float


FAMILIES: dict[str, dict[str, Any]] = {
    "still": {},
    "drift": {"drift_px": Drawn(0.03, 0.2)},
    "living": {"drift_px": 0.03, "focus_rad": 0.15, "scatterers": 12},
    "small": {"rows": 48, "columns": 48, "landings": 12},
    "large": {"rows": 128, "columns": 128, "landings": 60},
    "optics": {"sigma_px": Drawn(1.3, 2.4), "speckle_contrast": Drawn(0.02, 0.2)},
    "dense": {"landings": 100},
    "camera": {"line_pattern": 1e-3, "hot_pixels": 8, "laser_noise": 2e-3},
    "strong": {"landing_snr": (20.0, 60.0), "landings": 12, "drift_px": 0.05},
}
"""What sets each family apart from ``still``; ``camera``: patterns of lines, and bad pixels."""


def main() -> None:
    """Print and write the figures."""
    arguments = parse_arguments()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    outcomes = list(run_all(seeds, arguments))
    recordings = in_order([recording for recording, _ in outcomes], arguments.families)
    rows = in_order([rows for _, rows in outcomes], arguments.families)
    table = false_figures(recordings) if arguments.empty else summary(rows, recordings)
    print(f"\n{len(seeds)} recordings per family, seeds {seeds[0]} to {seeds[-1]}\n")
    if not arguments.empty:
        print(figures_text(table))
    print(false_text(recordings))
    for name, written in (("families.csv", table), ("landings.csv", rows)):
        with whole_file(arguments.out / name) as path:
            written.to_csv(path, index=False, float_format="%.5g")
    if not arguments.empty:
        with whole_file(arguments.out / "calibration.png") as path:
            calibration_picture(rows, table).savefig(path, dpi=90, format="png")
    print(f"These figures, each landing, and a picture: {arguments.out}")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4, help="recordings per family")
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("build/calibration"), help="folder")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--empty", action="store_true", help="without landings: false rows only")
    arguments = parser.parse_args()
    if arguments.seeds < 1 or arguments.processes < 1 or arguments.first_seed < 0:
        parser.error("--seeds and --processes are 1 or more, --first-seed 0 or more")
    return arguments


# recordings -----------------------------------------------------------------------------------


def settings_of(family: str, seed: int) -> RecordingSettings:
    """Draw the settings of one recording, which shares no random number with another family's."""
    seed = seed * len(FAMILIES) + list(FAMILIES).index(family)
    rng = np.random.default_rng(seed)
    settings = RecordingSettings(
        seed=seed,
        frames=4000,
        batch_size=300,
        electrons=5e4,
        electrons_per_count=2.0,
        sigma_px=rng.uniform(1.5, 1.9),
        ringing=rng.uniform(0, 1),
        speckle_contrast=0.07,
        landings=24,
        landing_snr=(3.0, 12.0),
    )
    changes: dict[str, Any] = {
        name: rng.uniform(*value) if isinstance(value, Drawn) else value
        for name, value in FAMILIES[family].items()
    }
    return replace(settings, **changes)


def run_all(
    seeds: range, arguments: argparse.Namespace
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Simulate and analyse every recording, several at a time."""
    jobs = [(family, seed, arguments.empty) for seed in seeds for family in arguments.families]
    begin = time.perf_counter()
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as workers:
        done = as_completed([workers.submit(run_recording, *job) for job in jobs])
        for count, future in enumerate(done, start=1):
            recording, rows = future.result()
            family, seed, true = recording.loc[0, ["family", "seed", "true"]]
            found = f"{(rows['true_index'] >= 0).sum()} of {true} landings, {len(rows)} reported"
            elapsed = time.perf_counter() - begin
            print(f"{count:3} of {len(jobs)}, {elapsed:4.0f} s: {family} {seed}: {found}")
            yield recording, rows


def run_recording(family: str, seed: int, empty: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what is known of one recording (one row), and its reported landings."""
    settings = settings_of(family, seed)
    if empty:
        settings = replace(settings, landings=0)
    recording = simulate_recording(settings)
    video = power_normalization(frames_of(recording.video))
    events = detect_steps(video, batch_size=settings.batch_size)
    events = rescore_steps(events, video, batch_size=settings.batch_size, where="changing")
    events = events.assign(raw_frame=events["frame"])
    table = pd.DataFrame({"family": [family], "seed": seed, "true": len(recording.truth)})
    for level in FALSE_LEVELS:
        accepted = accept_events(events, false_landings=level)
        found = matched(accepted, recording.truth, settings)
        table[false_column(level)] = (found["true_index"] < 0).sum()
        if level == ACCEPTED_FALSE:
            rows = found.assign(family=family, seed=seed)
    return table, rows


def false_column(level: float) -> str:
    return f"false_{level:g}"


def matched(events: pd.DataFrame, truth: pd.DataFrame, settings: RecordingSettings) -> pd.DataFrame:
    """Match landings by place and sign, near in time first; add true values and pulls."""
    events = events.sort_values("score", ascending=False, ignore_index=True)
    index = np.full(len(events), -1)
    for limit in (settings.batch_size / 2, settings.frames):
        open_, free = np.flatnonzero(index < 0), np.setdiff1d(np.arange(len(truth)), index)
        if len(open_) and len(free):
            pairs = match_landings(
                events.iloc[open_], truth.iloc[free], max_frames=limit, max_px=MATCH_PX,
                same_sign=True,
            )["true_index"].to_numpy()  # fmt: skip
            index[open_[pairs >= 0]] = free[pairs[pairs >= 0]]
    rows = events.assign(true_index=index)
    real = rows["true_index"] >= 0
    for name in ("raw_frame", "y", "x", "contrast", "snr"):
        rows[f"true_{name}"] = np.append(truth[name].to_numpy(np.float64), np.nan)[index]
    late = rows["raw_frame"] - rows["true_raw_frame"]
    rows["near"] = real & (late.abs() <= settings.batch_size / 2)
    rows["inside"] = (-late <= rows["frame_after"]) & (late <= rows["frame_before"])
    larger = (rows["contrast"] - rows["true_contrast"]) * np.sign(rows["true_contrast"])
    rows["pull_contrast"] = larger / rows["contrast_error"]
    for name in ("y", "x"):
        rows[f"pull_{name}"] = (rows[name] - rows[f"true_{name}"]) / rows[f"{name}_error"]
    rows["pull_time"] = (late / rows["frame_error"]).where(rows["near"])
    return rows


# figures --------------------------------------------------------------------------------------


def in_order(tables: list[pd.DataFrame], families: list[str]) -> pd.DataFrame:
    """Join tables by family and seed; recordings are ready in any order."""
    return pd.concat(tables).sort_values(
        ["family", "seed"],
        key=lambda c: c.map(families.index) if c.name == "family" else c,
        kind="stable",
        ignore_index=True,
    )


def summary(rows: pd.DataFrame, recordings: pd.DataFrame) -> pd.DataFrame:
    """One row per family."""
    figures = []
    for family, each in recordings.groupby("family", sort=False):
        here = rows[rows["family"] == family]
        found = here[here["true_index"] >= 0]
        strong = found[found["true_snr"] > STRONG_SNR]
        figures.append(
            {
                "family": family,
                "true": each["true"].sum(),
                "found": len(found),
                "ratio": (strong["contrast"] / strong["true_contrast"]).median(),
                **pull_figures(found),
                "coverage": found["inside"].mean(),
                "other_times": found["other_times"].mean(),
                "really_other": 1 - found["near"].mean(),
                "false_each": each[false_column(ACCEPTED_FALSE)].mean(),
            }
        )
    return pd.DataFrame(figures)


def pull_figures(found: pd.DataFrame) -> dict[str, float]:
    """Mean, standard deviation and share beyond three of the pulls of each quantity."""
    figures = {}
    for quantity in QUANTITIES:
        pulls = found[f"pull_{quantity}"].dropna()
        figures[f"{quantity}_mean"] = pulls.mean()
        figures[f"{quantity}_deviation"] = pulls.std(ddof=0)
        figures[f"{quantity}_beyond_3"] = (pulls.abs() > 3).mean()
    return figures


def figures_text(table: pd.DataFrame) -> str:
    """Return the summary as lines, with what its columns mean."""
    shown = pd.DataFrame({"family": table["family"]})
    shown["found"] = [f"{row.found} of {row.true}" for row in table.itertuples()]
    shown["ratio"] = table["ratio"].map("{:.3f}".format)
    for quantity in QUANTITIES:
        names = [f"{quantity}_{what}" for what in ("mean", "deviation", "beyond_3")]
        shown[f"pull of {quantity}"] = [
            f"{mean:+.2f} {deviation:.2f} {beyond:5.1%}"
            for mean, deviation, beyond in table[names].itertuples(index=False)
        ]
    shown["interval"] = table["coverage"].map("{:.0%}".format)
    shown["other times"] = [
        f"{row.other_times:.1%} / {row.really_other:.1%}" for row in table.itertuples()
    ]
    shown["false each"] = table["false_each"].map("{:.2f}".format)
    return (
        f"{shown.to_string(index=False)}\n"
        f"Found: reported landings that are real. Ratio: found over true contrast, median of\n"
        f"those with a signal-to-noise ratio above {STRONG_SNR:g}.\n"
        "Pull: mean, standard deviation, share beyond 3; of contrast positive where it is found\n"
        "too large; of time within half a batch.\n"
        "Interval: how many of the true times lie within it; 68 % should.\n"
        "Other times: mean probability stated / share that is farther than half a batch.\n"
        f"False each: false rows per recording, where {ACCEPTED_FALSE:g} is accepted.\n"
        f"{verdict(table)}"
    )


def false_figures(recordings: pd.DataFrame) -> pd.DataFrame:
    """Mean false rows per recording of each family, for each accepted number."""
    columns = [false_column(level) for level in FALSE_LEVELS]
    return recordings.groupby("family", sort=False)[columns].mean().reset_index()


def false_text(recordings: pd.DataFrame) -> str:
    """Return them as lines."""
    shown = false_figures(recordings)
    shown.columns = pd.Index(["family", *(f"{level:g} accepted" for level in FALSE_LEVELS)])
    return (
        f"\nFalse rows per recording\n{shown.to_string(index=False, float_format='%.2f'.__mod__)}\n"
    )


def verdict(table: pd.DataFrame) -> str:
    """Say which pulls are not as they are to be."""
    low, high = DEVIATION_TARGET
    missed = [
        f"{family} {quantity}"
        for quantity in QUANTITIES
        for family, deviation, beyond in table[
            ["family", f"{quantity}_deviation", f"{quantity}_beyond_3"]
        ].itertuples(index=False)
        if not (low <= deviation <= high and beyond <= BEYOND_TARGET)
    ]
    return (
        f"Target: standard deviation {low:g} to {high:g}, at most {BEYOND_TARGET:.0%} beyond 3; "
        f"missed by {len(missed)} of {len(table) * len(QUANTITIES)}: {', '.join(missed) or '-'}."
    )


def calibration_picture(rows: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Plot pulls against a normal, found against true contrast, and false rows of each family."""
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 3)
    found = rows[rows["true_index"] >= 0]
    for panel, quantity in zip(panels.flat[: len(QUANTITIES)], QUANTITIES, strict=True):
        draw_pulls(panel, found[f"pull_{quantity}"].dropna().to_numpy(), quantity)
    panels[0, 0].legend(fontsize="small", frameon=False)
    draw_contrasts(panels[1, 1], found)
    draw_false(panels[1, 2], table)
    return figure


def draw_pulls(panel: Axes, pulls: Floats, quantity: str) -> None:
    """Draw the histogram of pulls; those beyond the ends are counted in the last bins."""
    edges = np.linspace(-5, 5, 41).tolist()
    panel.hist(np.clip(pulls, -4.99, 4.99), edges, density=True, color="#56b4e9", label="found")
    at = np.linspace(-5, 5, 201)
    panel.plot(at, SINGLE.pdf(at), color="#000000", linewidth=1.2, label="normal")
    panel.set(xlabel="(found - true) / error", yticks=[], xlim=(-5, 5))
    panel.set_title(f"{quantity}, deviation {pulls.std():.2f}", loc="left")


def draw_contrasts(panel: Axes, found: pd.DataFrame) -> None:
    """Draw found against true contrast, signs taken off, on logarithmic axes."""
    true, got = found["true_contrast"].abs(), found["contrast"].abs()
    ends = np.array([true.min(), true.max()])
    panel.plot(ends, ends, color="#000000", linewidth=1)
    panel.plot(true, got, ".", color="#0072b2", markersize=2.5)
    panel.set(xscale="log", yscale="log", xlabel="true contrast", ylabel="found contrast")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_minor_formatter(NullFormatter())
    panel.set_title("found against true contrast", loc="left")


def draw_false(panel: Axes, table: pd.DataFrame) -> None:
    """Draw the number of false rows per recording, and the accepted one."""
    panel.barh(table["family"], table["false_each"], color="#e69f00")
    panel.axvline(ACCEPTED_FALSE, color="#000000", linewidth=1)
    panel.invert_yaxis()
    panel.set(xlabel="per recording")
    panel.set_title("false rows (line: accepted)", loc="left")


if __name__ == "__main__":
    # Recordings run side by side: more threads would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
