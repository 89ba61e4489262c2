"""Attacks by the machine: no rights, no room, storage that stalls or fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from survival_rounds import Bench, Job, contents, difference, gone_on, is_clear, strays

Attack = Callable[[Bench], Iterator[str]]

_WITHOUT_RIGHTS = ("-dac_override", "-dac_read_search")
_NOBODY = 65534

STALL_S = 20
"""How long a read hangs."""

FAILURES = ("EIO", "ESTALE", "ETIMEDOUT")
"""What network storage says when it is gone."""

PLACES = ("out", "cache", "tmp")
MOST_ROOM_KIB = 600


def machine_attacks(recording: Job, limit: Job) -> dict[str, Attack]:
    """Return the attacks by name; those that this machine cannot do say so."""
    attacks: dict[str, Attack] = {"read-only home": partial(read_only_home, job=recording)}
    if os.geteuid() == 0:
        attacks["another user"] = partial(another_user, job=recording)
        for job in (recording, limit):
            for place in PLACES:
                name = f"{job.name}, disk full of {place}"
                attacks[name] = partial(really_full, job=job, place=place)
    if shutil.which("strace"):
        attacks["storage stalls"] = partial(storage, job=recording, what=f"delay_enter={STALL_S}s")
        for error in FAILURES:
            attacks[f"storage says {error}"] = partial(storage, job=recording, what=error)
    missing = [
        *([] if os.geteuid() == 0 else ["root"]),
        *([] if shutil.which("strace") else ["strace"]),
    ]
    if missing:
        print(f"left out for want of {' and '.join(missing)}")
    return attacks


def read_only_home(bench: Bench, job: Job) -> Iterator[str]:
    """Run with a home, and so a cache, that cannot be written: the same results, and a note."""
    expected, _ = bench.undisturbed(job)
    home = bench.top / "home"
    home.mkdir(mode=0o555)
    drop = []
    if os.geteuid() == 0:
        rights = ",".join(_WITHOUT_RIGHTS)
        drop = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]
    for i in range(bench.rounds):
        folder = bench.top / f"home-{i}"
        folder.mkdir()
        ended = _run([*drop, *job.command(folder)], _at_home(home))
        if ended.returncode or "nothing can be kept" not in ended.stderr:
            yield f"ended with {ended.returncode}: {ended.stderr[-300:]}"
        else:
            yield difference(contents(folder), expected) or strays(folder)
        shutil.rmtree(folder)


def another_user(bench: Bench, job: Job) -> Iterator[str]:
    """Run as a user without rights, who may write results but has no home: the same results."""
    expected, _ = bench.undisturbed(job)
    for parent in (bench.top, *bench.top.parents[:-2]):
        parent.chmod(0o755)
    for i in range(bench.rounds):
        folder = bench.top / f"user-{i}"
        folder.mkdir()
        os.chown(folder, _NOBODY, _NOBODY)
        user = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        ended = _run([*user, *job.command(folder)], _at_home(Path("/nonexistent")))
        if ended.returncode or not is_clear(ended.stderr):
            yield f"ended with {ended.returncode}: {ended.stderr[-300:]}"
        else:
            yield difference(contents(folder), expected) or strays(folder)
        shutil.rmtree(folder)


def _at_home(home: Path) -> dict[str, str]:
    gone = {"NAPARI_UAI_CACHE", "XDG_CACHE_HOME"}
    return {k: v for k, v in os.environ.items() if k not in gone} | {"HOME": str(home)}


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def really_full(bench: Bench, job: Job, place: str) -> Iterator[str]:
    """Give results, cache or temporary folder a disk of a random size, mounted for that run."""
    expected, _ = bench.undisturbed(job)
    for i in range(bench.rounds):
        folder = bench.top / f"full-{place}-{i}"
        (folder / place).mkdir(parents=True)
        room = max(int(MOST_ROOM_KIB * bench.rng.random() ** 2) // 4 * 4, 4)
        mount = f'mount -t tmpfs -o size={room}k tmpfs "$1" && shift && exec "$@"'
        command = ["unshare", "-m", "sh", "-c", mount, "sh", str(folder / place)]
        temporary = {"TMPDIR": str(folder / "tmp")} if place == "tmp" else {}
        ended = _run([*command, *job.command(folder)], bench.environment(folder, **temporary))
        problem = "" if is_clear(ended.stderr) else ended.stderr[-300:]
        if ended.returncode not in ({0, 2} if place == "out" else {0}):
            problem = problem or f"ended with {ended.returncode}: {ended.stderr[-300:]}"
        (folder / "tmp").rmdir() if place == "tmp" else None
        yield problem or gone_on(bench, job, folder, expected)
        shutil.rmtree(folder)


def storage(bench: Bench, job: Job, what: str) -> Iterator[str]:
    """Let a read of the recording hang for a while, or fail, at a random moment."""
    expected, _ = bench.undisturbed(job)
    path = next(word for word in job.words if word.endswith(".bin"))
    stalls = what.startswith("delay")
    for i in range(bench.rounds):
        folder = bench.top / f"storage-{i}"
        folder.mkdir()
        nth = bench.rng.randint(1, 60)
        inject = f"inject=preadv2,read:{what if stalls else f'error={what}'}:when={nth}"
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", path, "-e", inject]
        ended = _run([*command, *job.command(folder)], bench.environment(folder))
        lines = [line for line in ended.stderr.splitlines() if line.startswith("napari-uai:")]
        problem = "" if is_clear(ended.stderr) else ended.stderr[-300:]
        if ended.returncode and (stalls or ended.returncode != 2 or len(lines) != 1):
            problem = problem or f"ended with {ended.returncode}: {ended.stderr[-300:]}"
        problem = problem or strays(folder)
        if not ended.returncode:
            problem = problem or difference(contents(folder), expected)
        yield problem or gone_on(bench, job, folder, expected)
        shutil.rmtree(folder)
