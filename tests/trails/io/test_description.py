"""What a table of trails is said to hold."""

import pandas as pd
import pytest

from napari_uai.trails import open_trails
from napari_uai.trails.io.description import describe_trails

NAMED = pd.DataFrame(
    {"tid": ["a", "a", "b", "b"], "t": [0.0, 0.1, 0.0, 0.1], "cx": [5, 9, 50, 60],
     "cy": [7, 8, 70, 90], "speed": 1.0}
)  # fmt: skip


def test_the_columns_that_were_used_are_named_with_their_meaning(tmp_path):
    NAMED.to_csv(tmp_path / "a.csv", index=False)
    facts = describe_trails(open_trails(tmp_path / "a.csv", scene_size=(100, 100)))
    assert facts["format"] == "trails, table"
    assert facts["columns"] == "trail=tid, t=t, x=cx, y=cy"
    chosen = open_trails(tmp_path / "a.csv", columns="x=cy,y=cx", scene_size=(100, 100))
    assert chosen.read_as["columns"] == "trail=tid, t=t, y=cx, x=cy"


def test_columns_without_names_are_counted_from_1_and_their_order_is_named(tmp_path):
    rows = [
        f"{frame},{name},{10 * frame},20,30,40,1,-1,-1,-1" for frame in (1, 2) for name in (1, 2)
    ]
    (tmp_path / "mot.txt").write_text("\n".join(rows))
    facts = describe_trails(open_trails(tmp_path / "mot.txt", scene_size=(100, 100)))
    assert facts["format"] == "trails, MOT text"
    assert facts["columns"] == "frame=1, trail=2, left=3, top=4, width=5, height=6"


def test_the_format_of_a_file_is_that_of_its_reader(tmp_path):
    pytest.importorskip("pyarrow")
    NAMED.to_parquet(tmp_path / "a.parquet")
    facts = describe_trails(open_trails(tmp_path / "a.parquet", scene_size=(100, 100)))
    assert facts["format"] == "trails, Parquet, Feather"
