"""One recipe with one batch: injections until its recall is known, and false rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from napari_uai.iscat.limit.injection import PointImage
from napari_uai.iscat.limit.matching import matched
from napari_uai.iscat.limit.nulls import NULLS, SURROGATE, null_bins
from napari_uai.iscat.limit.placing import Ground, first_contrasts, next_contrasts
from napari_uai.iscat.limit.point_image import first_guess, point_image
from napari_uai.iscat.limit.recall import RecallCurve, fit_recall
from napari_uai.iscat.limit.search import Search
from napari_uai.monitor import SILENT, Monitor
from napari_uai.typing import Bools

FEWEST_RUNS = 3
"""The first run spreads contrasts widely; the others concentrate on what it left open."""

NULL_COLUMNS = ("kind", "run", "reported", "field")
"""``field`` is the share of the field in which rows were counted."""

SIGNS = {"bright": 1.0, "dark": -1.0}


@dataclass(eq=False)
class Measurement:
    """What is known so far of a recipe on a recording.

    Attributes
    ----------
    search
        Recipe and recording.
    window
        First and last frame + 1 between which landings are injected.
    reported
        Frames at which they are: those at which all recipes report landings.
    rng
        Random numbers.
    landings
        Rows that the recipe reports in the recording itself.
    injections
        Injected landings, and whether they were found.
    nulls
        ``kind, run, reported, field``.
    """

    search: Search
    window: tuple[int, int]
    reported: Bools
    rng: np.random.Generator
    landings: pd.DataFrame = field(default_factory=pd.DataFrame)
    injections: pd.DataFrame = field(default_factory=pd.DataFrame)
    nulls: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(NULL_COLUMNS)))
    image: PointImage | None = None
    image_note: str = ""
    problems: tuple[str, ...] = ()
    guess: float = float("nan")
    curve: RecallCurve | None = None
    runs: int = 0

    def begin(self, image: str = "", monitor: Monitor = SILENT) -> None:
        """Run the recipe on the recording itself, learn the image of a point and the noise."""
        search = self.search
        plain = search.with_bins(search.bins) if search.fast else search.frames
        self.landings = search.rows(plain, monitor.part(0, 0.8, "as it is"))
        self.image, self.image_note, self.problems = point_image(
            search, self.landings, image, monitor.part(0.8, 0.95)
        )
        self.guess = first_guess(search, self.image)

    def inject(self, most: int, monitor: Monitor = SILENT) -> int:
        """Run the recipe once with at most so many injected landings; return their number."""
        assert self.image is not None
        ground = self._ground()
        places = ground.places(min(ground.capacity(), most), self.rng)
        n = len(places)
        sizes = (
            first_contrasts(n, self.guess, self.rng)
            if self.curve is None
            else next_contrasts(n, self.curve, self.rng)
        )
        landings = pd.DataFrame(places, columns=["frame", "y", "x"])
        landings = landings.astype({"frame": np.int64})
        landings["contrast"] = sizes * self._signs(n)
        rows = self.search.rows(self.search.injected(landings, self.image), monitor)
        results = matched(landings, rows, self.search.batch_size)
        self.runs += 1
        results.insert(0, "run", self.runs)
        self.injections = pd.concat([self.injections, results], ignore_index=True)
        self.curve = fit_recall(
            self.injections["contrast"], self.injections["found"], guess=self.guess
        )
        return n

    def inject_all(self, total: int, monitor: Monitor = SILENT) -> None:
        """Inject until there are so many landings in all, in several runs."""
        share = max(-(-total // FEWEST_RUNS), 1)
        while len(self.injections) < total:
            done = len(self.injections)
            most = min(share, total - done)
            part = monitor.part(
                done / total, min((done + min(most, self._ground().capacity())) / total, 1.0),
                f"{done} of {total} landings",
            )  # fmt: skip
            self.inject(most, part)

    def run_nulls(self, each: int, monitor: Monitor = SILENT) -> None:
        """Run the recipe on recordings without landings, so many of each kind."""
        assert self.image is not None
        ground = self._ground()
        rows = []
        jobs = [(kind, i) for kind in NULLS for i in range(each)]
        for done, (kind, i) in enumerate(jobs):
            part = monitor.part(done / len(jobs), (done + 1) / len(jobs), f"{kind} recording")
            bins = null_bins(
                kind, self.search, self.landings, self.image, self.rng, part.part(0, 0.2)
            )
            if bins is not None:
                found = self.search.rows(self.search.with_bins(bins), part.part(0.2, 1))
                # Beside what has been subtracted, remains of it are reported.
                beside = ground.taken if kind == SURROGATE else ground.taken[:0]
                far = ~ground.is_near(found[["y", "x"]].to_numpy(np.float64), beside)
                rows.append((kind, i + 1, int(far.sum()), ground.share_far(beside)))
        self.nulls = pd.DataFrame(rows, columns=list(NULL_COLUMNS))

    def _ground(self) -> Ground:
        search = self.search
        return Ground(
            self.window,
            (search.frames.shape[1], search.frames.shape[2]),
            search.border_px,
            search.sigma_px,
            search.batch_size,
            self.landings,
            self.reported,
            search.disturbances.masked,
        )

    def _signs(self, n: int) -> np.ndarray:
        """Draw signs as often as each occurs among the recording's own landings."""
        if self.search.polarity in SIGNS:
            return np.full(n, SIGNS[self.search.polarity])
        share = (self.landings["contrast"] > 0).mean() if len(self.landings) else 0.5
        return np.where(self.rng.permutation(n) < round(share * n), 1.0, -1.0)
