"""Kills, full disks, files that change: what is left, and whether the next run gives equal bytes.

``make bench-survival`` attacks every job 20 times at random moments and prints how often all was
well: no traceback, nothing half written under a final name, no stray file after the next run, and
the results of that run equal to the undisturbed ones byte for byte (times and dates in records
aside). ``ARGS="--rounds 3 --only kill"`` makes it shorter. A disk that is really full, another user
and storage that stalls need Linux, root and strace; a run without them says that they are left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from napari_uai.sample_data import sample_path
from survival_cluster import cluster_attacks
from survival_machine import machine_attacks
from survival_rounds import (
    QUICK,
    Bench,
    Job,
    contents,
    difference,
    gone_on,
    is_clear,
    jobs,
    strays,
)


def killed(bench: Bench, job: Job, number: signal.Signals) -> Iterator[str]:
    """Send a signal at random times, over nothing and over results of other settings."""
    expected, seconds = bench.undisturbed(job)
    for i in range(bench.rounds):
        folder = bench.top / f"{job.name}-{number.name}-{i}"
        process = bench.start(job, folder)
        time.sleep(bench.rng.uniform(0.1, 1.05) * seconds)
        process.send_signal(number)
        _, error = process.communicate()
        problem = "" if is_clear(error) else error[-300:]
        if number is not signal.SIGKILL and job.name != "training":
            problem = problem or strays(folder)
        yield problem or gone_on(bench, job, folder, expected)
        shutil.rmtree(folder)


def killed_over_older_results(bench: Bench, job: Job) -> Iterator[str]:
    """Kill while new results replace older ones: a reader sees one set of files."""
    expected, seconds = bench.undisturbed(job)
    other = Job(job.name, (*job.words, "--set", "events.false_landings=0.001"), job.out)
    old = bench.top / "older"
    assert bench.run(other, old).returncode == 0
    for i in range(bench.rounds):
        folder = bench.top / f"older-{i}"
        shutil.copytree(old, folder)
        process = bench.start(job, folder)
        time.sleep(bench.rng.uniform(0.3, 1.05) * seconds)
        process.kill()
        process.communicate()
        yield _belongs_together(folder / job.out) or gone_on(bench, job, folder, expected)
        shutil.rmtree(folder)


def _belongs_together(folder: Path) -> str:
    """Return in words which files are not as the record says; without a record, none is claimed."""
    try:
        sums = json.loads((folder / "run.json").read_bytes())["sha256_of_files"]
    except FileNotFoundError:
        return ""
    wrong = [n for n, s in sums.items() if _checksum(folder / n) != s]
    return f"not of the run in the record: {', '.join(wrong)}" if wrong else ""


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def full_disk(bench: Bench, job: Job) -> Iterator[str]:
    """Limit the size of all files, of output, cache and temporary folder, to a random one."""
    expected, _ = bench.undisturbed(job)
    largest = max(map(len, expected.values()))
    for i in range(bench.rounds):
        folder = bench.top / f"{job.name}-full-{i}"
        folder.mkdir()
        limit = int(largest * bench.rng.random() ** 3)
        ended = subprocess.run(
            job.command(folder),
            env=bench.environment(folder),
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda n=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)),
        )
        problem = "" if is_clear(ended.stderr) else ended.stderr[-300:]
        if ended.returncode not in {0, 2}:
            problem = problem or f"ended with {ended.returncode}"
        yield problem or gone_on(bench, job, folder, expected)
        shutil.rmtree(folder)


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(41 * 40 * 2 * 10))


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(41 * 40 * 2 * 10))


def _replace(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :: 1000] = bytes(len(content[len(content) // 2 :: 1000]))
    path.with_name("other").write_bytes(content)
    path.with_name("other").replace(path)


CHANGES: dict[str, Callable[[Path], None]] = {
    "appended": _append,
    "overwritten": _overwrite,
    "replaced": _replace,
    "touched": lambda path: path.touch(),
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 3),
    "removed": lambda path: path.unlink(),
}


def changed_input(bench: Bench, recording: Job, how: str) -> Iterator[str]:
    """Change a recording at random times: an error, or results of the bytes in the record."""
    _, seconds = bench.undisturbed(recording)
    for i in range(bench.rounds):
        folder = bench.top / f"{how}-{i}"
        folder.mkdir()
        for name in ("landings.bin", "landings.json"):
            shutil.copy(sample_path(name), folder)
        path = folder / "landings.bin"
        before = path.read_bytes()
        job = Job("changed", ("iscat", str(path), *QUICK))
        process = bench.start(job, folder)
        time.sleep(bench.rng.uniform(0.0, 1.0) * seconds)
        CHANGES[how](path)
        _, error = process.communicate()
        yield _told_or_true(bench, job, folder, process.returncode, error, before)
        shutil.rmtree(folder)


def _told_or_true(
    bench: Bench, job: Job, folder: Path, code: int, error: str, before: bytes
) -> str:
    lines = [line for line in error.splitlines() if line.startswith("napari-uai:")]
    if code == 2:
        problem = "" if len(lines) == 1 and is_clear(error) else error[-300:]
        if (folder / "out").exists():
            problem = problem or "results in spite of the error"
        return problem
    if code:
        return f"ended with {code}: {error[-300:]}"
    digest = json.loads((folder / "out" / "run.json").read_bytes())["input"]["sha256"]
    path = folder / "landings.bin"
    if digest == hashlib.sha256(before).hexdigest():
        path.write_bytes(before)
    elif not path.exists() or digest != _checksum(path):
        return "a checksum of bytes that never were"
    found = contents(folder / "out")
    fresh = folder / "fresh"
    ended = bench.run(job, fresh)
    if ended.returncode:
        return f"ended with {ended.returncode} afterwards: {ended.stderr[-300:]}"
    found.pop("run.json")
    expected = contents(fresh / "out")
    expected.pop("run.json")
    return difference(found, expected)


def two_at_once(bench: Bench, job: Job) -> Iterator[str]:
    """Start a second run into the same folder a moment later: it is refused, or comes after."""
    expected, seconds = bench.undisturbed(job)
    for i in range(bench.rounds):
        folder = bench.top / f"two-{i}"
        first = bench.start(job, folder)
        time.sleep(bench.rng.uniform(0.0, 1.0) * seconds)
        second = bench.run(job, folder)
        _, error = first.communicate()
        codes = {first.returncode, second.returncode}
        said = error + second.stderr
        if not codes <= {0, 2} or (2 in codes and "another run writes" not in said):
            yield f"ended with {codes}: {said[-300:]}"
        else:
            yield difference(contents(folder), expected) or strays(folder)
        shutil.rmtree(folder)


def damaged_pieces(bench: Bench, job: Job) -> Iterator[str]:
    """Damage what a killed run has kept, at random places."""
    expected, seconds = bench.undisturbed(job)
    for i in range(bench.rounds):
        folder = bench.top / f"damaged-{i}"
        process = bench.start(job, folder)
        time.sleep(bench.rng.uniform(0.6, 1.0) * seconds)
        process.kill()
        process.communicate()
        for path in (folder / "cache").rglob("*.piece"):
            content = bytearray(path.read_bytes())
            content[bench.rng.randrange(len(content))] ^= 1 << bench.rng.randrange(8)
            path.write_bytes(content)
        yield gone_on(bench, job, folder, expected)
        shutil.rmtree(folder)


CLASSICAL = ("--recipe", "classical", *QUICK)
NAMES = [b"caf\xe9", "日本語".encode(), b"a\x1b[31m\nb", b"$(x) 'q' \"", b"-rf", b"n" * 200]
LOCALES = [
    {},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
]


def odd_names(bench: Bench) -> Iterator[str]:
    """Names that are not UTF-8 or hold control characters, in several locales."""
    whole = bench.top / "plain"
    plain = Job("plain", ("iscat", str(sample_path("landings.bin")), *CLASSICAL))
    assert bench.run(plain, whole).returncode == 0
    expected = (whole / "out" / "landings.csv").read_bytes()
    for i in range(bench.rounds):
        name = os.fsdecode(NAMES[i % len(NAMES)])
        folder = bench.top / f"names-{i}"
        folder.mkdir()
        for suffix in (".bin", ".json"):
            shutil.copy(sample_path(f"landings{suffix}"), folder / f"{name}{suffix}")
        path = str(folder / f"{name}.bin")
        job = Job("names", ("iscat", path, *CLASSICAL), f"out/{name}")
        ended = bench.run(job, folder, **LOCALES[i % len(LOCALES)])
        if ended.returncode or not is_clear(ended.stderr):
            yield f"ended with {ended.returncode}: {ended.stderr[-300:]}"
        elif (folder / job.out / "landings.csv").read_bytes() != expected:
            yield "landings differ"
        else:
            yield strays(folder)
        shutil.rmtree(folder)


def main() -> None:
    """Attack."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="", help="attacks whose name contains this, or|that")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="survival-") as folder:
        top = Path(folder)
        (top / "in" / "many").mkdir(parents=True)
        for name in ("landings.bin", "landings.json"):
            shutil.copy(sample_path(name), top / "in")
            for n in range(3):
                shutil.copy(sample_path(name), top / "in" / "many" / f"{n}{Path(name).suffix}")
        every = jobs(top / "in")
        recording, _, trails, limit, _, training = every
        attacks: dict[str, Callable[[Bench], Iterator[str]]] = {}
        for job in every:
            for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP):
                attacks[f"{job.name}, {number.name}"] = lambda b, j=job, n=number: killed(b, j, n)
        attacks["results that replace others, SIGKILL"] = lambda b: killed_over_older_results(
            b, recording
        )
        for job in (recording, trails, limit, training):
            attacks[f"{job.name}, files too large"] = lambda b, j=job: full_disk(b, j)
        for how in CHANGES:
            attacks[f"recording, {how} meanwhile"] = lambda b, h=how: changed_input(b, recording, h)
        attacks["two runs into one folder"] = lambda b: two_at_once(b, recording)
        attacks["damaged pieces"] = lambda b: damaged_pieces(b, recording)
        attacks["names and locales"] = odd_names
        attacks |= machine_attacks(recording, limit) | cluster_attacks(recording)
        known: dict[str, tuple[dict[str, bytes], float]] = {}
        for i, (name, attack) in enumerate(attacks.items()):
            if not given.only or any(words in name for words in given.only.split("|")):
                place = top / str(i)
                place.mkdir()
                bench = Bench(given.rounds, place, random.Random(given.seed + i), known)
                bench.report(name, attack(bench))
                shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
