"""The command line: ``napari-uai iscat recording.bin --out results``, ``napari-uai trails ...``.

Errors that a user can mend are one line on stderr and exit code 2; a cancelled run exits with 130;
a bug with 1, and with its traceback if ``--debug`` is given.
"""

from __future__ import annotations

import dataclasses
import logging
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast, get_args

import typer

from napari_uai import __version__
from napari_uai.errors import BadValueError, CancelledError, NapariUaiError, VideoFormatError
from napari_uai.monitor import Monitor, overseen

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.evaluate.evaluation import Evaluation
    from napari_uai.fastdvdnet.settings import Device
    from napari_uai.simulate.settings import RecordingSettings, TrailSettings
    from napari_uai.videos.formats import FrameRange
    from napari_uai.workflow.batch import Outcome
    from napari_uai.workflow.trails import TrailResult

Settings = TypeVar("Settings", "RecordingSettings", "TrailSettings")

FAILED, CRASHED, INTERRUPTED = 2, 1, 130
"""Exit codes: something to mend, a bug, Ctrl-C."""

NAMED_CLASSES, NAMED_PROBLEMS = 8, 5
"""Classes and problems that are told; files have all."""

DEMO_RECIPES = ("matched", "network", "prediction", "handcrafted", "classical")

app = typer.Typer(
    name="napari-uai",
    help="Find what does not belong: landings in iSCAT recordings, odd trails of a camera.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
simulate_app = typer.Typer(
    help="Make recordings and trails with known truth.", rich_markup_mode=None
)
app.add_typer(simulate_app, name="simulate")

Out = Annotated[Path, typer.Option("--out", help="Folder for the results; made if needed.")]
Height = Annotated[int | None, typer.Option(help="Rows of a headerless recording.")]
Width = Annotated[int | None, typer.Option(help="Columns of a headerless recording.")]
Dtype = Annotated[
    str | None, typer.Option(help="Pixel type with byte order of a headerless recording: '<u2'.")
]
Offset = Annotated[int | None, typer.Option(help="Bytes before the first frame.")]
FrameText = Annotated[
    str | None, typer.Option("--frames", metavar="START:STOP", help="Frames to take, from 0.")
]


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
        return _say("cancelled; no unfinished results were left", INTERRUPTED)
    except NapariUaiError as error:
        if debug:
            raise
        return _say(str(error), FAILED)
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return 0
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's own, whose base class varies by version
            return _say(error.format_message(), FAILED)
        if debug:
            raise
        what = f"{type(error).__name__}: {error}"
        return _say(f"{what} (a bug; --debug shows where, please report it)", CRASHED)
    return code if isinstance(code, int) else 0


def _show_trail_parameters(wanted: bool) -> None:
    if not wanted:
        return
    from napari_uai.workflow.trails import settable_parameters

    for parameter in settable_parameters().values():
        typer.echo(
            f"{parameter.name}: {parameter.accepts}; default {parameter.default}\n"
            f"    {parameter.description}"
        )
    raise typer.Exit


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


@app.command()
def iscat(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A recording, or a folder of recordings.")
    ],
    out: Out,
    recipe: Annotated[str, typer.Option(help="Name of a recipe, or a .toml file.")] = "matched",
    height: Height = None,
    width: Width = None,
    dtype: Dtype = None,
    offset: Offset = None,
    frames: FrameText = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="STAGE.PARAMETER=VALUE", help="For example dra.batch_size=500."
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="dask.distributed scheduler, e.g. tcp://host:8786."),
    ] = None,
) -> int:
    """Find landings; write tables, a picture and a record of the run."""
    from napari_uai.workflow.batch import (
        Layout,
        analyse_folder,
        analyse_recording,
        is_folder_of_recordings,
    )
    from napari_uai.workflow.recipes import load_recipe

    chosen = load_recipe(recipe).with_settings(settings or ())
    layout = Layout(height, width, dtype, offset, _frame_range(frames))
    if is_folder_of_recordings(source):
        with _compiling(), _progress("recordings") as monitor:
            outcomes = analyse_folder(
                source, out, chosen, layout=layout, scheduler=scheduler, monitor=monitor
            )
        return _report_folder(outcomes, out)
    with _compiling(), _progress(source.name) as monitor:
        outcome = analyse_recording(
            source, out, chosen, layout=layout, scheduler=scheduler, monitor=monitor
        )
    _report(outcome)
    return 0


