"""Expected number of false events as a function of the score, estimated from the recording."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_uai.iscat.parameters import Polarity
from napari_uai.typing import Floats

WEAK = (3.3, 4.2)
"""Scores between which nearly all events are noise, and all noise events have been detected."""

DECAY = 0.75
"""Decay of the number of false events in Gaussian noise, as a multiple of exp(-score^2 / 2).

Maxima of a Gaussian field in three dimensions above u go as u^2 exp(-u^2 / 2) (Adler 1981), which
between 3.3 and 4.5 falls like exp(-0.75 u^2 / 2)."""

DECAY_EVENTS = 20.0
"""Weight of that expectation, as a number of weak events."""

STRONG = 6.0


def expected_false(scores: Floats) -> Floats:
    """Return how many events at least as strong as each one noise alone would produce.

    The excess of a noise event's squared score over the lower end of ``WEAK`` is exponentially
    distributed. Its decay is fitted to the recording's own weak events (maximum likelihood within a
    window truncated at both ends), so that backgrounds with heavier tails than Gaussian noise are
    taken into account.

    Parameters
    ----------
    scores
        Of all events (standard deviations).

    Returns
    -------
    ndarray
        Expected number per recording, same shape; decreases with the score.
    """
    low, high = (u**2 / 2 for u in WEAK)
    energy = scores**2 / 2
    n_weak = int(np.sum((energy >= low) & (energy < high)))
    decay = weak_decay(scores)
    total = n_weak / -np.expm1(-decay * (high - low))
    # One event is the least that can be extrapolated from.
    return np.asarray(max(total, 1.0) * np.exp(-decay * (energy - low)))


def weak_decay(scores: Floats) -> float:
    """Return the decay of the recording's weak events, as a multiple of exp(-score^2 / 2)."""
    low, high = (u**2 / 2 for u in WEAK)
    energy = scores**2 / 2
    return _decay(energy[(energy >= low) & (energy < high)] - low, high - low)


def favour_common_sign(events: pd.DataFrame, polarity: Polarity) -> Floats:
    """Return scores that take the sign of the contrast into account.

    With ``auto`` the fraction p of each sign among the strong events (plus one of each) is a prior
    for the weak ones: twice log(2 p) is added to the squared score. Departures are steps of the
    opposite sign and lose score where they are rare. ``bright`` and ``dark`` keep one sign only.

    Parameters
    ----------
    events
        ``contrast``, ``score``.
    polarity
        As described above.

    Returns
    -------
    ndarray
        Scores, 0 where the sign is not requested.
    """
    score = events["score"].to_numpy(float)
    bright = events["contrast"].to_numpy(float) > 0
    if polarity in ("bright", "dark"):
        return np.where(bright == (polarity == "bright"), score, 0.0)
    if polarity == "both":
        return score
    strong = score >= STRONG
    n_bright = int(np.sum(strong & bright)) + 1
    n_dark = int(np.sum(strong & ~bright)) + 1
    share = np.where(bright, n_bright, n_dark) / (n_bright + n_dark)
    return np.asarray(np.sqrt(np.maximum(score**2 + 2 * np.log(2 * share), 0)))


def _decay(excess: Floats, width: float) -> float:
    """Most likely decay of exponential values below ``width``, with a prior of DECAY_EVENTS."""
    decays = np.linspace(0.2, 1.5, 131)
    n, total = len(excess), float(excess.sum())
    prior = DECAY_EVENTS * (np.log(decays) - decays / DECAY)
    likelihood = n * (np.log(decays) - np.log(-np.expm1(-decays * width))) - decays * total
    return float(decays[np.argmax(prior + likelihood)])
