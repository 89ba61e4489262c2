"""What is attacked by the benchmark of survival, and when all is well afterwards."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from napari_uai.kernel_files import kernel_store
from napari_uai.sample_data import sample_path

CLI = [sys.executable, "-m", "napari_uai.cli"]
QUICK = ["--set", "dra.batch_size=200"]
TRAINING = ["training.epochs=4", "training.steps=6", "training.windows=4", "network.channels=4"]
VARYING = {"seconds", "written", "python", "sha256_of_files"}
"""What may differ in records: times, and what follows from them; another user's Python."""


@dataclass(frozen=True)
class Job:
    """A command that is attacked.

    Attributes
    ----------
    name
        For the report.
    words
        Of the command, without the option ``--out``.
    out
        Where it writes, in a folder of its own.
    """

    name: str
    words: tuple[str, ...]
    out: str = "out"

    def command(self, folder: Path) -> list[str]:
        """Return the command that writes below a folder."""
        return [*CLI, *self.words, "--out", str(folder / self.out)]


def jobs(inputs: Path) -> list[Job]:
    """Return the jobs on small inputs."""
    recording = str(inputs / "landings.bin")
    many = str(inputs / "many")
    trails = str(sample_path("trails"))
    few = ("--set", "dra.batch_size=100", "--injections", "24", "--nulls", "1")
    training = [word for each in TRAINING for word in ("--set", each)]
    return [
        Job("recording", ("iscat", recording, *QUICK)),
        Job("folder", ("iscat", many, "--recipe", "classical", *QUICK)),
        Job("trails", ("trails", trails)),
        Job("limit", ("limit", recording, *few)),
        Job("network", ("iscat", recording, "--recipe", "prediction", *QUICK)),
        Job("training", ("train", recording, *QUICK, *training), "out/net.safetensors"),
    ]


@dataclass
class Bench:
    """Attacks, their number, and where they take place."""

    rounds: int
    top: Path
    rng: random.Random
    known: dict[str, tuple[dict[str, bytes], float]]

    def environment(self, folder: Path, **more: str) -> dict[str, str]:
        """Return the environment of a process with a cache of its own, but for kernels."""
        own = {"NAPARI_UAI_CACHE": str(folder / "cache")}
        return {"NUMBA_CACHE_DIR": str(kernel_store().folder), **os.environ, **own, **more}

    def run(self, job: Job, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a job to its end."""
        folder.mkdir(exist_ok=True)
        return subprocess.run(
            job.command(folder),
            env=self.environment(folder, **more),
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, job: Job, folder: Path) -> subprocess.Popen[str]:
        """Start a job."""
        folder.mkdir(exist_ok=True)
        return subprocess.Popen(
            job.command(folder),
            env=self.environment(folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def undisturbed(self, job: Job) -> tuple[dict[str, bytes], float]:
        """Return the files of an undisturbed run, and its seconds."""
        if job.name not in self.known:
            self.run(job, self.top / f"{job.name}-warm")  # compiles
            folder = self.top / f"{job.name}-whole"
            started = time.perf_counter()
            ended = self.run(job, folder)
            assert ended.returncode == 0, ended.stderr
            self.known[job.name] = contents(folder), time.perf_counter() - started
        return self.known[job.name]

    def report(self, attack: str, outcomes: Iterator[str]) -> None:
        """Print how often all was well, and what was not."""
        problems = [problem for problem in outcomes if problem]
        print(f"{attack}: {self.rounds - len(problems)} of {self.rounds}", flush=True)
        for problem in sorted(set(problems)):
            print(f"    {problem}")


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder except the cache, without what varies."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith("cache/"):
            content = path.read_bytes()
            if path.name in {"run.json", "limit.json"}:
                content = json.dumps(_lasting(json.loads(content))).encode()
            if name.endswith("net.csv"):
                content = pd.read_csv(path).drop(columns="seconds").to_csv().encode()
            found[name] = content
    return found


def _lasting(value: object) -> object:
    if isinstance(value, dict):
        return {k: _lasting(v) for k, v in value.items() if k not in VARYING}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


def strays(folder: Path) -> str:
    """Return what is hidden or partial below a folder, in words."""
    left = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if _is_stray(p)]
    return f"left: {', '.join(left)}" if left else ""


def _is_stray(path: Path) -> bool:
    return path.name.startswith(".") or path.suffix in {".partial", ".lock"}


def difference(found: dict[str, bytes], expected: dict[str, bytes]) -> str:
    """Return in words how files differ."""
    names = [n for n in sorted({*found, *expected}) if found.get(n) != expected.get(n)]
    return f"differ: {', '.join(names)}" if names else ""


def is_clear(error: str) -> bool:
    """Return whether the messages are lines without a traceback or a bug."""
    return "Traceback" not in error and "this is a bug" not in error


def gone_on(bench: Bench, job: Job, folder: Path, expected: dict[str, bytes]) -> str:
    """Run once more and return what is wrong afterwards."""
    ended = bench.run(job, folder)
    if ended.returncode:
        return f"the next run ended with {ended.returncode}: {ended.stderr[-300:]}"
    return difference(contents(folder), expected) or strays(folder)
