"""Smoothing of one frame by a separable kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def blurred(frame: npt.NDArray[Any], weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Smooth a frame (float32 or float64), mirrored at its edges, along rows and columns."""
    import cv2

    return np.asarray(cv2.sepFilter2D(frame, -1, weights, weights, borderType=cv2.BORDER_REFLECT))
