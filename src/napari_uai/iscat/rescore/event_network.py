"""Event network: a small network that distinguishes landings from other events.

Two convolutional branches process the views of an event
(:mod:`~napari_uai.iscat.rescore.event_patches`): its images before and after, and the time courses
at its position; a third takes scalar figures. The output is added to half the squared score, so
that the network learns corrections of the step detector. It is small enough for numpy;
``tools/train_rescoring.py`` trains it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from napari_uai.errors import WeightsError
from napari_uai.files import write_files
from napari_uai.iscat.rescore.event_patches import COURSES, FIGURES, IMAGES, REACH, SIDE, EventViews
from napari_uai.monitor import raise_if_cancelled
from napari_uai.typing import Floats32
from napari_uai.untrusted import parse_json, read_whole, refusing

FORMAT = "napari-uai step rescoring 2"
"""First entry of a description; changes with the format."""

PACKAGED = "packaged"

IMAGE_LAYERS = ((1, 1), (3, 1), (3, 2), (3, 2))
"""Kernel and stride of the convolutions over images, each padded by half its kernel."""

COURSE_LAYERS = ((7, 2), (5, 2), (5, 2), (5, 2))
SEEN = 32
HIDDEN = 48
CHANNELS = 16

FIGURE_LIMIT = 4.0
"""Figures are clipped at this many standard deviations from their mean."""

EVENTS_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class EventNetwork:
    """The network with its weights.

    Attributes
    ----------
    arrays
        Weights by name; see :func:`shapes`. ``base`` contains the factor of half the squared score,
        an offset, and the log odds of a true event in training, which are subtracted.
    trained
        Training data and performance.
    sha256
        Of the file; empty if the network was not read from one.
    """

    arrays: Mapping[str, Floats32]
    trained: Mapping[str, Any]
    sha256: str = ""

    def evidence(self, views: EventViews) -> npt.NDArray[np.float64]:
        """Return the log likelihood ratio of each event being true versus false."""
        parts = []
        for i in range(0, len(views), EVENTS_AT_ONCE):
            raise_if_cancelled()
            some = slice(i, i + EVENTS_AT_ONCE)
            parts.append(
                self._evidence(views.images[some], views.courses[some], views.figures[some])
            )
        return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)

    def _evidence(self, images: Floats32, courses: Floats32, figures: Floats32) -> Floats32:
        w = self.arrays
        # Linear for weak signals and logarithmic for strong ones, which would mask details.
        seen = np.arcsinh(images / 2)
        for i, (kernel, stride) in enumerate(IMAGE_LAYERS):
            seen = _relu(_convolved(seen, w, f"images.{i}", stride, (kernel // 2, kernel // 2)))
        followed = courses[:, :, None]
        for i, (kernel, stride) in enumerate(COURSE_LAYERS):
            followed = _relu(_convolved(followed, w, f"courses.{i}", stride, (0, kernel // 2)))
        standardised = (figures - w["figures.mean"]) / w["figures.deviation"]
        both = [
            _linear(seen.reshape(len(seen), -1), w, "images.out"),
            _linear(followed.reshape(len(followed), -1), w, "courses.out"),
            np.clip(standardised, -FIGURE_LIMIT, FIGURE_LIMIT),
        ]
        hidden = _relu(_linear(np.concatenate(both, axis=1), w, "head.0"))
        hidden = _relu(_linear(hidden, w, "head.1"))
        slope, offset, prior = w["base"]
        correction = _linear(hidden, w, "head.2")[:, 0]
        return np.asarray(correction + slope * figures[:, 0] ** 2 / 2 + offset - prior)


def shapes(channels: int = CHANNELS) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of the network."""
    out: dict[str, tuple[int, ...]] = {}
    for name, layers, inputs in (
        ("images", IMAGE_LAYERS, IMAGES),
        ("courses", COURSE_LAYERS, COURSES),
    ):
        size = SIDE if name == "images" else 2 * REACH
        rows = inputs
        for i, (kernel, stride) in enumerate(layers):
            window = (kernel, kernel) if name == "images" else (1, kernel)
            out[f"{name}.{i}.weight"] = (channels, rows, *window)
            out[f"{name}.{i}.bias"] = (channels,)
            rows, size = channels, -(-size // stride)
        n = channels * (size**2 if name == "images" else size)
        out |= {f"{name}.out.weight": (SEEN, n), f"{name}.out.bias": (SEEN,)}
    widths = 2 * SEEN + len(FIGURES), HIDDEN, HIDDEN, 1
    for i in range(3):
        out |= {f"head.{i}.weight": (widths[i + 1], widths[i]), f"head.{i}.bias": (widths[i + 1],)}
    return out | {
        "figures.mean": (len(FIGURES),),
        "figures.deviation": (len(FIGURES),),
        "base": (3,),
    }


def save_event_network(
    arrays: Mapping[str, Floats32], path: str | Path, *, trained: Mapping[str, Any]
) -> Path:
    """Write weights as ``NAME.safetensors`` and their description as ``NAME.json``.

    Weights are stored in half precision.
    """
    target = Path(path)
    data = save_arrays({name: array.astype(np.float16) for name, array in arrays.items()})
    description = {
        "format": FORMAT,
        "channels": len(arrays["images.0.bias"]),
        "sha256": hashlib.sha256(data).hexdigest(),
        "trained": dict(trained),
    }
    text = json.dumps(description, indent=1) + "\n"
    write_files({target: data, target.with_suffix(".json"): text.encode()})
    return target


def load_event_network(weights: str | Path = PACKAGED) -> EventNetwork:
    """Read the network that comes with the package, or another.

    Parameters
    ----------
    weights
        ``packaged``, or the path of a .safetensors file with its description beside it.

    Raises
    ------
    WeightsError
        If a file is missing, corrupt, modified or of another architecture.
    """
    if str(weights) == PACKAGED:
        return _packaged()
    source = Path(weights)
    return _checked(_read(source), _read(source.with_suffix(".json")), str(source))


@lru_cache(maxsize=1)
def _packaged() -> EventNetwork:
    folder = files("napari_uai.iscat.rescore") / "weights"
    data, text = ((folder / f"rescoring.{ending}").read_bytes() for ending in _ENDINGS)
    return _checked(data, text, "rescoring.safetensors")


_ENDINGS = ("safetensors", "json")


def _checked(data: bytes, text: bytes, source: str) -> EventNetwork:
    description = parse_json(text, f"the description of {source}", error=WeightsError)
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise WeightsError(f"{source}: not weights for rescoring steps ({FORMAT!r})")
    with refusing(source, "a safetensors file", error=WeightsError):
        arrays = {name: array.astype(np.float32) for name, array in load_arrays(data).items()}
    digest = hashlib.sha256(data).hexdigest()
    if digest != description.get("sha256"):
        raise WeightsError(
            f"{source}: does not match its description (the checksum differs); download both "
            "files again"
        )
    channels = description.get("channels")
    wanted = shapes(channels) if isinstance(channels, int) else {}
    if wanted != {name: array.shape for name, array in arrays.items()}:
        raise WeightsError(f"{source}: weights of another architecture; use those of this version")
    return EventNetwork(arrays, description.get("trained", {}), digest)


def _read(path: Path) -> bytes:
    try:
        return read_whole(path, error=WeightsError)
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be read ({error.strerror or error}); give 'packaged' or the path of "
            "trained weights"
        ) from None


def _convolved(
    images: Floats32, w: Mapping[str, Floats32], name: str, stride: int, pad: tuple[int, int]
) -> Floats32:
    """Convolve (n, inputs, rows, columns); a single row is not subsampled."""
    kernel, bias = w[f"{name}.weight"], w[f"{name}.bias"]
    padded = np.pad(images, ((0, 0), (0, 0), *((p, p) for p in pad)))
    windows = sliding_window_view(padded, kernel.shape[2:], axis=(2, 3))
    down = stride if images.shape[2] > 1 else 1
    out = np.tensordot(windows[:, :, ::down, ::stride], kernel, axes=((1, 4, 5), (1, 2, 3)))
    return np.moveaxis(out + bias, -1, 1)


def _linear(values: Floats32, w: Mapping[str, Floats32], name: str) -> Floats32:
    return np.asarray(values @ w[f"{name}.weight"].T + w[f"{name}.bias"])


def _relu(values: Floats32) -> Floats32:
    return np.maximum(values, 0)
