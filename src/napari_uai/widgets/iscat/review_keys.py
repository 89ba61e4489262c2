"""Keys that judge landings while their dock is shown, wherever the focus is."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.utils.key_bindings import KeymapProvider
    from qtpy.QtWidgets import QWidget


class ReviewKeys:
    """Keys of a dock: shortcuts inside it, and bindings of napari for canvas and window.

    A layer's own bindings come before those of its class, so in the canvas ``A`` accepts instead of
    selecting all points while the layer of the landings is active. Other layers keep their keys.

    Parameters
    ----------
    dock
        Widget inside which the keys are shortcuts.
    acts
        What each key does.
    """

    def __init__(self, dock: QWidget, acts: Mapping[str, Callable[[], None]]) -> None:
        for key, act in acts.items():
            shortcut = QShortcut(QKeySequence(key), dock)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(act)
        self._bindings = {key: _binding(act) for key, act in acts.items()}
        self._bound: list[KeymapProvider] = []

    def bind(self, *providers: KeymapProvider | None) -> None:
        """Bind the keys to layers and viewers, in place of other docks' bindings."""
        self.unbind()
        self._bound = [provider for provider in providers if provider is not None]
        for provider in self._bound:
            for key, binding in self._bindings.items():
                provider.bind_key(key, binding, overwrite=True)

    def unbind(self) -> None:
        """Give the keys back, unless another dock has bound them since."""
        for provider in self._bound:
            for key, binding in self._bindings.items():
                found = provider.bind_key(key, None)
                if found is not None and found is not binding:
                    provider.bind_key(key, found)
        self._bound = []


def _binding(act: Callable[[], None]) -> Callable[[Any], None]:
    def judge(_provider: Any) -> None:  # napari asks for the name of the function
        with suppress(RuntimeError):  # the dock was deleted
            act()

    return judge
