"""Choosing among the layers of a viewer."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from qtpy.QtWidgets import QComboBox, QSizePolicy

LayerKind: TypeAlias = Literal["video", "table", "shapes", "labels"]
NONE = "(none)"
_WANTED = {
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
        The viewer.
    kind
        ``video``: Image layers of two or three axes; ``table``: Points layers; ``shapes``: Shapes
        layers; ``labels``: Labels layers that are not yet a region mask.
    required
        If not, the first entry stands for no layer.
    """

    def __init__(self, viewer: Any, kind: LayerKind, *, required: bool = True) -> None:
        super().__init__()
        self._viewer = viewer
        self._kind = kind
        self._required = required
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.reset_choices()

    def layer(self) -> Any:
        """Return the chosen layer, or None."""
        return layer_of(self._viewer, self.currentData())

    def choose(self, name: str) -> None:
        """Choose a layer by its name."""
        self.setCurrentIndex(max(self.findText(name), 0))

    def reset_choices(self) -> None:
        """List the layers anew; the chosen one stays, the selected one comes before others."""
        before = self.currentData()
        active = self._viewer.layers.selection.active
        layers = [layer for layer in reversed(self._viewer.layers) if self._fits(layer)]
        offered = [identity(layer) for layer in layers]
        self.blockSignals(True)
        self.clear()
        if not self._required:
            self.addItem(NONE, None)
        elif not layers:
            self.addItem(f"add {_WANTED[self._kind]} first", None)
        for layer, key in zip(layers, offered, strict=True):
            self.addItem(layer.name, key)
        if before in offered:
            self.setCurrentIndex(self.findData(before))
        elif self._required and active is not None and identity(active) in offered:
            self.setCurrentIndex(self.findData(identity(active)))
        self.blockSignals(False)

    def _fits(self, layer: Any) -> bool:
        from napari.layers import Labels, Points, Shapes

        from napari_uai.widgets.kit.layers import KEY, no_video

        record = layer.metadata.get(KEY, {}).get("kind")
        if record == "preview":
            return False
        if self._kind == "labels":
            return isinstance(layer, Labels) and record != "mask"
        if self._kind == "table":
            return isinstance(layer, Points) and layer.ndim <= 3
        if self._kind == "shapes":
            return isinstance(layer, Shapes)
        return not no_video(layer)


def identity(layer: Any) -> str:
    """Return what tells a layer from others even if it is renamed."""
    return str(layer.unique_id)


def layer_of(viewer: Any, key: str | None) -> Any:
    """Return the layer of an :func:`identity`, or None if the viewer does not have it."""
    if not key:
        return None
    return next((layer for layer in viewer.layers if identity(layer) == key), None)
