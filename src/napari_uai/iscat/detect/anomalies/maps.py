"""Anomaly maps: how unlike all others each pixel is, judged by its features, and thresholds for it.

Several videos of equal size (:mod:`~napari_uai.iscat.detect.anomalies.features`) give each pixel a
vector of features. One model of ordinary pixels, trained on a sample of the recording, scores them;
one threshold for the recording turns scores into masks. Frames without anomalies stay empty.
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
"""Maximum number of pixels on which a model is trained."""

SVM_PIXELS = 3000
"""Maximum for the support vector machine, whose time grows with the square of their number."""

THRESHOLD_FRAMES = 100


@stage(
    "Anomaly scores",
    menu="filter",
    methods="Each pixel was scored by how unlike those of all others its features were, without "
    "labels",
)
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
    """Score each pixel by how unlike those of all others its features are.

    Parameters
    ----------
    *features
        One or more videos of the same shape (frames, rows, columns). Pixels that are not finite
        (masked) in any of them have no score and are not used for training.
    method
        ``forest``: one isolation forest for the recording, grown from a sample of its frames.
        ``forest_per_frame``: a new one for each frame, independent of all other frames.
        ``one_class_svm``: a one-class support vector machine (requires scikit-learn), trained on a
        sample of the recording.
    window
        Number of frames of each feature that describe a pixel, centred on the frame itself. Beyond
        the ends, the first and the last frame are repeated.
    stride
        Distance between the frames of the window. Neighbouring frames of a rolling average share
        nearly all of their noise.
    n_trees
        Number of trees of a forest; more trees make scores less random.
    max_samples
        Number of pixels from which each tree is grown.
    nu
        Fraction of the sample that the support vector machine may exclude.
    sample_frames
        Number of frames, spaced evenly over the recording, on which the model is trained.
    seed
        Seed of the random numbers.

    Returns
    -------
    Video
        float32, same shape; higher = more anomalous. For a forest between 0 and 1, about 0.45 for
        ordinary pixels; for the support vector machine the distance outside its boundary, in its
        own unit. NaN where a feature is not finite. The model is trained when the first frame is
        read.

    Raises
    ------
    BadValueError
        If there are no features, they differ in shape, a parameter is outside its limits, or, when
        frames are read: a sampled frame has no pixel that is finite in all features, or all
        features are constant.
    TooFewFramesError
        If the features have no frames.
    NapariUaiError
        If ``one_class_svm`` is requested and scikit-learn is not installed.

    References
    ----------
    Liu, Ting & Zhou, Isolation Forest, ICDM 2008, doi:10.1109/ICDM.2008.17; Schölkopf et al.,
    Neural Comput. 13, 1443 (2001), doi:10.1162/089976601750264965.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> first, second = np.random.default_rng(0).normal(size=(2, 10, 16, 16))
    >>> first[6, 3, 4] = second[6, 3, 4] = 7
    >>> scores = iscat.anomaly_scores(first, second)
    >>> [int(i) for i in np.unravel_index(scores.argmax(), scores.shape)]
    [6, 3, 4]
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


@stage(
    "Anomaly mask",
    menu="filter",
    methods="Pixels whose anomaly score exceeded a threshold were marked",
)
def anomaly_mask(
    scores: Video,
    control: Video | None = None,
    *,
    threshold: Annotated[float, Gt(0)] = 1.0,
    threshold_unit: ThresholdUnit = "false_positives",
) -> Video:
    """Mark the pixels whose anomaly score exceeds a threshold.

    Parameters
    ----------
    scores
        Frames, rows, columns, as from :func:`anomaly_scores`.
    control
        Scores, from the same features, of a recording without events; the threshold is then
        determined on it, otherwise on the scores themselves.
    threshold
        How much is marked, in the unit below.
    threshold_unit
        ``false_positives``: mean number of local maxima of the score above the threshold per frame;
        determined on the scores themselves, true anomalies are among them. ``contamination``:
        fraction of all pixels, at most 0.5. ``contamination_per_frame``: fraction of the pixels of
        each frame, so that every frame is marked, empty or not, as in PiSCAT's plugin. ``score``:
        the score itself.

    Returns
    -------
    Video
        uint8, same shape: 1 anomalous, 0 ordinary or masked. Nothing is marked where all scores are
        equal.

    Raises
    ------
    BadValueError
        If the threshold does not fit its unit, or a frame on which it is determined has no finite
        pixels.
    TooFewFramesError
        If the scores, or those of the control, have no frames.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> scores = np.array([[[0.4, 0.5, 0.9]]])
    >>> iscat.anomaly_mask(scores, threshold=0.7, threshold_unit="score")
    array([[[0, 0, 1]]], dtype=uint8)
    """
    if threshold_unit.startswith("contamination") and threshold > 0.5:
        raise BadValueError(
            f"a contamination must be a fraction of pixels of at most 0.5, got {threshold}: "
            "0.002 marks two in a thousand"
        )
    frames = frames_of(scores)
    measured = frames if control is None else frames_of(control)
    pixels = int(np.prod(frames.shape[1:]))
    if threshold_unit == "false_positives" and threshold > pixels:
        raise BadValueError(
            f"{threshold:g} false positives per frame are more than its {pixels} pixels: 1 is a "
            "typical value, 20 where weak landings are linked over many frames"
        )
    if not len(measured):
        raise TooFewFramesError("measuring a threshold needs at least 1 frame, the scores have 0")
    return video_like(MaskFrames(frames, measured, threshold, threshold_unit), scores)


