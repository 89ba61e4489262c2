"""How fast training converges: seconds to the best validation loss, and how a longer one goes on.

Run it as ``python benchmarks/bench_training.py``. It trains on the sample recording as
``napari-uai train`` does, but not only until the loss has not fallen for some epochs: through all
of them. Until then both are the same.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_uai.evaluate.truth import read_truth
from napari_uai.iscat.fastdvdnet.settings import TrainingSettings
from napari_uai.iscat.recipes.training import train_on_recording
from napari_uai.sample_data import sample_path
from napari_uai.videos.recording import open_recording

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.videos.recording import Recording

WITHIN = 1.05
TARGET_SECONDS = 300


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recording = open_recording(sample_path("landings.bin"))
    batch_size = read_truth(sample_path("landings_truth.json")).batch_size
    print(f"{arguments.threads} threads, load {os.getloadavg()[0]:.1f}; batch {batch_size}")
    usual = TrainingSettings()
    history = trained(
        recording, [f"dra.batch_size={batch_size}", f"training.patience={usual.epochs}"]
    )
    print(convergence(history, usual.patience))
    print(f"target: within {WITHIN - 1:.0%} of the best in less than {TARGET_SECONDS} s")


def trained(recording: Recording, settings: list[str]) -> pd.DataFrame:
    """Return the history of a training, with the seconds since its start and of the processor."""
    begin, used = time.perf_counter(), time.process_time()
    times = [(0.0, 0.0)]

    def tell(history: pd.DataFrame) -> None:
        times.append((time.perf_counter() - begin, time.process_time() - used))
        loss = history["validation_loss"].iloc[-1]
        at = f"{times[-1][0]:.0f} s ({times[-1][1]:.0f} s of processor)"
        print(f"epoch {len(history) - 1}: {loss:.3f} after {at}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        history = train_on_recording(
            recording, Path(folder) / "w.safetensors", settings=settings, on_epoch=tell
        ).history
    return history.assign(since_start=[t[0] for t in times], processor=[t[1] for t in times])


def convergence(history: pd.DataFrame, patience: int) -> str:
    """Return when the loss came near the best of all epochs, and where training usually ends."""
    loss = history["validation_loss"]
    near = history[loss <= WITHIN * loss.min()].iloc[0]
    lowest = history.loc[loss.idxmin()]
    end = next(
        (n for n in range(len(loss)) if n - loss[: n + 1].idxmin() >= patience), len(loss) - 1
    )
    usual = history.loc[loss[: end + 1].idxmin()]
    return (
        f"before training {loss.iloc[0]:.3f}\n"
        f"best of all {at(lowest)}\n"
        f"within {WITHIN - 1:.0%} of it {at(near)}\n"
        f"usual end {at(history.loc[end])}; best until then {at(usual)}\n"
        f"validation loss by epoch: {', '.join(f'{value:.2f}' for value in loss)}"
    )


def at(row: pd.Series[float]) -> str:
    """Return loss, epoch, and seconds by the clock and of the processor."""
    return (
        f"{row.validation_loss:.3f} in epoch {row.epoch:.0f}, after {row.since_start:.0f} s "
        f"({row.processor:.0f} s of processor)"
    )


if __name__ == "__main__":
    main()
