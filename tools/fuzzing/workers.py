"""Processes that open many inputs, each with limits of memory and time."""

from __future__ import annotations

import faulthandler
import os
import random
import resource
import select
import shutil
import signal
import stat
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzzing.mutations import mutate
from fuzzing.openings import COMMANDS, outcome_of
from fuzzing.seeds import Seed
from napari_uai.kernel_files import kernel_store

MEMORY = 2**30
"""Bytes that an input may take beyond the data asked for."""

_TWO_PATHS = {"os.rename", "os.symlink", "os.link"}
_INPUTS_PER_WORKER = 1000
_HARMFUL_SHARE = 0.05
_COMMAND_SHARE = 0.02
"""Whole analyses, which take thirty times longer than opening a file."""

_CACHE_VARIABLE = "NAPARI_UAI_CACHE"
_PREPARING = 300.0  # seconds
_TICK = 0.5
_WAITING = 6
"""How many times longer than it may compute a process may wait."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CODE = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect"}
_CHANGES = {
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.truncate",
}


@dataclass(frozen=True)
class Result:
    """Outcome of one input."""

    number: int
    seed: str
    outcome: str
    text: str
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What every process knows.

    Attributes
    ----------
    seeds
        Files to damage.
    seeds_folder, work_folder
        Where they are, and where inputs are written.
    canary
        Path that code in an input would create.
    seconds
        Time for an input.
    """

    seeds: Sequence[Seed]
    seeds_folder: Path
    work_folder: Path
    canary: Path
    seconds: float

    @property
    def kept(self) -> Path:
        """Cache of the runs, into which an input may write."""
        return self.work_folder / "kept"

    def seed_of(self, number: int) -> tuple[Seed, random.Random]:
        """Return the seed of an input, and the random numbers of its damage."""
        rng = random.Random(number)
        if number < len(self.seeds):  # each of them once as it is
            return self.seeds[number], rng
        where = rng.random()
        harmful = where < _HARMFUL_SHARE
        slow = _HARMFUL_SHARE <= where < _HARMFUL_SHARE + _COMMAND_SHARE
        among = [
            each
            for each in self.seeds
            if each.harmful == harmful and (harmful or (each.kind in COMMANDS) == slow)
        ]
        return rng.choice(among or self.seeds), rng


def write_input(plan: Plan, number: int, folder: Path) -> tuple[Seed, Path]:
    """Write an input into an empty folder; return its seed and the path to open."""
    chosen, rng = plan.seed_of(number)
    shutil.copytree(plan.seeds_folder / chosen.name, folder, symlinks=True, copy_function=_copied)
    as_it_is = number < len(plan.seeds) or (chosen.harmful and rng.random() < 0.5)
    target = chosen.target if as_it_is else mutate(folder, chosen.target, rng)
    return chosen, folder / target


def _copied(source: str, target: str) -> None:
    status = Path(source).stat()
    if stat.S_ISFIFO(status.st_mode):
        os.mkfifo(target)
    elif status.st_size > 2**30:  # holes
        with Path(target).open("wb") as file:
            file.truncate(status.st_size)
    else:
        shutil.copyfile(source, target)


def run_inputs(plan: Plan, numbers: Sequence[int]) -> Iterator[Result]:
    """Open inputs in a process; another takes over when one hangs or dies."""
    left = list(numbers)
    while left:
        done = yield from _run_worker(plan, left[:_INPUTS_PER_WORKER])
        left = left[done:]


def prepare(plan: Plan) -> None:
    """Let napari write its settings, and a process of its own compile kernels for all others.

    What runs keep for later ones has a place of its own.
    """
    out = plan.work_folder / "out"
    os.environ[_CACHE_VARIABLE] = str(plan.kept)
    for each in plan.seeds:
        if each.name == "npy":
            outcome_of("window", plan.seeds_folder / each.name / each.target, out)
    pid = os.fork()
    if pid == 0:
        for each in plan.seeds:
            if each.kind in {"iscat", "trails command"} and not each.harmful:
                outcome_of(each.kind, plan.seeds_folder / each.name / each.target, out)
                _cleared(out)
        os._exit(0)
    os.waitpid(pid, 0)


def _run_worker(plan: Plan, numbers: Sequence[int]) -> Iterator[Result]:
    """Yield results; return how many inputs are done."""
    receiving, sending = os.pipe()
    log = plan.work_folder / "log"
    pid = os.fork()
    if pid == 0:
        os.close(receiving)
        try:
            _work(plan, numbers, sending, log)
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(0)
    os.close(sending)
    done, begun, pending = 0, False, b""
    started = time.monotonic(), 0.0
    while True:
        ready = select.select([receiving], [], [], _TICK)[0]
        data = os.read(receiving, 2**16) if ready else None
        if data is None and not _is_late(pid, plan.seconds if begun else _PREPARING, started):
            continue
        if data:
            pending += data
            *lines, pending = pending.split(b"\n")
            for line in lines:
                started = time.monotonic(), _processor_time(pid)
                begun = line == b"begin"
                if not begun:
                    number, seed, outcome, seconds, text = line.decode().split("\t", 4)
                    done += 1
                    text = text.encode().decode("unicode_escape")
                    yield Result(int(number), seed, outcome, text, float(seconds))
            continue
        if data is None:
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        os.close(receiving)
        if not begun and done < len(numbers):
            text = f"wait status {status}\n{log.read_text(errors='replace')[-3000:]}"
            raise RuntimeError(f"before input {numbers[done]}: {text}")
        if done < len(numbers):
            number = numbers[done]
            how = "hang" if data is None else "crash"
            text = f"wait status {status}\n{log.read_text(errors='replace')[-3000:]}"
            yield Result(number, plan.seed_of(number)[0].name, how, text, plan.seconds)
            done += 1
        return done


