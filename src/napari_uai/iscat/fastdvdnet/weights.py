"""Weights in files: safetensors with a readable description, or Keras files of the reference.

Nothing is unpickled, so that files of weights cannot execute code.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from napari_uai.errors import BadValueError, WeightsError
from napari_uai.files import write_files
from napari_uai.iscat.fastdvdnet.network import FastDVDnet
from napari_uai.iscat.fastdvdnet.settings import REFERENCE, NetworkSettings
from napari_uai.iscat.fastdvdnet.training_files import writable_target
from napari_uai.limits import DEPTH
from napari_uai.untrusted import check_chunk, check_unpacked, parse_json, read_whole, refusing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FORMAT = "napari-uai fastdvdnet 1"
"""First entry of a description; changes with the format."""

_PICKLES = (b"\x80", b"PK\x03\x04")
_HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, eq=False)
class Weights:
    """A network with its weights and their origin.

    Attributes
    ----------
    network
        In evaluation mode.
    trained
        Training data, settings and performance; empty if unknown.
    sha256
        Of the file; empty if the weights were not read from one.
    """

    network: FastDVDnet
    trained: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""

    @property
    def settings(self) -> NetworkSettings:
        """Architecture of the network."""
        return self.network.settings


def save_weights(
    network: FastDVDnet, path: str | Path, *, trained: Mapping[str, Any] | None = None
) -> Path:
    """Write weights and, beside them, their description.

    Parameters
    ----------
    network
        The network.
    path
        ``NAME.safetensors``; the description is ``NAME.json``. Earlier files are replaced.
    trained
        Training data, settings and performance; numbers, texts and lists of them.

    Returns
    -------
    Path
        Of the weights.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    BadValueError
        If the suffix of the name is not ``.safetensors``.
    """
    target = writable_target(path)
    write_files(weights_files(network, target, trained=trained))
    return target


def weights_files(
    network: FastDVDnet, target: Path, *, trained: Mapping[str, Any] | None = None
) -> dict[Path, bytes]:
    """Return the files that :func:`save_weights` writes, by path."""
    tensors = {name: value.contiguous().cpu() for name, value in network.state_dict().items()}
    data = save_tensors(tensors)
    description = {
        "format": FORMAT,
        "network": network.settings.to_dict(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "trained": dict(trained or {}),
    }
    text = json.dumps(description, indent=1) + "\n"
    return {target: data, _description(target): text.encode()}


def load_weights(path: str | Path) -> Weights:
    """Read weights: .safetensors of this package, or .h5 (Keras) of the reference.

    Parameters
    ----------
    path
        Of the weights; the description is expected beside them.

    Returns
    -------
    Weights
        Ready for prediction.

    Raises
    ------
    WeightsError
        If a file is missing, corrupt, modified, of another architecture, or a pickle.
    """
    source = Path(path)
    data = _read(source)
    digest = hashlib.sha256(data).hexdigest()
    if data.startswith(_HDF5):
        return replace(_keras_weights(source), sha256=digest)
    if data.startswith(_PICKLES):
        raise WeightsError(
            f"{source} is a pickle, which may execute code when it is read: convert it to "
            ".safetensors where it was created"
        )
    description = _described(source)
    with refusing(source, "a safetensors file", error=WeightsError):
        tensors = load_tensors(data)
    if digest != description.get("sha256"):
        raise WeightsError(
            f"{source} does not match {_description(source).name} (the checksum differs); download "
            "both files again"
        )
    settings = _settings(description, source)
    if settings.frames > _MOST_FRAMES:
        raise WeightsError(f"{source}: windows of {settings.frames} frames; download both again")
    with torch.device("meta"):  # settings of a stranger may ask for any number of channels
        _check_shapes(tensors, FastDVDnet(settings).state_dict(), source)
    network = FastDVDnet(settings)
    network.load_state_dict(tensors)
    return Weights(network.eval(), description.get("trained", {}), digest)


_MOST_FRAMES = 1001

# description ----------------------------------------------------------------------------------


def _description(weights: Path) -> Path:
    return weights.with_suffix(".json")


def _read(path: Path) -> bytes:
    try:
        data = read_whole(path, error=WeightsError)
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be read ({error.strerror or error}); give the path of trained weights"
        ) from error
    if not data:
        raise WeightsError(f"{path}: the file is empty; download it again")
    return data


def _described(source: Path) -> dict[str, Any]:
    path = _description(source)
    if not path.exists():
        raise WeightsError(
            f"{path} is missing: weights need their description beside them; copy both files"
        )
    description = parse_json(_read(path), path, error=WeightsError)
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise WeightsError(f"{path}: does not describe weights of napari-uai ({FORMAT!r})")
    return description


def _settings(description: Mapping[str, Any], source: Path) -> NetworkSettings:
    settings = description.get("network")
    names = {f.name for f in fields(NetworkSettings)}
    if not isinstance(settings, dict) or set(settings) != names:
        raise WeightsError(
            f"{_description(source)}: the network's settings are not {', '.join(sorted(names))}; "
            "the weights belong to another version"
        )
    try:
        return NetworkSettings(**settings)
    except (BadValueError, TypeError) as error:
        raise WeightsError(f"{_description(source)}: {error}") from error


def _check_shapes(
    tensors: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], source: Path
) -> None:
    different = sorted(set(tensors) ^ set(expected)) or [
        name for name, value in expected.items() if tensors[name].shape != value.shape
    ]
    if different:
        raise WeightsError(
            f"{source}: weights of another architecture ({different[0]} differs); use those that "
            "belong to the description"
        )


# Keras ----------------------------------------------------------------------------------------

_LAYER = re.compile(r"^(depthwise_conv2d|conv2d|batch_normalization)(?:_(\d+))?$")
_NORM_ORDER = ("gamma", "beta", "moving_mean", "moving_variance")


def _keras_weights(source: Path) -> Weights:
    """Read the reference's network from Keras' HDF5, version 2 or 3.

    Keras numbers the layers of each kind in order of creation, so that names determine their order
    whatever their order in the file.
    """
    import h5py

    with (
        refusing(source, "an HDF5 file of Keras", error=WeightsError),
        h5py.File(source, "r") as file,
    ):
        layers = _keras_layers(file)
    network = FastDVDnet(REFERENCE)
    blocks = [*network.first, network.second]
    convs = [m for b in blocks for m in b.modules() if isinstance(m, nn.Conv2d) and m.groups == 1]
    spreads = [m for b in blocks for m in b.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    wanted: tuple[tuple[str, Sequence[nn.Module]], ...] = (
        ("conv2d", convs),
        ("depthwise_conv2d", spreads),
        ("batch_normalization", norms),
    )
    for kind, modules in wanted:
        if len(layers[kind]) != len(modules):
            raise WeightsError(
                f"{source}: {len(layers[kind])} layers {kind} where the reference's network has "
                f"{len(modules)}; only its weights can be imported"
            )
        for (name, arrays), module in zip(layers[kind], modules, strict=True):
            _fill(module, arrays, f"{source}: layer {name}")
    return Weights(network.eval(), {"imported_from": source.name})


def _keras_layers(file: Any) -> dict[str, list[tuple[str, list[npt.NDArray[np.float32]]]]]:
    """Arrays of each layer, by kind, in order of creation."""
    by_layer: dict[tuple[str, int, str], dict[str, npt.NDArray[np.float32]]] = defaultdict(dict)
    for path, array in _datasets(file):
        parts = path.split("/")
        names = [match for part in parts if (match := _LAYER.match(part))]
        if names:
            match = names[-1]
            by_layer[match[1], int(match[2] or 0), match[0]][parts[-1].split(":")[0]] = array
    layers: dict[str, list[tuple[str, list[npt.NDArray[np.float32]]]]] = defaultdict(list)
    for kind, number, name in sorted(by_layer):
        arrays = by_layer[kind, number, name]
        by_name = all(key in arrays for key in _NORM_ORDER)
        order = _NORM_ORDER if by_name else sorted(arrays)
        layers[kind].append((name, [arrays[key] for key in order]))
    return layers


def _datasets(group: Any, path: str = "") -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    import h5py

    source = Path(group.file.filename)
    DEPTH.check(source, path.count("/"), "has groups in groups, at", error=WeightsError)
    for name in group:
        inner = f"{path}/{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise WeightsError(f"{source}: {inner} is a link; download it again")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _datasets(item, inner)
        elif item.external or item.is_virtual:
            raise WeightsError(f"{source}: {inner} is in another file; download it again")
        elif item.dtype.kind in "uif":
            check_unpacked(source, 4 * float(item.size), error=WeightsError)
            check_chunk(source, item.chunks or (), item.dtype.itemsize, error=WeightsError)
            yield inner, np.asarray(item[()], np.float32)


def _fill(module: nn.Module, arrays: list[npt.NDArray[np.float32]], where: str) -> None:
    if isinstance(module, nn.BatchNorm2d):
        assert module.running_mean is not None
        assert module.running_var is not None
        targets = [module.weight, module.bias, module.running_mean, module.running_var]
    else:
        assert isinstance(module, nn.Conv2d)
        targets = [module.weight]
        arrays = [_as_torch(array, module) for array in arrays]
    if [a.shape for a in arrays] != [tuple(t.shape) for t in targets]:
        raise WeightsError(
            f"{where}: shape {[a.shape for a in arrays]} where the reference's network has "
            f"{[tuple(t.shape) for t in targets]}; only its weights can be imported"
        )
    with torch.no_grad():
        for array, target in zip(arrays, targets, strict=True):
            target.copy_(torch.from_numpy(np.ascontiguousarray(array)))


def _as_torch(kernel: npt.NDArray[np.float32], conv: nn.Conv2d) -> npt.NDArray[np.float32]:
    """Convert a kernel (rows, columns, in, out) to torch's order of axes and channels."""
    if kernel.ndim != 4:
        return kernel
    if conv.groups > 1:  # (rows, columns, in, copies): output channels are in * copies
        rows, columns, inputs, copies = kernel.shape
        return kernel.transpose(2, 3, 0, 1).reshape(inputs * copies, 1, rows, columns)
    out = kernel.transpose(3, 2, 0, 1)
    if conv.stride == (1, 1) and out.shape[0] == 2 * out.shape[1]:  # before a pixel shuffle
        # TensorFlow lays out channel (2 i + j) C + c at pixel (i, j), torch channel 4 c + 2 i + j.
        out = out.reshape(4, -1, *out.shape[1:]).swapaxes(0, 1).reshape(out.shape)
    return out
