"""How each kind of file is opened, and what the outcome is called."""

from __future__ import annotations

import contextlib
import io
import json
import re
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from napari_uai.errors import NapariUaiError

HARMS = ("traceback", "hang", "memory", "crash", "written", "unfinished", "code", "message")
OUTCOMES = ("fine", "refused", *HARMS)
LONGEST_MESSAGE = 500
_NO_ROOM = re.compile(
    r"(unable to|cannot|can't|could not) allocate|(out of|insufficient) memory|bad_alloc",
    re.IGNORECASE,
)


class BadMessageError(Exception):
    """Text from a file that would break a terminal."""


def outcome_of(kind: str, path: Path, out: Path) -> tuple[str, str]:
    """Open a file as the command line does; return the outcome and its text.

    Parameters
    ----------
    kind
        Of the seed.
    path
        The file or folder.
    out
        Folder of results, which does not exist; only commands write there.
    """
    outcome, text = _outcome(kind, path, out)
    if outcome in ("fine", "refused") and (unfinished := _unfinished(out, outcome)):
        return "unfinished", f"{unfinished} after {outcome} {text}"
    return outcome, text


def _outcome(kind: str, path: Path, out: Path) -> tuple[str, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind in COMMANDS:
                _run_command(COMMANDS[kind](path, out))
            else:
                _OPENINGS[kind](path)
    except NapariUaiError as error:
        text = str(error)
        if _lacked_memory(error):
            return "memory", text
        if not _is_message(text):
            return "message", repr(text)
        return "refused", text
    except BadMessageError as error:
        return "message", str(error)
    except BaseException as error:  # noqa: BLE001
        kind = "memory" if _lacked_memory(error) else "traceback"
        lines = "".join(traceback.format_exception(error, limit=-6))
        return kind, f"{type(error).__name__}: {str(error)[:200]}\n{lines[-3000:]}"
    return "fine", ""


def _unfinished(out: Path, outcome: str) -> str:
    """Return what is wrong with a folder of results: all files are there and complete, or none."""
    files = [file for file in out.rglob("*") if file.is_file()] if out.exists() else []
    if hidden := [file.name for file in files if file.name.startswith(".")]:
        return f"{hidden[0]} left"
    if outcome == "refused":
        names = {file.name for file in files} - {"problems.csv"}  # of folders
        return f"{min(names)} written" if names else ""
    for file in files:
        if not file.stat().st_size:
            return f"{file.name} is empty"
        if file.suffix in {".json", ".geojson"}:
            try:
                json.loads(file.read_text("utf-8"))
            except ValueError:
                return f"{file.name} is not JSON"
    return "" if not files or (out / "run.json") in files else "no run.json"


def _is_message(text: str) -> bool:
    return text.isprintable() and len(text) <= LONGEST_MESSAGE


def _lacked_memory(error: BaseException) -> bool:
    """Return whether memory ran out, now or in an error that led to this one."""
    seen: BaseException | None = error
    while seen is not None:
        text = str(seen.args[0]) if seen.args else ""
        if isinstance(seen, MemoryError) or (
            not isinstance(seen, NapariUaiError) and _NO_ROOM.search(text)
        ):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _video(path: Path) -> None:
    from napari_uai.videos.formats import open_frames

    _read(*open_frames(path))


def _given_video(path: Path) -> None:
    from napari_uai.videos.formats import open_frames
    from napari_uai.videos.read_options import ReadOptions

    _read(*open_frames(path, ReadOptions(height=12, width=16, dtype="<u2")))


def _read(frames: Any, info: Any) -> None:
    more_memory(4 * frames.shape[1] * frames.shape[2] * frames.dtype.itemsize)
    n = len(frames)
    for i in sorted({0, n // 2, n - 1}):
        block = frames.read(i, i + 1)
        if block.shape != (1, *frames.shape[1:]) or block.dtype != frames.dtype:
            raise AssertionError(f"frame {i} is {block.shape} {block.dtype}, not as described")
    shown = [getattr(info, field.name) for field in fields(info) if field.name != "path"]
    for value in _flat(shown):
        if isinstance(value, str) and not _is_message(value):
            raise BadMessageError(f"info: {value!r}")


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple)):
        return [item for each in value for item in _flat(each)]
    return [value]


def _trails(path: Path) -> None:
    from napari_uai.trails.io.reading import open_trails

    trails = open_trails(path)
    _ = trails.table.describe(include="all"), trails.time, trails.scene
    for text in trails.problems.astype(str).to_numpy().ravel()[:200]:
        if not _is_message(text):
            raise BadMessageError(f"problems: {text!r}")


def _recipe(path: Path) -> None:
    from napari_uai.iscat.recipes.recipe import load_recipe

    load_recipe(path)


def _settings(path: Path) -> None:
    from napari_uai.iscat.recipes.recipe import load_recipe

    if not path.is_file():
        return
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    load_recipe("matched").with_settings([text])


def _weights(path: Path) -> None:
    from napari_uai.iscat.fastdvdnet.weights import load_weights

    load_weights(path)


def _rescoring(path: Path) -> None:
    from napari_uai.iscat.rescore.event_network import load_event_network

    load_event_network(path)


def _training(path: Path) -> None:
    from napari_uai.iscat.fastdvdnet.training_files import unfinished_training

    unfinished_training(path.with_name("a.safetensors"))


def _truth(path: Path) -> None:
    from napari_uai.evaluate.truth import read_truth

    read_truth(path)


def _trail_truth(path: Path) -> None:
    from napari_uai.evaluate.ranking import read_trail_truth

    read_trail_truth(path)


def _landings(path: Path) -> None:
    from napari_uai.iscat.mass.events import read_landings

    read_landings(path)


def _piscat(path: Path) -> None:
    """Read what PiSCAT saved, as the window does."""
    from napari_uai.iscat.piscat.recognition import piscat_kind
    from napari_uai.iscat.piscat.spots import read_piscat_table
    from napari_uai.iscat.piscat.trajectories import read_piscat_trajectories

    kind = piscat_kind(path)
    if kind == "trajectories" or (kind is None and path.suffix == ".mat"):
        read_piscat_trajectories(path)
    else:
        read_piscat_table(path)


def _standards(path: Path) -> None:
    from napari_uai.iscat.mass.calibrants import read_standards
    from napari_uai.iscat.mass.calibration import fit_calibration

    fit_calibration(read_standards(path))


def _calibration(path: Path) -> None:
    from napari_uai.iscat.mass.calibration import read_calibration

    read_calibration(path)


def _run(path: Path) -> None:
    from napari_uai.trails.analysis.earlier_settings import settings_of_run
    from napari_uai.trails.analysis.outputs import files_of_earlier_run

    files_of_earlier_run(path.parent)
    settings_of_run(path)


def _psf(path: Path) -> None:
    from napari_uai.iscat.detect.point_spread_function import read_psf

    read_psf(path)


def _picture(path: Path) -> None:
    from napari_uai.pictures import read_image, read_picture

    read_picture(path)
    read_image(path)


def _window(path: Path) -> None:
    """Ask the readers of the window whether a file is theirs, as a drop does, and make layers."""
    from napari_uai.widgets.iscat.readers import raw_layers, recording_reader, table_reader
    from napari_uai.widgets.trails.readers import trail_layers, trail_reader

    is_recording = recording_reader(str(path)) is not None
    table_reader(str(path))
    if trail_reader(str(path)) is not None:
        trail_layers(path)
    elif is_recording:
        raw_layers(path)


def _run_command(arguments: Sequence[str]) -> None:
    """Run the command line; exit code 1 is a bug."""
    from napari_uai.cli.app import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["--debug", *arguments])
    if code not in (0, 2):
        raise AssertionError(f"exit code {code}: {err.getvalue()}")
    printed = out.getvalue() + err.getvalue()
    if not printed.replace("\n", "").isprintable():
        raise BadMessageError(f"printed: {printed!r}")
    if code == 2:
        raise NapariUaiError(err.getvalue().strip())


