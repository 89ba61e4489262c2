"""Background work: Run and Cancel buttons, a progress bar and a status line."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_uai.errors import CancelledError, NapariUaiError
from napari_uai.monitor import Monitor, active_monitor
from napari_uai.widgets.kit.plots import error_style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.qt.threading import FunctionWorker

    Work: TypeAlias = Callable[[Monitor], Any]

Made = TypeVar("Made")

COMPILING = "first run on this machine: compiling takes up to half a minute, once"
_REPORTS_PER_S = 20


@dataclass(frozen=True)
class _Failure:
    """A user error, or a cancelled run."""

    message: str
    cancelled: bool


class Task(QObject):
    """Runs a function of a :class:`Monitor` in a thread; signals are emitted in the main thread.

    Attributes
    ----------
    progressed
        Emitted with the completed fraction, 0 to 1, and a message.
    succeeded
        Emitted with the result of the function.
    failed
        Emitted with a one-line message after a user error.
    broke
        Emitted with a one-line message after a bug; napari reports its traceback.
    compiling
        Emitted when a kernel is being compiled, so that this run takes longer than the next.
    ended
        Emitted after any outcome, including cancellation.
    """

    progressed = Signal(float, str)
    succeeded = Signal(object)
    failed = Signal(str)
    broke = Signal(str)
    compiling = Signal()
    ended = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        parent.installEventFilter(self)
        self._stop = threading.Event()
        self._worker: FunctionWorker[Any] | None = None
        self._showing: Iterator[None] | None = None
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._show_more)

    @property
    def running(self) -> bool:
        """Whether work is in progress, or its result being shown."""
        return self._worker is not None or self._showing is not None

    def start(self, work: Work) -> None:
        """Call a function in a thread; ignored while another one is running."""
        from napari.qt.threading import create_worker

        if self.running:
            return
        self._stop = stop = threading.Event()
        self.destroyed.connect(stop.set)  # the widget or its viewer was closed
        reporter = _Reporter(self, stop)
        monitor = Monitor(reporter, stop.is_set)
        self._worker = create_worker(
            _guarded, work, monitor, reporter.announce, _start_thread=False
        )
        self._worker.returned.connect(self._returned)
        self._worker.errored.connect(self._broke)
        self._worker.start()

    def show(self, steps: Iterator[None]) -> None:
        """Show the result that has succeeded in steps, so that none of them holds up the window.

        Each is a turn of the event loop; :attr:`ended` is emitted after the last.
        """
        self._showing = steps

    def cancel(self) -> None:
        """Request cancellation; it takes effect at the next progress report."""
        self._stop.set()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Cancel when the dock of the widget is closed, which takes the widget out of it."""
        taken = event is not None and event.type() == QEvent.Type.ParentChange
        if taken and self.running and watched is not None and watched.parent() is None:
            from napari.utils.notifications import show_info

            self.cancel()
            show_info("the run was cancelled, because its dock was closed")
        return super().eventFilter(watched, event)

    def _returned(self, outcome: Any) -> None:
        self._worker = None
        try:
            if not isinstance(outcome, _Failure):
                self.succeeded.emit(outcome)
            elif not outcome.cancelled:
                self.failed.emit(outcome.message)
        finally:
            self._show_more()

    def _show_more(self) -> None:
        """Show the next step of a result, or end."""
        try:
            if self._showing is not None:
                next(self._showing)
                self._turn.start()
                return
        except StopIteration:
            self._showing = None
        except BaseException:
            self._showing = None
            self.ended.emit()
            raise
        self.ended.emit()

    def _broke(self, error: Exception) -> None:
        self._worker = None
        self.broke.emit(f"{type(error).__name__}: {error}")
        self.ended.emit()


