"""A viewer with this plugin, and fixtures that wait for background work."""

from __future__ import annotations

import gc
from functools import partialmethod
from importlib import import_module

import numpy as np
import pytest

pytest.importorskip("napari", reason="the widgets need napari")

from npe2 import PluginManifest
from pytestqt.qtbot import QtBot

ARTEFACTS = "artefacts"
"""Folder below the root of the tests."""

PATIENCE_MS = 180_000
"""Longest wait for something that must come: on a slow machine late, which no test is about."""


class PatientBot(QtBot):
    """Waits longer than five seconds."""

    waitSignal = partialmethod(QtBot.waitSignal, timeout=PATIENCE_MS)
    waitUntil = partialmethod(QtBot.waitUntil, timeout=PATIENCE_MS)


@pytest.fixture
def qtbot(qapp, request):
    return PatientBot(request)


@pytest.fixture(autouse=True, scope="session")
def _imports_are_no_garbage():
    """Spare napari, which collects garbage whenever a layer goes, all that imports have made."""
    for module in ("napari._qt.qt_main_window", "napari_uai.widgets.window"):
        import_module(module)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def manifest():
    return PluginManifest.from_distribution("napari-uai")


@pytest.fixture(autouse=True)
def plugin(npe2pm, plugin_settings, manifest):
    """Register the plugin, because napari's fixtures hide installed plugins."""
    npe2pm.register(manifest)


@pytest.fixture
def viewer(plugin, make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def open_widget():
    """Open a widget of the plugin in a viewer, or the form of a stage, as its menu entry does."""
    from napari_uai.iscat.recipes.catalogue import listed_stages
    from napari_uai.widgets.iscat.stage_dock import shown_stage

    stages = {stage.title: stage.name for stage in listed_stages().values()}

    def open_it(viewer, title):
        if title in stages:
            return shown_stage(viewer, stages[title])
        return viewer.window.add_plugin_dock_widget("napari-uai", title)[1]

    return open_it


@pytest.fixture
def run(qtbot):
    """Click Run and wait for the end; return the status."""

    def run_it(widget):
        with qtbot.waitSignal(widget.task.ended):
            widget.run_bar.run_button.click()
        return widget.run_bar.status.text()

    return run_it


@pytest.fixture
def recording():
    """600 frames of 24 x 20 px in counts with one landing at frame 300, y 10, x 8."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:24, :20]
    spot = 0.02 * np.exp(-((y - 10) ** 2 + (x - 8) ** 2) / (2 * 1.7**2))
    video = 30_000 * (1 + rng.normal(0, 0.003, (600, 24, 20)))
    video[300:] *= 1 + spot
    return video.astype(np.uint16)


@pytest.fixture
def notifications(monkeypatch):
    """Messages of the notifications that napari would show."""
    from napari.utils import notifications as module

    seen = []
    monkeypatch.setattr(
        module.notification_manager, "dispatch", lambda note: seen.append(str(note.message))
    )
    return seen


@pytest.fixture(scope="session")
def few():
    """Sixty trails of a simulated scene."""
    from napari_uai.simulate.settings import TrailSettings
    from napari_uai.simulate.trails.simulation import simulate_trails

    return simulate_trails(TrailSettings(trails=60, seed=2)).trails


@pytest.fixture
def drain(qapp):
    """Deliver queued signals and events: signals emitted earlier have arrived afterwards."""
    from qtpy.QtCore import QCoreApplication

    def deliver():
        QCoreApplication.sendPostedEvents()
        QCoreApplication.processEvents()

    return deliver


@pytest.fixture
def previewed(qtbot, drain):
    """Wait until suggestions and preview have arrived; a suggestion starts another preview."""

    def wait(widget):
        def is_idle():
            requests = widget._frame_request, widget._guess_request
            return not (widget._later.isActive() or any(request.busy for request in requests))

        for _ in range(2):
            qtbot.waitUntil(is_idle)
            drain()

    return wait


@pytest.fixture
def review():
    """Three landings with their traces and a rolling average."""
    import pandas as pd

    from napari_uai.widgets.iscat.review import Review
    from napari_uai.widgets.kit.layers import Place

    frames = np.arange(100, 500)
    events = [(300, 10.0, 8.0, 0.02), (150, 5.2, 12.4, -0.011), (400, 15.0, 4.0, 0.004)]
    table = pd.DataFrame(events, columns=["raw_frame", "y", "x", "contrast"]).assign(
        landing=[1, 2, 3], score=[30.0, 12.0, 6.0], n_localizations=[80, 40, 12]
    )
    traces = pd.concat(
        pd.DataFrame(
            {
                "landing": i + 1,
                "raw_frame": frames,
                "contrast": c * np.clip(1 - abs(frames - f) / 100, 0, 1),
            }
        )
        for i, (f, _, _, c) in enumerate(events)
    )
    video = np.random.default_rng(0).normal(0, 0.002, (401, 24, 20)).astype(np.float32)
    placed = table.assign(frame=table["raw_frame"] - 100)
    place = Place(scale=(1.0, 0.5, 0.5), translate=(100.0, 0.0, 0.0))
    return Review(table, placed, place, traces, video)


@pytest.fixture
def settled(qtbot):
    """Wait until a trail dock has finished its work and its drawing."""

    def wait(dock):
        qtbot.waitUntil(lambda: not dock.busy)
        return dock

    return wait


@pytest.fixture
def trail_dock(viewer, open_widget):
    return open_widget(viewer, "Trail workflow")


@pytest.fixture
def ranked(trail_dock, few, settled):
    """A dock in which a few trails are ranked."""
    from napari_uai.widgets.trails.placement import source_of_trails

    trail_dock.show_source(source_of_trails(few, "few"))
    return settled(trail_dock)


@pytest.fixture
def keep_picture(request):
    """Save a screenshot of the whole window as an artefact of the tests, and return it."""

    def keep(viewer, name):
        from napari_uai.trails.pictures.canvas import write_picture

        picture = np.ascontiguousarray(viewer.screenshot(canvas_only=False, flash=False)[..., :3])
        folder = request.config.rootpath / ARTEFACTS
        folder.mkdir(exist_ok=True)
        write_picture(picture, folder / f"{name}.png")
        return picture

    return keep


@pytest.fixture(params=[False, True], ids=["synchronous", "asynchronous"])
def slicing(request):
    """Synchronous and asynchronous slicing."""
    from napari.settings import get_settings

    experimental = get_settings().experimental
    before = experimental.async_
    experimental.async_ = request.param
    yield request.param
    experimental.async_ = before


def pytest_terminal_summary(terminalreporter, config):
    """List the screenshots of whole windows."""
    pictures = sorted((config.rootpath / ARTEFACTS).glob("*.png"))
    if pictures:
        terminalreporter.section("screenshots of whole windows")
        for picture in pictures:
            terminalreporter.line(str(picture))
