"""Anomaly maps: how little each pixel's features fit those of all others, and where it is too much.

Several videos of equal size (:mod:`~napari_uai.iscat.detect.anomalies.features`) give each pixel a
list of numbers. One model of the ordinary, learnt from a sample of the recording's pixels, scores
them; one threshold for the recording makes masks of the scores. Frames without an anomaly stay
empty.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le, Unit
from dask.base import tokenize

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError, NapariUaiError, TooFewFramesError
from napari_uai.iscat.detect.anomalies.isolation_forest import (
    Forest,
    MaxSamples,
    NTrees,
    Seed,
    fit_forest,
    forest_scores,
)
from napari_uai.monitor import raise_if_cancelled
from napari_uai.parameters import Odd
from napari_uai.stages import stage
from napari_uai.typing import Floats32
from napari_uai.videos.combined import equal_frames
from napari_uai.videos.find_once import Memo
from napari_uai.videos.frames import Frames, Video, frames_of, video_like
from napari_uai.videos.sampling import spread_frames

Method: TypeAlias = Literal["forest", "forest_per_frame", "one_class_svm"]
ThresholdUnit: TypeAlias = Literal[
    "false_positives", "contamination", "contamination_per_frame", "score"
]

SAMPLE_PIXELS = 2**18
"""Pixels of the recording that a model is learnt from at most."""

SVM_PIXELS = 3000
"""A support vector machine takes time that grows with their square."""

THRESHOLD_FRAMES = 100


@stage("Anomaly scores", menu="filter")
def anomaly_scores(
    *features: Video,
    method: Method = "forest",
    window: Annotated[int, Ge(1), Odd, Unit("frames")] = 1,
    stride: Annotated[int, Ge(1), Unit("frames")] = 1,
    n_trees: NTrees = 100,
    max_samples: MaxSamples = 100,
    nu: Annotated[float, Gt(0), Le(1)] = 0.06,
    sample_frames: Annotated[int, Ge(1), Unit("frames")] = 100,
    seed: Seed = 0,
) -> Video:
    """Score each pixel by how little its features fit those of all others.

    Parameters
    ----------
    *features
        One or more videos of the same shape (frames, rows, columns). A pixel that is not finite
        (masked) in any of them has no score and is not used for training.
    method
        ``forest``: one isolation forest for the recording, grown on a sample of its frames.
        ``forest_per_frame``: a fresh one for every frame, which then knows no other frame.
        ``one_class_svm``: a one-class support vector machine (needs scikit-learn), fitted on a
        sample of the recording.
    window
        How many frames of each feature count, an odd number, the frame itself in the middle.
        Beyond the ends stand the first and the last frame.
    stride
        From one frame of the window to the next. Neighbours in a rolling average share nearly all
        of their noise.
    n_trees
        Trees of a forest; more of them make scores less random.
    max_samples
        Pixels that each tree is grown on.
    nu
        Share of the sample that the support vector machine may leave outside.
    sample_frames
        Frames, evenly spaced over the recording, from which pixels are learnt.
    seed
        Of all that is random.

    Returns
    -------
    Video
        float32, same shape; higher = more anomalous. Of a forest within 0 and 1, ordinary pixels
        about 0.45; of the support vector machine the distance outside of the ordinary, in its own
        unit. NaN where a feature is not finite. The model is learnt when the first frame is asked
        for.

    Raises
    ------
    BadValueError
        If features differ in shape, a parameter is out of its limits, or, when frames are asked
        for: a sampled frame has no pixel that is finite in all features, or all of the features
        are constant.
    NapariUaiError
        If the support vector machine is asked for and scikit-learn is not installed.

    References
    ----------
    Liu, Ting & Zhou, Isolation Forest, ICDM 2008, doi:10.1109/ICDM.2008.17; Schoelkopf et al.,
    Neural Comput. 13, 1443 (2001), doi:10.1162/089976601750264965.
    """
    if not features:
        raise BadValueError("anomaly scores need at least 1 feature, got none")
    sources = equal_frames(*features)
    if not len(sources[0]):
        raise TooFewFramesError("anomaly scores need at least 1 frame, the features have 0")
    if method == "one_class_svm":
        _one_class_svm()
    settings = Settings(method, n_trees, max_samples, nu, sample_frames, seed)
    return video_like(AnomalyFrames(FeatureStack(sources, window, stride), settings), features[0])


@stage("Anomaly mask", menu="filter")
def anomaly_mask(
    scores: Video,
    control: Video | None = None,
    *,
    threshold: Annotated[float, Gt(0)] = 1.0,
    threshold_unit: ThresholdUnit = "false_positives",
) -> Video:
    """Mark the pixels whose anomaly score is above a threshold.

    Parameters
    ----------
    scores
        Frames, rows, columns, as from :func:`anomaly_scores`.
    control
        Scores, by the same features, of a recording in which nothing happens; the threshold is
        then measured on it, otherwise on the scores themselves.
    threshold
        How much is marked.
    threshold_unit
        ``false_positives``: peaks of the score above the threshold per frame, on average. Measured
        on the scores themselves, true anomalies are among them. ``contamination``: share of all
        pixels, at most 0.5. ``contamination_per_frame``: share of the pixels of each frame, so that
        every frame has its marks, empty or not, as in PiSCAT's plugin. ``score``: the score itself.

    Returns
    -------
    Video
        uint8, same shape: 1 anomalous, 0 ordinary or masked. Where all scores are the same
        nothing is marked.

    Raises
    ------
    BadValueError
        If the threshold does not fit its unit, or a score that it is measured by has no finite
        pixel.
    """
    if threshold_unit.startswith("contamination") and threshold > 0.5:
        raise BadValueError(
            f"a contamination is a share of pixels of at most 0.5, got {threshold}: "
            "0.002 marks two in a thousand"
        )
    frames = frames_of(scores)
    measured = frames if control is None else frames_of(control)
    pixels = int(np.prod(frames.shape[1:]))
    if threshold_unit == "false_positives" and threshold > pixels:
        raise BadValueError(
            f"{threshold:g} false positives in each frame are more than its {pixels} pixels: "
            "1 is a usual number, 20 where weak landings are to be linked over many frames"
        )
    if not len(measured):
        raise TooFewFramesError("a threshold is measured on at least 1 frame, the scores have 0")
    return video_like(MaskFrames(frames, measured, float(threshold), threshold_unit), scores)


class Settings(NamedTuple):
    """How a model of the ordinary is made."""

    method: Method
    n_trees: int
    max_samples: int
    nu: float
    sample_frames: int
    seed: int


class Model(Protocol):
    """Scores (features, pixels), all of them finite."""

    def __call__(self, planes: Floats32) -> Floats32:
        """Return one score per pixel."""


class FeatureStack:
    """Videos of one shape, and the frames of each that count for a frame."""

    def __init__(self, sources: tuple[Frames, ...], window: int, stride: int) -> None:
        self.sources = sources
        self.shape = sources[0].shape
        self.offsets = tuple(stride * (k - window // 2) for k in range(window))

    @property
    def name(self) -> str:
        """Names of the sources, and which frames."""
        return str(tokenize([source.name for source in self.sources], self.offsets))

    def read(self, start: int, stop: int) -> Floats32:
        """Return (features, frames, rows, columns)."""
        features = len(self.sources) * len(self.offsets)
        out = np.empty((features, stop - start, *self.shape[1:]), np.float32)
        places = iter(out)
        for source in self.sources:
            for offset in self.offsets:
                _read_clipped(source, start + offset, stop + offset, next(places))
        return out


class AnomalyFrames(Frames):
    """Frames of anomaly scores."""

    def __init__(self, stack: FeatureStack, settings: Settings) -> None:
        self.stack = stack
        self.source = stack.sources[0]
        self.settings = settings
        self.shape = stack.shape
        self.dtype = np.dtype(np.float32)
        self.model = Memo(partial(_learn, stack, settings))

    @property
    def name(self) -> str:
        """Name of the features, and all settings."""
        return f"anomaly-scores-{tokenize(self.stack.name, tuple(self.settings))}"

    def read(self, start: int, stop: int) -> Floats32:
        """Score the pixels frame by frame."""
        out = np.full((max(stop - start, 0), *self.shape[1:]), np.nan, np.float32)
        if not out.size:
            return out
        scaling, model = self.model()
        block = self.stack.read(start, stop)
        for t, place in enumerate(out):
            raise_if_cancelled()
            planes = block[:, t]
            usable = np.isfinite(planes).all(axis=0)
            if not usable.any():
                raise _nothing_left(start + t)
            chosen = scaling(planes[:, usable])
            place[usable] = self._fresh(chosen) if model is None else model(chosen)
        return out

    def _fresh(self, planes: Floats32) -> Floats32:
        """Score the pixels of one frame among themselves; all alike, none stands out."""
        if planes.shape[1] < 2 or (planes == planes[:, :1]).all():
            return np.full(planes.shape[1], 0.5, np.float32)
        s = self.settings
        forest = fit_forest(planes, n_trees=s.n_trees, max_samples=s.max_samples, seed=s.seed)
        return forest_scores(forest, planes)


class MaskFrames(Frames):
    """Frames in which what is above a threshold is 1."""

    def __init__(
        self, source: Frames, measured: Frames, threshold: float, unit: ThresholdUnit
    ) -> None:
        self.source = source
        self.measured = measured
        self.threshold = threshold
        self.unit = unit
        self.shape = source.shape
        self.dtype = np.dtype(np.uint8)
        self.level = Memo(partial(score_threshold, measured, threshold, unit))

    @property
    def name(self) -> str:
        """Name of the scores, and the threshold."""
        key = (self.source.name, self.measured.name, self.threshold, self.unit)
        return f"anomaly-mask-{tokenize(*key)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Read the scores and compare them."""
        return self.marked(self.source.read(start, stop))

    def marked(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Compare scores of whole frames; NaN is never above."""
        if self.unit != "contamination_per_frame":
            level = self.level() if len(scores) else 0.0
            return np.asarray(scores > level, np.uint8)
        out = np.zeros(scores.shape, np.uint8)
        for frame, place in zip(scores, out, strict=True):
            finite = frame[np.isfinite(frame)]
            if finite.size:
                place[...] = frame > np.quantile(finite, 1 - self.threshold)
        return out


def score_threshold(scores: Frames, threshold: float, unit: ThresholdUnit) -> float:
    """Return the score above which pixels are marked, from up to 100 frames.

    Parameters
    ----------
    scores
        Scores of anomalies.
    threshold, unit
        As :func:`anomaly_mask` takes them; not per frame.

    Raises
    ------
    BadValueError
        If no pixel of those frames is finite.
    """
    if unit == "score":
        return threshold
    sample = _sample_of(len(scores), THRESHOLD_FRAMES)
    values = []
    for frame in sample:
        raise_if_cancelled()
        block = np.ascontiguousarray(scores.read(frame, frame + 1)[0], np.float32)
        values.append(_peaks(block) if unit == "false_positives" else block[np.isfinite(block)])
        if not np.isfinite(block).any():
            raise _nothing_left(frame)
    pooled = np.sort(np.concatenate(values))
    if unit == "contamination":
        return float(np.quantile(pooled, 1 - threshold))
    allowed = round(threshold * len(sample))
    return float(pooled[max(len(pooled) - 1 - allowed, 0)])


class _Scaling(NamedTuple):
    """Brings each feature to mean 0 and standard deviation 1 over the sample."""

    mean: Floats32
    deviation: Floats32

    def __call__(self, planes: Floats32) -> Floats32:
        scaled = (planes - self.mean[:, np.newaxis]) / self.deviation[:, np.newaxis]
        return np.ascontiguousarray(scaled, np.float32)


class _ForestModel(NamedTuple):
    forest: Forest

    def __call__(self, planes: Floats32) -> Floats32:
        return forest_scores(self.forest, planes)


class _SvmModel(NamedTuple):
    machine: Any

    def __call__(self, planes: Floats32) -> Floats32:
        return np.asarray(-self.machine.decision_function(planes.T), np.float32)


def _learn(stack: FeatureStack, settings: Settings) -> tuple[_Scaling, Model | None]:
    """Learn what is ordinary from a sample; with a fresh forest per frame only the scaling."""
    sample = _sample(stack, settings)
    deviation = sample.std(axis=1, dtype=np.float64).astype(np.float32)
    scaling = _Scaling(
        sample.mean(axis=1, dtype=np.float64).astype(np.float32),
        np.where(deviation > 0, deviation, np.float32(1)),
    )
    if (sample == sample[:, :1]).all():
        raise BadValueError(
            "every feature is constant over the sampled frames: nothing can stand out"
        )
    scaled = scaling(sample)
    if settings.method == "one_class_svm":
        few = np.random.default_rng(settings.seed).permutation(scaled.shape[1])[:SVM_PIXELS]
        machine = _one_class_svm()(nu=settings.nu, kernel="rbf", gamma="scale", tol=1e-3)
        return scaling, _SvmModel(machine.fit(scaled[:, few].T))
    if settings.method == "forest_per_frame":
        return scaling, None
    forest = fit_forest(
        scaled,
        n_trees=settings.n_trees,
        max_samples=settings.max_samples,
        seed=settings.seed,
    )
    return scaling, _ForestModel(forest)


def _sample(stack: FeatureStack, settings: Settings) -> Floats32:
    """Return (features, pixels) of the sampled frames, a random part of each if there are many."""
    frames = _sample_of(stack.shape[0], settings.sample_frames)
    rng = np.random.default_rng(settings.seed)
    each = -(-SAMPLE_PIXELS // len(frames))
    parts = []
    for frame in frames:
        raise_if_cancelled()
        planes = stack.read(frame, frame + 1)
        planes = planes.reshape(len(planes), -1)
        usable = np.flatnonzero(np.isfinite(planes).all(axis=0))
        if not usable.size:
            raise _nothing_left(frame)
        if usable.size > each:
            usable = rng.choice(usable, each, replace=False)
        parts.append(planes[:, usable])
    return np.concatenate(parts, axis=1)


def _sample_of(n_frames: int, wanted: int) -> list[int]:
    return [int(frame) for frame in spread_frames(n_frames, wanted)]


def _read_clipped(source: Frames, start: int, stop: int, out: Floats32) -> None:
    """Read frames, the first and last of the video in place of those beyond."""
    n, size = len(source), stop - start
    first, last = min(max(start, 0), n), min(max(stop, 0), n)
    if last > first:
        out[first - start : last - start] = source.read(first, last)
    before, after = min(max(-start, 0), size), min(max(stop - n, 0), size)
    if before:
        out[:before] = source.read(0, 1)
    if after:
        out[size - after :] = source.read(n - 1, n)


def _nothing_left(frame: int) -> BadValueError:
    return BadValueError(
        f"frame {frame} has no pixel that is finite in every feature: is all of it masked? "
        "Otherwise cut such frames out"
    )


def _one_class_svm() -> Any:
    """Return scikit-learn's class.

    Raises
    ------
    NapariUaiError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.svm import OneClassSVM
    except ImportError:
        raise NapariUaiError(
            "a one-class support vector machine needs scikit-learn: install napari-uai[svm], "
            "or choose another method"
        ) from None
    return OneClassSVM


@kernel
def _peaks(frame: Floats32) -> Floats32:
    """Values of the local maxima; of touching equal ones the first in reading order."""
    height, width = frame.shape
    found = np.empty(frame.size, np.float32)
    n = 0
    for y in range(height):
        for x in range(width):
            value = frame[y, x]
            highest = np.isfinite(value)
            for v in range(max(y - 1, 0), min(y + 2, height)):
                for u in range(max(x - 1, 0), min(x + 2, width)):
                    before = v < y or (v == y and u < x)
                    if frame[v, u] > value or (before and frame[v, u] == value):
                        highest = False
            if highest:
                found[n] = value
                n += 1
    return found[:n].copy()
