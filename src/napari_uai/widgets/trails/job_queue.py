"""Background work of the trail dock: loading, analyses and exports, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from qtpy.QtCore import QObject, Signal

from napari_uai.monitor import SILENT
from napari_uai.widgets.kit.running import RunBar, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_uai.monitor import Monitor
    from napari_uai.trails.analysis.result import TrailResult
    from napari_uai.trails.analysis.session import Request, TrailSession

    Job: TypeAlias = Callable[[Monitor], Any]
    Deliver: TypeAlias = Callable[[Any], None]


class JobQueue(QObject):
    """Runs one job or analysis at a time; only the latest request of an analysis counts.

    Parameters
    ----------
    parent
        Dock that owns the queue.

    Attributes
    ----------
    answered
        Emitted with a request and its result.
    """

    answered = Signal(object, object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.task = Task(parent)
        self.run_bar = RunBar(self.task)
        self.session: TrailSession | None = None
        self._wanted: Request | None = None
        self._running: Request | None = None
        self._settled: Request | None = None
        self._job: tuple[Job, Deliver] | None = None
        self._deliver: Deliver | None = None
        self._quick = self._delivering = False
        self.task.succeeded.connect(self._succeeded)
        self.task.failed.connect(self._failed)
        self.task.broke.connect(self._failed)
        self.task.ended.connect(self._start_next)
        self.run_bar.cancel_button.clicked.connect(self._cancelled)

    @property
    def busy(self) -> bool:
        """Whether anything is running or waiting."""
        return self.task.running or self._job is not None or self._is_open

    def set_session(self, session: TrailSession | None) -> None:
        """Analyse other trails from now on."""
        self.session = session
        self._wanted = self._running = self._settled = None

    def ask(self, request: Request) -> None:
        """Run an analysis; it replaces a request that is waiting or running."""
        self._wanted = request
        if not self.task.running:
            self._start_next()
        elif self._running is not None and not self._quick and not request.like(self._running):
            self.task.cancel()  # a quick analysis ends soon, and its result can be shown

    def do(self, job: Job, deliver: Deliver, *, first: bool = False) -> None:
        """Run a job in the thread and deliver its result in the main thread.

        Parameters
        ----------
        job
            Function of a monitor.
        deliver
            Function of the result of the job.
        first
            Whether to cancel a running analysis.
        """
        self._job = (job, deliver)
        if not self.task.running:
            self._start_next()
        elif first and self._running is not None:
            self.task.cancel()

    def finish(self, message: str) -> None:
        """Say that a job has ended."""
        self.run_bar.bar.setValue(self.run_bar.bar.maximum())
        self.run_bar.say(message)

    def ask_again(self) -> None:
        """Repeat the latest request, after it was cancelled or has failed."""
        self._settled = None
        if not self.task.running:
            self._start_next()

    @property
    def _is_open(self) -> bool:
        wanted = self._wanted
        return self.session is not None and wanted is not None and not wanted.like(self._settled)

    def _start_next(self) -> None:
        if self.task.running or self._delivering:
            return
        self._running = self._deliver = None
        if self._job is not None:
            job, self._deliver = self._job
            self._job = None
            self.run_bar.start(job)
        elif self._is_open:
            self._start_analysis()

    def _start_analysis(self) -> None:
        session, request = self.session, self._wanted
        if session is None or request is None:
            return
        self._running = request
        self._quick = session.is_quick(request)

        def analyse(monitor: Monitor) -> tuple[TrailSession, Request, TrailResult]:
            return session, request, session.run(request, monitor=monitor)

        if self._quick:
            self.task.start(lambda _monitor: analyse(SILENT))
        else:
            self.run_bar.start(analyse)

    def _succeeded(self, outcome: Any) -> None:
        self._delivering = True  # requests that are made meanwhile start afterwards
        try:
            if self._deliver is not None:
                self._deliver(outcome)
                return
            session, request, result = outcome
            if session is self.session:
                self._settled = request
                self.answered.emit(request, result)
        finally:
            self._delivering = False

    def _failed(self, _message: str) -> None:
        """Do not repeat a request that has failed; the status line shows why."""
        if self._running is not None:
            self._settled = self._running

    def _cancelled(self) -> None:
        """Do not repeat a request that the user has cancelled."""
        self._settled = self._wanted
        self._job = None
