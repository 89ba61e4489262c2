"""Take the picture of napari that stands in the README: `make screenshots`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import napari
from qtpy.QtWidgets import QApplication, QTableView

FOLDER = Path(__file__).parent / "images"
BATCH_SIZE = 200


def main() -> None:
    """Open the sample recording, find its landings, and take a picture of the window."""
    viewer = napari.Viewer()
    viewer.window.resize(1500, 940)
    video, _ = viewer.open_sample("napari-uai", "landings")

    dock, status_line = widget(viewer, "Remove status line")
    run(status_line)
    viewer.window.remove_dock_widget(dock)

    _, landings = widget(viewer, "Find landings (iSCAT)")
    landings.recording.choose(video.name)
    landings.steps.forms["dra"].set_values({"batch_size": BATCH_SIZE})
    run(landings)
    found = {layer.name: layer for layer in viewer.layers}

    dock, average = widget(viewer, "Differential rolling average")
    average.form.set_values({"batch_size": BATCH_SIZE})
    average.choices[0].choose("landings: remove status line")
    run(average)
    dock.raise_()

    arrange(viewer, found)
    look_at_first_landing(viewer)
    FOLDER.mkdir(exist_ok=True)
    save(viewer.screenshot(canvas_only=False, flash=False), FOLDER / "napari.png")
    viewer.close()


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


def arrange(viewer: Any, found: dict[str, Any]) -> None:
    """Show the rolling average of the stage's widget under all rings; hide what it hides."""
    for name, layer in found.items():
        if "rolling average" in name:
            viewer.layers.remove(layer)
    average = next(layer for layer in viewer.layers if "differential" in layer.name)
    images = [layer for layer in viewer.layers if hasattr(layer, "contrast_limits")]
    for place, layer in enumerate(images):
        viewer.layers.move(viewer.layers.index(layer), place)
        layer.visible = layer in (average, images[0])
    viewer.layers.selection.active = average


def look_at_first_landing(viewer: Any) -> None:
    """Choose the first row of the table of landings, which leads to its frame and place."""
    for dock in viewer.window.dock_widgets.values():
        for table in dock.findChildren(QTableView):
            table.selectRow(0)
    viewer.fit_to_view()
    settle(1.0)


def save(picture: Any, path: Path) -> None:
    """Write a picture as small as it goes."""
    from PIL import Image

    Image.fromarray(picture[..., :3]).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
