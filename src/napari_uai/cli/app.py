"""The command line: ``napari-uai iscat recording.bin --out results``, ``napari-uai trails ...``.

User errors are reported on one line of stderr with exit code 2; cancelled runs exit with 130, bugs
with 1. ``--debug`` shows tracebacks.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from napari_uai import __version__
from napari_uai.cli.cache import cache_app
from napari_uai.cli.catalogue import recipes, stages
from napari_uai.cli.demo import demo
from napari_uai.cli.evaluate import evaluate
from napari_uai.cli.export import export
from napari_uai.cli.gui import gui
from napari_uai.cli.info import info
from napari_uai.cli.iscat import iscat
from napari_uai.cli.limit import limit
from napari_uai.cli.mass import mass
from napari_uai.cli.progress import signals_to_stop
from napari_uai.cli.psf import psf_app
from napari_uai.cli.rate import rate
from napari_uai.cli.report import report
from napari_uai.cli.simulate import simulate_app
from napari_uai.cli.terminal import CRASHED, FAILED, INTERRUPTED, say
from napari_uai.cli.trail_models import fit_trails, update_model
from napari_uai.cli.trails import trails
from napari_uai.cli.train import train
from napari_uai.cli.warm import warm
from napari_uai.errors import CancelledError, NapariUaiError
from napari_uai.option_names import options_of_command_line

TWO_WORDS = {"trails fit": fit_trails, "trails update": update_model}
"""Commands of two words: ``trails`` itself takes any path."""


class Commands(TyperGroup):
    """Commands, some of which have two words."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the arguments name, and the other arguments."""
        words = " ".join(args[:2])
        return super().resolve_command(ctx, [words, *args[2:]] if words in TWO_WORDS else args)


app = typer.Typer(
    name="napari-uai",
    cls=Commands,
    help="Detect landings in iSCAT recordings, and rank unusual trails of tracked objects.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (
    iscat,
    limit,
    mass,
    rate,
    train,
    trails,
    report,
    evaluate,
    info,
    export,
    demo,
    warm,
    gui,
    recipes,
    stages,
):
    app.command()(command)
for words, command in TWO_WORDS.items():
    app.command(words)(command)
app.add_typer(simulate_app, name="simulate")
app.add_typer(psf_app, name="psf")
app.add_typer(cache_app, name="cache")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in words
    # Without a handler, warnings of libraries would be printed to stderr.
    logging.getLogger().addHandler(logging.NullHandler())
    if debug:
        words.remove("--debug")
        logging.basicConfig(level=logging.INFO)
        logging.getLogger("napari_uai").setLevel(logging.DEBUG)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # any name of a file, in any locale
            stream.reconfigure(errors="backslashreplace")
    try:
        with signals_to_stop(), options_of_command_line():
            code = app(args=words, prog_name="napari-uai", standalone_mode=False)
    except (CancelledError, KeyboardInterrupt, typer.Abort):
        return say("cancelled; no incomplete results were written", INTERRUPTED)
    except NapariUaiError as error:
        if debug:
            raise
        return say(str(error), FAILED)
    except BrokenPipeError:  # the reader of the output has stopped, such as head
        sys.stderr.close()
        return 0
    except Exception as error:
        if hasattr(error, "format_message"):  # usage errors; their base class depends on typer
            return say(error.format_message(), FAILED)
        if debug:
            raise
        message = f"{type(error).__name__}: {error}"
        return say(
            f"{message} (this is a bug; please report it with the output of --debug)", CRASHED
        )
    return code if isinstance(code, int) else 0


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-uai {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and log messages.")
    ] = False,
) -> None:
    del version, debug  # handled before this is called


if __name__ == "__main__":
    sys.exit(main())
