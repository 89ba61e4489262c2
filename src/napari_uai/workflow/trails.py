"""From trails to ranks, heatmaps and regions; from a tracker's files to a folder of results.

>>> from napari_uai.workflow import analyse_trails, open_trails, write_trail_results
>>> trails = open_trails("locations", location="site", camera="gate")
>>> result = analyse_trails(trails, settings=["n_directions=16"])
>>> print(result.scores.head())
>>> write_trail_results(result, "results")
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import BadValueError, RecipeError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.anomaly import conformal_p_values
from napari_uai.trails.heat import BlurKind, measure_heat
from napari_uai.trails.masks import Mask, MaskLike, apply_masks, as_mask, read_mask
from napari_uai.trails.painted_width import paint_at_width
from napari_uai.trails.parameters import (
    BlurWidth,
    HeatScale,
    Limit,
    LimitUnit,
    LongestSide,
    PaintedWidth,
    Threshold,
    Weigh,
)
from napari_uai.trails.pictures import Stretch
from napari_uai.trails.reading import open_trails
from napari_uai.trails.reference import reference_scores
from napari_uai.trails.regions import Region, ordinary_regions
from napari_uai.trails.scaling import rescale
from napari_uai.trails.scores import Scores, score_trails
from napari_uai.trails.table import Trails, problem_table
from napari_uai.workflow.catalogue import Parameter, Stage, nearest
from napari_uai.workflow.outputs import checksum_of, results_folder
from napari_uai.workflow.recipes import toml_value

Preset: TypeAlias = Literal["default", "reference"]

PRESETS: tuple[Preset, ...] = get_args(Preset)

_SCORES: dict[Preset, str] = {
    "default": "napari_uai.trails.scores:score_trails",
    "reference": "napari_uai.trails.reference:reference_scores",
}

_DIFFERENT: dict[tuple[Preset, str], dict[str, Any]] = {
    ("reference", "heat"): {
        "painted_width_px": 3,
        "blur_px": 1,
        "heat_lower": 3.0,
        "heat_upper": 50.0,
        "heat_unit": "trails",
    }
}
"""Defaults of a preset that are not those of the function."""

_HANDED_ON = ("kind", "threshold")
"""Parameters that the analysis itself sets: the class; that of masks, which are applied before."""

EVERY_CLASS = ""
"""Stands for all classes without a mask of their own."""

MOST_CLASSES = 100
"""Classes that get heatmaps, regions and pictures of their own: the most frequent ones."""

TOP = 9
"""Trails that the pictures show, unless told otherwise: a sheet of three by three."""

Settings: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Parameters by part of the analysis and name."""


@dataclass(frozen=True, eq=False)
class ClassHeat:
    """Ordinary traffic of a class.

    Parameters
    ----------
    kind
        The class.
    n_trails
        How many trails were counted.
    counts
        Trails that cross each cell, blurred; rows, columns; float32.
    shade
        The same after scaling, 0 to 1; float32.
    """

    kind: str
    n_trails: int
    counts: npt.NDArray[np.float32]
    shade: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TrailResult:
    """What was found of the trails of a scene.

    Attributes
    ----------
    trails
        Those that were scored: within the mask, if there is one.
    scores
        A row for each of them, most anomalous first: ``trail, class, n_samples, rank, anomaly,
        p_value``, the scores (0 to 1, 1 is most anomalous), the stretch that departs.
    rows
        Row of ``trails`` of each row of ``scores``; int64.
    stretches
        For each row of ``scores`` the samples (first, one after the last) of its trail that
        depart from ordinary traffic; int64, (rows, 2).
    at_samples
        How anomalous each sample of ``trails`` is, 0 to 1; NaN where not scored; float32.
    heat
        Ordinary traffic by class, the most frequent class first.
    regions
        Areas of ordinary traffic of all classes.
    preset
        Which scores and default parameters were used.
    parameters
        All parameters, by part of the analysis.
    masks
        Region in which trails count, by class; :data:`EVERY_CLASS` for the others.
    mask_records
        Where each of them is from.
    n_masked_out
        Trails that do not count because of them.
    n_top
        Trails that pictures show.
    problems
        ``file``, ``trail``, ``problem``: what could not be used, and why.
    options
        How the input was read.
    timings_s
        Seconds per part.
    """

    trails: Trails
    scores: pd.DataFrame
    rows: npt.NDArray[np.int64]
    stretches: npt.NDArray[np.int64]
    at_samples: npt.NDArray[np.float32]
    heat: Mapping[str, ClassHeat]
    regions: tuple[Region, ...]
    preset: Preset
    parameters: Settings
    masks: Mapping[str, Mask] = field(default_factory=dict)
    mask_records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    n_masked_out: int = 0
    n_top: int = TOP
    problems: pd.DataFrame = field(default_factory=pd.DataFrame)
    options: Mapping[str, Any] = field(default_factory=dict)
    timings_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def region_threshold(self) -> float:
        """Scaled heat from which on traffic is ordinary."""
        return float(self.parameters["regions"]["region_threshold"])

    def stretches_at(self, places: slice | npt.NDArray[np.int64]) -> list[Stretch]:
        """Return the stretches of some rows of ``scores``."""
        return [(first, end) for first, end in self.stretches[places].tolist()]

    def mask_outlines(self, kind: str) -> list[npt.NDArray[np.float64]]:
        """Return the outlines (y, x; px of the scene) of the mask of a class, if it has one."""
        mask = self.masks.get(kind, self.masks.get(EVERY_CLASS))
        if mask is None:
            return []
        inside = mask.inside
        found, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        sides = np.array([self.trails.scene.height, self.trails.scene.width], float)
        scale = (sides - 1) / np.maximum(np.array(inside.shape) - 1, 1)
        return [outline[:, 0, ::-1] * scale for outline in found]


