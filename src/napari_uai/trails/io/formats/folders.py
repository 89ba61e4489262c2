"""Folders of tables: a text per frame with boxes, or a file per sequence."""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from napari_uai.errors import NapariUaiError, TrailFormatError, counted
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.io.columns import names_of
from napari_uai.trails.io.records import Problem
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.vocabulary import roles_of

SUFFIXES = (".csv", ".txt", ".tsv", ".json", ".jsonl", ".ndjson", ".geojson", ".gpx", ".xml",
            ".npy", ".parquet", ".feather", ".xlsx", ".h5", ".slp", ".gz")  # fmt: skip
_MOST_FILES = 200_000
_DEPTH = 3
_FRAME = re.compile(r"(\d+)$")
_PROBED = 20


def tables_in(folder: Path) -> list[Path]:
    """Return the files in a folder that may be tables, sorted; those of folders below if none."""
    for depth in range(_DEPTH):
        pattern = "/".join(["*"] * (depth + 1))
        files = [
            path
            for path, _ in zip(folder.glob(pattern), range(_MOST_FILES), strict=False)
            if path.suffix.lower() in SUFFIXES
            and path.is_file()
            and not path.name.startswith((".", "_"))
            and path.stem.lower() not in ("det", "classes", "readme", "data", "licence", "license")
        ]
        if files:
            return sorted(files, key=_natural)
    return []


def is_yolo(files: Sequence[Path]) -> bool:
    """Return whether files are texts of one frame each: class, x, y, width, height, (conf,) id."""
    texts = [path for path in files if path.suffix.lower() == ".txt"]
    if len(texts) < 2 or len(texts) < len(files) or not all(_FRAME.search(p.stem) for p in texts):
        return False
    rows = [row for path in texts[:_PROBED] for row in _rows(path)]
    return bool(rows) and all(
        len(row) in (5, 6, 7) and all(0 <= value <= 1 for value in row[1:5]) for row in rows
    )


def yolo_table(files: Sequence[Path], monitor: Monitor = SILENT) -> SampleTable:
    """Return the boxes of all frames; the number at the end of the name is the frame."""
    rows: list[tuple[object, ...]] = []
    without = 0
    for i, path in enumerate(files):
        if i % 256 == 0:
            monitor.update(i / len(files), f"{i} of {counted(len(files), 'file')}")
        frame = int(_FRAME.search(path.stem)[1])  # type: ignore[index]  # checked by is_yolo
        for row in _rows(path):
            # Without a confidence, the sixth number is the id if it is whole.
            named = len(row) == 7 or (len(row) == 6 and (row[5] > 1 or row[5] % 1 == 0))
            without += not named
            name = str(int(row[-1])) if named else None
            rows.append((frame, name, str(int(row[0])), *row[1:5]))
    columns = ["frame", "trail", "class", "center x", "center y", "width", "height"]
    table = pd.DataFrame(rows, columns=columns)
    if table["trail"].isna().all():
        raise TrailFormatError(
            f"{len(files)} texts of boxes without ids: write them with a tracker, such as "
            "model.track(..., save_txt=True)"
        )
    problems: tuple[Problem, ...] = ()
    if without:
        problems = (("", "", f"{counted(without, 'box')} without an id: dropped"),)
    return SampleTable(
        table[table["trail"].notna()],
        columns={n: n for n in ("frame", "trail", "class", "center x", "center y")},
        ignored=("width", "height"),
        normalized=True,
        noun="box",
        problems=problems,
    )


def joined_tables(
    files: Sequence[Path],
    read: Callable[[Path], SampleTable],
    folder: Path,
    monitor: Monitor = SILENT,
) -> SampleTable:
    """Return one table of the tables of several files.

    If there are several, each trail has the name of its file in front. Files that cannot be read
    are skipped and reported.
    """
    tables: list[tuple[Path, SampleTable]] = []
    problems: list[Problem] = []
    for i, path in enumerate(files):
        monitor.update(i / len(files), f"{i} of {counted(len(files), 'file')}")
        try:
            table = read(path)
            if len(table.table):
                tables.append((path, table))
        except NapariUaiError as error:
            problems.append((path.name, "", f"{error}: skipped"))
    if not tables:
        first = f"; {problems[0][0]}: {problems[0][2]}" if problems else ""
        raise TrailFormatError(f"no table of trails in this folder{first}")
    if len(tables) == 1:
        only = tables[0][1]
        return replace(only, problems=(*only.problems, *problems))
    text = (
        f"trails of {len(tables)} files taken as those of one scene; name a file to read it alone"
    )
    problems.insert(0, ("", "", text))
    first_table = tables[0][1]
    named = []
    for path, source in tables:
        problems += source.problems
        named.append(_with_names(source, path.relative_to(folder).with_suffix("").as_posix()))
    if len({tuple(table.columns) for table in named}) > 1 and first_table.defined:
        raise TrailFormatError("files of several formats; open them one by one")
    return replace(
        first_table,
        table=pd.concat(named, ignore_index=True),
        columns={**first_table.columns, "trail": "trail"},
        problems=tuple(problems),
    )


def sequence_facts(path: Path) -> tuple[float | None, tuple[int, int] | None]:
    """Return frame rate and size of the pictures of a sequence of the MOT challenge.

    They are in ``seqinfo.ini`` beside the file, or beside its folder ``gt`` or ``det``.
    """
    for folder in (path, path.parent, path.parent.parent):
        file = folder / "seqinfo.ini"
        try:
            if not file.is_file():
                continue
            parser = configparser.ConfigParser()
            parser.read_string(file.read_text("utf-8", errors="replace")[:65536])
            facts = parser["Sequence"]
            rate = facts.getfloat("frameRate")
            width, height = facts.getint("imWidth"), facts.getint("imHeight")
        except (configparser.Error, KeyError, ValueError, OSError):
            continue
        size = (width, height) if width and height and min(width, height) > 1 else None
        return (rate if rate and rate > 0 else None), size
    return None, None


def _with_names(source: SampleTable, stem: str) -> pd.DataFrame:
    table = source.table
    column = source.columns.get("trail", roles_of(table.columns).first("trail"))
    if column is None:
        return table
    names = pd.Series(names_of(table[column]))
    untracked = names.isna() | (names == "-1")
    full = (stem + "/" + names.astype("str")).where(~untracked, names)
    full.index = table.index
    others: pd.DataFrame = table.drop(columns=column)
    return others.assign(trail=full)


def _rows(path: Path) -> Iterator[list[float]]:
    """Yield the numbers of each line; nothing of lines that hold others."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            numbers = [float(field) for field in line.split()]
        except ValueError:
            numbers = [2.0, 2.0]
        if numbers:
            yield numbers


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort frame 10 after frame 9."""
    return [(int(part), "") if part.isdecimal() else (-1, part)
            for part in re.split(r"(\d+)", str(path))]  # fmt: skip
