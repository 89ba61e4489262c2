"""Adding the results of a stage to a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_uai.widgets.iscat.landings import LandingsView
    from napari_uai.widgets.iscat.stage_call import Made


def show(made: Made, viewer: Any) -> LandingsView | None:
    """Add layers and tables to a viewer; return the view of the landings if there are any."""
    from napari.utils.notifications import show_warning

    from napari_uai.widgets.iscat.landings import LandingsView
    from napari_uai.widgets.kit.layers import KEY
    from napari_uai.widgets.kit.tables import TableView

    landings = None
    for data, attributes, kind in made.layers:
        layer = getattr(viewer, f"add_{kind}")(data, **attributes)
        if "review" in attributes["metadata"][KEY]:
            landings = layer
    for entry in made.tables:
        table = TableView(entry.table, viewer, entry.place)
        viewer.window.add_dock_widget(table, name=entry.name, area="bottom")
    view = None
    if made.review is not None and landings is not None:
        view = LandingsView(made.review, viewer, landings)
        viewer.window.add_dock_widget(view, name=landings.name, area="bottom", tabify=True)
    for note in made.notes:
        show_warning(note)
    return view
