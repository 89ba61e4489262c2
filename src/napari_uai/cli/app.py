"""The command line: ``napari-uai iscat recording.bin --out results``, ``napari-uai trails ...``.

Errors that a user can mend are one line on stderr and exit code 2; a cancelled run exits with 130;
a bug with 1, and with its traceback if ``--debug`` is given.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from napari_uai import __version__
from napari_uai.cli.catalogue import recipes, stages
from napari_uai.cli.demo import demo
from napari_uai.cli.evaluate import evaluate
from napari_uai.cli.export import export
from napari_uai.cli.info import info
from napari_uai.cli.iscat import iscat
from napari_uai.cli.simulate import simulate_app
from napari_uai.cli.terminal import CRASHED, FAILED, INTERRUPTED, say
from napari_uai.cli.trails import trails
from napari_uai.cli.train import train
from napari_uai.errors import CancelledError, NapariUaiError

app = typer.Typer(
    name="napari-uai",
    help="Find what does not belong: landings in iSCAT recordings, odd trails of a camera.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (iscat, train, trails, evaluate, info, export, demo, recipes, stages):
    app.command()(command)
app.add_typer(simulate_app, name="simulate")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given:
        given = ["--help"]
    debug = "--debug" in given
    # Without a handler, warnings of the libraries would go to stderr beside our one line.
    logging.getLogger().addHandler(logging.NullHandler())
    if debug:
        given.remove("--debug")
        logging.basicConfig(level=logging.INFO)
        logging.getLogger("napari_uai").setLevel(logging.DEBUG)
    try:
        code = app(args=given, prog_name="napari-uai", standalone_mode=False)
    except (CancelledError, KeyboardInterrupt, typer.Abort):
        return say("cancelled; no unfinished results were left", INTERRUPTED)
    except NapariUaiError as error:
        if debug:
            raise
        return say(str(error), FAILED)
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return 0
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's own, whose base class varies by version
            return say(error.format_message(), FAILED)
        if debug:
            raise
        what = f"{type(error).__name__}: {error}"
        return say(f"{what} (a bug; --debug shows where, please report it)", CRASHED)
    return code if isinstance(code, int) else 0


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-uai {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    del version, debug  # acted on before they come here


if __name__ == "__main__":
    sys.exit(main())
