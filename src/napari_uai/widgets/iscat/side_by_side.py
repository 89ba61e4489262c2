"""Two recordings beside each other in napari's grid, each under what was found in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_uai.widgets.kit.layers import KEY

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_SAME_RECORDING = ("name", "source")


class SideBySide:
    """Switches the grid of a viewer to two columns, and back to what it was.

    The grid takes neighbours in the list of layers together, as many to each column. So layers
    of one recording are moved together, and the larger group comes first.

    Parameters
    ----------
    viewer
        Viewer with both recordings.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._before: tuple[bool, tuple[int, int], int] | None = None
        self._order: list[Layer] = []
        self._moving = False

    @property
    def is_on(self) -> bool:
        """Whether the recordings are beside each other, and layers are not being moved for it."""
        return self._before is not None and not self._moving

    def show(self, second: Layer) -> None:
        """Show a recording in a column of its own; all others share the other column."""
        grid, layers = self._viewer.canvas.grid, self._viewer.layers
        is_new = self._before is None
        if is_new:
            self._before = grid.enabled, grid.shape, grid.stride
            self._order = list(layers)
        of_second = [layer for layer in layers if _is_of(layer, second)]
        others = [layer for layer in layers if not _is_of(layer, second)]
        groups = sorted((others, of_second), key=len, reverse=True)
        self._put_in_order(groups[0] + groups[1])
        grid.shape = (1, 2)
        grid.stride = max(len(groups[0]), 1)
        grid.enabled = True
        if is_new:
            self._viewer.reset_view()  # each column shows the whole of its recording

    def end(self) -> None:
        """Restore the grid and the order of the layers."""
        if self._before is None:
            return
        grid, layers = self._viewer.canvas.grid, self._viewer.layers
        grid.enabled, grid.shape, grid.stride = self._before
        self._before = None
        known = [layer for layer in self._order if layer in layers]
        self._put_in_order(known + [layer for layer in layers if layer not in known])
        self._order = []

    def _put_in_order(self, wanted: list[Layer]) -> None:
        layers = self._viewer.layers
        self._moving = True
        try:
            for at, layer in enumerate(wanted):
                if layers[at] is not layer:
                    layers.move(layers.index(layer), at)
        finally:
            self._moving = False


def _is_of(layer: Layer, recording: Layer) -> bool:
    """Return whether a layer is a recording, or was made from it."""
    if layer.unique_id == recording.unique_id:
        return True
    record, other = layer.metadata.get(KEY, {}), recording.metadata.get(KEY, {})
    return bool(record) and all(record.get(key) == other.get(key) for key in _SAME_RECORDING)
