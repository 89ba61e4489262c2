"""Choosing one of the layers of a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from qtpy.QtWidgets import QComboBox, QSizePolicy

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

LayerKind: TypeAlias = Literal["video", "table", "shapes", "labels"]
NONE = "(none)"
_LAYER_TYPES: dict[LayerKind, str] = {
    "video": "an Image layer",
    "table": "a Points layer",
    "shapes": "a Shapes layer",
    "labels": "a Labels layer",
}


class LayerChoice(QComboBox):
    """Drop-down list of the layers of one kind, newest first.

    Parameters
    ----------
    viewer
        Viewer whose layers are listed.
    kind
        ``video``: Image layers with two or three axes; ``table``: Points layers; ``shapes``:
        Shapes layers; ``labels``: Labels layers that are not a region mask yet.
    required
        If False, the first entry is *(none)*.
    """

    def __init__(self, viewer: ViewerModel, kind: LayerKind, *, required: bool = True) -> None:
        super().__init__()
        self._viewer = viewer
        self._kind = kind
        self._required = required
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.reset_choices()

    def layer(self) -> Layer | None:
        """Return the chosen layer, or None."""
        return layer_of(self._viewer, self.currentData())

    def choose(self, name: str) -> None:
        """Choose a layer by its name."""
        self.setCurrentIndex(max(self.findText(name), 0))

    def reset_choices(self) -> None:
        """Update the list; the chosen layer stays, otherwise the selected layer is chosen."""
        previous = self.currentData()
        active = self._viewer.layers.selection.active
        layers = [layer for layer in reversed(self._viewer.layers) if self._fits(layer)]
        keys = [identity(layer) for layer in layers]
        self.blockSignals(True)
        self.clear()
        if not self._required:
            self.addItem(NONE, None)
        elif not layers:
            self.addItem(f"add {_LAYER_TYPES[self._kind]} first", None)
        for layer, key in zip(layers, keys, strict=True):
            self.addItem(layer.name, key)
        if previous in keys:
            self.setCurrentIndex(self.findData(previous))
        elif self._required and active is not None and identity(active) in keys:
            self.setCurrentIndex(self.findData(identity(active)))
        self.blockSignals(False)

    def _fits(self, layer: Layer) -> bool:
        from napari.layers import Labels, Points, Shapes

        from napari_uai.widgets.kit.layers import KEY, why_no_video

        kind = layer.metadata.get(KEY, {}).get("kind")
        if kind == "preview":
            return False
        if self._kind == "labels":
            return isinstance(layer, Labels) and kind != "mask"
        if self._kind == "table":
            return isinstance(layer, Points) and layer.ndim <= 3
        if self._kind == "shapes":
            return isinstance(layer, Shapes)
        return not why_no_video(layer)


def identity(layer: Layer) -> str:
    """Return an identifier of a layer that does not change when the layer is renamed."""
    return str(layer.unique_id)


def layer_of(viewer: ViewerModel, key: str | None) -> Layer | None:
    """Return the layer with an :func:`identity`, or None if the viewer does not have it."""
    if not key:
        return None
    return next((layer for layer in viewer.layers if identity(layer) == key), None)