@app.command()
def train(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A recording.")],
    out: Annotated[
        Path, typer.Option("--out", help="NAME.safetensors; goes on if it was stopped before.")
    ],
    recipe: Annotated[
        str, typer.Option(help="Recipe whose rolling average is learnt, or a .toml file.")
    ] = "prediction",
    height: Height = None,
    width: Width = None,
    dtype: Dtype = None,
    offset: Offset = None,
    frames: FrameText = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="GROUP.NAME=VALUE",
            help="For example training.epochs=5, network.channels=8 or dra.batch_size=500.",
        ),
    ] = None,
    start_from: Annotated[
        Path | None, typer.Option("--start-from", help="Weights to begin with.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where to train: auto (a GPU if there is one), cpu, cuda or mps.")
    ] = "auto",
) -> int:
    """Train a network to predict a recording's background from the recording itself."""
    from napari_uai.workflow.batch import Layout
    from napari_uai.workflow.training import train_on_recording

    def tell(history: pd.DataFrame) -> None:
        row = history.iloc[-1]
        losses = f"{row.training_loss:.4f} in training, {row.validation_loss:.4f} held out"
        typer.echo(f"epoch {int(row.epoch)}: loss {losses}, {row.seconds:.0f} s", err=True)

    try:
        with _compiling(), _progress(source.name) as monitor:
            result = train_on_recording(
                source,
                out,
                recipe=recipe,
                settings=settings or (),
                layout=Layout(height, width, dtype, offset, _frame_range(frames)),
                start_from=start_from,
                device=_device(device),
                on_epoch=tell,
                monitor=monitor,
            )
    except (CancelledError, KeyboardInterrupt):
        if not out.with_suffix(".csv").exists():
            raise
        kept = "the same command goes on from the last whole epoch"
        if out.exists():
            kept = f"{out} holds the best whole epoch; {kept}"
        return _say(f"stopped; {kept}", INTERRUPTED)
    best = result.best
    typer.echo(
        f"best epoch {int(best.epoch)} of {len(result.history) - 1}: held-out loss "
        f"{best.validation_loss:.4f} of the noise's variance, {100 * result.gain:.1f} % below "
        f"untrained; {result.path}"
    )
    if best.epoch == 0 and start_from is None:
        _notes(["nothing was learnt, the weights are random: give more frames or a smaller batch"])
    known = ("--height", height), ("--width", width), ("--dtype", dtype), ("--offset", offset)
    given = [(name, str(value)) for name, value in (*known, ("--frames", frames)) if value]
    typer.echo("to use it: " + _use_of_weights(source, out, recipe, settings or (), given))
    return 0


def _use_of_weights(
    source: Path,
    weights: Path,
    recipe: str,
    settings: Sequence[str],
    options: Sequence[tuple[str, str]],
) -> str:
    """Return the command that predicts a recording's background by weights trained on it."""
    from napari_uai.workflow.recipes import PREDICTING, PREDICTION, load_recipe
    from napari_uai.workflow.training import GROUPS

    chosen = recipe if load_recipe(recipe).steps_of(PREDICTING) else PREDICTION
    loaded = load_recipe(chosen)
    steps = {step.name for step in loaded.steps}
    groups = [(setting.partition(".")[0].strip(), setting) for setting in settings]
    kept = [text for group, text in groups if group in steps and group not in GROUPS]
    kept.append(f"{loaded.steps_of(PREDICTING)[0].name}.weights={weights}")
    words = ["napari-uai", "iscat", str(source), "--out", "results", "--recipe", chosen]
    words += [word for option in options for word in option]
    return shlex.join(words + [word for text in kept for word in ("--set", text)])