@dataclass(frozen=True)
class TrailSource:
    """How the files of a tracker are read.

    Parameters are those of :func:`napari_uai.trails.reading.open_trails`.
    """

    location: str | None = None
    camera: str | None = None
    keep_extrapolated: bool = True
    frame_rate_hz: float | None = None
    columns: str | None = None
    scene: tuple[int, int] | Path | None = None
    """Size (width, height) of the camera's picture in px, or a picture of the scene."""

    def open(self, path: str | Path, *, monitor: Monitor = SILENT) -> Trails:
        """Open trails; errors are those of :func:`~napari_uai.trails.reading.open_trails`."""
        image = None if self.scene is None or isinstance(self.scene, tuple) else self.scene
        picture = None if image is None else _read_picture(image)
        size = self.scene if isinstance(self.scene, tuple) else None
        if picture is not None:
            size = (picture.shape[1], picture.shape[0])
        trails = open_trails(
            path,
            location=self.location,
            camera=self.camera,
            keep_extrapolated=self.keep_extrapolated,
            frame_rate_hz=self.frame_rate_hz,
            columns=self.columns,
            scene_size=size,
            monitor=monitor,
        )
        if picture is None:
            return trails
        return replace(trails, scene=replace(trails.scene, image=picture, source=image))

    @property
    def record(self) -> dict[str, Any]:
        """What differs from how files are read by default, as it stands in run.json."""
        scene = self.scene.name if isinstance(self.scene, Path) else self.scene
        given = {
            "location": self.location,
            "camera": self.camera,
            "keep_extrapolated": None if self.keep_extrapolated else False,
            "frame_rate_hz": self.frame_rate_hz,
            "columns": self.columns,
            "scene_given": scene,
        }
        return {name: value for name, value in given.items() if value is not None}


def scene_of_text(text: str) -> tuple[int, int] | Path:
    """Read the size of a scene as ``WIDTHxHEIGHT``, or take it as the path of a picture.

    Raises
    ------
    BadValueError
        If it is neither.
    """
    sides = text.lower().split("x")
    if len(sides) == 2 and all(side.strip().isdecimal() for side in sides):
        return int(sides[0]), int(sides[1])
    if not Path(text).is_file():
        raise BadValueError(
            f"scene {text!r} is neither a size nor a picture; write WIDTHxHEIGHT, such as "
            "1280x720, or the path of a picture"
        )
    return Path(text)


def rank_trails(
    path: str | Path,
    folder: str | Path,
    *,
    source: TrailSource | None = None,
    preset: Preset = "default",
    masks: Mapping[str, MaskLike | str | Path] | None = None,
    top: int = TOP,
    settings: Iterable[str] = (),
    monitor: Monitor = SILENT,
) -> TrailResult:
    """Open trails, analyse them and write the results.

    Parameters
    ----------
    path
        File or folder of a tracker.
    folder
        Where the results go; made if it does not exist.
    source
        How the files are read.
    preset, masks, top, settings
        As for :func:`analyse_trails`.
    monitor
        Progress and cancelling.

    Raises
    ------
    NapariUaiError
        If the trails cannot be read or analysed, or the results cannot be written; nothing is
        left in the folder then.
    """
    from napari_uai.workflow.trail_outputs import files_of_earlier_run, write_trail_files

    source = source or TrailSource()
    settings = tuple(settings)
    # What can be refused is refused before any long work.
    _check_top(top)
    checked_settings(preset, settings)
    folder = Path(folder)
    with results_folder(folder, replaces=files_of_earlier_run(folder)) as partial:
        started = time.perf_counter()
        trails = source.open(path, monitor=monitor.part(0.0, 0.4))
        seconds = time.perf_counter() - started
        result = analyse_trails(
            trails,
            preset=preset,
            masks=masks,
            top=top,
            settings=settings,
            monitor=monitor.part(0.4, 0.8),
        )
        result = replace(
            result, options=source.record, timings_s={"reading": seconds, **result.timings_s}
        )
        write_trail_files(result, partial, monitor=monitor.part(0.8, 1.0))
    return result


