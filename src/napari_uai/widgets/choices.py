"""Choosing among the layers of a viewer."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from qtpy.QtWidgets import QComboBox, QSizePolicy

LayerKind: TypeAlias = Literal["video", "table"]
NONE = "(none)"


class LayerChoice(QComboBox):
    """Drop-down list of the layers of one kind, newest first.

    Parameters
    ----------
    viewer
        The viewer.
    kind
        ``video``: Image layers of two or three axes; ``table``: Points layers.
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
        name = self.currentData()
        layers = self._viewer.layers  # a list that is indexed by name, too
        return layers[name] if name in layers else None  # noqa: SIM401

    def choose(self, name: str) -> None:
        """Choose a layer by its name."""
        self.setCurrentIndex(max(self.findData(name), 0))

    def reset_choices(self) -> None:
        """List the layers anew; the chosen one stays, the selected one comes before others."""
        before = self.currentData()
        active = self._viewer.layers.selection.active
        names = [layer.name for layer in reversed(self._viewer.layers) if self._fits(layer)]
        self.blockSignals(True)
        self.clear()
        if not self._required:
            self.addItem(NONE, None)
        elif not names:
            what = "an Image layer" if self._kind == "video" else "a Points layer"
            self.addItem(f"add {what} first", None)
        for name in names:
            self.addItem(name, name)
        if before in names:
            self.choose(before)
        elif self._required and active is not None and active.name in names:
            self.choose(active.name)
        self.blockSignals(False)

    def _fits(self, layer: Any) -> bool:
        from napari.layers import Image, Points

        if self._kind == "table":
            return isinstance(layer, Points) and layer.ndim <= 3
        return (
            isinstance(layer, Image)
            and not layer.rgb
            and not layer.multiscale
            and layer.ndim in (2, 3)
        )