def _text_of(path: Path) -> str:
    """Return a word of a command line, which has no zero bytes."""
    if not path.is_file():
        return ""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape").replace("\0", "")
    except OSError:
        return ""


_SHORT_RECIPE = ("--recipe", "classical", "--set", "dra.batch_size=5")

COMMANDS: dict[str, Callable[[Path, Path], list[str]]] = {
    "info": lambda path, _: ["info", "--", str(path)],
    "iscat": lambda path, out: ["iscat", *_SHORT_RECIPE, "--out", str(out), "--", str(path)],
    "iscat recipe": lambda path, out: [
        "iscat",
        *("--recipe", str(path), "--out", str(out), "--", str(path.parent / "r.bin")),
    ],
    "trails command": lambda path, out: ["trails", "--out", str(out), "--", str(path)],
    "like": lambda path, out: [
        "trails",
        *("--like", str(path), "--out", str(out), "--", str(path.parent / "t.csv")),
    ],
    "set": lambda path, out: [
        "trails",
        *("--set", _text_of(path), "--out", str(out), "--", str(path.parent / "t.csv")),
    ],
    "mask": lambda path, out: [
        "trails",
        *("--mask", str(path), "--out", str(out), "--", str(path.parent / "t.csv")),
    ],
    "evaluate": lambda path, _: ["evaluate", "--", str(path), str(path.parent / "truth.json")],
    "evaluate trails": lambda path, _: [
        "evaluate",
        "--",
        str(path),
        str(path.parent / "truth.csv"),
    ],
}


_OPENINGS: dict[str, Callable[[Path], None]] = {
    "video": _video,
    "video given": _given_video,
    "trails": _trails,
    "recipe": _recipe,
    "settings": _settings,
    "weights": _weights,
    "rescoring": _rescoring,
    "training": _training,
    "truth": _truth,
    "trail truth": _trail_truth,
    "landings": _landings,
    "piscat": _piscat,
    "standards": _standards,
    "calibration": _calibration,
    "run": _run,
    "psf": _psf,
    "picture": _picture,
    "window": _window,
}


def more_memory(n_bytes: int) -> None:
    """Allow the memory of data that are asked for, beyond the limit of this process."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_DATA, (soft + n_bytes, hard))