def analyse_trails(
    trails: Trails,
    *,
    preset: Preset = "default",
    masks: Mapping[str, MaskLike | str | Path] | None = None,
    top: int = TOP,
    settings: Iterable[str] = (),
    monitor: Monitor = SILENT,
) -> TrailResult:
    """Rank trails by how little they fit the ordinary traffic of their class.

    Parameters
    ----------
    trails
        Of one scene.
    preset
        ``default``, or ``reference`` for the numbers of the reference program of 2023.
    masks
        Region in which trails count, by class; :data:`EVERY_CLASS` (an empty text) is for classes
        without one of their own. A picture (rows, columns; anything but 0 is inside) or a file.
    top
        Trails of each class that pictures show.
    settings
        Parameters that differ from the preset's, as ``"n_directions=16"``.
    monitor
        Progress and cancelling.

    Returns
    -------
    TrailResult
        Nothing is written.

    Raises
    ------
    NapariUaiError
        If a value does not fit, or no trail is left to be scored.
    """
    _check_top(top)
    parameters = checked_settings(preset, settings)
    timings: dict[str, float] = {}
    with _timed(timings, "masks"):
        regions_of, records = _read_masks(masks or {}, trails)
        inside, notes = _within_masks(trails, regions_of, **parameters["masks"])
        scored = trails if inside.all() else trails.select(inside)
    if not len(scored):
        raise BadValueError(
            f"none of {len(trails)} trails lies inside the mask; paint a larger region, or lower "
            "mask_threshold"
        )
    with _timed(timings, "scores"):
        found = _score(scored, preset, parameters["scores"], monitor.part(0.05, 0.7))
    with _timed(timings, "heat"):
        heat = heat_of_classes(scored, **parameters["heat"], monitor=monitor.part(0.7, 0.95))
    if len(heat) < len(scored.classes):
        n = len(scored.classes)
        few = f"there are {n} classes: pictures and regions are of the {len(heat)} most frequent"
        notes = (*notes, few)
    with _timed(timings, "regions"):
        regions = tuple(
            region
            for kind, of in heat.items()
            for region in ordinary_regions(
                of.shade, scored.scene, kind=kind, **parameters["regions"]
            )
        )
    return TrailResult(
        trails=scored,
        scores=found.table,
        rows=found.rows,
        stretches=found.stretches,
        at_samples=found.at_samples,
        heat=heat,
        regions=regions,
        preset=preset,
        parameters=parameters,
        masks=regions_of,
        mask_records=records,
        n_masked_out=len(trails) - len(scored),
        n_top=top,
        problems=_joined(trails.problems, notes, found.problems),
        timings_s=timings,
    )


def heat_of_classes(
    trails: Trails,
    *,
    longest_side_px: LongestSide = 360,
    painted_width_px: PaintedWidth | None = None,
    blur_px: BlurWidth = 7,
    blur_kind: BlurKind = "box",
    heat_lower: Limit = 5.0,
    heat_upper: Limit = 1000.0,
    heat_unit: LimitUnit = "permille",
    heat_scale: HeatScale = "log",
    monitor: Monitor = SILENT,
) -> dict[str, ClassHeat]:
    """Map the ordinary traffic of each class, for pictures and regions.

    Parameters
    ----------
    trails
        Of one scene.
    longest_side_px
        Longest side of the heatmap.
    painted_width_px
        Width of a painted trail in cells of the heatmap; chosen by leave-one-out likelihood if
        None.
    blur_px
        Width of the square of the heatmap that a blur averages over.
    blur_kind
        Shape of that blur.
    heat_lower, heat_upper
        Heat at which colours begin and end; they end at the hottest place of a class at the
        latest.
    heat_unit
        Of these limits; by default colours begin where 5 of 1000 trails of the class pass.
    heat_scale
        What lies between them.
    monitor
        Progress and cancelling.

    Returns
    -------
    dict
        By class, the most frequent first; at most :data:`MOST_CLASSES`.
    """
    shown = trails.classes.head(MOST_CLASSES)
    if len(shown) < len(trails.classes):
        trails = trails.select(trails.table["class"].isin(shown.index).to_numpy())
    footprints = paint_at_width(
        trails,
        longest_side_px=longest_side_px,
        painted_width_px=painted_width_px,
        monitor=monitor.part(0.0, 0.4),
    )
    kinds = trails.table["class"].to_numpy()
    heat = measure_heat(
        footprints, kinds, blur_px=blur_px, blur_kind=blur_kind, monitor=monitor.part(0.4, 0.9)
    )
    scaled = rescale(
        heat, lower=heat_lower, upper=heat_upper, unit=heat_unit, scale=heat_scale,
        monitor=monitor.part(0.9, 1.0),
    )  # fmt: skip
    maps = {}
    for kind, n_trails in shown.items():
        counts = heat.map_of(str(kind))
        shade = scaled.scales[heat.classes.index(str(kind))].apply(counts)
        maps[str(kind)] = ClassHeat(str(kind), int(n_trails), counts, shade)
    return maps


