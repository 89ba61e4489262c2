"""Figures about a whole recording that are found once, when they are first needed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")


class Memo(Generic[Found]):
    """Calls a function once, whatever the number of threads that ask; pickled with what it found.

    Parameters
    ----------
    find
        A module-level function or a ``functools.partial`` of one.
    """

    def __init__(self, find: Callable[[], Found]) -> None:
        self.find = find
        self._found: list[Found] = []
        self._lock = threading.Lock()

    def __call__(self) -> Found:
        """Return what was found."""
        with self._lock:
            if not self._found:
                self._found.append(self.find())
            return self._found[0]

    def __getstate__(self) -> dict[str, Any]:
        return {"find": self.find, "_found": self._found}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
