"""Adding the results of a stage or recipe to a viewer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_uai.errors import NapariUaiError
from napari_uai.widgets.iscat.landings import LandingsView
from napari_uai.widgets.iscat.stage_plots import StageTable
from napari_uai.widgets.kit.layers import KEY, OWN_AXES
from napari_uai.widgets.kit.rings import follow_rings, refresh_rings

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari.viewer import Viewer

    from napari_uai.widgets.iscat.stage_call import CallResult, NamedTable


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
        if layer.metadata[KEY].get(OWN_AXES):  # it may be much smaller than the others
            viewer.fit_to_view(layers=[layer])
        yield
    for entry in result.tables:
        add_table(entry, viewer)
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


def add_table(entry: NamedTable, viewer: Viewer) -> None:
    """Show a table in a dock, in place of an earlier one of that name."""
    earlier = viewer.window.dock_widgets.get(entry.name)
    if earlier is not None:
        viewer.window.remove_dock_widget(earlier)
    table = StageTable(entry, viewer)
    viewer.window.add_dock_widget(table, name=entry.name, area="bottom", tabify=True)


def opened_review(viewer: Viewer) -> LandingsView | None:
    """Open the landings of the selected layer, or of the last one that has some, for review.

    Returns
    -------
    LandingsView or None
        Dock for the review; None if no layer has landings.
    """
    from napari_uai.widgets.iscat.review import Review

    for layer in (viewer.layers.selection.active, *reversed(viewer.layers)):
        if layer is None or not hasattr(layer, "features"):
            continue
        try:
            review = Review.of_layer(layer)
        except NapariUaiError:
            continue
        view = LandingsView(review, viewer, layer)
        name = f"{layer.name} (review)"
        viewer.window.add_dock_widget(view, name=name, area="bottom", tabify=True)
        return view
    return None