@app.command()
def trails(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Report folder (locations/...), JSON export, csv or MOT text; may be packed.",
        ),
    ],
    out: Out,
    location: Annotated[str | None, typer.Option(help="Which location of several.")] = None,
    camera: Annotated[str | None, typer.Option(help="Which camera of several.")] = None,
    preset: Annotated[str | None, typer.Option(help="default or reference.")] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CLASS=]MASK.png",
            help="Region in which trails count, painted over the scene; for one class if named.",
        ),
    ] = None,
    top: Annotated[
        int | None, typer.Option(help="Trails of each class that pictures show; 9 by default.")
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN.json",
            help="Preset, parameters and masks of an earlier run or of an export of napari.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter; --parameters lists them."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Of a text of numbers: frame,trail,x,_,y for example."),
    ] = None,
    frame_rate: Annotated[
        float | None, typer.Option(metavar="HZ", help="Where the file counts frames.")
    ] = None,
    scene: Annotated[
        str | None,
        typer.Option(metavar="WxH|PICTURE", help="Size of the camera's picture, or a picture."),
    ] = None,
    drop_extrapolated: Annotated[
        bool,
        typer.Option("--drop-extrapolated", help="Leave out samples that a tracker guessed."),
    ] = False,
    parameters: Annotated[
        bool,
        typer.Option(
            "--parameters", is_eager=True, callback=_show_trail_parameters,
            help="List the parameters that --set takes.",
        ),
    ] = False,
) -> None:  # fmt: skip
    """Rank trails by how little they fit; write scores, heatmaps, pictures and regions."""
    from napari_uai.workflow.trail_settings import RunSettings, settings_of_run
    from napari_uai.workflow.trails import TrailSource, rank_trails, scene_of_text

    del parameters  # acted on before they come here
    how = TrailSource(
        location=location,
        camera=camera,
        keep_extrapolated=not drop_extrapolated,
        frame_rate_hz=frame_rate,
        columns=columns,
        scene=scene_of_text(scene) if scene else None,
    )
    earlier = settings_of_run(like) if like else RunSettings()
    if preset not in (None, earlier.preset):
        earlier = dataclasses.replace(
            earlier, settings=()
        )  # they differ from the defaults of another preset
    with _compiling(), _progress(source.name) as monitor:
        result = rank_trails(
            source,
            out,
            source=how,
            preset=preset or earlier.preset,  # type: ignore[arg-type]  # unknown ones are refused
            masks={**earlier.masks, **_masks(mask or ())},
            top=earlier.top if top is None else top,
            settings=[*earlier.settings, *(settings or ())],
            monitor=monitor,
        )
    _report_trails(result, out)


@simulate_app.command("iscat")
def simulate_iscat(
    out: Out,
    scenario: Annotated[
        str,
        typer.Option(help="still, drift-0.05, drift-0.2, living, vesicles, membrane or sample."),
    ] = "still",
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    name: Annotated[str, typer.Option(help="Name of the file.")] = "recording.bin",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="For example frames=20000."),
    ] = None,
) -> None:
    """Simulate a recording with known landings."""
    from napari_uai.simulate.files import write_recording

    chosen = _simulation(scenario, seed, settings or ())
    with _progress("simulating") as monitor:
        written = write_recording(chosen, out / name, monitor=monitor)
    typer.echo(f"{written.video}\n{written.sidecar}\n{written.truth}")


@simulate_app.command("trails")
def simulate_trails_command(
    out: Out,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="For example trails=3000."),
    ] = None,
) -> None:
    """Simulate the trails of a scene with known anomalies, as a tracker's report folder."""
    from napari_uai.simulate.report_folders import simulate_to_folder
    from napari_uai.simulate.settings import TrailSettings

    chosen = _changed(TrailSettings(), {} if seed is None else {"seed": seed}, settings or ())
    with _compiling(), _progress("simulating") as monitor:
        written = simulate_to_folder(chosen, out, monitor=monitor)
    typer.echo(f"{written.locations}\n{written.truth}\n{written.settings}")


@app.command()
def evaluate(
    found: Annotated[
        Path, typer.Argument(metavar="LANDINGS.csv|SCORES.csv", help="Found landings, or ranks.")
    ],
    truth: Annotated[
        Path, typer.Argument(metavar="TRUTH.json|TRUTH.csv", help="True landings, or anomalies.")
    ],
    max_frames: Annotated[
        float | None, typer.Option(help="Largest difference in time; half a batch by default.")
    ] = None,
    max_px: Annotated[float, typer.Option(help="Largest distance.")] = 2.5,
    same_sign: Annotated[
        bool, typer.Option("--same-sign", help="The sign of the contrast must be right.")
    ] = False,
) -> None:
    """Compare found landings, or the ranks of trails, with the truth."""
    if truth.suffix.lower() == ".csv":
        _evaluate_ranks(found, truth)
        return
    from napari_uai.evaluate.evaluation import evaluate_landings
    from napari_uai.evaluate.truth import read_truth

    figures = evaluate_landings(
        _read_table(found),
        read_truth(truth),
        max_frames=max_frames,
        max_px=max_px,
        same_sign=same_sign,
    )
    typer.echo(figures.as_text())


