"""Weights in files: safetensors with a readable description beside them; Keras files of others.

Nothing is ever unpickled: a file of weights can hold numbers only.
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
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from napari_uai.errors import BadValueError, WeightsError
from napari_uai.files import write_files
from napari_uai.iscat.fastdvdnet.network import FastDVDnet
from napari_uai.iscat.fastdvdnet.settings import REFERENCE, NetworkSettings
from napari_uai.iscat.fastdvdnet.training_files import writable_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FORMAT = "napari-uai fastdvdnet 1"
"""First entry of a description; changes when a reader has to know."""

_PICKLES = (b"\x80", b"PK\x03\x04")
_HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, eq=False)
class Weights:
    """A network with its weights, and how it came by them.

    Attributes
    ----------
    network
        In evaluation mode.
    trained
        What it was trained on, how long, how well; empty if unknown.
    sha256
        Of the file; empty if it was not read from one.
    """

    network: FastDVDnet
    trained: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""

    @property
    def settings(self) -> NetworkSettings:
        """Shape of the network."""
        return self.network.settings


def save_weights(
    network: FastDVDnet, path: str | Path, *, trained: Mapping[str, Any] | None = None
) -> Path:
    """Write weights and, beside them, their description.

    Parameters
    ----------
    network
        Whose weights.
    path
        ``NAME.safetensors``; the description is ``NAME.json``. Each replaces an earlier file whole.
    trained
        What it was trained on, how long, how well; numbers, texts and lists of them.

    Returns
    -------
    Path
        Of the weights.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    BadValueError
        If the name has another ending.
    """
    target = writable_target(path)
    write_files(weights_files(network, target, trained=trained))
    return target


def weights_files(
    network: FastDVDnet, target: Path, *, trained: Mapping[str, Any] | None = None
) -> dict[Path, bytes]:
    """Return what :func:`save_weights` writes, by path."""
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
    """Read weights: this package's .safetensors, or Keras' .h5 of the reference.

    Parameters
    ----------
    path
        Of the weights; the description is looked for beside them.

    Returns
    -------
    Weights
        Ready to predict with.

    Raises
    ------
    WeightsError
        If a file is missing, broken, changed, of another architecture or a pickle.
    """
    source = Path(path)
    data = _read(source)
    digest = hashlib.sha256(data).hexdigest()
    if data.startswith(_HDF5):
        return replace(_keras_weights(source), sha256=digest)
    if data.startswith(_PICKLES):
        raise WeightsError(
            f"{source}: this is a pickle, which may run code when it is read; convert it to "
            ".safetensors where it comes from"
        )
    description = _described(source)
    try:
        tensors = load_tensors(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{source}: not whole, or no safetensors file ({error}); get it anew"
        ) from error
    if digest != description.get("sha256"):
        raise WeightsError(
            f"{source}: not the file that {_description(source).name} describes (the checksum "
            "differs); get both anew"
        )
    network = FastDVDnet(_settings(description, source))
    _check_shapes(tensors, network.state_dict(), source)
    network.load_state_dict(tensors)
    return Weights(network.eval(), description.get("trained", {}), digest)


# description ----------------------------------------------------------------------------------


def _description(weights: Path) -> Path:
    return weights.with_suffix(".json")


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be read ({error.strerror or error}); give the path of trained weights"
        ) from error
    if not data:
        raise WeightsError(f"{path}: the file is empty; get it anew")
    return data


def _described(source: Path) -> dict[str, Any]:
    path = _description(source)
    if not path.exists():
        raise WeightsError(
            f"{path} is missing: the description of the weights stands beside them; copy both"
        )
    try:
        description = json.loads(_read(path))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise WeightsError(f"{path}: no JSON ({error}); get it anew") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise WeightsError(f"{path}: does not describe weights of this program ({FORMAT!r})")
    return description


def _settings(description: Mapping[str, Any], source: Path) -> NetworkSettings:
    given = description.get("network")
    known = {f.name for f in fields(NetworkSettings)}
    if not isinstance(given, dict) or set(given) != known:
        raise WeightsError(
            f"{_description(source)}: the network's settings are not {', '.join(sorted(known))}; "
            "the weights are of another version"
        )
    try:
        return NetworkSettings(**given)
    except (BadValueError, TypeError) as error:
        raise WeightsError(f"{_description(source)}: {error}") from error


def _check_shapes(
    given: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], source: Path
) -> None:
    odd = sorted(set(given) ^ set(wanted)) or [
        name for name, value in wanted.items() if given[name].shape != value.shape
    ]
    if odd:
        raise WeightsError(
            f"{source}: weights of another architecture ({odd[0]} does not fit); use those that "
            "belong to the description"
        )


# Keras ----------------------------------------------------------------------------------------

_LAYER = re.compile(r"^(depthwise_conv2d|conv2d|batch_normalization)(?:_(\d+))?$")
_NORM_ORDER = ("gamma", "beta", "moving_mean", "moving_variance")


def _keras_weights(source: Path) -> Weights:
    """Read the reference's network from Keras' HDF5, of version 2 or 3.

    Keras numbers layers of a kind as they are made, so that their names tell their order whatever
    the order in the file.
    """
    import h5py

    try:
        with h5py.File(source, "r") as file:
            layers = _keras_layers(file)
    except OSError as error:
        raise WeightsError(
            f"{source}: not whole, or no HDF5 file ({error}); get it anew"
        ) from error
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
    """Arrays of each layer, by kind, in the order in which the layers were made."""
    found: dict[tuple[str, int, str], dict[str, npt.NDArray[np.float32]]] = defaultdict(dict)
    for path, array in _datasets(file):
        parts = path.split("/")
        names = [match for part in parts if (match := _LAYER.match(part))]
        if names:
            match = names[-1]
            found[match[1], int(match[2] or 0), match[0]][parts[-1].split(":")[0]] = array
    layers: dict[str, list[tuple[str, list[npt.NDArray[np.float32]]]]] = defaultdict(list)
    for kind, number, name in sorted(found):
        arrays = found[kind, number, name]
        by_name = all(key in arrays for key in _NORM_ORDER)
        order = _NORM_ORDER if by_name else sorted(arrays)
        layers[kind].append((name, [arrays[key] for key in order]))
    return layers


def _datasets(group: Any, path: str = "") -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    import h5py

    for name, item in group.items():
        here = f"{path}/{name}"
        if isinstance(item, h5py.Group):
            yield from _datasets(item, here)
        else:
            yield here, np.asarray(item[()], np.float32)


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
    """Kernel (rows, columns, in, out) in torch's order of axes and channels."""
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
