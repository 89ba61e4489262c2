"""Stages of the network.

torch is imported only when a stage is run, so that listing stages does not require it.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import lru_cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Unit

from napari_uai.errors import WeightsError
from napari_uai.iscat.fastdvdnet.loading import torch_module
from napari_uai.iscat.fastdvdnet.settings import Device, Precision
from napari_uai.stages import stage
from napari_uai.videos.frames import Video

if TYPE_CHECKING:
    from napari_uai.iscat.fastdvdnet.weights import Weights

PACKAGED = "packaged"
PURPOSE = "predicting a background"


def _checksum(weights: str) -> str:
    return background_weights(weights).sha256


@stage(
    "Predict background (network)",
    menu="filter",
    checksum=_checksum,
    methods="A convolutional network (FastDVDnet) predicted the background of each frame from its "
    "neighbours in time",
)
def predict_background(
    video: Video,
    *,
    weights: str = PACKAGED,
    stride: Annotated[int, Ge(1), Unit("frames")] | None = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> Video:
    """Predict each frame from its neighbours by a network: the background without landings.

    Parameters
    ----------
    video
        Frames, rows, columns, of the kind on which the network was trained, usually a rolling
        average.
    weights
        ``packaged``: those that come with napari-uai, trained on simulated recordings of many
        kinds; or the path of others (.safetensors from ``napari-uai train``).
    stride
        Distance between neighbours (frames), for a rolling average its batch size; none: as in
        training.
    device
        Where the network runs; ``auto``: a GPU if available.
    precision
        Of its arithmetic; ``auto``: bfloat16 where the hardware supports it.

    Returns
    -------
    Video
        float32, same shape. Near the ends of the video, missing neighbours on one side are replaced
        by those on the other.

    Raises
    ------
    TooFewFramesError
        If the video is shorter than twice the stride.
    WeightsError
        If torch is not installed, or the weights cannot be used.
    BadValueError
        If a parameter is outside its limits, or, when frames are read: the video is constant or
        contains NaN or infinite pixels.

    References
    ----------
    Tassano, Delon & Veit, FastDVDnet, CVPR 2020, doi:10.1109/CVPR42600.2020.00143,
    arXiv:1907.01361.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> dra = np.random.default_rng(0).normal(size=(20, 16, 16))
    >>> iscat.predict_background(dra, stride=5).shape
    (20, 16, 16)
    """
    network = background_weights(weights)
    if stride is not None:
        network = _with_stride(network, stride)
    predicted: Video = torch_module("predict", PURPOSE).predicted_video(
        video, weights=network, device=device, precision=precision
    )
    return predicted


def background_weights(weights: str = PACKAGED) -> Weights:
    """Return the weights that :func:`predict_background` uses for a name.

    Parameters
    ----------
    weights
        ``packaged``, or the path of a file.

    Raises
    ------
    WeightsError
        If torch is not installed, or the weights cannot be used.
    """
    if not str(weights).strip():
        raise WeightsError(f"weights must be {PACKAGED!r} or the path of a .safetensors file")
    if str(weights) == PACKAGED:
        return _packaged()
    loaded: Weights = torch_module("weights", PURPOSE).load_weights(weights)
    return loaded


@lru_cache(maxsize=1)
def _packaged() -> Weights:
    load = torch_module("weights", PURPOSE).load_weights
    with as_file(files("napari_uai.iscat.fastdvdnet") / "trained") as folder:
        weights: Weights = load(folder / "background.safetensors")
    return weights


def _with_stride(weights: Weights, stride: int) -> Weights:
    """Use other neighbours; the network itself is unchanged."""
    network = copy(weights.network)
    network.settings = replace(network.settings, stride=stride)
    return replace(weights, network=network)
