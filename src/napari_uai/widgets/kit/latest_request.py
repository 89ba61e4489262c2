"""Background work of which only the latest request counts, as when a slider is dragged."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from qtpy.QtCore import QObject, Signal

from napari_uai.errors import CancelledError, NapariUaiError
from napari_uai.monitor import Monitor, active_monitor

if TYPE_CHECKING:
    from collections.abc import Callable

    Work: TypeAlias = Callable[[Monitor], Any]


class LatestRequest(QObject):
    """Runs one function at a time in a thread; a waiting request is replaced by a newer one.

    Attributes
    ----------
    done
        Emitted in the main thread with the result of a function.
    failed
        Emitted with a one-line error message.
    compiling
        Emitted when a kernel is being compiled, so that this call takes longer than the next.
    """

    done = Signal(object)
    failed = Signal(str)
    compiling = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._mailbox = _Mailbox(self)
        self.destroyed.connect(self._mailbox.close)

    def ask(self, work: Work) -> None:
        """Call a function of a :class:`~napari_uai.monitor.Monitor` after the current one."""
        self._mailbox.put(work)

    def forget(self) -> None:
        """Drop the waiting request and cancel the current one."""
        self._mailbox.clear()

    @property
    def busy(self) -> bool:
        """Whether a request is running or waiting."""
        return self._mailbox.busy


class _Mailbox:
    """Holds the latest request; its thread ends when there is none."""

    def __init__(self, owner: LatestRequest) -> None:
        self._owner: LatestRequest | None = owner
        self._lock = threading.Lock()
        self._waiting: Work | None = None
        self._number = 0
        self.busy = False

    def put(self, work: Work) -> None:
        with self._lock:
            self._waiting = work
            if self.busy:
                return
            self.busy = True
        threading.Thread(target=self._run, name="napari-uai preview", daemon=True).start()

    def clear(self) -> None:
        with self._lock:
            self._waiting = None
            self._number += 1

    def close(self) -> None:
        self._owner = None
        self.clear()

    def _run(self) -> None:
        from napari_uai.compiled import announced_compilation

        with announced_compilation(partial(self._emit, "compiling")):
            self._run_requests()

    def _run_requests(self) -> None:
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
                self._emit(signal, outcome)

    def _is_forgotten(self, number: int) -> bool:
        return number != self._number

    def _emit(self, signal: str, *outcome: Any) -> None:
        owner = self._owner
        try:
            if owner is not None:
                getattr(owner, signal).emit(*outcome)
        except RuntimeError:  # the widget was deleted
            self.close()


def _outcome(work: Work, monitor: Monitor) -> tuple[str, Any]:
    """Return the signal to emit, empty for none, and its argument."""
    try:
        with active_monitor(monitor):
            return "done", work(monitor)
    except CancelledError:
        return "", None
    except NapariUaiError as error:
        return "failed", str(error)
    except MemoryError:
        return "failed", "not enough memory for a preview: choose a smaller batch or fewer frames"
    except Exception as error:  # noqa: BLE001  # a preview must not interrupt; Run reports the bug
        return "failed", f"{type(error).__name__}: {error}"