class Settings(NamedTuple):
    """Settings of a model of ordinary pixels."""

    method: Method
    n_trees: int
    max_samples: int
    nu: float
    sample_frames: int
    seed: int


class Model(Protocol):
    """Scores finite features, (features, pixels)."""

    def __call__(self, planes: Floats32) -> Floats32:
        """Return one score per pixel."""


class FeatureStack:
    """Videos of one shape, and the frames of each that describe a frame."""

    def __init__(self, sources: tuple[Frames, ...], window: int, stride: int) -> None:
        self.sources = sources
        self.shape = sources[0].shape
        self.offsets = tuple(stride * (k - window // 2) for k in range(window))

    @property
    def name(self) -> str:
        """Names of the sources and the offsets of the frames."""
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
        """Name of the features and all settings."""
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
                raise _no_finite_pixel(start + t)
            chosen = scaling(planes[:, usable])
            place[usable] = self._fresh(chosen) if model is None else model(chosen)
        return out

    def _fresh(self, planes: Floats32) -> Floats32:
        """Score the pixels of one frame against each other; equal pixels all score 0.5."""
        if planes.shape[1] < 2 or (planes == planes[:, :1]).all():
            return np.full(planes.shape[1], 0.5, np.float32)
        s = self.settings
        forest = fit_forest(planes, n_trees=s.n_trees, max_samples=s.max_samples, seed=s.seed)
        return forest_scores(forest, planes)


class MaskFrames(Frames):
    """Frames that are 1 above a threshold."""

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
        """Name of the scores and the threshold."""
        key = (self.source.name, self.measured.name, self.threshold, self.unit)
        return f"anomaly-mask-{tokenize(*key)}"

    def read(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Read the scores and compare them."""
        return self.marked(self.source.read(start, stop))

    def marked(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Compare scores of whole frames; NaN is never above the threshold."""
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
        Anomaly scores.
    threshold, unit
        As in :func:`anomaly_mask`, except for ``contamination_per_frame``.

    Raises
    ------
    BadValueError
        If one of those frames has no finite pixels.
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
            raise _no_finite_pixel(frame)
    pooled = np.sort(np.concatenate(values))
    if unit == "contamination":
        return float(np.quantile(pooled, 1 - threshold))
    allowed = round(threshold * len(sample))
    return float(pooled[max(len(pooled) - 1 - allowed, 0)])


class _Scaling(NamedTuple):
    """Scales each feature to mean 0 and standard deviation 1 over the sample."""

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
    """Train on a sample; with a forest per frame only the scaling is determined."""
    sample = _sample(stack, settings)
    deviation = sample.std(axis=1, dtype=np.float64).astype(np.float32)
    scaling = _Scaling(
        sample.mean(axis=1, dtype=np.float64).astype(np.float32),
        np.where(deviation > 0, deviation, np.float32(1)),
    )
    if (sample == sample[:, :1]).all():
        raise BadValueError(
            "all features are constant over the sampled frames: no pixel can be anomalous"
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
    """Return (features, pixels) of the sampled frames, a random subset of large ones."""
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
            raise _no_finite_pixel(frame)
        if usable.size > each:
            usable = rng.choice(usable, each, replace=False)
        parts.append(planes[:, usable])
    return np.concatenate(parts, axis=1)


def _sample_of(n_frames: int, wanted: int) -> list[int]:
    return [int(frame) for frame in spread_frames(n_frames, wanted)]


def _read_clipped(source: Frames, start: int, stop: int, out: Floats32) -> None:
    """Read frames; the first and last of the video are repeated beyond its ends."""
    n, size = len(source), stop - start
    first, last = min(max(start, 0), n), min(max(stop, 0), n)
    if last > first:
        out[first - start : last - start] = source.read(first, last)
    before, after = min(max(-start, 0), size), min(max(stop - n, 0), size)
    if before:
        out[:before] = source.read(0, 1)
    if after:
        out[size - after :] = source.read(n - 1, n)


def _no_finite_pixel(frame: int) -> BadValueError:
    return BadValueError(
        f"frame {frame} has no pixel that is finite in all features: is the whole frame masked? "
        "Otherwise remove such frames"
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
            "a one-class support vector machine needs scikit-learn: install napari-uai[svm], or "
            "choose another method"
        ) from None
    return OneClassSVM


@kernel
def _peaks(frame: Floats32) -> Floats32:
    """Values of local maxima; of adjacent equal ones, the first in reading order."""
    height, width = frame.shape
    peaks = np.empty(frame.size, np.float32)
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
                peaks[n] = value
                n += 1
    return peaks[:n].copy()
