from __future__ import annotations

import numpy as np
import pytest

from napari_uai.iscat.disturbances.record import Disturbances, Span
from napari_uai.iscat.recipes.recipe import load_recipe
from napari_uai.iscat.recipes.run import RunResult
from napari_uai.videos.recording import Recording
from napari_uai.videos.status_report import StatusReport
from napari_uai.widgets.iscat.disturbed_times import disturbed_times


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
