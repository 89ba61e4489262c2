"""Work in another thread of which only the newest request counts: for what follows a slider."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_uai.errors import CancelledError, NapariUaiError
from napari_uai.monitor import Monitor, active_monitor

if TYPE_CHECKING:
    from collections.abc import Callable


class Newest(QObject):
    """Calls functions one at a time in a thread; one that waits gives way to a newer one.

    Attributes
    ----------
    done
        What a function returned; arrives in the main thread.
    failed
        One line: what is wrong and what to do.
    compiling
        A kernel has to be compiled: the first call takes longer than the next.
    """

    done = Signal(object)
    failed = Signal(str)
    compiling = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._mail = _Mailbox(self)
        self.destroyed.connect(self._mail.close)

    def ask(self, work: Callable[[Monitor], Any]) -> None:
        """Have a function of a :class:`Monitor` called as soon as the one under way has ended."""
        self._mail.put(work)

    def forget(self) -> None:
        """Drop the request that waits; cancel the one under way."""
        self._mail.clear()

    @property
    def busy(self) -> bool:
        """Whether a request is under way or waits."""
        return self._mail.busy


class _Mailbox:
    """Holds the newest request; its thread lives as long as there is one."""

    def __init__(self, owner: Newest) -> None:
        self._owner: Newest | None = owner
        self._lock = threading.Lock()
        self._waiting: Callable[[Monitor], Any] | None = None
        self._number = 0
        self.busy = False

    def put(self, work: Callable[[Monitor], Any]) -> None:
        with self._lock:
            self._waiting = work
            if self.busy:
                return
            self.busy = True
        threading.Thread(target=self._work, name="napari-uai preview", daemon=True).start()

    def clear(self) -> None:
        with self._lock:
            self._waiting = None
            self._number += 1

    def close(self) -> None:
        self._owner = None
        self.clear()

    def _work(self) -> None:
        from napari_uai.compiled import announced_compilation

        with announced_compilation(partial(self._tell, "compiling")):
            self._answer()

    def _answer(self) -> None:
        while True:
            with self._lock:
                work, self._waiting = self._waiting, None
                number = self._number
                if work is None:
                    self.busy = False
                    return
            monitor = Monitor(cancelled=partial(self._is_forgotten, number))
            signal, outcome = _outcome(work, monitor)
            if signal and not self._is_forgotten(number):
                self._tell(signal, outcome)

    def _is_forgotten(self, number: int) -> bool:
        return number != self._number

    def _tell(self, signal: str, *outcome: Any) -> None:
        owner = self._owner
        try:
            if owner is not None:
                getattr(owner, signal).emit(*outcome)
        except RuntimeError:  # the widget is gone
            self.close()


def _outcome(work: Callable[[Monitor], Any], monitor: Monitor) -> tuple[str, Any]:
    try:
        with active_monitor(monitor):
            return "done", work(monitor)
    except CancelledError:
        return "", None
    except NapariUaiError as error:
        return "failed", str(error)
    except MemoryError:
        return "failed", "not enough memory for a preview: take a smaller batch or fewer frames"
    except Exception as error:  # noqa: BLE001  # a preview must not stop the work; Run reports it
        return "failed", f"{type(error).__name__}: {error}"
