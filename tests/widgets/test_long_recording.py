"""100 000 frames in a window: opening, preview, scrubbing, a run."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari.layers import Points
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_uai.sample_data import sample_path

N_FRAMES, SIDE, BATCH = 100_000, 72, 2000
DRA = "Differential rolling average"
STEP = 397
"""Frames between two places of the slider."""
BEAT_MS = 5
TIMED = "TIMED" in os.environ
OWN_SHARE = 1.25
"""Calls at once that showing a result may take, in those that napari takes to add a layer."""


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory):
    """1 GB of counts; the same 1000 frames of noise, moved sideways."""
    name = f"long_type_uint16_shape({N_FRAMES}, {SIDE}, {SIDE}).raw"
    path = tmp_path_factory.mktemp("long") / name
    block = np.random.default_rng(0).integers(20_000, 40_000, (1000, SIDE, SIDE)).astype("<u2")
    with path.open("wb") as file:
        for shift in range(N_FRAMES // len(block)):
            file.write(np.roll(block, shift, axis=2).tobytes())
    yield path
    path.unlink()


@contextmanager
def heartbeat():
    """The most that happens between two beats of a timer: ms by the clock, and Python calls.

    Calls of the window's thread do not depend on the machine, so they are what a test asserts.
    One long call of compiled code counts as little as a short one: that is what the clock shows.
    Counting takes time: with ``TIMED`` in the environment only the clock is read.
    """
    most, last, calls = {"clock": 0.0, "calls": 0}, [time.perf_counter()], [0]

    def count(_frame, event, _argument):
        calls[0] += event == "call"

    def beat():
        now = time.perf_counter()
        most["clock"] = max(most["clock"], 1000 * (now - last[0]))
        most["calls"] = max(most["calls"], calls[0])
        last[0], calls[0] = now, 0

    timer = QTimer()
    timer.timeout.connect(beat)
    timer.start(BEAT_MS)
    if not TIMED:
        sys.setprofile(count)
    try:
        yield most
    finally:
        sys.setprofile(None)
        timer.stop()
    beat()


def resident_bytes():
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def say(capsys, text):
    with capsys.disabled():
        sys.stdout.write(f"\n    {text}\n")


def test_a_long_recording_opens_and_is_previewed_at_once(
    viewer, open_widget, qtbot, long_recording, capsys
):
    widget = open_widget(viewer, DRA)
    widget.form.set_values({"batch_size": BATCH})
    viewer.open(sample_path("landings.bin"), plugin="napari-uai")  # loads dask, once
    viewer.layers.clear()
    started = time.perf_counter()
    viewer.open(long_recording, plugin="napari-uai")
    opened = time.perf_counter() - started
    viewer.dims.set_point(0, N_FRAMES // 2)
    with qtbot.waitSignal(widget.preview.shown):
        widget.preview.tick.setChecked(True)
    first = time.perf_counter() - started
    later = []
    for frame in range(0, N_FRAMES, 7001):
        asked = time.perf_counter()
        with qtbot.waitSignal(widget.preview.shown):
            viewer.dims.set_point(0, frame + 1)
        later.append(time.perf_counter() - asked)
    say(capsys, f"opened in {opened:.2f} s, first preview after {first:.2f} s, then "
        f"{1000 * np.median(later):.0f} ms each, {1000 * max(later):.0f} ms at most")  # fmt: skip
    assert viewer.layers[0].data.shape == (N_FRAMES, SIDE, SIDE)
    assert f"of {N_FRAMES - 2 * BATCH + 1}" in widget.preview.status.text()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells its memory")
def test_scrubbing_through_all_of_it_takes_little_memory(
    viewer, open_widget, qtbot, run, long_recording, capsys
):
    viewer.open(long_recording, plugin="napari-uai")
    widget = open_widget(viewer, DRA)
    widget.form.set_values({"batch_size": BATCH})
    with qtbot.waitSignal(widget.preview.shown):
        widget.preview.tick.setChecked(True)
    before = resident_bytes()
    delays, largest = [], 0
    widget.preview.shown.connect(lambda seen: delays.append(seen.seconds))
    for frame in range(0, N_FRAMES, STEP):
        viewer.dims.set_point(0, frame)
        QApplication.processEvents()
        largest = max(largest, resident_bytes())
    with qtbot.waitSignal(widget.preview.shown):
        viewer.dims.set_point(0, N_FRAMES // 3)
    with_preview = (largest - before) / 2**20
    widget.preview.tick.setChecked(False)
    assert run(widget).startswith("Done")
    for frame in range(BATCH, N_FRAMES - BATCH, STEP):
        viewer.dims.set_point(0, frame)
        QApplication.processEvents()
        largest = max(largest, resident_bytes())
    growth = (largest - before) / 2**20
    slow = [delay for delay in delays if delay > 0.1]
    say(capsys, f"memory grew by {with_preview:.0f} MB with the preview, by {growth:.0f} MB with "
        f"the average; {len(delays)} previews while the slider moved, {len(slow)} over "
        f"100 ms, {1000 * np.median(delays):.0f} ms in the middle, {1000 * max(delays):.0f} ms at "
        "most")  # fmt: skip
    assert growth < 500


def test_the_window_is_never_blocked_during_a_run(
    viewer, open_widget, qtbot, long_recording, capsys, tmp_path
):
    viewer.open(long_recording, plugin="napari-uai")
    widget = open_widget(viewer, "iSCAT workflow")
    widget.steps.forms["dra"].set_values({"batch_size": BATCH})
    qtbot.wait(500)
    with heartbeat() as at_rest:
        qtbot.wait(3_000)
    widget.run_bar.run_button.click()
    started = time.perf_counter()
    with heartbeat() as running:
        qtbot.wait(8_000)
    asked, told = time.perf_counter(), widget.run_bar.status.text()
    if widget.task.running:
        with qtbot.waitSignal(widget.task.ended):
            widget.run_bar.cancel_button.click()
    cancelled = time.perf_counter() - asked
    say(capsys, f"most between two beats in {asked - started:.0f} s of a run: "
        f"{told_of(running)} ({told_of(at_rest)} at rest); then it told {told!r}; cancelled "
        f"within {cancelled:.2f} s")  # fmt: skip
    assert running["calls"] <= adding_a_layer(viewer, qtbot, capsys)


def test_the_window_is_never_blocked_while_a_network_is_trained(
    viewer, open_widget, qtbot, capsys, tmp_path
):
    pytest.importorskip("torch", reason="training needs torch")
    counts = np.random.default_rng(0).integers(20_000, 40_000, (2000, SIDE, SIDE)).astype("<u2")
    viewer.add_image(counts, name="raw")
    dock = open_widget(viewer, "Train network")
    dock.form.set_values({"batch_size": 100})
    dock.weights.line.setText(str(tmp_path / "w.safetensors"))
    qtbot.wait(500)
    dock.run_bar.run_button.click()
    with heartbeat() as beginning:  # torch is loaded, the rolling average made
        qtbot.waitUntil(lambda: "epoch" in dock.run_bar.status.text())
    with heartbeat() as training:
        qtbot.wait(5_000)
    asked, told = time.perf_counter(), dock.run_bar.status.text()
    with qtbot.waitSignal(dock.task.ended):
        dock.run_bar.cancel_button.click()
    cancelled = time.perf_counter() - asked
    say(capsys, f"most between two beats until the first epoch: {told_of(beginning)}, "
        f"while it trains {told_of(training)}; then it told {told!r}; cancelled within "
        f"{cancelled:.2f} s")  # fmt: skip
    assert max(beginning["calls"], training["calls"]) <= adding_a_layer(viewer, qtbot, capsys)


@pytest.mark.parametrize("n_spots", [100, 4000])
@pytest.mark.parametrize("stage", ["remove_side_lobes", "link_spots", "landings_from_tracks"])
def test_the_window_is_never_blocked_by_the_result_of_a_stage(
    viewer, qtbot, long_recording, capsys, stage, n_spots
):
    from napari_uai.widgets.iscat.stages import StageWidget
    from napari_uai.widgets.kit.layers import place_of, points_layer

    viewer.open(long_recording, plugin="napari-uai")
    table = tracks_of(n_spots) if stage == "landings_from_tracks" else spots(n_spots)
    data, attributes, _ = points_layer(table, place_of(viewer.layers[0]), name="spots")
    viewer.add_points(data, **attributes)
    widget = StageWidget(viewer, stage)
    viewer.window.add_dock_widget(widget)
    widget.reset_choices()
    qtbot.wait(500)
    running = beats_of_a_run(widget, qtbot)
    say(capsys, f"{stage} of {n_spots} spots: most between two beats {told_of(running)}; then it "
        f"told {widget.run_bar.status.text()!r}")  # fmt: skip
    assert widget.run_bar.status.text().startswith("Done")
    assert running["calls"] <= OWN_SHARE * adding_a_layer(viewer, qtbot, capsys)


def test_the_window_is_never_blocked_by_the_result_of_a_run(viewer, open_widget, qtbot, capsys):
    viewer.open(sample_path("landings.bin"), plugin="napari-uai")
    widget = open_widget(viewer, "iSCAT workflow")
    qtbot.wait(500)
    running = beats_of_a_run(widget, qtbot)
    say(capsys, f"run with {widget.run_bar.status.text()!r}: most between two beats "
        f"{told_of(running)}")  # fmt: skip
    assert running["calls"] <= OWN_SHARE * adding_a_layer(viewer, qtbot, capsys)


def beats_of_a_run(widget, qtbot):
    """Press Run, and wait until the results are shown."""
    with heartbeat() as running:
        qtbot.wait(50)
        with qtbot.waitSignal(widget.task.ended):
            widget.run_bar.run_button.click()
        qtbot.wait(500)
    return running


def told_of(most):
    return f"{most['clock']:.0f} ms" if TIMED else f"{most['calls']} calls"


def adding_a_layer(viewer, qtbot, capsys):
    """Calls of napari alone when a layer of points is added, which it does at once."""
    most = []
    for _ in range(3):
        points = Points(np.zeros((10, 3)), ndim=3)
        with heartbeat() as adding:
            qtbot.wait(50)
            viewer.add_layer(points)
            qtbot.wait(300)
        most.append(adding)
    say(capsys, f"napari alone adds a layer of points with {', '.join(map(told_of, most))}")
    return min(adding["calls"] for adding in most)


def spots(n):
    rng = np.random.default_rng(0)
    contrast = rng.normal(0, 0.002, n)
    return pd.DataFrame(
        {
            "frame": np.sort(rng.integers(0, N_FRAMES, n)),
            "y": rng.uniform(5, SIDE - 5, n),
            "x": rng.uniform(5, SIDE - 5, n),
            "sigma": 1.5,
            "center_intensity": contrast,
            "Fit_Amplitude": contrast,
        }
    )


def tracks_of(n_spots):
    """Landings of fifty spots each, as Vs."""
    frames = np.arange(0, 500, 10)
    v = 0.003 * np.clip(1 - np.abs(frames - 250) / 250, 0, 1)
    starts = spots(max(n_spots // len(frames), 1))
    tracks = [
        start._asdict() | {"particle": i, "frame": f, "center_intensity": c}
        for i, start in enumerate(starts.itertuples(index=False))
        for f, c in zip(min(start.frame, N_FRAMES - 1000) + frames, v, strict=True)
    ]
    return pd.DataFrame(tracks)
