"""``napari-uai simulate``: recordings and trails with ground truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.options import Out
from napari_uai.cli.progress import announced_compiling, progress_bar
from napari_uai.errors import BadValueError, nearest
from napari_uai.parameters import with_texts

if TYPE_CHECKING:
    from napari_uai.simulate.settings import RecordingSettings

simulate_app = typer.Typer(
    help="Simulate recordings or trails with ground truth.", rich_markup_mode=None
)


@simulate_app.command("iscat")
def simulate_iscat(
    out: Out,
    scenario: Annotated[
        str,
        typer.Option(
            help="Background: still, drift-0.05, drift-0.2, living, vesicles or membrane; "
            "diffusing, particles that move; a disturbance, such as light-off or bubble; or "
            "sample, the settings of the sample recording."
        ),
    ] = "still",
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.")] = None,
    name: Annotated[str, typer.Option(help="Name of the file.")] = "recording.bin",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Set a parameter, such as frames=20000; repeatable.",
        ),
    ] = None,
) -> None:
    """Simulate an iSCAT recording with known landings."""
    from napari_uai.simulate.files import write_recording

    chosen = _simulation(scenario, seed, settings or ())
    with progress_bar("simulating") as monitor:
        written = write_recording(chosen, out / name, monitor=monitor)
    typer.echo(f"{written.video}\n{written.sidecar}\n{written.truth}")


@simulate_app.command("trails")
def simulate_trails_command(
    out: Out,
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Set a parameter, such as trails=3000; repeatable."
        ),
    ] = None,
) -> None:
    """Simulate trails with known anomalies, written as the report folder of a tracker."""
    from napari_uai.simulate.settings import TrailSettings
    from napari_uai.simulate.trails.report_folders import simulate_to_folder

    base = TrailSettings() if seed is None else TrailSettings(seed=seed)
    chosen = with_texts(base, settings or (), label="simulation")
    with announced_compiling(), progress_bar("simulating") as monitor:
        written = simulate_to_folder(chosen, out, monitor=monitor)
    typer.echo(f"{written.locations}\n{written.truth}\n{written.settings}")


def _simulation(scenario: str, seed: int | None, settings: Sequence[str]) -> RecordingSettings:
    from napari_uai.simulate.iscat.scenarios import DISTURBED, MOVING, SCENARIOS, disturbed
    from napari_uai.simulate.iscat.scenarios import scenario as settings_of
    from napari_uai.simulate.write_samples import sample_recording_settings

    if scenario == "sample":
        base = sample_recording_settings()
    elif scenario in DISTURBED:
        base = disturbed(scenario)
    else:
        name = next((name for name in (*SCENARIOS, MOVING) if name == scenario), None)
        if name is None:
            names = [*SCENARIOS, MOVING, *DISTURBED, "sample"]
            raise BadValueError(f"no scenario {scenario!r}; {nearest(scenario, names)}")
        base = settings_of(name)
    base = base if seed is None else dataclasses.replace(base, seed=seed)
    return with_texts(base, settings, label="simulation")
