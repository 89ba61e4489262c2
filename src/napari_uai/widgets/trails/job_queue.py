"""Work of the trail dock in a thread: loading, questions about trails, exports; newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_uai.monitor import SILENT
from napari_uai.widgets.kit.running import RunBar, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_uai.monitor import Monitor
    from napari_uai.trails.analysis.result import TrailResult
    from napari_uai.trails.analysis.session import Request, TrailSession


class Work(QObject):
    """One thing at a time: a newer question takes the place of an older, a job waits its turn.

    Attributes
    ----------
    answered
        The newest question whose answer is known, and the answer.
    """

    answered = Signal(object, object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.task = Task(parent)
        self.run_bar = RunBar(self.task)
        self.session: TrailSession | None = None
        self._wanted: Request | None = None
        self._asked: Request | None = None
        self._settled: Request | None = None
        self._job: tuple[Callable[[Monitor], Any], Callable[[Any], None]] | None = None
        self._deliver: Callable[[Any], None] | None = None
        self._quick = self._delivering = False
        self.task.succeeded.connect(self._succeeded)
        self.task.failed.connect(self._failed)
        self.task.broke.connect(self._failed)
        self.task.ended.connect(self._next)
        self.run_bar.cancel_button.clicked.connect(self._cancelled)

    @property
    def busy(self) -> bool:
        """Whether anything is under way or waits."""
        return self.task.running or self._job is not None or self._open_question

    def set_session(self, session: TrailSession | None) -> None:
        """Ask about other trails from now on."""
        self.session = session
        self._wanted = self._asked = self._settled = None

    def ask(self, question: Request) -> None:
        """Have a question answered; one that was asked before and is not answered is dropped."""
        self._wanted = question
        if not self.task.running:
            self._next()
        elif self._asked is not None and not self._quick and not question.like(self._asked):
            self.task.cancel()  # a quick one ends by itself, and is of use

    def do(
        self,
        job: Callable[[Monitor], Any],
        deliver: Callable[[Any], None],
        *,
        first: bool = False,
    ) -> None:
        """Have a job done in the thread, and its result delivered in the main thread.

        Parameters
        ----------
        job
            Takes a monitor.
        deliver
            Takes what the job returns.
        first
            Whether a question under way gives way to it.
        """
        self._job = (job, deliver)
        if not self.task.running:
            self._next()
        elif first and self._asked is not None:
            self.task.cancel()

    def ask_again(self) -> None:
        """Ask the newest question once more, after it was cancelled or refused."""
        self._settled = None
        if not self.task.running:
            self._next()

    @property
    def _open_question(self) -> bool:
        wanted = self._wanted
        return self.session is not None and wanted is not None and not wanted.like(self._settled)

    def _next(self) -> None:
        if self.task.running or self._delivering:
            return
        self._asked = self._deliver = None
        if self._job is not None:
            job, self._deliver = self._job
            self._job = None
            self.run_bar.start(job)
        elif self._open_question:
            self._start_question()

    def _start_question(self) -> None:
        session, question = self.session, self._wanted
        if session is None or question is None:
            return
        self._asked = question
        self._quick = session.is_quick(question)

        def answer(monitor: Monitor) -> tuple[TrailSession, Request, TrailResult]:
            return session, question, session.run(question, monitor=monitor)

        if self._quick:
            self.task.start(lambda _monitor: answer(SILENT))
        else:
            self.run_bar.start(answer)

    def _succeeded(self, outcome: Any) -> None:
        self._delivering = True  # what is asked meanwhile starts once this has ended
        try:
            if self._deliver is not None:
                self._deliver(outcome)
                return
            session, question, result = outcome
            if session is self.session:
                self._settled = question
                self.answered.emit(question, result)
        finally:
            self._delivering = False

    def _failed(self, _message: str) -> None:
        """Do not ask anew what has no answer; the bar has told why."""
        if self._asked is not None:
            self._settled = self._asked

    def _cancelled(self) -> None:
        """Do not ask anew what the user has stopped."""
        self._settled = self._wanted
        self._job = None
