"""Odd trails as they end: follows the files of a tracker that is at work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import pandas as pd
from annotated_types import Gt, Le, Unit

from napari_uai.errors import TrailFormatError
from napari_uai.parameters import checked
from napari_uai.trails.analysis.folder import TrailSource
from napari_uai.trails.analysis.scene_model import SceneModel
from napari_uai.trails.analysis.scene_scores import scores_of
from napari_uai.trails.io.formats.folders import is_yolo, tables_in
from napari_uai.trails.io.growing import (
    GrowingReport,
    GrowingText,
    HowToRead,
    NewSamples,
    is_growing_text,
)
from napari_uai.trails.io.scv2 import list_reports
from napari_uai.trails.scores.jumps import split_at_jumps
from napari_uai.trails.scores.score_names import SCORES
from napari_uai.trails.table import SINCE_1970_S, Scene, Trails, offsets_of
from napari_uai.typing import Floats32

ODD = 0.01
"""Default p-value up to which a trail is reported."""

USUAL = 0.99
"""Share of the trails of a class whose longest gap is not longer than the usual one."""

LATE = 2.0
"""How many usual gaps after its last sample a trail has ended."""

LEAST_S = 1.0
"""Shortest time after which a trail has ended."""

PValue = Annotated[float, Gt(0), Le(1)]
Patience = Annotated[float, Gt(0), Unit("s")]
Record: TypeAlias = dict[str, Any]


@dataclass
class _Open:
    """A trail that may go on."""

    kinds: Counter[str] = field(default_factory=Counter)
    time: list[float] = field(default_factory=list)
    y: list[Floats32] = field(default_factory=list)
    x: list[Floats32] = field(default_factory=list)
    utc_offset_s: float = np.nan

    @property
    def kind(self) -> str:
        """Class of most of its samples; of several, the first."""
        return self.kinds.most_common(1)[0][0]


@dataclass
class _Feed:
    """One file, or one folder that is read as a whole."""

    growing: GrowingText | GrowingReport
    prefix: str = ""
    now_s: float = -np.inf
    open: dict[str, _Open] = field(default_factory=dict)
    noted: int = 0


class TrailFollower:
    r"""Reads what a tracker adds to its files, and scores each trail when it has ended.

    A trail has ended when it has had no new sample for a while, measured by the times of the
    samples, so that a file is followed as fast as it can be read. What comes later under the same
    name is another trail. If a file is truncated or replaced, the next one is read from its
    beginning; new files of a folder are followed as well. Text tables are read on from where they
    ended, their last line once it is complete; other formats are read again when they change.

    Parameters
    ----------
    path
        File or folder of a tracker.
    model
        Model of the scene, whose size in px is that of the positions.
    source
        Options for opening the files.
    threshold
        Largest p-value of a trail that is reported.
    ended_after_s
        Seconds without a sample after which a trail has ended; if None, twice the gap that 99 % of
        the trails of its class in the model do not exceed.

    Attributes
    ----------
    n_ended, n_odd
        Numbers of trails that have ended, and of those that were reported.

    Raises
    ------
    TrailFormatError
        If there is no such file or folder.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import TrailFollower, fit_scene, trails_of_frame
    >>> x = np.tile(np.arange(0, 60, 6), 20)
    >>> lanes = pd.DataFrame({"trail": np.repeat(range(20), 10), "x": x, "frame": x // 6,
    ...                       "y": 20 + np.repeat(np.arange(20), 10) / 4})
    >>> model = fit_scene(trails_of_frame(lanes, scene_size=(64, 48)))
    >>> table = Path(tempfile.mkdtemp()) / "today.csv"
    >>> _ = table.write_text("trail,frame,x,y\n" + "".join(f"a,{i},30,{4 * i}\n" for i in range(9)))
    >>> follower = TrailFollower(table, model, threshold=0.05)
    >>> follower.step()  # it may go on
    []
    >>> with table.open("a") as file:
    ...     _ = file.write("b,100,30,20\n")
    >>> [(record["trail"], record["p_value"] < 0.05) for record in follower.step()]
    [('a', True)]
    """

    @checked
    def __init__(
        self,
        path: str | Path,
        model: SceneModel,
        *,
        source: TrailSource | None = None,
        threshold: PValue = ODD,
        ended_after_s: Patience | None = None,
    ) -> None:
        self.path, self.model = Path(path), model
        self.threshold = threshold
        size = (model.scene.width, model.scene.height)
        self._source = replace(source or TrailSource(), scene=size)
        self._how = HowToRead(
            size,
            self._source.table,
            self._source.frame_rate_hz,
            self._source.camera,
            self._source.keep_extrapolated,
        )
        if not self.path.exists():
            raise TrailFormatError(f"{path}: no such file or folder: check the path")
        self._ended_after_s = ended_after_s
        self._usual = usual_gaps(model)
        self._feeds: dict[Path, _Feed] = {}
        self.n_ended = self.n_odd = 0

    @property
    def n_open(self) -> int:
        """Number of trails that have not ended."""
        return sum(len(feed.open) for feed in self._feeds.values())

    @property
    def latest_s(self) -> float:
        """Time of the latest sample; minus infinity before there is one."""
        return max((feed.now_s for feed in self._feeds.values()), default=-np.inf)

    def step(self, *, idle_s: float = 0.0) -> list[Record]:
        """Read what is new.

        Parameters
        ----------
        idle_s
            Seconds since anything was new: times of the next samples will be so much later.

        Returns
        -------
        list of dict
            One per odd trail that has ended, most anomalous first, ready for JSON.
        """
        self._look_for_files()
        records: list[Record] = []
        for feed in self._feeds.values():
            while (samples := feed.growing.read()) is not None:
                records += self._taken(feed, samples)
            records += self._scored(self._ended(feed, feed.now_s + idle_s))
        return records

    def new_problems(self) -> list[str]:
        """Return what could not be used since the last call, one line each."""
        texts: list[str] = []
        for feed in self._feeds.values():
            texts += feed.growing.problems[feed.noted :]
            feed.noted = len(feed.growing.problems)
        return list(dict.fromkeys(texts))

    def close(self) -> None:
        """Close all files."""
        for feed in self._feeds.values():
            feed.growing.close()

    def _look_for_files(self) -> None:
        if not self.path.is_dir():
            self._follow(self.path)
            return
        files = tables_in(self.path)
        if list_reports(self.path) or is_yolo(files):
            self._feeds.setdefault(self.path, _Feed(GrowingReport(self.path, self._source.open)))
            return
        for file in files:
            name = file.relative_to(self.path).with_suffix("").as_posix()
            self._follow(file, f"{name}/")

    def _follow(self, file: Path, prefix: str = "") -> None:
        if file in self._feeds or not file.exists() or not file.stat().st_size:
            return
        growing: GrowingText | GrowingReport = (
            GrowingText(file, self._how)
            if is_growing_text(file)
            else GrowingReport(file, self._source.open)
        )
        self._feeds[file] = _Feed(growing, prefix)

    def _taken(self, feed: _Feed, samples: NewSamples) -> list[Record]:
        """Add samples to their trails; return those that ended because the clock started again."""
        records: list[Record] = []
        if not len(samples.time):
            return records
        least_s = feed.now_s - max(self._usual.values())
        if samples.restarted and samples.time.min() < least_s:
            records = self._scored(self._ended(feed, np.inf))
            feed.now_s = -np.inf
        names, owner = np.unique(samples.trail.astype(str), return_inverse=True)
        order = np.lexsort((samples.time, owner))
        borders = np.searchsorted(owner[order], np.arange(len(names) + 1))
        ended: list[tuple[str, _Open]] = []
        for i, name in enumerate(names.tolist()):
            rows = order[borders[i] : borders[i + 1]]
            ended += self._add(feed, feed.prefix + name, samples, rows)
        feed.now_s = max(feed.now_s, float(samples.time.max()))
        return records + self._scored(ended)

    def _add(
        self, feed: _Feed, name: str, samples: NewSamples, rows: Any
    ) -> list[tuple[str, _Open]]:
        """Add samples to a trail; return the trails of that name that had ended before them."""
        ended = []
        time = samples.time[rows]
        gaps = np.diff(time, prepend=time[0])
        trail = feed.open.get(name)
        if trail is not None:
            gaps[0] = time[0] - trail.time[-1]
        patience = self._patience(str(samples.kind[rows[0]]) if trail is None else trail.kind)
        starts = [0, *(np.flatnonzero(gaps[1:] > patience) + 1).tolist(), len(rows)]
        for k, (a, b) in enumerate(pairwise(starts)):
            if trail is not None and (k > 0 or gaps[a] > patience):
                ended.append((name, trail))
                trail = None
            if trail is None:
                trail = feed.open[name] = _Open(utc_offset_s=float(samples.utc_offset_s[rows[a]]))
            part = rows[a:b]
            trail.kinds.update(samples.kind[part].astype(str).tolist())
            trail.time += samples.time[part].tolist()
            trail.y.append(samples.y[part])
            trail.x.append(samples.x[part])
        return ended

    def _patience(self, kind: str) -> float:
        if self._ended_after_s is not None:
            return self._ended_after_s
        return self._usual.get(kind, max(self._usual.values()))

    def _ended(self, feed: _Feed, now_s: float) -> list[tuple[str, _Open]]:
        """Take the trails that have ended from those that are open."""
        names = [
            name
            for name, trail in feed.open.items()
            if now_s - trail.time[-1] > self._patience(trail.kind)
        ]
        return [(name, feed.open.pop(name)) for name in names]

    def _scored(self, ended: list[tuple[str, _Open]]) -> list[Record]:
        trails = _trails_of(ended, self.model.scene)
        if trails is None:
            return []
        if self._source.split_jumps:
            trails = split_at_jumps(trails)
        table, rows = scores_of(self.model, trails)
        self.n_ended += len(trails)
        odd = table[table["p_value"] <= self.threshold]
        self.n_odd += len(odd)
        facts = trails.table.iloc[rows[odd.index]].to_dict("records")
        return [_record(*both) for both in zip(odd.to_dict("records"), facts, strict=True)]


def usual_gaps(model: SceneModel) -> dict[str, float]:
    """Return for each class the seconds after its last sample when a trail has ended."""
    sample = model.traffic.sample
    gaps = np.diff(sample.time, prepend=sample.time[:1])
    gaps[sample.offsets[:-1]] = 0.0
    longest = np.maximum.reduceat(gaps, sample.offsets[:-1])
    by_class = pd.Series(longest).groupby(sample.table["class"].to_numpy()).quantile(USUAL)
    return {str(kind): max(LATE * float(gap), LEAST_S) for kind, gap in by_class.items()}


def _trails_of(ended: list[tuple[str, _Open]], scene: Scene) -> Trails | None:
    """Return trails of at least two samples, without samples of the same time."""
    parts = []
    for name, trail in ended:
        time = np.array(trail.time)
        _, first = np.unique(time, return_index=True)
        if len(first) > 1:
            y, x = np.concatenate(trail.y)[first], np.concatenate(trail.x)[first]
            parts.append((name, trail, time[first], y, x))
    if not parts:
        return None
    table = pd.DataFrame(
        {
            "trail": [name for name, *_ in parts],
            "class": [trail.kind for _, trail, *_ in parts],
            "start": [float(time[0]) for _, _, time, *_ in parts],
            "end": [float(time[-1]) for _, _, time, *_ in parts],
            "n_samples": [len(time) for _, _, time, *_ in parts],
        }
    )
    offsets_s = np.array([trail.utc_offset_s for _, trail, *_ in parts])
    if np.isfinite(offsets_s).any():
        table["utc_offset_s"] = offsets_s
    time, y, x = (np.concatenate([part[i] for part in parts]) for i in (2, 3, 4))
    return Trails(offsets_of(table["n_samples"].to_numpy()), y, x, time, table, scene)


def _record(row: Mapping[Any, Any], facts: Mapping[Any, Any]) -> Record:
    reason = str(row["reason"])
    record = {
        "trail": str(row["trail"]),
        "class": str(row["class"]),
        "p_value": round(float(row["p_value"]), 6),
        "anomaly": round(float(row["anomaly"]), 4),
        "reason": reason if reason in SCORES else "jump",
        "explanation": SCORES.get(reason, reason),
        "start": _moment(float(facts["start"])),
        "end": _moment(float(facts["end"])),
        "n_samples": int(row["n_samples"]),
    }
    return record | ({"model": str(row["model"])} if "model" in row else {})


def _moment(seconds: float) -> str | float:
    """Return a date in ISO 8601 (UTC), or seconds if times have none."""
    if seconds < SINCE_1970_S:
        return round(seconds, 3)
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
