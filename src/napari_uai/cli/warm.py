"""``napari-uai warm``: kernels compiled before they are needed, as for an image of a container."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.cli.options import named_recipe
from napari_uai.cli.progress import progress_bar
from napari_uai.errors import BadValueError, counted, one_line

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_uai.iscat.recipes.recipe import Recipe
    from napari_uai.monitor import Monitor

FRAMES, SIDE, BATCH = 1200, 41, 100
MOVING_FRAMES = 300
"""Just enough for every stage to have something to do."""


def warm(
    recipes: Annotated[
        list[str] | None, typer.Argument(metavar="[RECIPE]...", help="Recipes; by default all.")
    ] = None,
    pixels: Annotated[
        str, typer.Option("--dtype", metavar="TYPE", help="Type of the camera's pixels.")
    ] = "uint16",
) -> None:
    """Compile all that recipes need, so that the first run need not wait for it.

    Each recipe runs once on a tiny simulated recording.
    """
    from napari_uai.compiled import counted_compilation, kernels_can_be_kept
    from napari_uai.iscat.fastdvdnet.loading import INSTALL, torch_is_installed
    from napari_uai.iscat.recipes.recipe import PREDICTING, recipe_names
    from napari_uai.kernel_files import kernel_store

    dtype = _dtype(pixels)
    chosen = [named_recipe(name) for name in recipes or recipe_names()]
    for recipe in chosen:
        if not torch_is_installed() and recipe.steps_of(PREDICTING):
            typer.echo(f"{recipe.name:22} needs torch: {INSTALL}")
            continue
        with counted_compilation() as compiled, progress_bar(recipe.name) as monitor:
            _run(recipe, dtype, monitor)
        typer.echo(
            f"{recipe.name:22} {compiled.seconds:6.1f} s of processor time, "
            f"{counted(compiled.kernels, 'kernel')} compiled"
        )
    typer.echo(f"compiled kernels are in {one_line(kernel_store().folder)}")
    if not kernels_can_be_kept():
        typer.echo("which cannot be written: none is added; NUMBA_CACHE_DIR names another folder")


def _dtype(name: str) -> npt.DTypeLike:
    import numpy as np

    try:
        dtype = np.dtype(name)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.kind not in "uif":
        raise BadValueError(f"unknown type of pixels {name!r}: use uint8, uint16, float32 ...")
    return dtype


def _run(recipe: Recipe, dtype: npt.DTypeLike, monitor: Monitor) -> None:
    """Run a recipe, and write what it finds into a folder that is removed."""
    from napari_uai.iscat.recipes.outputs import write_results
    from napari_uai.iscat.recipes.run import run_recipe
    from napari_uai.simulate.iscat.recording import simulate_recording
    from napari_uai.simulate.iscat.scenarios import scenario
    from napari_uai.videos.recording import Recording

    moving = recipe.tracks_particles
    settings = replace(
        scenario("diffusing" if moving else "living"),
        frames=MOVING_FRAMES if moving else FRAMES,
        rows=SIDE,
        columns=SIDE,
    )
    if not moving:
        settings = replace(settings, batch_size=BATCH, landings=4)
        recipe = recipe.with_settings([f"dra.batch_size={BATCH}"])
    video = simulate_recording(settings, monitor=monitor.part(0.0, 0.1)).video
    recording = Recording(video.astype(dtype), pixel_size_um=0.05, frame_rate_hz=1000.0)
    result = run_recipe(recording, recipe, monitor=monitor.part(0.1, 1.0))
    with tempfile.TemporaryDirectory() as folder:
        write_results(result, Path(folder) / "results")
