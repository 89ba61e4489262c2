"""How many landings are found out of focus: a model of the point-spread function, and without.

Run it as ``python benchmarks/bench_psf.py --seeds 3``. Recordings with interferometric optics (NA
1.4, 0.42 um, circular polarisation) and 14 landings, whose signal-to-noise ratio for the true image
is uniform from 4 to 9 in one frame of a rolling average of 200 frames, at several positions of the
focus. Each is searched with the profile that is fitted to the recording, with a Gaussian of the
width of the core, and with a bank of the model at 17 positions of the focus, 1/8 um apart, of these
optics and of a wrong aperture of 1.3.
``--seeds 0`` prints only how long the model and fits take.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from napari_uai import iscat
from napari_uai.iscat.optics import Microscope, interferometric_psf, write_psf
from napari_uai.simulate import RecordingSettings, simulate_recording

BATCH = 200
FOCUS_UM = (0.0, 0.25, 0.5, 0.75)
BANK_UM = np.linspace(-1, 1, 17)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    arguments = parser.parse_args()
    print_speed()
    if arguments.seeds == 0:
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        banks = {
            name: str(write_psf(Path(folder) / f"{name}.npy", 33, optics, focus_um=BANK_UM))
            for name, optics in (
                ("model", Microscope()),
                ("NA 1.3", Microscope(numerical_aperture=1.3)),
            )
        }
        for focus in FOCUS_UM:
            for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
                rows += searched(focus, seed, banks)
                print(pd.DataFrame(rows[-4:]).round(3).to_string(index=False), flush=True)
    table = pd.DataFrame(rows).groupby(["focus_um", "psf"])
    sums = table[["landings", "found", "false"]].sum()
    errors = table[["contrast_ratio", "position_error_px", "seconds"]].median().round(2)
    print(pd.concat([sums, errors], axis=1).to_string())


def print_speed() -> None:
    """Print how long images and fits take, the second time, on one core."""
    focus = np.linspace(0, 10, 101)
    table = pd.DataFrame(
        {"y": 40.0, "x": 40.0, "frame": np.arange(1000), "center_intensity": 0.0, "sigma": 2.0}
    )
    image = interferometric_psf((81, 81), Microscope(), focus_um=0.4, y=40.2, x=39.7)
    video = image + np.random.default_rng(0).normal(0, 0.1, (1000, 81, 81)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        one = str(write_psf(Path(folder) / "one.npy", 27, Microscope(), focus_um=0.4))
        works = {
            "images of 101 x 101 px, 101 planes": lambda: interferometric_psf(
                (101, 101), Microscope(), focus_um=focus, height_um=3.0
            ),
            "images of 33 x 33 px, 21 planes": lambda: interferometric_psf(
                (33, 33), Microscope(), focus_um=focus[:21] / 10
            ),
            "fits of an image to 1000 spots": lambda: iscat.fit_psf(
                table, video, point_spread_function=one
            ),
            "fits of a Gaussian to 1000 spots": lambda: iscat.fit_spots(table, video),
        }
        for name, work in works.items():
            work()
            begin = time.process_time()
            work()
            print(f"{name}: {time.process_time() - begin:.3f} s")


def searched(focus: float, seed: int, models: dict[str, str]) -> list[dict[str, object]]:
    """Return what is found in one recording, with each point-spread function."""
    settings = RecordingSettings(
        seed=seed, frames=2400, rows=64, columns=64, batch_size=BATCH, landings=14,
        landing_snr=(4.0, 9.0), drift_px=0.03, margin_px=6, optics="interferometric",
        focus_um=focus,
    )  # fmt: skip
    recording = simulate_recording(settings)
    video = iscat.power_normalization(recording.video)
    rows = []
    for name, psf in ({"fitted": "fitted", "gaussian": "gaussian"} | models).items():
        begin = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            events = iscat.detect_steps(
                video, batch_size=BATCH, sigma_px=settings.sigma_px, point_spread_function=psf
            )
        seconds = time.process_time() - begin
        found = matches(iscat.accept_events(events), recording.truth)
        row = {"focus_um": focus, "psf": name, "seed": seed, "landings": len(recording.truth)}
        rows.append({**row, **found, "seconds": seconds})
    return rows


def matches(events: pd.DataFrame, truth: pd.DataFrame) -> dict[str, object]:
    """Count true landings that were found, by place, time and sign, and all others."""
    ratios, errors = [], []
    for landing in truth.itertuples():
        distance = np.hypot(events["y"] - landing.y, events["x"] - landing.x)
        near = (distance <= 2.5) & (np.abs(events["frame"] - landing.raw_frame) <= BATCH / 2)
        near &= np.sign(events["contrast"]) == np.sign(landing.contrast)
        if near.any():
            ratios.append(events.loc[near, "contrast"].iloc[0] / landing.contrast)
            errors.append(distance[near].iloc[0])
    return {
        "found": len(ratios),
        "false": len(events) - len(ratios),
        "contrast_ratio": np.median(ratios) if ratios else np.nan,
        "position_error_px": np.median(errors) if errors else np.nan,
    }


if __name__ == "__main__":
    main()
