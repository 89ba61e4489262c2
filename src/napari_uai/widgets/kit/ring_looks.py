"""How positions look: hue by the sign of the contrast, kind by shape and size, verdict by width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from napari_uai.widgets.kit.palette import sign_colour

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.typing import Floats

RingKind: TypeAlias = Literal["landing", "localization", "truth", "position"]
Verdict: TypeAlias = Literal["yes", "no", ""]

ACCEPTED = "accepted"
"""Column of landings.csv and of features: ``yes``, ``no``, or empty if undecided."""

VERDICT_SIGNS: dict[Verdict, str] = {"yes": "✓", "no": "✗", "": ""}

DOUBLE = "ring"
"""Symbol of napari with an outer and an inner border."""

_SIGNED = ("contrast", "Fit_Amplitude", "center_intensity")
_FAINTEST, _REJECTED = 0.25, 0.4
_ACCEPTED_PX = 2.0

_ROUNDING = 1e-9
"""So that rounding does not hide a ring in the last frame of its window."""


@dataclass(frozen=True)
class RingLook:
    """Look of one kind of position.

    Attributes
    ----------
    symbol
        Symbol of napari, drawn without a face: a disc is a ring.
    sigmas
        Diameter, in standard deviations of the spot where they are known.
    diameter_px
        Diameter where they are not, px.
    numbered
        Whether the number of the landing and its verdict stand beside it.
    visible
        Whether the layer is visible at first.
    """

    symbol: str = "disc"
    sigmas: float = 6.0
    diameter_px: float = 13.0
    numbered: bool = False
    visible: bool = True


LOOKS: dict[RingKind, RingLook] = {
    "landing": RingLook(numbered=True),
    "localization": RingLook(sigmas=4.0, diameter_px=8.0, visible=False),
    "truth": RingLook(symbol="square", diameter_px=15.0),
    "position": RingLook(),
}


def verdict_of(value: object) -> Verdict:
    """Parse a verdict in a table."""
    text = str(value).strip().lower()
    return "yes" if text in {"yes", "true", "1"} else "no" if text in {"no", "false", "0"} else ""


def signs_of(features: pd.DataFrame) -> Floats:
    """Return the sign of the contrast of each row: 1, -1, or 0 where it is not known."""
    for column in _SIGNED:
        if column in features.columns:
            return np.sign(np.nan_to_num(features[column].to_numpy(float)))
    return np.zeros(len(features))


def ring_sizes(features: pd.DataFrame, kind: RingKind = "position") -> Floats | float:
    """Return diameters, px, of rings that surround the spots without covering them."""
    look = LOOKS[kind]
    for column in ("sigma", "sigma_px"):
        if column in features.columns:
            sigma = features[column].to_numpy(float)
            known = np.where(np.isfinite(sigma), look.sigmas * sigma, look.diameter_px)
            return np.clip(known, 6.0, 40.0)
    return look.diameter_px


def ring_colours(
    features: pd.DataFrame, distance: Floats | None = None, around: float = 0.0
) -> Floats:
    """Return the colours of rings, (n, 4) from 0 to 1, fainter the farther their frame is.

    Parameters
    ----------
    features
        Contrasts give the hue; rejected landings are faint.
    distance
        Frames from the frame in view; None for full strength.
    around
        Distance at which a ring is faintest.
    """
    shades = np.array([_rgb(sign_colour(sign)) for sign in (-1, 0, 1)])
    colours = np.ones((len(features), 4))
    colours[:, :3] = shades[signs_of(features).astype(int) + 1]
    if distance is not None:
        near = np.clip(distance / around, 0.0, 1.0) if around else 0.0
        colours[:, 3] = 1.0 - (1.0 - _FAINTEST) * near
    if ACCEPTED in features.columns:
        colours[_judged(features, "no"), 3] *= _REJECTED
    return colours


def ring_widths(features: pd.DataFrame) -> Floats:
    """Return the widths of rings in pixels of the screen: one, and two if accepted."""
    widths = np.ones(len(features))
    if ACCEPTED in features.columns:
        widths[_judged(features, "yes")] = _ACCEPTED_PX
    return widths


def ring_symbols(features: pd.DataFrame, kind: RingKind, doubled: set[int]) -> list[str]:
    """Return the symbol of each ring; landings with the given numbers have a double line."""
    numbers = np.nan_to_num(features["landing"].to_numpy(float), nan=-1.0).astype(int)
    return [DOUBLE if number in doubled else LOOKS[kind].symbol for number in numbers]


def ring_labels(features: pd.DataFrame) -> list[str]:
    """Return the number of each landing, followed by the sign of its verdict."""
    landings = features["landing"].to_numpy(float)
    numbers = [f"{n:.0f}" if np.isfinite(n) else "" for n in landings]  # NaN: added by hand
    if ACCEPTED not in features.columns:
        return numbers
    signs = (VERDICT_SIGNS[verdict_of(value)] for value in features[ACCEPTED])
    return [f"{number} {sign}".rstrip() for number, sign in zip(numbers, signs, strict=True)]


def ring_text(features: pd.DataFrame, kind: RingKind) -> dict[str, Any]:
    """Return the labels as the text of a layer, above and to the right of each ring."""
    beside = 0.4 * LOOKS[kind].diameter_px  # just outside the ring, half-way between both
    return {
        "string": {"array": ring_labels(features)},
        "color": {"array": ring_colours(features)},
        "size": 9,
        "anchor": "lower_left",
        "translation": (0.0, -beside, beside),
    }


def window_of(around: float | None) -> float:
    """Return how many frames long a data pixel of rings is that are seen so far from their own."""
    return 1.0 if around is None else 2.0 * around * (1.0 + _ROUNDING)


def _judged(features: pd.DataFrame, verdict: Verdict) -> Floats:
    return features[ACCEPTED].to_numpy() == verdict


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
