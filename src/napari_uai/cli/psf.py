"""``napari-uai psf``: the interferometric point-spread function as a file, a picture, a fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_uai.cli.options import Out, Overwrite, region_of, with_read_options
from napari_uai.cli.progress import announced_compiling, progress_bar
from napari_uai.cli.terminal import notes
from napari_uai.errors import BadValueError

if TYPE_CHECKING:
    from napari_uai.iscat.optics.microscope import Microscope
    from napari_uai.typing import Floats
    from napari_uai.videos.read_options import ReadOptions

psf_app = typer.Typer(
    help="The point-spread function of iSCAT, from the optics.", rich_markup_mode=None
)

MOST_PLANES = 2000

Focus = Annotated[
    str,
    typer.Option(metavar="UM|FROM:TO:COUNT", help="Focus above the coverslip; several: a stack."),
]
Height = Annotated[
    str,
    typer.Option(metavar="UM|FROM:TO:COUNT", help="Height of the particle; several: a stack."),
]
Size = Annotated[int, typer.Option(metavar="PX", help="Rows and columns of an image, odd.")]
Phase = Annotated[
    float, typer.Option(metavar="RAD", help="Phase in focus: 3.14 is dark, 0 bright.")
]
Amplitude = Annotated[
    float, typer.Option(help="Amplitude of the scattered relative to the reflected field.")
]
Optics = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Set what is known of the optics, such as numerical_aperture=1.3; repeatable.",
    ),
]


@psf_app.command("write")
def write(
    path: Annotated[Path, typer.Argument(metavar="FILE.npy", help="File to write.")],
    size: Size = 31,
    focus: Focus = "0",
    particle_height: Height = "0",
    phase: Phase = 3.14159265,
    amplitude: Amplitude = 0.01,
    settings: Optics = None,
) -> None:
    """Write a model as a file that detection reads.

    As in --set steps.point_spread_function=FILE.npy. Of a stack, the detector chooses the image
    with which landings are most likely.
    """
    from napari_uai.iscat.optics.files import write_psf

    with announced_compiling():
        written = write_psf(
            path, size, _microscope(settings), focus_um=_positions("--focus", focus),
            height_um=_positions("--particle-height", particle_height), phase_rad=phase,
            amplitude=amplitude,
        )  # fmt: skip
    typer.echo(f"{written}\n{written.with_suffix('.toml')}")


@psf_app.command("picture")
def picture(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Picture to write: .png, .svg or .pdf.")
    ],
    size: Size = 61,
    focus: Focus = "-1.5:1.5:61",
    particle_height: Height = "0",
    phase: Phase = 3.14159265,
    amplitude: Amplitude = 0.01,
    settings: Optics = None,
) -> None:
    """Draw a model through focus or height: profile, contrast at the centre, planes."""
    from napari_uai.figures import save_figure
    from napari_uai.files import whole_file
    from napari_uai.iscat.optics.interferometric import interferometric_psf
    from napari_uai.iscat.optics.picture import FONT_SIZE, PIXELS_PER_INCH, stack_picture

    if path.suffix not in (".png", ".svg", ".pdf"):
        raise BadValueError(f"{path}: give a name that ends with .png, .svg or .pdf")
    microscope = _microscope(settings)
    axis, positions = _axis(focus, particle_height)
    with announced_compiling():
        stack = interferometric_psf(
            (size, size), microscope, focus_um=_positions("--focus", focus),
            height_um=_positions("--particle-height", particle_height), phase_rad=phase,
            amplitude=amplitude, contrast=None,
        )  # fmt: skip
    drawn = stack_picture(stack, positions, pixel_size_um=microscope.pixel_size_um, axis=axis)
    with whole_file(path) as partial:
        save_figure(drawn, partial, font_size=FONT_SIZE, pixels_per_inch=PIXELS_PER_INCH)
    typer.echo(path)


@psf_app.command("fit")
@with_read_options
def fit(
    source: Annotated[
        Path, typer.Argument(metavar="STACK", help="Images of one particle, plane after plane.")
    ],
    out: Out,
    focus: Focus = "0",
    particle_height: Height = "0",
    *,
    region: Annotated[
        str | None,
        typer.Option(metavar="TOP:BOTTOM,LEFT:RIGHT", help="Part of the images to fit, in px."),
    ] = None,
    counts: Annotated[
        bool,
        typer.Option(
            "--counts", help="The stack holds counts: divide each plane by the median of its edge."
        ),
    ] = False,
    free: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME,...", help="Parameters to fit, instead of the usual."),
    ] = None,
    start: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Where a parameter begins or is held; repeatable."),
    ] = None,
    options: ReadOptions,
    settings: Optics = None,
    overwrite: Overwrite = False,
) -> None:
    """Fit optics, phase and place to images through focus or height.

    Writes values with standard errors, the fitted images, and a picture of both.
    """
    from napari_uai.iscat.optics.fit import USUAL, fit_psf_stack
    from napari_uai.iscat.optics.outputs import write_psf_fit
    from napari_uai.videos.recording import read_recording

    microscope = _microscope(settings)
    axis, positions = _axis(focus, particle_height)
    recording = read_recording(source, options)
    stack = _contrasts(recording.video, region_of(region), counts=counts)
    with announced_compiling(), progress_bar("fit") as monitor:
        result = fit_psf_stack(
            stack, microscope, focus_um=_positions("--focus", focus),
            height_um=_positions("--particle-height", particle_height),
            free=USUAL if free is None else [name.strip() for name in free.split(",")],
            start=_numbers(start), monitor=monitor,
        )  # fmt: skip
    about = {"input": {"name": source.name, "region": region, "counts": counts}}
    write_psf_fit(result, stack, positions, out, axis=axis, about=about, overwrite=overwrite)
    for row in result.table[result.table["fitted"]].itertuples():
        typer.echo(f"{row.parameter}: {row.value:.6g} +- {row.error:.2g} {row.unit}".rstrip())
    typer.echo(f"R2 {result.r2:.4f}, residual {result.residual_deviation:.2g}")
    typer.echo(f"table and pictures in {out}")
    notes(list(recording.problems))


def _microscope(settings: list[str] | None) -> Microscope:
    from napari_uai.iscat.optics.microscope import Microscope
    from napari_uai.parameters import with_texts

    return with_texts(Microscope(), settings or (), label="microscope")


def _positions(option: str, text: str) -> Any:
    """Parse a number, or FROM:TO:COUNT."""
    import numpy as np

    parts = text.split(":")
    try:
        if len(parts) == 1:
            return float(text)
        start, stop, count = float(parts[0]), float(parts[1]), int(parts[2])
    except (ValueError, IndexError):
        count = 0
    if len(parts) != 3 or not 2 <= count <= MOST_PLANES:
        raise BadValueError(
            f"{option} must be a number or FROM:TO:COUNT in um, such as -1:1:21, with a COUNT of 2 "
            f"to {MOST_PLANES}, got {text!r}"
        )
    return np.linspace(start, stop, count)


def _axis(focus: str, particle_height: str) -> tuple[str, Floats]:
    """Return along which axis the planes are, and where."""
    import numpy as np

    values = {
        "focus": _positions("--focus", focus),
        "height": _positions("--particle-height", particle_height),
    }
    several = {name: each for name, each in values.items() if np.ndim(each)}
    if not several:
        raise BadValueError(
            "--focus or --particle-height must be FROM:TO:COUNT in um, such as -1:1:21"
        )
    return next(iter(several.items()))


def _contrasts(video: Any, region: tuple[int, int, int, int] | None, *, counts: bool) -> Floats:
    """Return the planes as contrasts, in memory."""
    import numpy as np

    if region is not None:
        top, bottom, left, right = region
        video = video[:, top:bottom, left:right]
    stack = np.asarray(video, np.float64)
    if not counts:
        return stack
    edge = np.ones(stack.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    background = np.median(stack[:, edge], axis=1)
    if not (background > 0).all():
        raise BadValueError("the edge of a plane has no light; leave --counts out for contrasts")
    return np.asarray(stack / background[:, None, None] - 1)


def _numbers(texts: list[str] | None) -> dict[str, float]:
    from napari_uai.setting_text import split_setting

    values = {}
    for setting in map(split_setting, texts or ()):
        try:
            values[setting.name] = float(setting.value)
        except ValueError:
            raise BadValueError(
                f"--start {setting.name} must be a number, got {setting.value!r}"
            ) from None
    return values
