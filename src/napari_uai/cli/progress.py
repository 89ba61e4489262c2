"""Progress bars in the terminal, and cancellation by Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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

    The first Ctrl-C stops the work at the next block of frames, the second immediately.
    """
    stop = threading.Event()
    with _on_interrupt(stop):
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


@contextmanager
def _on_interrupt(stop: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: Any) -> None:
        if stop.is_set():
            signal.default_int_handler(number, frame)
        stop.set()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
