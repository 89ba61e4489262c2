"""Rows of text, compared with the csv module of Python."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_uai.trails.io.text import read_text, text_table

ODD = ("007", "0", "-7", "+7", " 7", "7 ", "99999999999999999999", "1234567890123456789", "-0",
       "7a", '"7"', "00", "18446744073709551614")  # fmt: skip


def ids_of(text):
    table = text_table(text.encode(), "t.csv").table
    return [str(name) for name in table["id"]]


def ids_by_csv(text):
    rows = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    return [row["id"] for row in rows]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_ids_are_as_they_are_written(odd, end):
    """One odd id in the last of many rows changes neither itself nor the others."""
    names = [str(n) for n in range(40)] + [odd]
    line = end or "\n"
    rows = line.join(f"{n % 5},{name},{n}.5,7" for n, name in enumerate(names))
    text = f"frame,id,x,y{line}{rows}{end}"
    assert [name.strip() for name in ids_of(text)] == [name.strip() for name in ids_by_csv(text)]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_ids_stand_in_any_column(mark, place):
    names = ["frame", "x", "y"]
    names.insert(place, "id")
    rows = [[str(n), "1.5", "2.5"] for n in range(30)]
    for n, row in enumerate(rows):
        row.insert(place, f"{n % 7:03d}")
    text = "\n".join(mark.join(row) for row in [names, *rows]) + "\n"
    assert ids_of(text) == [row[place] for row in rows]


def test_a_blank_id_leaves_the_others_exact():
    text = f"id,frame,x,y\n{2**62 + 1},0,1,1\n,1,1,1\n{2**62 + 1},2,2,2\n"
    assert ids_of(text) == [str(2**62 + 1), "nan", str(2**62 + 1)]


def test_a_word_after_many_numbers_costs_one_row():
    n = 300_000
    table = pd.DataFrame({"id": np.arange(n) // 100, "frame": np.arange(n) % 100, "y": 5.0})
    table["x"] = np.where(table.index == n - 1, "word", "12.5")
    trails = read_text(table.to_csv(index=False).encode(), Path("t.csv"), scene_size=(64, 48))
    assert len(trails.x) == n - 1
    assert "1 sample without a valid position: dropped" in trails.problems["problem"].tolist()


def test_lines_that_are_too_long_are_counted_from_the_top_of_the_file():
    text = "# made by hand\n\nid,frame,x,y\n1,0,1,1\n1,1,2,2,3\n1,2,3,3\n"
    trails = read_text(text.encode(), Path("t.csv"), scene_size=(9, 9), frame_rate_hz=1)
    problem = "1 line with too many columns, the first is line 5: skipped"
    assert trails.problems["problem"].tolist() == [problem]


def test_blanks_before_cells_are_no_part_of_them():
    text = 'id, frame, class, x, y\n 7, 0, "a, b", 1, 1\n 7, 1, "a, b", 2, 2\n'
    trails = read_text(text.encode(), Path("t.csv"), scene_size=(9, 9))
    assert trails.table[["trail", "class"]].to_numpy().tolist() == [["7", "a, b"]]