@app.command()
def info(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A recording.")],
    height: Height = None,
    width: Width = None,
    dtype: Dtype = None,
    offset: Offset = None,
    frames: FrameText = None,
) -> None:
    """Say what a recording is, and what its status line tells."""
    from napari_uai.videos.formats import open_frames
    from napari_uai.videos.frames import lazy_video
    from napari_uai.videos.status_line import find_status_line, read_status_line, status_report

    opened, known = open_frames(
        source,
        height=height,
        width=width,
        dtype=dtype,
        offset=offset,
        frames=_frame_range(frames),
    )
    n, rows, columns = known.shape
    lines = {
        "file": str(source),
        "format": f"{known.format} ({known.file_bytes} bytes)",
        "video": f"{n} frames of {rows} x {columns} px, {known.dtype}",
        "frames of the file": f"{known.first_frame} to {known.first_frame + n - 1}"
        f" of {known.file_frames}",
        "known from": ", ".join(known.source),
        "pixel size": f"{known.pixel_size_um:g} um" if known.pixel_size_um else "unknown",
        "frame rate": f"{known.frame_rate_hz:g} Hz" if known.frame_rate_hz else "unknown",
    }
    for name, text in lines.items():
        typer.echo(f"{name + ':':20}{text}")
    video = lazy_video(opened)
    if find_status_line(video) is None:
        typer.echo("no status line")
    else:
        with _progress("status line") as monitor:
            report = status_report(read_status_line(video, monitor=monitor))
        typer.echo(report.text)
    _notes(known.warnings)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")] = Path("demo"),
) -> None:
    """Find landings and odd trails in the sample data, and compare with the truth."""
    _demo_landings(out)
    typer.echo("")
    _demo_trails(out / "trails")


@app.command()
def recipes(
    name: Annotated[str | None, typer.Argument(help="A recipe to print in full.")] = None,
) -> None:
    """List the recipes, or print one as TOML with every parameter."""
    from napari_uai.workflow.recipes import load_recipe, recipe_names

    if name is not None:
        typer.echo(load_recipe(name).to_toml(), nl=False)
        return
    for known in recipe_names():
        typer.echo(f"{known:22} {load_recipe(known).description.strip()}")


@app.command()
def stages(
    name: Annotated[str | None, typer.Argument(help="A stage whose parameters to print.")] = None,
) -> None:
    """List the stages, or the parameters of one."""
    from napari_uai.workflow import catalogue

    if name is None:
        for stage in catalogue.STAGES.values():
            typer.echo(f"{stage.name:32}{stage.summary}")
        return
    stage = catalogue.stage(name)
    typer.echo(f"{stage.title}: {stage.summary}")
    for given in stage.inputs:
        typer.echo(f"\n{given.name} ({given.kind})\n    {given.description}")
    for parameter in stage.parameters.values():
        default = "" if parameter.required else f"; default {parameter.default}"
        typer.echo(f"\n{parameter.name}: {parameter.accepts}{default}\n    {parameter.description}")


def _evaluate_ranks(found: Path, truth: Path) -> None:
    from napari_uai.evaluate.trails import evaluate_trail_scores, read_trail_truth

    scores = _read_table(found, {"trail": str})
    figures = evaluate_trail_scores(scores, read_trail_truth(truth))
    typer.echo(figures.to_string(index=False, float_format="%.3f"))


def _demo_landings(out: Path) -> None:
    """Run the recipes on the sample recording."""
    from napari_uai.evaluate.evaluation import evaluate_landings
    from napari_uai.evaluate.truth import read_truth
    from napari_uai.fastdvdnet.loading import INSTALL, torch_is_installed
    from napari_uai.workflow.batch import analyse_recording
    from napari_uai.workflow.recipes import PREDICTING, load_recipe
    from napari_uai.workflow.samples import sample_path

    source, truth = sample_path("landings.bin"), read_truth(sample_path("landings_truth.json"))
    typer.echo(f"sample recording {source.name}: {len(truth.landings)} landings\n")
    typer.echo(f"{'recipe':12} {'found':>5} {'missed':>6} {'false':>5} {'seconds':>7}")
    compared = ""
    for name in DEMO_RECIPES:
        recipe = load_recipe(name).with_settings([f"dra.batch_size={truth.batch_size}"])
        if not torch_is_installed() and recipe.steps_of(PREDICTING):
            typer.echo(f"{name:12} needs torch: {INSTALL}")
            continue
        begin = time.perf_counter()
        with _compiling(), _progress(name) as monitor:
            outcome = analyse_recording(source, out / name, recipe, monitor=monitor)
        seconds = time.perf_counter() - begin
        figures = evaluate_landings(_read_table(outcome.folder / "landings.csv"), truth)
        counts = f"{figures.n_found:5} {figures.n_missed:6} {figures.n_false:5}"
        typer.echo(f"{name:12} {counts} {seconds:7.1f}")
        compared = compared or f"recipe {name}, landing by landing:\n{_comparison(figures)}"
    typer.echo(f"\n{compared}")
    typer.echo(f"results in {out / DEMO_RECIPES[0]} and so on, picture of each in summary.png")


