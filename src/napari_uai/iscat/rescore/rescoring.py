"""Rescoring: candidates of the step detector, reassessed by a network trained on simulations.

The step detector assumes that a background is one Gaussian process, or changes slowly at some
positions. A vesicle that diffuses past, a membrane that undulates or a scatterer that comes into
focus are neither: they cause steps that differ from landings only in detail (they move, they do not
stay, they grow).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from napari_uai.iscat.correct.moving_background import DriftOrder
from napari_uai.iscat.detect.steps.detector import TilePx
from napari_uai.iscat.detect.steps.models import CHANGING
from napari_uai.iscat.disturbances.record import Disturbances
from napari_uai.iscat.parameters import BatchSize, SigmaPx
from napari_uai.iscat.rescore.event_network import PACKAGED, load_event_network
from napari_uai.iscat.rescore.event_patches import event_views
from napari_uai.iscat.tables import require_columns
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.typing import Floats
from napari_uai.videos.frames import Video, frames_of

EVIDENCE_AT_ZERO = 6.0
"""Gives events with equal evidence for and against a landing a score of 3.5."""

ROUNDS = 100

SHARE_FLOOR = 0.01
"""Prior number of true events, for recordings without evidence of any."""

NEEDED = (
    "frame",
    "y",
    "x",
    "contrast",
    "score",
    "contrast_error",
    "frame_error",
    "other_times",
    "changing",
    "expected_false",
)


def _checksum(weights: str) -> str:
    return load_event_network(weights).sha256


@stage(
    "Rescore steps",
    menu="measure",
    checksum=_checksum,
    methods="Candidates (with where set to changing, only those of recordings whose background "
    "changes slowly at more than 15 % of the places) were scored again by a small neural network, "
    "from images and time courses of their surroundings",
)
def rescore_steps(
    events: pd.DataFrame,
    video: Video,
    *,
    batch_size: BatchSize = 500,
    sigma_px: SigmaPx = 1.7,
    drift_order: DriftOrder = 3,
    tile_px: TilePx = 96,
    weights: str = PACKAGED,
    where: Literal["everywhere", "changing"] = "everywhere",
    disturbances: Disturbances | None = None,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Reassess detected steps by their surroundings in space and time.

    Parameters
    ----------
    events
        Table of :func:`~napari_uai.iscat.detect_steps`, down to weak candidates.
    video
        The video in which they were detected.
    batch_size, sigma_px, drift_order, tile_px
        As passed to :func:`~napari_uai.iscat.detect_steps`.
    weights
        ``packaged``: those that come with napari-uai, trained on simulated recordings of many
        kinds; or the path of others (.safetensors).
    where
        ``everywhere``, or only in recordings of a ``changing`` background: one that changes slowly
        at more than 15 % of the places, where the detector cannot know what a landing is.
    disturbances
        What disturbs the video, as a run finds it, and as passed to
        :func:`~napari_uai.iscat.detect_steps`.
    monitor
        Progress and cancellation, once per event.

    Returns
    -------
    pandas.DataFrame
        The events, strongest first, with a new ``score`` (in standard deviations of a Gaussian of
        the same evidence) and ``expected_false``; ``step_score`` is the earlier score. Where they
        are not scored again, all three are those of before.

    Raises
    ------
    BadValueError
        If a column is missing, or a parameter is outside its limits.
    WeightsError
        If the weights cannot be used.

    Warnings
    --------
    The network was trained on simulated recordings only: on a background unlike all of them, its
    scores and the expected number of false landings are a guess.

    References
    ----------
    Saerens, Latinne & Decaestecker, Neural Comput. 14, 21 (2002), doi:10.1162/089976602753284446.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> y, x = np.mgrid[:32, :32]
    >>> spot = 0.005 * np.exp(-((y - 10) ** 2 + (x - 14) ** 2) / (2 * 1.7**2))
    >>> video = np.random.default_rng(0).normal(1, 0.01, (400, 32, 32))
    >>> video[220:] *= 1 + spot
    >>> events = iscat.detect_steps(video, batch_size=40)
    >>> rescored = iscat.rescore_steps(events, video, batch_size=40)
    >>> rescored.loc[0, ["frame", "y", "x"]].astype(float).round().tolist()
    [221.0, 10.0, 14.0]
    >>> "step_score" in rescored
    True
    """
    require_columns(events, *NEEDED)
    network = load_event_network(weights)
    if where == "changing" and not (events["changing"] > CHANGING).any():
        return events.assign(step_score=events["score"])
    views = event_views(
        events,
        frames_of(video),
        batch_size=batch_size,
        sigma_px=sigma_px,
        drift_order=drift_order,
        tile_px=tile_px,
        disturbances=disturbances,
        monitor=monitor,
    )
    evidence = network.evidence(views)
    scored = events.assign(
        step_score=events["score"],
        score=score_of(evidence),
        expected_false=false_by_evidence(evidence),
    )
    keys = (events[name].to_numpy(float) for name in ("x", "y", "frame"))
    return scored.iloc[np.lexsort((*keys, -evidence))].reset_index(drop=True)


def score_of(evidence: Floats) -> Floats:
    """Convert evidence to a score: half its square is the evidence above that of a score of 0."""
    return np.asarray(np.sqrt(2 * np.maximum(evidence + EVIDENCE_AT_ZERO, 0)))


def false_by_evidence(evidence: Floats) -> Floats:
    """Return how many of the events with at least as much evidence are expected to be false.

    The fraction of true events is that of the recording: it is determined by expectation
    maximisation from the evidence of all events (Saerens, Latinne & Decaestecker 2002,
    doi:10.1162/089976602753284446), so that the number of landings does not matter.
    """
    share = 0.5
    for _ in range(ROUNDS):
        true = expit(evidence + logit(share))
        share = float(np.clip((true.sum() + SHARE_FLOOR) / (len(true) + 1), 1e-9, 1 - 1e-9))
    order = np.argsort(-evidence, kind="stable")
    false = 1 - expit(evidence + logit(share))
    out = np.empty(len(evidence))
    out[order] = np.cumsum(false[order])
    return out
