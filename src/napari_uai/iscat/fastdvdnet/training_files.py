"""Files of a training: the weights, and beside them the state that a stopped one goes on from.

Imports no torch: whether there is something to go on from is asked before it is loaded.
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

SUFFIX = ".safetensors"
"""Ending of a file of weights."""

STATE = "state"
"""Under what name the header of a state's file holds settings and history."""


@dataclass(frozen=True)
class Unfinished:
    """A training that was stopped before its end.

    Attributes
    ----------
    out
        Where its weights are written.
    network, training
        Its settings; it goes on only with the same.
    history
        Columns of the history by name, as :func:`~napari_uai.iscat.fastdvdnet.train.train_network`
        returns them; row 0 is before training.
    """

    out: Path
    network: NetworkSettings
    training: TrainingSettings
    history: Mapping[str, Sequence[float]]

    @property
    def epochs(self) -> int:
        """Epochs that are done."""
        return len(self.history["epoch"]) - 1


def unfinished_training(out: str | Path) -> Unfinished | None:
    """Return what a training into this file can go on from, or None.

    Parameters
    ----------
    out
        ``NAME.safetensors``.

    Raises
    ------
    WeightsError
        If there is something that cannot be read.
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
        If the file is there but cannot be read.
    """
    path = state_path(out)
    try:
        with path.open("rb") as file:
            length = min(int.from_bytes(file.read(8), "little"), path.stat().st_size)
            state = json.loads(json.loads(file.read(length))["__metadata__"][STATE])
        rows = {len(column) for column in state["history"].values()}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:
        raise unreadable(path, error) from error
    if len(rows) != 1 or not isinstance(state, dict):
        raise unreadable(path, "its history is not whole")
    return state


def state_path(out: Path) -> Path:
    """Return where the state of a training into a file stands.

    One file, so that numbers and history are always those of the same epoch: safetensors, whose
    header (its length in 8 bytes, then JSON) holds the rest as text.
    """
    return out.with_name(f"{out.stem}.unfinished{SUFFIX}")


def best_epoch(validation_loss: Iterable[float]) -> int:
    """Return the epoch with the lowest loss; 0 is before training."""
    finite = [loss if math.isfinite(loss) else math.inf for loss in validation_loss]
    return finite.index(min(finite))


def writable_target(path: str | Path) -> Path:
    """Return the path of weights to be written; make its folder and try to write there.

    Raises
    ------
    BadValueError
        If the name has another ending.
    OutputError
        If the folder cannot be written.
    """
    target = Path(path)
    if target.suffix != SUFFIX:
        raise BadValueError(f"{target}: weights are written as {SUFFIX}; choose such a name")
    if target.is_dir():
        raise OutputError(f"{target}: there is a folder of that name; choose another")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            return target
    except OSError as error:
        raise cannot_write(target, error) from error


def unreadable(path: Path, reason: object) -> WeightsError:
    """Say that a state cannot be read, and what to do."""
    return WeightsError(
        f"{path}: the unfinished training there cannot be read ({reason}); delete it to start over"
    )