def _demo_trails(out: Path) -> None:
    """Rank the trails of the sample scene."""
    from napari_uai.evaluate.trails import read_trail_truth, roc_auc
    from napari_uai.workflow.samples import sample_folder
    from napari_uai.workflow.trails import rank_trails

    source = sample_folder() / "trails"
    truth = read_trail_truth(source / "truth.csv").set_index("trail")["anomaly"]
    odd = truth[truth != ""]
    typer.echo(f"sample scene {source.name}: {len(truth)} trails, {len(odd)} of them anomalous")
    with _compiling(), _progress("trails") as monitor:
        result = rank_trails(source, out, top=len(odd), monitor=monitor)
    table = result.scores.set_index("trail").loc[odd.index].sort_values("rank")
    n_top = int((table["rank"] <= len(odd)).sum())
    area = roc_auc(
        result.scores["anomaly"].to_numpy(), result.scores["trail"].isin(odd.index).to_numpy()
    )
    typer.echo(
        f"\n{n_top} of {len(odd)} anomalies are among the top {len(odd)} of the ranking, all among "
        f"the top {table['rank'].max()}; ROC AUC {area:.3f}"
    )
    typer.echo("  rank  anomaly  class        kind of anomaly    trail")
    for trail, row in table.iterrows():
        share, kind = f"{100 * row['anomaly']:5.1f} %", odd[str(trail)]
        typer.echo(f"{row['rank']:6}  {share}  {row['class']:12} {kind:18} {trail}")
    typer.echo(f"results in {out}, pictures in {out / 'tiles.png'} and top_<class>.png")


def _device(text: str) -> Device:
    from napari_uai.fastdvdnet.settings import Device

    for known in get_args(Device):
        if text == known:
            return cast("Device", known)
    raise BadValueError(f"there is no device {text!r}: choose {', '.join(get_args(Device))}")


def _say(message: str, code: int) -> int:
    """Print one line to stderr."""
    typer.echo(f"napari-uai: {' '.join(message.split())}", err=True)
    return code


def _notes(problems: Sequence[str]) -> None:
    for problem in problems:
        typer.echo(f"note: {' '.join(problem.split())}", err=True)


def _report(outcome: Outcome) -> None:
    typer.echo(
        f"{outcome.n_landings} landings, {outcome.n_localizations} localizations "
        f"in {outcome.folder}"
    )
    _notes(outcome.problems)


def _report_folder(outcomes: Sequence[Outcome], out: Path) -> int:
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in outcomes:
        if not outcome.error:
            _report(outcome)
    if len(failed) == len(outcomes):
        first = failed[0]
        return _say(
            f"none of {len(failed)} recordings could be analysed, the first because: "
            f"{first.error}; {out / 'problems.csv'} lists all",
            FAILED,
        )
    for outcome in failed:
        typer.echo(f"failed: {' '.join(outcome.error.split())}", err=True)
    if failed:
        typer.echo(f"{len(failed)} of {len(outcomes)} failed: see {out / 'problems.csv'}", err=True)
    return 0


def _report_trails(result: TrailResult, out: Path) -> None:
    classes = result.trails.classes
    kinds = ", ".join(f"{n} {kind}" for kind, n in list(classes.items())[:NAMED_CLASSES])
    more = len(classes) - NAMED_CLASSES
    typer.echo(
        f"{len(result.trails)} trails ({kinds}{f', {more} more classes' if more > 0 else ''}) "
        f"ranked in {out}"
    )
    for row in result.scores.head(3).itertuples():
        typer.echo(f"  {row.rank:3}. {100 * float(str(row.anomaly)):.0f} %  {row.trail}")
    shown = []
    for row in result.problems.head(NAMED_PROBLEMS).itertuples():
        where = " ".join(str(part) for part in (row.file, row.trail) if part)
        shown.append(f"{where}: {row.problem}" if where else str(row.problem))
    _notes(shown)
    rest = len(result.problems) - len(shown)
    if rest > 0:
        _notes([f"{rest} more problems are listed in {out / 'problems.csv'}"])


