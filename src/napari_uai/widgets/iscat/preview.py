"""A live preview: a layer that follows the slider, the layers and the parameters of a stage."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_uai.errors import NapariUaiError
from napari_uai.widgets.iscat.in_view import InView, StageInView
from napari_uai.widgets.kit.latest_request import Newest
from napari_uai.widgets.kit.layer_choice import identity, layer_of
from napari_uai.widgets.kit.plots import wrong_style
from napari_uai.widgets.kit.running import COMPILING

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_uai.widgets.iscat.stage_call import StageCall
    from napari_uai.widgets.kit.layers import Place

PREVIEW = "preview"
"""Kind of a layer, in its metadata, that is not to be taken as an input."""

COLOUR = "#80ed99"
_MS = 1000


class LivePreview(QWidget):
    """Tick and line of a preview; computes in a thread, the newest request wins.

    Parameters
    ----------
    viewer
        The viewer.
    call
        Returns what the stage is to be called with; raises NapariUaiError if that does not fit.
    layers
        Returns the chosen layers, whose data may change.

    Attributes
    ----------
    shown
        A frame has been shown.
    """

    shown = Signal(object)

    def __init__(
        self,
        viewer: Any,
        call: Callable[[], StageCall],
        layers: Callable[[], list[Any]] = list,
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
        self.newest = Newest(self)
        self.newest.done.connect(self._show)
        self.newest.failed.connect(self._say_wrong)
        self.newest.compiling.connect(lambda: self.say(f"{COMPILING}…"))
        self.tick = QCheckBox("Live preview")
        self.tick.setObjectName("preview")
        self.tick.setToolTip("Show the result for the frame in view while values are changed.")
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
        """Compute anew: inputs or parameters have changed."""
        if not self.tick.isChecked():
            return
        self.newest.forget()
        self._follow.watch([layer for layer in self._ask_layers() if layer is not None])
        try:
            self._call = self._ask_call()
        except NapariUaiError as error:
            self._call = None
            self._remove_layer()
            self._say_wrong(str(error))
            return
        self.follow()

    def follow(self) -> None:
        """Compute the frame that is in view now."""
        if not self.tick.isChecked() or self._call is None:
            return
        dims = self.viewer.dims
        axis = dims.ndim - 3
        if axis in dims.displayed:
            self._say_wrong("a preview needs the 2-D view with frames on the slider")
            return
        frame = dims.point[axis] if axis >= 0 else 0.0
        self.newest.ask(partial(self.in_view.show, self._call, frame))

    def layer(self) -> Any:
        """Return the layer of the preview, or None."""
        return layer_of(self.viewer, self._layer_id)

    def look_after(self) -> None:
        """Switch off if the user has deleted the layer."""
        if self._layer_id and self.layer() is None:
            self._layer_id = ""
            self.tick.setChecked(False)

    def _switch(self, on: bool) -> None:
        if on:
            self.say("computing…")
            self._follow.begin()
            self.refresh()
        else:
            self._follow.end()
            self.newest.forget()
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

    def _show(self, seen: InView) -> None:
        if not self.tick.isChecked() or seen.call is not self._call:
            return
        layer = self.layer()
        if layer is None:
            layer = self._add(seen)
        elif seen.call.stage.output == "video":
            self._update_picture(layer, seen)
        else:
            _place(layer, seen)
            layer.data = seen.data
            layer.size = seen.sizes
        self._shown_call = seen.call
        self.say(_summary(seen))
        self.shown.emit(seen)

    def _add(self, seen: InView) -> Any:
        """Add the layer without taking the selection away."""
        from napari_uai.widgets.kit.layers import KEY

        selected = self.viewer.layers.selection.active
        name = f"{seen.place.name}: preview of {seen.call.stage.title.lower()}"
        metadata = {KEY: {**seen.place.record, "kind": PREVIEW}}
        common: dict[str, Any] = {"name": name, "units": seen.place.units[1:], "metadata": metadata}
        common |= {"scale": seen.place.scale[1:], "translate": seen.place.translate[1:]}
        common |= {"affine": _in_plane(seen.place)}
        if seen.call.stage.output == "video":
            self._limits = seen.limits
            layer = self.viewer.add_image(
                seen.data,
                colormap="gray",
                contrast_limits=seen.limits,
                interpolation2d="nearest",
                **common,
            )
        else:
            layer = self.viewer.add_points(
                seen.data,
                ndim=2,
                size=seen.sizes,
                symbol="disc",
                face_color="transparent",
                border_color=COLOUR,
                border_width=0.06,
                canvas_size_limits=(0, 10_000),
                **common,
            )
        self._layer_id = self._follow.layer_id = identity(layer)
        _below_rings(self.viewer.layers, layer)
        if selected is not None:
            self.viewer.layers.selection.active = selected
        return layer

    def _update_picture(self, layer: Any, seen: InView) -> None:
        _place(layer, seen)
        layer.data = seen.data
        untouched = self._limits is not None and tuple(layer.contrast_limits) == self._limits
        if seen.call is not self._shown_call and untouched:
            self._limits = seen.limits
            layer.contrast_limits = seen.limits

    def say(self, text: str) -> None:
        """Show a line beside the tick."""
        self.status.setStyleSheet("")
        self.status.setText(text)

    def _say_wrong(self, text: str) -> None:
        self.status.setStyleSheet(wrong_style(self))
        self.status.setText(text)


class _Follower:
    """Connects a preview to its viewer, and cleans up after it when its widget is closed."""

    def __init__(self, viewer: Any, preview: LivePreview) -> None:
        self.layer_id = ""
        self._viewer = viewer
        self._preview = preview
        self._connected = False
        self._watched: list[Any] = []

    def begin(self) -> None:
        if not self._connected:
            self._connected = True
            self._viewer.dims.events.current_step.connect(self._moved)
            self._viewer.dims.events.ndisplay.connect(self._moved)

    def watch(self, layers: list[Any]) -> None:
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
            with suppress(RuntimeError, ValueError):  # the whole window is being closed
                self._viewer.layers.remove(layer)

    def _moved(self, _event: Any = None) -> None:
        self._tell(self._preview.follow)

    def _changed(self, event: Any = None) -> None:
        # Points tell of a change before and after it; the later one counts.
        if not str(getattr(event, "action", "")).endswith("ing"):
            self._tell(self._preview.refresh)

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            what()
        except RuntimeError:  # the widget is gone
            self.end()


def _below_rings(layers: Any, layer: Any) -> None:
    """Move a picture, which was added on top, to just above the other images."""
    if not hasattr(layer, "contrast_limits"):
        return
    others = [i for i, other in enumerate(layers) if hasattr(other, "contrast_limits")]
    if len(others) > 1 and others[-2] + 1 < others[-1]:
        layers.move(others[-1], others[-2] + 1)


def _place(layer: Any, seen: InView) -> None:
    """Move a layer only if it has to: each change makes napari draw everything."""
    for attribute in ("scale", "translate"):
        value = getattr(seen.place, attribute)[1:]
        if tuple(getattr(layer, attribute)) != value:
            setattr(layer, attribute, value)
    affine = _in_plane(seen.place)
    if not np.array_equal(np.asarray(layer.affine), affine):
        layer.affine = affine


def _in_plane(place: Place) -> np.ndarray:
    """Return the affine of a layer of rows and columns alone, (3, 3)."""
    return np.asarray(place.affine)[1:, 1:]


def _summary(seen: InView) -> str:
    n = len(seen.data)
    what = "" if seen.call.stage.output == "video" else f"{n} spot{'' if n == 1 else 's'} · "
    return f"{what}frame {seen.frame} of {seen.n_frames} · {_MS * seen.seconds:.0f} ms"
