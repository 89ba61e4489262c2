"""Live preview: a layer that follows the time slider, the inputs and the parameters of a stage."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_uai.errors import NapariUaiError, counted
from napari_uai.widgets.iscat.in_view import InView, StageInView
from napari_uai.widgets.kit.drawing_layer import in_plane
from napari_uai.widgets.kit.latest_request import LatestRequest
from napari_uai.widgets.kit.layer_choice import identity, layer_of
from napari_uai.widgets.kit.palette import UNSIGNED
from napari_uai.widgets.kit.plots import error_style
from napari_uai.widgets.kit.running import COMPILING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.components import LayerList, ViewerModel
    from napari.layers import Image, Layer, Points
    from napari.utils.events import Event

    from napari_uai.widgets.iscat.stage_call import StageCall

PREVIEW = "preview"
"""Kind of the layer in its metadata; such a layer is never offered as an input."""


class LivePreview(QWidget):
    """Tick box and status line of a preview, which is computed in a thread.

    Parameters
    ----------
    viewer
        Viewer to which the preview is added.
    call
        Returns stage, inputs and parameters; raises NapariUaiError if these are invalid.
    layers
        Returns the layers of the inputs, whose data may change.

    Attributes
    ----------
    shown
        Emitted with the result that has been shown.
    """

    shown = Signal(object)

    def __init__(
        self,
        viewer: ViewerModel,
        call: Callable[[], StageCall],
        layers: Callable[[], Sequence[Layer | None]] = list,
    ) -> None:
        super().__init__()
        self.viewer = viewer
        self._ask_call = call
        self._ask_layers = layers
        self._call: StageCall | None = None
        self._layer_id = ""
        self._limits: tuple[float, float] | None = None
        self._shown_call: StageCall | None = None
        self.in_view = StageInView()
        self.latest = LatestRequest(self)
        self.latest.done.connect(self._show)
        self.latest.failed.connect(self._show_error)
        self.latest.compiling.connect(lambda: self.say(f"{COMPILING}…"))
        self.tick = QCheckBox("Live preview")
        self.tick.setObjectName("preview")
        self.tick.setToolTip("Show the result for the current frame while you change values.")
        self.tick.toggled.connect(self._switch)
        self.status = QLabel("")
        self.status.setObjectName("preview_status")
        self.status.setWordWrap(True)
        self.status.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tick)
        layout.addWidget(self.status, 1)
        self._follow = _Follower(viewer, self)
        self.destroyed.connect(self._follow.end)

    def refresh(self) -> None:
        """Compute again, after inputs or parameters have changed."""
        if not self.tick.isChecked():
            return
        self.latest.forget()
        self._follow.watch([layer for layer in self._ask_layers() if layer is not None])
        try:
            self._call = self._ask_call()
        except NapariUaiError as error:
            self._call = None
            self._remove_layer()
            self._show_error(str(error))
            return
        self.follow()

    def follow(self) -> None:
        """Compute the current frame."""
        if not self.tick.isChecked() or self._call is None:
            return
        dims = self.viewer.dims
        axis = dims.ndim - 3
        if axis in dims.displayed:
            self._show_error("the preview needs the 2-D view, with frames on the slider")
            return
        frame = dims.point[axis] if axis >= 0 else 0.0
        self.latest.ask(partial(self.in_view.show, self._call, frame))

    def layer(self) -> Layer | None:
        """Return the layer of the preview, or None."""
        return layer_of(self.viewer, self._layer_id)

    def look_after(self) -> None:
        """Switch the preview off if the user has deleted its layer."""
        if self._layer_id and self.layer() is None:
            self._layer_id = ""
            self.tick.setChecked(False)

    def _switch(self, on: bool) -> None:
        if on:
            self.say("Computing…")
            self._follow.begin()
            self.refresh()
        else:
            self._follow.end()
            self.latest.forget()
            self.in_view.close()
            self.in_view = StageInView()
            self._call = None
            self._remove_layer()
            self.say("")

    def _remove_layer(self) -> None:
        layer, self._layer_id, self._limits = self.layer(), "", None
        self._follow.layer_id = ""
        if layer is not None:
            self.viewer.layers.remove(layer)

    def _show(self, result: InView) -> None:
        if not self.tick.isChecked() or result.call is not self._call:
            return
        layer = self.layer()
        if layer is None:
            layer = self._add(result)
        elif result.call.stage.output == "video":
            self._update_image(layer, result)
        else:
            _place(layer, result)
            layer.data = result.data
            layer.size = result.sizes
            if len(result.data):
                layer.border_color = result.colours
        self._shown_call = result.call
        self.say(_summary(result))
        self.shown.emit(result)

    def _add(self, result: InView) -> Layer:
        """Add the layer without changing the selection."""
        from napari_uai.widgets.kit.layers import KEY

        selected = self.viewer.layers.selection.active
        name = f"{result.place.name}: preview of {result.call.stage.title.lower()}"
        metadata = {KEY: {**result.place.record, "kind": PREVIEW}}
        common: dict[str, Any] = {
            "name": name,
            "units": result.place.units[1:],
            "metadata": metadata,
        }
        common |= {"scale": result.place.scale[1:], "translate": result.place.translate[1:]}
        common |= {"affine": in_plane(result.place)}
        if result.call.stage.output == "video":
            self._limits = result.limits
            layer = self.viewer.add_image(
                result.data,
                colormap="gray",
                contrast_limits=result.limits,
                interpolation2d="nearest",
                **common,
            )
        else:
            layer = self.viewer.add_points(
                result.data,
                ndim=2,
                size=result.sizes,
                symbol="disc",
                face_color="transparent",
                border_color=result.colours if len(result.data) else UNSIGNED,
                border_width=0.06,
                canvas_size_limits=(0, 10_000),
                **common,
            )
        self._layer_id = self._follow.layer_id = identity(layer)
        _below_rings(self.viewer.layers, layer)
        if selected is not None:
            self.viewer.layers.selection.active = selected
        return layer

    def _update_image(self, layer: Image, result: InView) -> None:
        _place(layer, result)
        layer.data = result.data
        untouched = self._limits is not None and tuple(layer.contrast_limits) == self._limits
        if result.call is not self._shown_call and untouched:
            self._limits = result.limits
            layer.contrast_limits = result.limits

    def say(self, text: str) -> None:
        """Show a message beside the tick box."""
        self.status.setStyleSheet("")
        self.status.setText(text)

    def _show_error(self, text: str) -> None:
        self.status.setStyleSheet(error_style(self))
        self.status.setText(text)


class _Follower:
    """Connects a preview to its viewer, and removes the layer when the widget is closed."""

    def __init__(self, viewer: ViewerModel, preview: LivePreview) -> None:
        self.layer_id = ""
        self._viewer = viewer
        self._preview = preview
        self._connected = False
        self._watched: list[Layer] = []

    def begin(self) -> None:
        if not self._connected:
            self._connected = True
            self._viewer.dims.events.current_step.connect(self._moved)
            self._viewer.dims.events.ndisplay.connect(self._moved)

    def watch(self, layers: list[Layer]) -> None:
        for layer in self._watched:
            layer.events.data.disconnect(self._changed)
        self._watched = layers
        for layer in layers:
            layer.events.data.connect(self._changed)

    def end(self) -> None:
        self.watch([])
        if self._connected:
            self._connected = False
            self._viewer.dims.events.current_step.disconnect(self._moved)
            self._viewer.dims.events.ndisplay.disconnect(self._moved)
        layer = layer_of(self._viewer, self.layer_id)
        if layer is not None:
            self.layer_id = ""
            with suppress(RuntimeError, ValueError):  # the window is being closed
                self._viewer.layers.remove(layer)

    def _moved(self, _event: Event | None = None) -> None:
        self._call(self._preview.follow)

    def _changed(self, event: Event | None = None) -> None:
        # Points emit an event before and after a change; only the later one counts.
        if not str(getattr(event, "action", "")).endswith("ing"):
            self._call(self._preview.refresh)

    def _call(self, update: Callable[[], None]) -> None:
        try:
            update()
        except RuntimeError:  # the widget was deleted
            self.end()


def _below_rings(layers: LayerList, layer: Layer) -> None:
    """Move an image, which was added on top, to just above the other images."""
    if not hasattr(layer, "contrast_limits"):
        return
    others = [i for i, other in enumerate(layers) if hasattr(other, "contrast_limits")]
    if len(others) > 1 and others[-2] + 1 < others[-1]:
        layers.move(others[-1], others[-2] + 1)


def _place(layer: Image | Points, result: InView) -> None:
    """Move a layer if necessary; each assignment makes napari draw again."""
    for attribute in ("scale", "translate"):
        value = getattr(result.place, attribute)[1:]
        if tuple(getattr(layer, attribute)) != value:
            setattr(layer, attribute, value)
    affine = in_plane(result.place)
    if not np.array_equal(np.asarray(layer.affine), affine):
        layer.affine = affine


def _summary(result: InView) -> str:
    n = len(result.data)
    spots = "" if result.call.stage.output == "video" else f"{counted(n, 'spot')} · "
    return f"{spots}frame {result.frame} of {result.n_frames} · {1000 * result.seconds:.0f} ms"
