"""Take the pictures of napari that stand in the README and the docs: `make screenshots`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import napari
from napari.settings import get_settings
from qtpy.QtWidgets import QApplication, QPushButton

from napari_uai.sample_data import sample_path
from napari_uai.simulate.iscat.recording import simulate_recording
from napari_uai.simulate.iscat.scenarios import scenario
from napari_uai.widgets.iscat.stage_dock import StageDock, shown_stage
from napari_uai.widgets.kit.plugin_docks import LANDINGS_TITLE
from napari_uai.widgets.window import open_window

FOLDER = Path(__file__).parent / "images"
BATCH_SIZE = 200
CHOSEN_TRAIL = 4


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    first_minutes("dark", (1280, 800))
    first_minutes("light", (1600, 1000))
    landings()
    linked()
    training()
    trails("trails-napari.png", "dark", (1500, 940))
    trails("first-trails-dark.png", "dark", (1280, 800))
    trails("first-trails-light.png", "light", (1600, 1000))


def trails(name: str, theme: str, size: tuple[int, int]) -> None:
    """Open the sample trails, rank them, and take a picture of the window."""
    get_settings().appearance.theme = theme
    viewer = napari.Viewer()
    viewer.window.resize(*size)
    viewer.open_sample("napari-uai", "trails")
    _, dock = widget(viewer, "Trail workflow")
    dock.sources.use_button.click()
    settle(0.5)
    while dock.busy:
        settle(0.1)
    settle(1.0)
    dock.table.choose(int(dock.ranking.rows[CHOSEN_TRAIL]))
    settle(0.5)
    viewer.fit_to_view()
    settle(1.0)
    save(window(viewer), FOLDER / name)
    viewer.close()
    get_settings().appearance.theme = "dark"


def first_minutes(theme: str, size: tuple[int, int]) -> None:
    """Do what a new user does: an empty dock, *Open sample*, *Run*."""
    get_settings().appearance.theme = theme
    viewer = open_window()
    viewer.window.resize(*size)
    dock = viewer.window.dock_widgets[f"{LANDINGS_TITLE} (napari-uai)"]
    dock.start.findChild(QPushButton, "open_sample").click()
    run(dock)
    viewer.fit_to_view()
    settle(1.0)
    save(window(viewer), FOLDER / f"first-minutes-{theme}.png")
    viewer.close()
    get_settings().appearance.theme = "dark"


def landings() -> None:
    """Open the sample recording, find its landings, and take a picture of the window."""
    viewer = napari.Viewer()
    viewer.window.resize(1500, 940)
    video, _ = viewer.open_sample("napari-uai", "landings")

    without_status_line(viewer, video)

    _, landings = widget(viewer, "iSCAT workflow")
    landings.recording.choose(video.name)
    landings.steps.forms["dra"].set_values({"batch_size": BATCH_SIZE})
    run(landings)
    arrange(viewer)
    landings.landings.judge("yes")
    landings.landings.judge("yes")
    viewer.fit_to_view()
    settle(1.0)
    save(window(viewer), FOLDER / "napari.png")
    viewer.close()


def linked() -> None:
    """Link the sample fluorescence with the sample recording; take a picture of both."""
    viewer = napari.Viewer()
    viewer.window.resize(1500, 780)
    video, truth = viewer.open_sample("napari-uai", "landings")
    [second] = viewer.open_sample("napari-uai", "fluorescence")
    _, link = widget(viewer, "Link a second recording")
    link.first.choose(video.name)
    link.second.choose(second.name)
    link.use_rates()
    known = json.loads(sample_path("fluorescence_truth.json").read_text())["settings"]
    for name in ("first_frame", "rotation_deg", "shift_rows", "shift_columns"):
        link.fields[name].setValue(known[name])
    link.link()
    frames = without_status_line(viewer, video)
    average = shown_stage(viewer, "differential_rolling_average")
    average.choices[0].choose(frames.name)
    average.form.set_values({"batch_size": BATCH_SIZE})
    run(average)
    viewer.dims.set_point(0, truth.data_to_world(truth.data[-1])[0])
    for layer in (video, truth, frames):
        layer.visible = False
    second.opacity = 0.6
    viewer.layers.move(viewer.layers.index(second), len(viewer.layers))
    link.parent().raise_()
    viewer.fit_to_view()
    settle(1.0)
    save(window(viewer), FOLDER / "linked.png")
    viewer.close()


def without_status_line(viewer: Any, video: Any) -> Any:
    """Add a layer of a recording without its status line."""
    status_line = shown_stage(viewer, "remove_status_line")
    status_line.choices[0].choose(video.name)
    run(status_line)
    viewer.window.remove_dock_widget(status_line.window().findChild(StageDock))
    return viewer.layers[-1]


def training() -> None:
    """Train a network on a simulated recording with vesicles; show the losses and a prediction."""
    viewer = napari.Viewer()
    viewer.window.resize(1500, 940)
    simulated = simulate_recording(scenario("vesicles", seed=1))
    viewer.add_image(simulated.video, name="vesicles")
    with TemporaryDirectory() as folder:
        _, dock = widget(viewer, "Train network")
        dock.weights.line.setText(str(Path(folder) / "vesicles_weights.safetensors"))
        dock.form.set_values({"batch_size": BATCH_SIZE, "epochs": 10})
        dock.more.set_values({"steps": 20, "windows": 8})
        run(dock)
        dock.predict_button.click()
        viewer.dims.set_point(0, len(simulated.video) // 2)
        settle(5.0)
        dock.parent().raise_()
        viewer.fit_to_view()
        settle(1.0)
        save(window(viewer), FOLDER / "training-napari.png")
        viewer.close()


def window(viewer: Any) -> Any:
    """Return a picture of the whole window, without notifications that would fade."""
    for shown in QApplication.allWidgets():
        if type(shown).__name__ == "NapariQtNotification":
            shown.close()
    settle(0.3)
    return viewer.screenshot(canvas_only=False, flash=False)


def widget(viewer: Any, title: str) -> tuple[Any, Any]:
    """Open a widget of the plugin; return its dock and itself."""
    return viewer.window.add_plugin_dock_widget("napari-uai", title, tabify=True)


def run(opened: Any) -> None:
    """Press Run and wait for the end."""
    opened.run_bar.run_button.click()
    while opened.task.running:
        settle(0.05)
    settle(0.3)


def settle(seconds: float) -> None:
    """Let Qt draw."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def arrange(viewer: Any) -> None:
    """Show the rolling average and the rings over it; hide what they hide."""
    for layer in viewer.layers:
        layer.visible = layer.name.startswith(("average ·", "landings ·"))


def save(picture: Any, path: Path) -> None:
    """Write a picture as small as it goes."""
    from PIL import Image

    Image.fromarray(picture[..., :3]).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
