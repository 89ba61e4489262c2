"""Speed of Gaussian fits and radial symmetry, beside scipy's least squares.

Run it as ``python benchmarks/bench_fits.py``. Windows of 11 x 11 px around spots in noise.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import curve_fit

from napari_uai.iscat.detect.anomalies.radial_symmetry import radial_symmetry_centers
from napari_uai.iscat.measure.gaussian_fits import fit_spots

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 11
SIGMA = 1.7
N_SPOTS = 20_000
N_PEER = 300
SCALE = 2.08  # half a window of 5 px
TARGET_US = 30.0


def main() -> None:
    """Print the figures."""
    video, centers = spots(N_SPOTS)
    middle = (SIDE - 1) / 2
    table = pd.DataFrame(
        {
            "y": middle,
            "x": middle,
            "frame": np.arange(N_SPOTS),
            "center_intensity": np.nan,
            "sigma": SIGMA,
        }
    )
    fit_spots(table[:2], video, scale=SCALE)
    radial_symmetry_centers(video[:2])
    seconds, fits = timed(lambda: fit_spots(table, video, scale=SCALE))
    begin = time.perf_counter()
    theirs = np.array([scipy_center(window) for window in video[:N_PEER]])
    peer = (time.perf_counter() - begin) / N_PEER
    radial_seconds, radial = timed(lambda: radial_symmetry_centers(video))
    ok = (fits["status"] == "ok").to_numpy(bool)
    places = fits[["Fit_Y-Center", "Fit_X-Center"]].to_numpy(np.float64)
    print(f"{N_SPOTS} windows of {SIDE} x {SIDE} px, microseconds each (all cores for the fits):")
    print(
        f"  Gaussian fit {1e6 * seconds / N_SPOTS:.1f} (target {TARGET_US:.0f}); scipy "
        f"{1e6 * peer:.0f} ({peer / seconds * N_SPOTS:.0f} times); {100 * ok.mean():.1f} % succeed"
    )
    print(f"  radial symmetry {1e6 * radial_seconds / N_SPOTS:.1f}, in one thread")
    print("Root mean square error of the centre along one axis, px:")
    for name, found in (
        ("Gaussian fit", places[ok] - centers[ok]),
        (f"scipy, first {N_PEER}", theirs - centers[:N_PEER]),
        ("radial symmetry", radial - centers),
    ):
        print(f"  {name}: {np.sqrt(np.nanmean(found**2)):.4f}")


def spots(n: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return windows with a spot each, and the places of the spots."""
    rng = np.random.default_rng(0)
    centers = (SIDE - 1) / 2 + rng.uniform(-0.5, 0.5, (n, 2))
    place = np.arange(SIDE)
    along_y = np.exp(-((place - centers[:, :1]) ** 2) / (2 * SIGMA**2))
    along_x = np.exp(-((place - centers[:, 1:]) ** 2) / (2 * SIGMA**2))
    video = 1e-3 * along_y[:, :, np.newaxis] * along_x[:, np.newaxis]
    return video + rng.normal(0, 1e-4, video.shape), centers


def scipy_center(window: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Fit the same six parameters with scipy's Levenberg-Marquardt."""
    y, x = np.indices(window.shape).reshape(2, -1)

    def model(_: object, *p: float) -> npt.NDArray[np.float64]:
        a, yc, xc, sy, sx, b = p
        return b + a * np.exp(-((y - yc) ** 2) / (2 * sy**2) - (x - xc) ** 2 / (2 * sx**2))

    middle = (SIDE - 1) / 2
    start = (1.0, middle, middle, SIGMA, SIGMA, 0.0)
    best = curve_fit(model, None, 1e3 * window.ravel(), p0=start)[0]
    return float(best[1]), float(best[2])


def timed(function: Callable[[], object]) -> tuple[float, Any]:
    """Return the shortest of three times in seconds, and what the function gives."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - begin)
    return min(times), result


if __name__ == "__main__":
    main()
