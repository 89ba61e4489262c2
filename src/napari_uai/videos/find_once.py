"""Results about a whole recording that are computed once, on first use."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")


class Memo(Generic[Found]):
    """Calls a function once, however many threads ask for the result; pickled with the result.

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
        """Return the result."""
        with self._lock:
            if not self._found:
                self._found.append(self.find())
            return self._found[0]

    def __getstate__(self) -> dict[str, Any]:
        return {"find": self.find, "_found": self._found}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