@cache  # models of their parameters take time to build, and sliders ask for them
def parts_of(preset: Preset) -> Mapping[str, Stage]:
    """Return the parts of an analysis, whose parameters ``settings`` may change.

    Raises
    ------
    BadValueError
        If there is no such preset.
    """
    if preset not in PRESETS:
        raise BadValueError(f"there is no preset {preset!r}; {nearest(preset, PRESETS)}")
    return {
        "scores": Stage(_SCORES[preset], "Scores", "measure"),
        "masks": Stage(f"{__name__}:_within_masks", "Masks", "measure"),
        "heat": Stage(f"{__name__}:heat_of_classes", "Heat", "measure"),
        "regions": Stage("napari_uai.trails.regions:ordinary_regions", "Regions", "measure"),
    }


def settable_parameters(preset: Preset = "default") -> dict[str, Parameter]:
    """Return all parameters that ``settings`` may change; shared ones as the scores have them."""
    known: dict[str, Parameter] = {}
    for part, stage in parts_of(preset).items():
        own = _DIFFERENT.get((preset, part), {})
        for name, parameter in stage.parameters.items():
            if _settable(parameter):
                known.setdefault(name, replace(parameter, default=own.get(name, parameter.default)))
    return known


def checked_settings(preset: Preset, settings: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return all parameters by part, those of a preset changed by ``NAME=VALUE`` texts.

    A parameter that several parts share is set in all of them.

    Raises
    ------
    RecipeError
        If there is no such parameter (the message names the nearest), or a value does not fit.
    BadValueError
        If there is no such preset.
    """
    parts = parts_of(preset)
    known = settable_parameters(preset)
    given: dict[str, str] = {}
    for setting in settings:
        name, equals, text = (piece.strip() for piece in setting.partition("="))
        if not (equals and name):
            raise RecipeError(
                f"setting {setting!r} is not understood; write NAME=VALUE, "
                "for example n_directions=16"
            )
        if name not in known:
            raise RecipeError(f"there is no parameter {name!r}; {nearest(name, known)}")
        given[name] = text
    checked = {}
    for part, stage in parts.items():
        own = _DIFFERENT.get((preset, part), {})
        mine = {name: text for name, text in given.items() if name in stage.parameters}
        values = _fitting(stage, own, mine)
        checked[part] = {n: v for n, v in values.items() if _settable(stage.parameters[n])}
    return checked


def setting_text(name: str, value: Any) -> str:
    """Return a parameter and its value as :func:`checked_settings` reads them."""
    if isinstance(value, bool):
        return f"{name}={str(value).lower()}"
    return f"{name}={value!r}" if isinstance(value, float) else f"{name}={value}"


def _check_top(top: int) -> None:
    if top < 1:
        raise BadValueError(f"top is {top}: pictures show at least 1 trail")


def _fitting(stage: Stage, own: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Read texts as TOML's values, or as texts where that does not fit."""
    values = dict(own)
    for name, text in given.items():
        try:
            values = stage.check({**values, name: toml_value(text)}, label="parameter")
        except RecipeError:
            values = stage.check({**values, name: text}, label="parameter")
    return stage.check(values, label="parameter")


def _settable(parameter: Parameter) -> bool:
    """Tell what a user may set from what code hands on."""
    plain = bool(parameter.choices) or parameter.type in (int, float, bool, str)
    return plain and parameter.name not in _HANDED_ON


def _within_masks(
    trails: Trails,
    masks: Mapping[str, Mask],
    *,
    mask_threshold: Threshold = 0.5,
    mask_weigh: Weigh = "time",
) -> tuple[npt.NDArray[np.bool_], tuple[str, ...]]:
    """Tell which trails count, and what is to be said of the masks.

    Parameters
    ----------
    trails
        Of one scene.
    masks
        By class.
    mask_threshold
        Share of a trail that must lie inside the mask of its class.
    mask_weigh
        Whether that is a share of its time or of its length.
    """
    of_classes = {kind: mask for kind, mask in masks.items() if kind != EVERY_CLASS}
    found = apply_masks(
        trails, of_classes, masks.get(EVERY_CLASS), threshold=mask_threshold, weigh=mask_weigh
    )
    return found.included, found.notes


def _read_masks(
    masks: Mapping[str, MaskLike | str | Path], trails: Trails
) -> tuple[dict[str, Mask], dict[str, dict[str, Any]]]:
    """Read masks that are files; return all, and what run.json says of them."""
    read, records = {}, {}
    kinds = list(trails.classes.index)
    for kind, given in masks.items():
        if kind != EVERY_CLASS and kind not in kinds:
            raise BadValueError(f"there is a mask for class {kind!r}; {nearest(kind, kinds)}")
        if isinstance(given, (str, Path)):
            read[kind] = read_mask(given, trails.scene)
            size, checksum = checksum_of(Path(given))
            records[kind] = {"name": Path(given).name, "bytes": size, "sha256": checksum}
        else:
            name = f"the mask of class {kind}" if kind else "the mask"
            read[kind] = as_mask(given, trails.scene, name=name)
            records[kind] = {"name": "array"}
        inside = read[kind].inside
        records[kind] |= {"shape": list(inside.shape), "inside": round(float(inside.mean()), 4)}
    return read, records


def _joined(problems: pd.DataFrame, notes: Sequence[str], more: pd.DataFrame) -> pd.DataFrame:
    added = problem_table([("", "", note) for note in notes])
    tables = [table for table in (problems, added, more) if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else added


def _score(
    trails: Trails, preset: Preset, parameters: Mapping[str, Any], monitor: Monitor
) -> Scores:
    if preset == "default":
        return score_trails(trails, **parameters, monitor=monitor)
    return _with_reference(trails, parameters, monitor)


def _with_reference(trails: Trails, parameters: Mapping[str, Any], monitor: Monitor) -> Scores:
    """Rank by the reference's score, its heat in place of ours; the other scores stand beside."""
    reference = reference_scores(trails, **parameters, monitor=monitor.part(0.0, 0.4))
    least = parameters["min_trails"]
    known = np.flatnonzero(np.isfinite(reference.anomaly))
    if not len(known):
        raise BadValueError(
            f"no class has {least} trails, as preset reference demands; choose another preset, "
            "or a lower min_trails"
        )
    counts = trails.classes
    problems = [
        ("", "", f"class {kind} has {n} trails, fewer than min_trails ({least}): not scored")
        for kind, n in counts[counts < least].items()
    ]
    found = score_trails(trails.select(known), monitor=monitor.part(0.4, 1.0))
    rows = known[found.rows]
    anomaly = reference.anomaly[rows]
    table = found.table.assign(anomaly=anomaly, heat=anomaly)
    codes = pd.factorize(table["class"])[0].astype(np.int64)
    table["p_value"] = conformal_p_values(anomaly, codes)
    order = np.argsort(-anomaly, kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    table["rank"] = np.arange(1, len(table) + 1)
    return Scores(
        table,
        rows[order],
        1.0 - reference.at_samples,
        found.stretches[order],
        problem_table(problems),
    )


@contextmanager
def _timed(timings: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    timings[name] = time.perf_counter() - started


def _read_picture(path: Path) -> npt.NDArray[np.uint8]:
    picture = cv2.cvtColor(_decoded(path, cv2.IMREAD_COLOR, "a picture"), cv2.COLOR_BGR2RGB)
    return np.asarray(picture, np.uint8)


def _decoded(path: Path, flags: int, what: str) -> npt.NDArray[Any]:
    """Read a picture; OpenCV itself limits how many pixels it may have."""
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(content, flags) if len(content) else None
    except FileNotFoundError:
        raise BadValueError(f"{path} does not exist; check the path") from None
    except (OSError, cv2.error) as error:
        raise BadValueError(f"{path} cannot be read as {what}: {error}") from None
    if image is None:
        raise BadValueError(f"{path} cannot be read as {what}; give a PNG or JPEG file")
    return np.asarray(image)
