"""``napari-uai train``: training of a network on the background of a recording."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from napari_uai.cli.options import named_recipe, with_read_options, words_of
from napari_uai.cli.progress import announced_compiling, progress_bar
from napari_uai.cli.terminal import INTERRUPTED, notes, say
from napari_uai.errors import BadValueError, CancelledError
from napari_uai.setting_text import split_setting

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.iscat.fastdvdnet.settings import Device
    from napari_uai.videos.read_options import ReadOptions


@with_read_options
def train(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="Recording.")],
    out: Annotated[
        Path,
        typer.Option("--out", help="NAME.safetensors; a training that was stopped is resumed."),
    ],
    recipe: Annotated[
        str,
        typer.Option(help="Recipe that computes the rolling average: a name or a .toml file."),
    ] = "prediction",
    *,
    options: ReadOptions,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="GROUP.NAME=VALUE",
            help="Set a parameter, such as training.epochs=5, network.channels=8 or "
            "dra.batch_size=500; repeatable.",
        ),
    ] = None,
    start_from: Annotated[
        Path | None, typer.Option("--start-from", help="Initial weights.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="Device: auto (a GPU if available), cpu, cuda or mps.")
    ] = "auto",
) -> int:
    """Train a network to predict the background of a recording."""
    from napari_uai.iscat.recipes.training import train_on_recording

    def show(history: pd.DataFrame) -> None:
        row = history.iloc[-1]
        losses = f"{row.training_loss:.4f} in training, {row.validation_loss:.4f} held out"
        typer.echo(f"epoch {int(row.epoch)}: loss {losses}, {row.seconds:.0f} s", err=True)

    try:
        with announced_compiling(), progress_bar(source.name) as monitor:
            result = train_on_recording(
                source,
                out,
                recipe=recipe,
                settings=settings or (),
                options=options,
                start_from=start_from,
                device=_device(device),
                on_epoch=show,
                monitor=monitor,
            )
    except (CancelledError, KeyboardInterrupt):
        if not out.with_suffix(".csv").exists():
            raise
        advice = "the same command resumes after the last complete epoch"
        if out.exists():
            advice = f"{out} contains the best complete epoch; {advice}"
        return say(f"stopped; {advice}", INTERRUPTED)
    best = result.best
    typer.echo(
        f"best epoch {int(best.epoch)} of {len(result.history) - 1}: held-out loss "
        f"{best.validation_loss:.4f} of the noise variance, {100 * result.gain:.1f} % below "
        f"that of the initial weights; {result.path}"
    )
    if best.epoch == 0 and start_from is None:
        notes(["nothing was learnt, the weights are random; use more frames or a smaller batch"])
    typer.echo("to use it: " + _use_of_weights(source, out, recipe, settings or (), options))
    return 0


def _use_of_weights(
    source: Path,
    weights: Path,
    recipe: str,
    settings: Sequence[str],
    options: ReadOptions,
) -> str:
    """Return the command that predicts the background of a recording with the trained weights."""
    from napari_uai.iscat.recipes.recipe import PREDICTING, PREDICTION, load_recipe
    from napari_uai.iscat.recipes.training import GROUPS

    named = named_recipe(recipe)
    chosen = recipe if named.steps_of(PREDICTING) else PREDICTION
    loaded = load_recipe(chosen)
    steps = {step.name for step in loaded.steps}
    form = "GROUP.NAME=VALUE"
    groups = [(split_setting(setting, form=form).group, setting) for setting in settings]
    kept = [text for group, text in groups if group in steps and group not in GROUPS]
    kept.append(f"{loaded.steps_of(PREDICTING)[0].name}.weights={weights}")
    words = ["napari-uai", "iscat", str(source), "--out", "results", "--recipe", chosen]
    words += words_of(options)
    return shlex.join(words + [word for text in kept for word in ("--set", text)])


def _device(text: str) -> Device:
    from napari_uai.iscat.fastdvdnet.settings import Device

    if text not in get_args(Device):
        raise BadValueError(f"no device {text!r}; choose from {', '.join(get_args(Device))}")
    return cast("Device", text)
