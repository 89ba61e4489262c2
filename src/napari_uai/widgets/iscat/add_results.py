"""Adding the results of a stage or recipe to a viewer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_uai.widgets.iscat.landings import LandingsView
from napari_uai.widgets.kit.layers import KEY
from napari_uai.widgets.kit.rings import follow_rings, refresh_rings
from napari_uai.widgets.kit.tables import TableView

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari.viewer import Viewer

    from napari_uai.widgets.iscat.stage_call import CallResult


def made_layers(result: CallResult) -> CallResult:
    """Return a result with its layers made, so that the window only has to show them.

    To be called in the thread that computed it: making a layer takes as long as showing it.
    """
    from napari.layers import Layer

    if result.made:
        return result
    return replace(result, made=[Layer.create(*each) for each in result.layers])


def add_results(result: CallResult, viewer: Viewer) -> Generator[None, None, LandingsView | None]:
    """Add layers and tables to a viewer, and show notes as warnings; yields after each.

    Returns
    -------
    LandingsView or None
        Dock for the review of landings, if there are landings.
    """
    from napari.utils.notifications import show_warning

    follow_rings(viewer)
    yield
    landings = None
    for layer in made_layers(result).made:
        if layer.metadata[KEY]["kind"] == "table":
            refresh_rings(layer, viewer)
        viewer.add_layer(layer)
        if "review" in layer.metadata[KEY]:
            landings = layer
        yield
    for entry in result.tables:
        table = TableView(entry.table, viewer, entry.place)
        viewer.window.add_dock_widget(table, name=entry.name, area="bottom")
        yield
    view = None
    if result.review is not None and landings is not None:
        view = LandingsView(result.review, viewer, landings, go=False)
        yield
        viewer.window.add_dock_widget(view, name=landings.name, area="bottom", tabify=True)
        yield
        view.choose(0)
    for note in result.notes:
        show_warning(note)
    return view
