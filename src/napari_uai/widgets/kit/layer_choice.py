"""Choosing one of the layers of a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSizePolicy

from napari_uai.widgets.kit.choice import Choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari.components import ViewerModel
    from napari.layers import Layer

LayerKind: TypeAlias = Literal["recording", "video", "table", "shapes", "labels"]
NONE = "(none)"
_LAYER_TYPES: dict[LayerKind, str] = {
    "recording": "a recording",
    "video": "an Image layer",
    "table": "a Points layer",
    "shapes": "a Shapes layer",
    "labels": "a Labels layer",
}

_CORRECTIONS = {
    "remove_status_line", "dark_frame_subtraction", "power_normalization", "bad_pixel_repair",
    "flat_field", "crop",
}  # fmt: skip
"""Stages whose results are still recordings."""


class LayerChoice(Choice):
    """Drop-down list of the layers of one kind, newest first.

    Parameters
    ----------
    viewer
        Viewer whose layers are listed.
    kind
        ``video``: Image layers with two or three axes; ``recording``: those that are not results of
        this plugin, of which a new one is chosen as it is added; ``table``: Points layers;
        ``shapes``: Shapes layers; ``labels``: Labels layers that are not a region mask yet.
    required
        If False, the first entry is *(none)*.

    Attributes
    ----------
    layer_changed
        Emitted when another layer is chosen, by the user or because layers were added or removed.
    """

    layer_changed = Signal()

    def __init__(self, viewer: ViewerModel, kind: LayerKind, *, required: bool = True) -> None:
        super().__init__()
        self._viewer = viewer
        self._kind = kind
        self._required = required
        self._listed: set[str] = set()
        self._last: str | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.reset_choices()
        self.currentIndexChanged.connect(self._tell)

    def layer(self) -> Layer | None:
        """Return the chosen layer, or None."""
        return layer_of(self._viewer, self.currentData())

    def choose(self, name: str) -> None:
        """Choose a layer by its name."""
        self.setCurrentIndex(max(self.findText(name), 0))

    def reset_choices(self) -> None:
        """Update the list; the chosen layer stays, otherwise the selected layer is chosen.

        A recording that is new in the list is chosen instead.
        """
        previous = self.currentData()
        active = self._viewer.layers.selection.active
        layers = layers_of_kind(self._viewer, self._kind)[::-1]
        keys = [identity(layer) for layer in layers]
        self.blockSignals(True)
        self.clear()
        if not self._required:
            self.addItem(NONE, None)
        elif not layers:
            self.addItem(f"add {_LAYER_TYPES[self._kind]} first", None)
        for layer, key in zip(layers, keys, strict=True):
            self.addItem(layer.name, key)
        new = [key for key in keys if key not in self._listed]
        self._listed = set(keys)
        if self._kind == "recording" and new:
            self.setCurrentIndex(self.findData(new[0]))
        elif previous in keys:
            self.setCurrentIndex(self.findData(previous))
        elif self._required and active is not None and identity(active) in keys:
            self.setCurrentIndex(self.findData(identity(active)))
        self.blockSignals(False)
        self._tell()

    def _tell(self, *_: object) -> None:
        """Emit the signal if another layer is chosen."""
        if self.currentData() != self._last:
            self._last = self.currentData()
            self.layer_changed.emit()


def layers_of_kind(viewer: ViewerModel, kind: LayerKind) -> list[Layer]:
    """Return the layers of a viewer that can be chosen where a kind is wanted, oldest first."""
    return [layer for layer in viewer.layers if _is_of_kind(layer, kind)]


def _is_of_kind(layer: Layer, wanted: LayerKind) -> bool:
    from napari.layers import Labels, Points, Shapes, Tracks

    from napari_uai.widgets.kit.layers import KEY, why_no_video

    record = layer.metadata.get(KEY, {})
    kind = record.get("kind")
    if kind == "preview":
        return False
    if wanted == "labels":
        return isinstance(layer, Labels) and kind != "mask"
    if wanted == "table":
        return isinstance(layer, (Points, Tracks)) and layer.ndim <= 3
    if wanted == "shapes":
        return isinstance(layer, Shapes)
    if wanted == "recording" and not _is_recording(record.get("history", ())):
        return False
    return not why_no_video(layer)


def _is_recording(history: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether a video is as the camera gave it, or corrected; other layers are inputs."""
    return all(step["stage"] in _CORRECTIONS for step in history if step.get("inputs"))


def identity(layer: Layer) -> str:
    """Return an identifier of a layer that does not change when the layer is renamed."""
    return str(layer.unique_id)


def layer_of(viewer: ViewerModel, key: str | None) -> Layer | None:
    """Return the layer with an :func:`identity`, or None if the viewer does not have it."""
    if not key:
        return None
    return next((layer for layer in viewer.layers if identity(layer) == key), None)