def _frame_range(text: str | None) -> FrameRange | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(":")]
    if len(parts) != 2 or not all(part.isdecimal() for part in parts if part):
        raise BadValueError(
            f"--frames {text!r} is not understood; write START:STOP, such as 1000:90000 or 1000:"
        )
    start, stop = (int(part) if part else None for part in parts)
    return start, stop


def _simulation(scenario: str, seed: int | None, settings: Sequence[str]) -> RecordingSettings:
    from napari_uai.simulate.samples import sample_recording_settings
    from napari_uai.simulate.scenarios import SCENARIOS
    from napari_uai.simulate.scenarios import scenario as settings_of
    from napari_uai.workflow.catalogue import nearest

    if scenario == "sample":
        base = sample_recording_settings()
    else:
        known = next((name for name in SCENARIOS if name == scenario), None)
        if known is None:
            meant = nearest(scenario, [*SCENARIOS, "sample"])
            raise BadValueError(f"there is no scenario {scenario!r}; {meant}")
        base = settings_of(known)
    return _changed(base, {} if seed is None else {"seed": seed}, settings)


def _changed(base: Settings, changes: dict[str, Any], settings: Sequence[str]) -> Settings:
    """Change the settings of a simulation by NAME=VALUE texts."""
    from napari_uai.workflow.catalogue import nearest
    from napari_uai.workflow.recipes import toml_value

    names = [field.name for field in dataclasses.fields(base)]
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        if not equals:
            raise BadValueError(f"setting {setting!r} is not understood; write NAME=VALUE")
        if name not in names:
            raise BadValueError(f"the simulation has no setting {name!r}; {nearest(name, names)}")
        value = toml_value(text)
        changes[name] = tuple(value) if isinstance(value, list) else value
    return dataclasses.replace(base, **changes)


def _masks(texts: Sequence[str]) -> dict[str, Path]:
    """Tell masks of a class from the one for all others; class or path may hold a =."""
    masks: dict[str, Path] = {}
    for text in texts:
        parts = text.split("=")
        choices = [("=".join(parts[:i]), "=".join(parts[i:])) for i in range(len(parts))]
        known = [(kind, path) for kind, path in choices if Path(path).is_file()]
        kind, path = known[0] if known else choices[min(1, len(choices) - 1)]
        if kind in masks:
            whose = f"class {kind}" if kind else "all classes"
            raise BadValueError(f"there are two masks for {whose}; give one")
        masks[kind] = Path(path)
    return masks


def _read_table(path: Path, types: dict[str, type] | None = None) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path, dtype=types)
    except FileNotFoundError:
        raise VideoFormatError(f"{path} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise VideoFormatError(
            f"{path} cannot be read as a table: {reason}; give a landings.csv or scores.csv"
        ) from None


def _comparison(figures: Evaluation) -> str:
    """Put what was found beside the truth, landing by landing."""
    lines = ["      frame      y      x  contrast   found: frame      y      x  contrast  score"]
    for _, row in figures.truth.iterrows():
        true = f"{row.raw_frame:11.0f} {row.y:6.1f} {row.x:6.1f}  {row.contrast:8.5f}"
        found = "   missed"
        if row.found_score == row.found_score:  # not NaN
            found = (
                f"{row.found_raw_frame:15.0f} {row.found_y:6.1f} {row.found_x:6.1f}"
                f"  {row.found_contrast:8.5f} {row.found_score:6.1f}"
            )
        lines.append(true + found)
    return "\n".join(lines)


@contextmanager
def _compiling() -> Iterator[None]:
    """Tell why a first run on a machine is slow."""
    from napari_uai.compiled import announced_compilation

    text = "note: compiling for this machine; only the first run takes this half a minute longer"
    with announced_compilation(lambda: typer.echo(text, err=True)):
        yield


@contextmanager
def _progress(label: str) -> Iterator[Monitor]:
    """Give a monitor that draws a bar on a terminal, and that Ctrl-C cancels.

    The first Ctrl-C lets the work stop at the next block of frames, a second one at once.
    """
    stop = threading.Event()
    with _on_interrupt(stop):
        if not sys.stderr.isatty():
            quiet = Monitor(cancelled=stop.is_set)
            with overseen(quiet):
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
            with overseen(monitor):
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


if __name__ == "__main__":
    sys.exit(main())
