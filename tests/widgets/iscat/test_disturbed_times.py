from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_uai.iscat.disturbances.record import Disturbances, Span
from napari_uai.iscat.recipes.outputs import write_results
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.iscat.recipes.run import RunResult, run_recipe
from napari_uai.report.records import LandingRecord, read_record
from napari_uai.sample_data import sample_path
from napari_uai.videos.recording import Recording
from napari_uai.videos.status_report import StatusReport
from napari_uai.widgets.iscat.disturbed_times import disturbed_times, recorded_times


@pytest.mark.parametrize("first", [0, 1000])
def test_what_disturbed_a_run_is_told_in_frames_of_the_file(first):
    recording = Recording(np.zeros((900, 4, 5)), first_frame=first)
    found = Disturbances(900, (4, 5), (Span("torn", 30, 32),), jumps=(500,))
    status = StatusReport(900, 2, ((12, 2),), (), (700,), 0, (), (), 1, None)
    result = RunResult(recording, load_recipe("matched"), disturbances=found, status=status)
    told = [(span.first - first, span.last - first) for span in disturbed_times(result)]
    assert told == [(12, 12), (30, 32), (500, 500), (700, 700)]
    texts = " ".join(span.text for span in disturbed_times(result))
    for part in (f"frame {12 + first}: 2 images dropped", f"frames {30 + first}-{32 + first}: a pa",
                 f"frame {500 + first}: the whole image changes"):  # fmt: skip
        assert part in texts


def test_an_undisturbed_run_has_no_spans():
    recording = Recording(np.zeros((900, 4, 5)))
    assert disturbed_times(RunResult(recording, load_recipe("matched"))) == ()


@pytest.mark.parametrize("first", [0, 1000])
def test_a_saved_run_tells_the_same_as_the_run_itself(first, tmp_path):
    path = tmp_path / "landings.bin"
    path.write_bytes(sample_path("landings.bin").read_bytes())
    path.with_suffix(".json").write_bytes(sample_path("landings.json").read_bytes())
    result = run_recipe(path, "matched", settings=["dra.batch_size=200"])
    found = Disturbances(
        900, (4, 5), (Span("torn", 30, 32), Span("passing", 80, 80)), jumps=(500, 600)
    )
    recording = replace(result.recording, first_frame=first)
    result = replace(result, recording=recording, disturbances=found)
    write_results(result, tmp_path / "out")
    record = read_record(tmp_path / "out" / "run.json", LandingRecord)
    assert recorded_times(record) == disturbed_times(result)
    assert {span.first - first for span in recorded_times(record)} == {12, 30, 80, 440, 500, 600}
