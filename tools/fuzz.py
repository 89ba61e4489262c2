"""Open damaged and hostile files of every format; count tracebacks, hangs and other harm.

    make fuzz ARGS="--inputs 2000"
    make fuzz ARGS="--only 1234"       repeat one input and show its outcome

Valid files of every format are written with other libraries, damaged, and opened as the command
line opens them, in processes with limits: a gigabyte of memory beyond the data asked for, 20 s.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from importlib import import_module
from pathlib import Path

from fuzzing.bombs import CANARY, write_bombs
from fuzzing.openings import HARMS, OUTCOMES
from fuzzing.seeds import write_seeds
from fuzzing.workers import Plan, Result, prepare, run_inputs, write_input

_IMPORTED = (
    "astropy.io.fits", "av", "cv2", "h5py", "imagecodecs", "napari_uai.cli.app", "numcodecs",
    "napari_uai.iscat.fastdvdnet.weights", "napari_uai.iscat.recipes.batch", "PIL.Image",
    "napari_uai.trails.analysis.earlier_settings", "napari_uai.evaluate.ranking", "openpyxl",
    "napari_uai.evaluate.truth", "napari_uai.iscat.fastdvdnet.training_files", "pyarrow.parquet",
    "napari_uai.iscat.rescore.event_network", "scipy.io", "tifffile", "zarr", "scipy.signal",
    "napari_uai.widgets.iscat.readers", "napari_uai.widgets.trails.readers", "pyarrow.feather",
    "napari_uai.trails.analysis.folder", "matplotlib.pyplot", "matplotlib.backends.backend_agg",
)  # fmt: skip


def main() -> int:
    """Run; return 1 if there was any harm."""
    options = _options()
    sys.dont_write_bytecode = True  # would look like a file written by an input
    for name in _IMPORTED:
        try:
            import_module(name)
        except ImportError:
            print(f"not installed: {name}")
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=options.folder))
    try:
        plan = _plan(folder, options)
        prepare(plan)
        if options.only is not None:
            return _repeat(plan, options.only)
        numbers = range(options.first, options.first + options.inputs)
        results = []
        began = time.monotonic()
        for result in run_inputs(plan, numbers):
            results.append(result)
            if options.verbose:
                print(
                    f"{result.number} {result.seed}: {result.outcome} {result.seconds:.1f} s",
                    flush=True,
                )
            if result.outcome in HARMS:
                _keep(plan, result, options.keep)
            if len(results) % 1000 == 0:
                rate = len(results) / (time.monotonic() - began)
                harms = sum(each.outcome in HARMS for each in results)
                print(f"{len(results)} inputs, {rate:.0f} per s, {harms} harmful", flush=True)
        return _report(plan, results, time.monotonic() - began)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--only", type=int, help="number of an input to repeat")
    parser.add_argument("--seconds", type=float, default=20.0, help="time for an input")
    parser.add_argument("--kind", default="", help="only seeds whose names contain this")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"), help="harmful inputs")
    parser.add_argument("--verbose", action="store_true", help="a line per input")
    parser.add_argument("--folder", type=Path, help="for temporary files")
    return parser.parse_args()


def _plan(folder: Path, options: argparse.Namespace) -> Plan:
    canary = folder / "canary"
    os.environ[CANARY] = str(canary)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        os.environ[name] = str(folder / "home")
    seeds_folder, work_folder = folder / "seeds", folder / "work"
    work_folder.mkdir()
    seeds = [*write_seeds(seeds_folder), *write_bombs(seeds_folder)]
    seeds = [each for each in seeds if options.kind in each.name]
    return Plan(seeds, seeds_folder, work_folder, canary, options.seconds)


def _repeat(plan: Plan, number: int) -> int:
    for result in run_inputs(plan, [number]):
        print(f"{result.number} ({result.seed}): {result.outcome}, {result.seconds:.1f} s")
        print(result.text)
    return 0


def _keep(plan: Plan, result: Result, folder: Path) -> None:
    """Save a harmful input."""
    place = folder / f"{result.outcome}-{result.number}-{result.seed}"
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_input(plan, result.number, place)
    (place / "outcome.txt").write_text(result.text, errors="replace")


def _report(plan: Plan, results: list[Result], seconds: float) -> int:
    kinds = {each.name: each.kind for each in plan.seeds}
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        table[kinds[result.seed]][result.outcome] += 1
        table["all"][result.outcome] += 1
    print(f"{'':14}" + "".join(f"{outcome:>10}" for outcome in OUTCOMES))
    for kind in sorted(table, key=lambda name: (name == "all", name)):
        counts = "".join(f"{table[kind][outcome]:>10}" for outcome in OUTCOMES)
        print(f"{kind:14}{counts}")
    slowest = max(results, key=lambda each: each.seconds)
    print(f"{len(results)} inputs in {seconds:.0f} s; slowest {slowest.seconds:.1f} s "
          f"({slowest.number}, {slowest.seed})")  # fmt: skip
    for result in results:
        valid = result.number < len(plan.seeds) and not plan.seeds[result.number].harmful
        if valid and result.outcome == "refused":
            print(f"a valid file is refused ({result.seed}): {result.text}")
    kinds_of_harm: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.outcome in HARMS:
            lines = result.text.strip().splitlines() or [""]
            kinds_of_harm[f"{result.outcome}: {lines[-1][:110]}"].append(result)
    for text, group in sorted(kinds_of_harm.items(), key=lambda item: -len(item[1])):
        where = ", ".join(f"{each.number} {each.seed}" for each in group[:4])
        print(f"{len(group):5} {text} ({where})")
    return 1 if kinds_of_harm else 0


if __name__ == "__main__":
    sys.exit(main())
