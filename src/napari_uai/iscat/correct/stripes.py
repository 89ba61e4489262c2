"""Stripes of a frame: what varies slowly along a line but not across it, by linear filters.

A filter by Fourier or wavelet transform is linear, and separates into the direction along the
stripes and that across them. So its pattern is a sum of a few smooth modes along the stripes, and
no transform is needed once these are known for a size of frames.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from napari_uai.compiled import kernel
from napari_uai.errors import BadValueError, nearest
from napari_uai.typing import Floats, Floats32

SMALLEST_GAIN = 1e-7
"""Share of a mode below which single precision does not see it."""


class StripeModes(NamedTuple):
    """A filter whose pattern is the sum over terms of ``back @ (along @ frame @ across)``.

    Attributes
    ----------
    along
        float32 (terms, modes, length of the stripes).
    across
        float32 (terms, width, width).
    back
        float32 (terms, length of the stripes, modes).
    """

    along: Floats32
    across: Floats32
    back: Floats32


def no_modes() -> StripeModes:
    """Return the filter without a pattern."""
    nothing = np.zeros((0, 0, 0), np.float32)
    return StripeModes(nothing, nothing, nothing)


@kernel
def subtract_stripes(plane: Floats32, modes: StripeModes) -> None:
    """Subtract the pattern from one frame, whose stripes run along its first axis."""
    along, across, back = modes
    n_terms, n_modes, length = along.shape
    width = plane.shape[1]
    left = np.zeros((n_terms, n_modes, width), np.float32)
    for term in range(n_terms):
        smooth = np.zeros((n_modes, width), np.float32)
        _add_product(along[term], plane, smooth)
        _add_product(smooth, across[term], left[term])
    for term in range(n_terms):
        for r in range(length):
            line = plane[r]
            for k in range(n_modes):
                weight = back[term, r, k]
                mode = left[term, k]
                for c in range(width):
                    line[c] -= weight * mode[c]


@kernel
def _add_product(first: Floats32, second: Floats32, out: Floats32) -> None:
    for i in range(first.shape[0]):
        total = out[i]
        for j in range(first.shape[1]):
            weight = first[i, j]
            row = second[j]
            for c in range(total.size):
                total[c] += weight * row[c]


@lru_cache(maxsize=16)
def fourier_modes(length: int, width: int, damping: float) -> StripeModes:
    """Return the filter that damps low frequencies along the stripes.

    The pattern is a Gaussian low-pass of each column, mirrored at its ends, minus the mean over
    columns.

    Parameters
    ----------
    length, width
        Pixels along and across the stripes.
    damping
        Standard deviation of the Gaussian, in cycles per frame.
    """
    from scipy.fft import dct

    # Cosine k of a mirrored column has k / 2 cycles in it.
    gain = _gaussian(np.arange(length) / 2, damping)
    modes = dct(np.eye(length), norm="ortho", axis=0)[gain > SMALLEST_GAIN]
    across = np.eye(width) - 1 / width
    back = modes.T * gain[gain > SMALLEST_GAIN]
    return _stacked([modes], [across], [back])


@lru_cache(maxsize=16)
def wavelet_modes(
    length: int, width: int, wavelet: str, levels: int, damping: float
) -> StripeModes:
    """Return the filter that damps low frequencies of the details across the stripes.

    At each level of a wavelet transform, the coefficients that are details across the stripes and
    an average along them lose their low frequencies along the stripes (Muench et al. 2009).

    Parameters
    ----------
    length, width
        Pixels along and across the stripes.
    wavelet
        Name, as in PyWavelets.
    levels
        Levels of the transform.
    damping
        Standard deviation of the Gaussian, in cycles per length of the coefficients.

    Raises
    ------
    BadValueError
        If the wavelet is unknown or has no inverse transform.
    """
    filters = _filters_of(wavelet)
    smooth_along, smooth_across = np.eye(length), np.eye(width)
    back_along, back_across = np.eye(length), np.eye(width)
    alongs, acrosses, backs = [], [], []
    for _ in range(levels):
        detail, detail_back = _level(smooth_across, back_across, filters, detail=True)
        smooth_across, back_across = _level(smooth_across, back_across, filters, detail=False)
        smooth_along, back_along = _level(smooth_along, back_along, filters, detail=False)
        modes, gain = _frequencies(len(smooth_along), damping)
        alongs.append(modes @ smooth_along)
        acrosses.append((detail_back @ detail).T)
        backs.append(back_along @ modes.T * gain)
    return _stacked(alongs, acrosses, backs)


def _filters_of(name: str) -> Any:
    import pywt

    known = pywt.wavelist(kind="discrete")
    if name not in known and name != "haar":
        raise BadValueError(f"unknown wavelet {name!r}: {nearest(name, known)}")
    return pywt.Wavelet(name)


def _level(forward: Floats, back: Floats, filters: Any, *, detail: bool) -> tuple[Floats, Floats]:
    """Append one level to matrices of the transform of a line and of its inverse."""
    import pywt

    smooth, details = pywt.dwt(np.eye(len(forward)), filters, axis=0)
    one = details if detail else smooth
    unit = np.eye(len(one))
    inverse = pywt.idwt(*((None, unit) if detail else (unit, None)), filters, axis=0)
    return one @ forward, back @ inverse[: len(forward)]


def _frequencies(length: int, damping: float) -> tuple[Floats, Floats]:
    """Return the orthonormal waves of a periodic line, one a row, and the Gaussian of each."""
    cycles = np.arange(length // 2 + 1)
    cycles = cycles[_gaussian(cycles, damping) > SMALLEST_GAIN]
    angle = 2 * np.pi * np.outer(cycles, np.arange(length)) / length
    waves = np.concatenate([np.cos(angle), np.sin(angle)])
    size = np.linalg.norm(waves, axis=1)
    kept = size > 1e-6  # sines of frequency 0 and of the highest one vanish
    gain = np.tile(_gaussian(cycles, damping), 2)
    return waves[kept] / size[kept, None], gain[kept]


def _gaussian(cycles: Any, deviation: float) -> Floats:
    return np.asarray(np.exp(-0.5 * (np.asarray(cycles) / deviation) ** 2))


def _stacked(alongs: list[Floats], acrosses: list[Floats], backs: list[Floats]) -> StripeModes:
    """Stack terms; those with fewer modes get modes without weight."""
    most = max(len(along) for along in alongs)
    along = [np.pad(a, ((0, most - len(a)), (0, 0))) for a in alongs]
    back = [np.pad(b, ((0, 0), (0, most - b.shape[1]))) for b in backs]
    return StripeModes(
        *(np.ascontiguousarray(m, np.float32) for m in map(np.stack, (along, acrosses, back)))
    )