class RunBar(QWidget):
    """Run button, Cancel button, progress bar and status line of a :class:`Task`.

    Parameters
    ----------
    task
        Task to start, watch and cancel.
    parent
        Parent widget.

    Attributes
    ----------
    run_asked
        Emitted when Run was clicked.
    """

    run_asked = Signal()

    def __init__(self, task: Task, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.task = task
        self.run_button = QPushButton("Run")
        self.cancel_button = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.status = QLabel("")
        self._cancelled = self._failed = self._is_error = False
        self._started = 0.0
        self._note, self._done = "", 0.0
        self._lay_out()
        self.run_button.clicked.connect(self.run_asked)
        self.cancel_button.clicked.connect(self._cancel)
        task.progressed.connect(self._show_progress)
        task.failed.connect(self.show_error)
        task.broke.connect(self._show_failure)
        task.compiling.connect(self._show_compiling)
        task.ended.connect(self._end)

    def start(self, work: Work, *, done: float = 0.0) -> None:
        """Start work and show its progress.

        Parameters
        ----------
        work
            Function of a monitor.
        done
            Fraction completed in an earlier run, excluded from the estimate of the time left.
        """
        self._cancelled = self._failed = False
        self._started, self._note, self._done = time.monotonic(), "", done
        self._show_running(True)
        self.bar.setValue(0)
        self.say("Running…")
        self.task.start(work)

    def say(self, message: str) -> None:
        """Show a message in the status line."""
        self._is_error = False
        self.status.setStyleSheet("")
        self.status.setText(message)

    def tried(self, make: Callable[[], Made]) -> Made | None:
        """Return what a function returns; if it raises an error, show it and return None."""
        try:
            made = make()
        except NapariUaiError as error:
            self.show_error(str(error))
            return None
        self.forget_error()
        return made

    def done(self, act: Callable[[], object]) -> bool:
        """Call a function; if it raises an error, show it and return False."""
        return self.tried(lambda: (act(),)) is not None

    def forget_error(self) -> None:
        """Clear an error, because what it complained of has changed; other messages stay."""
        if self._is_error and not self.task.running:
            self.say("")

    def show_error(self, message: str) -> None:
        """Show an error in the status line and as a notification."""
        from napari.utils.notifications import show_error

        self._show_failure(message)
        show_error(message)

    def _lay_out(self) -> None:
        for widget, name in (
            (self.run_button, "run"),
            (self.cancel_button, "cancel"),
            (self.bar, "progress"),
            (self.status, "status"),
        ):
            widget.setObjectName(name)
        self.cancel_button.setEnabled(False)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 2)
        buttons.addWidget(self.cancel_button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)

    def _show_failure(self, message: str) -> None:
        self._failed = self._is_error = True
        self.status.setStyleSheet(error_style(self))
        self.status.setText(message)

    def _cancel(self) -> None:
        self._cancelled = True
        self.cancel_button.setEnabled(False)
        self.say("Cancelling…")
        self.task.cancel()

    def _show_progress(self, fraction: float, message: str) -> None:
        if self.task.running:
            self.bar.setValue(round(1000 * fraction))
            if not self._cancelled:
                share = (fraction - self._done) / (1 - self._done)
                left = time_left(share, time.monotonic() - self._started)
                parts = (message or "Running", f"{fraction:.0%}", left, self._note)
                self.say(" · ".join(part for part in parts if part))

    def _show_compiling(self) -> None:
        self._note = COMPILING
        self.say(COMPILING.capitalize())

    def _end(self) -> None:
        self._show_running(False)
        if self._cancelled and not self._failed:
            self.bar.setValue(0)
            self.say("Cancelled; nothing was changed.")

    def _show_running(self, running: bool) -> None:
        self.run_button.setEnabled(not running)
        self.cancel_button.setEnabled(running)


class _Reporter:
    """Forwards progress to the main thread, at most :data:`_REPORTS_PER_S` times a second."""

    def __init__(self, task: Task, stop: threading.Event) -> None:
        self._task = task
        self._stop = stop
        self._last = 0.0

    def announce(self) -> None:
        """Report that a kernel is being compiled."""
        try:
            self._task.compiling.emit()
        except RuntimeError:  # the widget was deleted
            self._stop.set()

    def __call__(self, fraction: float, message: str) -> None:
        now = time.monotonic()
        if now - self._last < 1 / _REPORTS_PER_S:
            return
        self._last = now
        try:
            self._task.progressed.emit(fraction, message)
        except RuntimeError:  # the widget was deleted
            self._stop.set()


def time_left(fraction: float, elapsed_s: float) -> str:
    """Return an estimate of the time left, empty while there is too little to go by."""
    if fraction < 0.02 or elapsed_s < 2 or fraction >= 1:
        return ""
    left = elapsed_s * (1 - fraction) / fraction
    if left < 60:
        return f"{max(round(left), 1)} s left"
    return f"{round(left / 60)} min left" if left < 5400 else f"{left / 3600:.1f} h left"


def _guarded(work: Work, monitor: Monitor, announce: Callable[[], None]) -> Any:
    """Return user errors as failures; other exceptions are bugs and propagate."""
    from napari_uai.compiled import announced_compilation

    try:
        with announced_compilation(announce), active_monitor(monitor):
            return work(monitor)
    except CancelledError as error:
        return _Failure(str(error), cancelled=True)
    except NapariUaiError as error:
        return _Failure(str(error), cancelled=False)
    except OSError as error:
        path = f" {error.filename}" if error.filename else ""
        return _Failure(
            f"cannot read or write{path}: {error.strerror or error}; check that it exists and that "
            "you have permission",
            cancelled=False,
        )
    except MemoryError:
        return _Failure(
            "not enough memory: keep the result lazy, or use fewer frames", cancelled=False
        )