def _is_late(pid: int, seconds: float, started: tuple[float, float]) -> bool:
    """Return whether a process has computed for too long, or waits for ever."""
    computed = _processor_time(pid) - started[1]
    return computed > seconds or time.monotonic() - started[0] > _WAITING * seconds


def _processor_time(pid: int) -> float:
    """Return the time that a process has computed, in s; other processes do not count."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _work(plan: Plan, numbers: Sequence[int], sending: int, log: Path) -> None:
    """Open inputs one after the other, in the child."""
    log.unlink(missing_ok=True)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.enable()
    home = plan.work_folder / "home"
    home.mkdir(exist_ok=True)
    os.chdir(home)
    changes: list[str] = []
    out = plan.work_folder / "out"
    # Kernels that an input is the first to need are compiled, and kept for all runs.
    own = str(out), str(plan.kept), os.path.realpath(kernel_store().folder)
    sys.addaudithook(lambda event, arguments: _audit(event, arguments, changes, own))
    for number in numbers:
        folder = plan.work_folder / "input"
        _cleared(folder)
        target = write_input(plan, number, folder)
        before = _listed(plan)
        os.write(sending, b"begin\n")
        _limit_memory()
        changes.clear()
        changes.append("")  # from now on they are noted
        began = time.process_time()
        outcome, text = outcome_of(_kind(target[0], number), target[1], out)
        noted = [change for change in changes if change]
        changes.clear()
        _cleared(out)
        if outcome == "memory" and _needs_little(target, out):
            outcome = "refused"
        _cleared(out)
        seconds = time.process_time() - began
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if plan.canary.exists() or any(change.startswith("code") for change in noted):
            shutil.rmtree(plan.canary, ignore_errors=True)
            outcome, text = "code", f"{noted} {text}"
        elif noted or _listed(plan) != before:
            outcome, text = "written", f"{noted} {text}"
        escaped = text.encode("unicode_escape").decode()
        line = f"{number}\t{target[0].name}\t{outcome}\t{seconds:.3f}\t{escaped}\n"
        os.write(sending, line.encode())
        log.write_bytes(b"")


def _kind(chosen: Seed, number: int) -> str:
    """Return how an input is opened: some by the command line itself, or by the window."""
    others = {"video": {3: "info", 13: "window", 23: "iscat"}, "trails": {3: "window", 13: "info"}}
    return others.get(chosen.kind, {}).get(number % 30, chosen.kind)


def _audit(
    event: str, arguments: tuple[object, ...], changes: list[str], own: tuple[str, ...]
) -> None:
    """Note what an input changes outside the folders that are its own, and those of caches."""
    if not changes:
        return
    if event in _CODE:
        changes.append(f"code {event} {arguments!r:.200}")
        return
    flags = arguments[2] if event == "open" and len(arguments) > 2 else 0
    writing = isinstance(flags, int) and flags & _WRITING
    if event not in _CHANGES and not writing:
        return
    paths = arguments[: 2 if event in _TWO_PATHS else 1]
    folder = arguments[-1] if event in {"os.remove", "os.rmdir"} else -1
    places = [_place(path, folder) for path in paths]
    if not all(_is_allowed(place, own) for place in places):
        changes.append(f"{event} {places!r:.300}")


def _is_allowed(place: str, own: tuple[str, ...]) -> bool:
    """Return whether an input may change a file."""
    if any(f"{place}/".startswith(f"{folder}/") for folder in own):
        return True
    # Imports write what is compiled of modules.
    return place == "/dev/null" or "__pycache__" in place


def _place(path: object, folder: object) -> str:
    """Return the absolute path of what is changed; folders are removed relative to their number."""
    if isinstance(path, int):
        return str(Path(f"/proc/self/fd/{path}").readlink())
    text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else str(path)
    if isinstance(folder, int) and folder >= 0:
        text = f"{Path(f'/proc/self/fd/{folder}').readlink()}/{text}"
    return os.path.realpath(text)


def _limit_memory() -> None:
    """Limit private memory to a gigabyte beyond what the process has.

    RLIMIT_DATA rather than RLIMIT_AS, which would count mapped files of any size.
    """
    status = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in status if line.startswith("VmData"))
    infinite = resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_DATA, (kilobytes * 1024 + MEMORY, infinite))


def _needs_little(target: tuple[Seed, Path], out: Path) -> bool:
    """Return whether an input takes less than the limit if memory is only reserved, not used.

    Libraries reserve what a file states, read until it ends, and give back what was not used.
    """
    status = Path("/proc/self/status")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far

    def resident(which: str) -> int:
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(which))

    before = resident("VmRSS")
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (soft + 8 * MEMORY, hard))
    outcome, text = outcome_of(target[0].kind, target[1], out)
    # FFmpeg says so of sizes above its own limit, without asking for memory.
    own_limit = "[Errno 12]" in text or "Cannot allocate memory" in text
    refused = outcome in ("fine", "refused") or own_limit
    return refused and resident("VmHWM") - before < MEMORY


def _listed(plan: Plan) -> list[str]:
    """Return all files and folders but those of the cache."""
    return sorted(
        f"{root}/{name}"
        for root, folders, files in os.walk(plan.work_folder)
        if not Path(root).is_relative_to(plan.kept)
        for name in (*folders, *files)
        if Path(root, name) != plan.kept
    )


def _cleared(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
