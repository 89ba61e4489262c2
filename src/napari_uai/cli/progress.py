"""Progress bars in the terminal, and cancellation by Ctrl-C and other signals to stop."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FrameType

import typer

from napari_uai.monitor import Monitor, active_monitor

COMPILING = "note: compiling kernels for this machine; the first run takes half a minute longer"


@contextmanager
def announced_compiling() -> Iterator[None]:
    """Print a note if kernels are compiled, because the first run on a machine is slow."""
    from napari_uai.compiled import announced_compilation

    with announced_compilation(lambda: typer.echo(COMPILING, err=True)):
        yield


@contextmanager
def progress_bar(label: str) -> Iterator[Monitor]:
    """Yield a monitor that shows a progress bar in a terminal and is cancelled by Ctrl-C.

    The first Ctrl-C stops the work at the next block of frames, the second immediately. So do the
    signals of a job that is cancelled (SIGTERM) and of a terminal that is closed (SIGHUP).
    """
    stop = threading.Event()
    with signals_to_stop(lambda: _stop_or_interrupt(stop)):
        if not sys.stderr.isatty():
            quiet = Monitor(cancelled=stop.is_set)
            with active_monitor(quiet):
                yield quiet
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(label, total=1.0)

            def show(fraction: float, message: str) -> None:
                text = f"{label}: {message}" if message else label
                bar.update(task, completed=fraction, description=text[:60])

            monitor = Monitor(show, stop.is_set)
            with active_monitor(monitor):
                yield monitor


def interrupt() -> None:
    """Stop the work immediately, with all that it has to clean up."""
    raise KeyboardInterrupt


@contextmanager
def signals_to_stop(stop: Callable[[], None] = interrupt) -> Iterator[None]:
    """Call a function when the process is asked to stop: Ctrl-C, SIGTERM, a closed terminal.

    Signals that are ignored, as under nohup, stay so.
    """
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            for number in _TO_STOP:
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:
                    signal.signal(number, partial(_asked_to_stop, stop))
                    stack.callback(signal.signal, number, before)
        yield


def signals_end_the_process() -> None:
    """Let the signals end the process at once, as a window does that has its own loop of events."""
    for number in _TO_STOP:
        signal.signal(number, signal.SIG_DFL)


def _asked_to_stop(stop: Callable[[], None], number: int, frame: FrameType | None) -> None:
    del frame
    if number == _CLOSED:
        _write_nowhere()
    stop()


def _write_nowhere() -> None:
    """Discard further output: writing to a closed terminal would be an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        if stat.S_ISCHR(os.fstat(output).st_mode):
            os.dup2(nowhere, output)
    os.close(nowhere)


def _stop_or_interrupt(stop: threading.Event) -> None:
    if stop.is_set():
        interrupt()
    stop.set()


_CLOSED = getattr(signal, "SIGHUP", None)
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_TO_STOP = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
