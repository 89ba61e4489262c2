"""Files of a training: the weights, and beside them the state from which a stopped one resumes.

Does not import torch, because the existence of a state is checked before torch is loaded.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_uai.errors import BadValueError, OutputError, WeightsError
from napari_uai.files import cannot_write
from napari_uai.iscat.fastdvdnet.settings import NetworkSettings, TrainingSettings
from napari_uai.untrusted import check_regular

SUFFIX = ".safetensors"
"""Suffix of files of weights."""

STATE = "state"
"""Entry of the header of a state that contains settings and history."""


@dataclass(frozen=True)
class Unfinished:
    """A training that was stopped before its end.

    Attributes
    ----------
    out
        Path of its weights.
    network, training
        Its settings; it resumes only with the same ones.
    history
        Columns of the history by name, as returned by
        :func:`~napari_uai.iscat.fastdvdnet.train.train_network`; row 0 is before training.
    """

    out: Path
    network: NetworkSettings
    training: TrainingSettings
    history: Mapping[str, Sequence[float]]

    @property
    def epochs(self) -> int:
        """Number of completed epochs."""
        return len(self.history["epoch"]) - 1


def unfinished_training(out: str | Path) -> Unfinished | None:
    """Return the training into this file that can be resumed, or None.

    Parameters
    ----------
    out
        ``NAME.safetensors``.

    Raises
    ------
    WeightsError
        If its state cannot be read.
    """
    state = read_state(Path(out))
    if state is None:
        return None
    try:
        return Unfinished(
            Path(out),
            NetworkSettings(**state["network"]),
            TrainingSettings(**state["training"]),
            state["history"],
        )
    except (KeyError, TypeError, BadValueError) as error:
        raise unreadable(state_path(Path(out)), error) from error


def read_state(out: Path) -> dict[str, Any] | None:
    """Return ``training``, ``network``, ``video`` and ``history`` of an unfinished training.

    Raises
    ------
    WeightsError
        If the file exists but cannot be read.
    """
    path = state_path(out)
    try:
        check_regular(path, error=WeightsError)
        with path.open("rb") as file:
            length = min(int.from_bytes(file.read(8), "little"), path.stat().st_size)
            state = json.loads(json.loads(file.read(length))["__metadata__"][STATE])
        rows = {len(column) for column in state["history"].values()}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:
        raise unreadable(path, error) from error
    if len(rows) != 1 or not isinstance(state, dict):
        raise unreadable(path, "its history is incomplete")
    return state


def state_path(out: Path) -> Path:
    """Return the path of the state of a training into a file.

    One file, so that weights and history always belong to the same epoch: safetensors, whose header
    (its length in 8 bytes, then JSON) contains everything else as text.
    """
    return out.with_name(f"{out.stem}.unfinished{SUFFIX}")


def best_epoch(validation_loss: Iterable[float]) -> int:
    """Return the epoch with the lowest loss; 0 is before training."""
    finite = [loss if math.isfinite(loss) else math.inf for loss in validation_loss]
    return finite.index(min(finite))


def writable_target(path: str | Path) -> Path:
    """Return the path of weights to write; create its folder and check that it is writable.

    Raises
    ------
    BadValueError
        If the suffix of the name is not ``.safetensors``.
    OutputError
        If the folder cannot be written.
    """
    target = Path(path)
    if target.suffix != SUFFIX:
        raise BadValueError(f"{target}: weights are stored as {SUFFIX}; choose such a name")
    if target.is_dir():
        raise OutputError(f"{target} is a folder; choose another name")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            return target
    except OSError as error:
        raise cannot_write(target, error) from error


def unreadable(path: Path, reason: object) -> WeightsError:
    """Return the error of a state that cannot be read."""
    return WeightsError(
        f"{path}: the unfinished training cannot be read ({reason}); delete it to start over"
    )
