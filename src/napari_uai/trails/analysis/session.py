"""Live analysis of trails: what a change does not concern is kept, so that sliders answer at once.

The numbers are those of :func:`napari_uai.trails.analyse_trails`, to the last digit.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import signature
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.trails.analysis.analysis import analyse_trails
from napari_uai.trails.analysis.result import EVERY_CLASS, TOP, ClassHeat, Preset, TrailResult
from napari_uai.trails.analysis.settings import checked_settings
from napari_uai.trails.heat.heat import TrailHeat, measure_heat
from napari_uai.trails.heat.masks import Mask, apply_masks, as_mask
from napari_uai.trails.heat.painted_width import paint_at_width
from napari_uai.trails.heat.regions import Region, ordinary_regions
from napari_uai.trails.heat.scaling import rescale
from napari_uai.trails.scores.scores import Measurements, Scores, measure_trails, score_measured
from napari_uai.trails.table import Trails, problem_table

Painted: TypeAlias = npt.NDArray[np.bool_]

_OF_SCORES = frozenset(signature(score_measured).parameters) - {"measured", "monitor"}
"""Parameters of the scores that are applied to what was measured."""

_OF_SHADE = frozenset({"heat_lower", "heat_upper", "heat_unit", "heat_scale"})
"""Parameters of the heatmaps that are applied to the heat."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is wanted of the trails.

    Parameters
    ----------
    preset
        As for :func:`~napari_uai.trails.analyse_trails`.
    settings
        Parameters that differ from the preset's, as ``NAME=VALUE``.
    masks
        Painted region by class;
        :data:`~napari_uai.trails.analysis.result.EVERY_CLASS` for the others.
        Rows, columns; bool. Not changed by anybody from here on.
    top
        Trails that pictures show.
    regions
        Whether areas of ordinary traffic are wanted; without them, limits answer faster.
    """

    preset: Preset = "default"
    settings: tuple[str, ...] = ()
    masks: Mapping[str, Painted] = field(default_factory=dict)
    top: int = TOP
    regions: bool = True

    def like(self, other: Question | None) -> bool:
        """Tell whether another question has the same answer."""
        return other is not None and self.key == other.key

    @property
    def key(self) -> tuple[Any, ...]:
        """What the answer depends on."""
        return self.preset, self.settings, _mask_key(self.masks), self.top, self.regions


class TrailSession:
    """Trails of one scene, and what was computed of them so far.

    Parameters
    ----------
    trails
        Of one scene.

    Notes
    -----
    Questions may be asked from any thread; they are answered one after the other.
    """

    def __init__(self, trails: Trails) -> None:
        self.trails = trails
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Any, Any]] = {}

    def is_quick(self, question: Question) -> bool:
        """Tell whether a question only needs what is already known."""
        if question.preset != "default":
            return False
        try:
            parameters = _checked(question.preset, question.settings)
        except ValueError:
            return True  # is answered at once: by an error
        masked = _mask_key(question.masks), _key(parameters["masks"])
        wanted = {
            "masks": masked,
            "measurements": (masked, _key(parameters["scores"], without=_OF_SCORES)),
            "heat": (masked, _key(parameters["heat"], without=_OF_SHADE)),
        }
        return all(self._kept.get(name, (None, None))[0] == key for name, key in wanted.items())

    def answer(self, question: Question, *, monitor: Monitor = SILENT) -> TrailResult:
        """Analyse the trails.

        Parameters
        ----------
        question
            What is wanted.
        monitor
            Progress and cancelling; what was finished until then is kept.

        Returns
        -------
        TrailResult
            Equal to that of :func:`~napari_uai.trails.analyse_trails`; without regions
            if they are not wanted.

        Raises
        ------
        NapariUaiError
            If a value does not fit, or no trail is left to be scored.
        """
        with self._lock:
            if question.preset != "default":
                return self._as_command_line(question, monitor)
            return self._live(question, monitor)

    def _as_command_line(self, question: Question, monitor: Monitor) -> TrailResult:
        return analyse_trails(
            self.trails,
            preset=question.preset,
            masks=question.masks,
            top=question.top,
            settings=question.settings,
            monitor=monitor,
        )

    def _live(self, question: Question, monitor: Monitor) -> TrailResult:
        parameters = _checked(question.preset, question.settings)
        masked_by = _mask_key(question.masks), _key(parameters["masks"])
        scored, masks, notes = self._keep(
            "masks", masked_by, lambda: self._masked(question.masks, parameters["masks"])
        )
        if not len(scored):
            raise BadValueError(
                f"none of {len(self.trails)} trails lies inside the mask; paint a larger region, "
                "or lower mask_threshold"
            )
        measuring = _split(parameters["scores"], _OF_SCORES)
        mapping = _split(parameters["heat"], _OF_SHADE)
        measured_by = masked_by, _key(measuring.fixed)
        mapped_by = masked_by, _key(mapping.fixed)
        measured: Measurements = self._keep(
            "measurements",
            measured_by,
            lambda: measure_trails(scored, **measuring.fixed, monitor=monitor.part(0.05, 0.7)),
        )
        heat, maps = self._keep(
            "heat",
            mapped_by,
            lambda: _heat(scored, **mapping.fixed, monitor=monitor.part(0.7, 0.95)),
        )
        monitor.update(0.95, "ranking")
        found: Scores = self._keep(
            "scores",
            (measured_by, _key(measuring.live)),
            lambda: score_measured(measured, **measuring.live),
        )
        shaded_by = mapped_by, _key(mapping.live)
        shades: dict[str, ClassHeat] = self._keep(
            "shades", shaded_by, lambda: _shades(scored, heat, maps, **mapping.live)
        )
        regions: tuple[Region, ...] = ()
        if question.regions:
            regions = self._keep(
                "regions",
                (shaded_by, _key(parameters["regions"])),
                lambda: _regions(scored, shades, parameters["regions"]),
            )
        return TrailResult(
            trails=scored,
            scores=found.table,
            rows=found.rows,
            stretches=found.stretches,
            at_samples=found.at_samples,
            heat=shades,
            regions=regions,
            preset=question.preset,
            parameters=parameters,
            masks=masks,
            mask_records=_records(masks),
            n_masked_out=len(self.trails) - len(scored),
            n_top=question.top,
            problems=_joined(self.trails, notes, measured),
        )

    def _masked(
        self, painted: Mapping[str, Painted], parameters: Mapping[str, Any]
    ) -> tuple[Trails, dict[str, Mask], tuple[str, ...]]:
        masks = {
            kind: as_mask(
                inside, self.trails.scene, name=f"the mask of class {kind}" if kind else "the mask"
            )
            for kind, inside in painted.items()
        }
        found = apply_masks(
            self.trails,
            {kind: mask for kind, mask in masks.items() if kind != EVERY_CLASS},
            masks.get(EVERY_CLASS),
            threshold=parameters["mask_threshold"],
            weigh=parameters["mask_weigh"],
        )
        everything = bool(found.included.all())
        return self.trails if everything else self.trails.select(found.included), masks, found.notes

    def _keep(self, name: str, key: Any, compute: Any) -> Any:
        if self._kept.get(name, (None, None))[0] != key:
            self._kept.pop(name, None)  # before it is computed anew: memory for one, not two
            self._kept[name] = (key, compute())
        return self._kept[name][1]


@dataclass(frozen=True)
class _Split:
    """Parameters that need measuring anew, and those that do not."""

    fixed: dict[str, Any]
    live: dict[str, Any]


def _split(parameters: Mapping[str, Any], live: frozenset[str]) -> _Split:
    return _Split(
        {name: value for name, value in parameters.items() if name not in live},
        {name: value for name, value in parameters.items() if name in live},
    )


def _key(parameters: Mapping[str, Any], without: frozenset[str] = frozenset()) -> tuple[Any, ...]:
    return tuple(sorted((n, v) for n, v in parameters.items() if n not in without))


def _mask_key(masks: Mapping[str, Painted]) -> tuple[Any, ...]:
    return tuple(
        (kind, inside.shape, hash(np.packbits(inside).tobytes()))
        for kind, inside in sorted(masks.items())
    )


@lru_cache(maxsize=8)
def _checked(preset: Preset, settings: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return checked_settings(preset, settings)


def _heat(
    trails: Trails,
    *,
    longest_side_px: int,
    painted_width_px: int | None,
    blur_px: int,
    blur_kind: Any,
    monitor: Monitor,
) -> tuple[TrailHeat, dict[str, npt.NDArray[np.float32]]]:
    """Return the heat, and the blurred counts of each class."""
    footprints = paint_at_width(
        trails,
        longest_side_px=longest_side_px,
        painted_width_px=painted_width_px,
        monitor=monitor.part(0.0, 0.4),
    )
    kinds = trails.table["class"].to_numpy()
    heat = measure_heat(
        footprints, kinds, blur_px=blur_px, blur_kind=blur_kind, monitor=monitor.part(0.4, 1.0)
    )
    return heat, {kind: heat.map_of(kind) for kind in heat.classes}


def _regions(
    trails: Trails, shades: Mapping[str, ClassHeat], parameters: Mapping[str, Any]
) -> tuple[Region, ...]:
    return tuple(
        region
        for kind, heat in shades.items()
        for region in ordinary_regions(heat.shade, trails.scene, kind=kind, **parameters)
    )


def _shades(
    trails: Trails,
    heat: TrailHeat,
    maps: Mapping[str, npt.NDArray[np.float32]],
    *,
    heat_lower: float,
    heat_upper: float,
    heat_unit: Any,
    heat_scale: Any,
) -> dict[str, ClassHeat]:
    scaled = rescale(heat, lower=heat_lower, upper=heat_upper, unit=heat_unit, scale=heat_scale)
    shades = {}
    for kind, n_trails in trails.classes.items():
        name = str(kind)
        shade = scaled.scales[heat.classes.index(name)].apply(maps[name])
        shades[name] = ClassHeat(name, int(n_trails), maps[name], shade)
    return shades


def _records(masks: Mapping[str, Mask]) -> dict[str, dict[str, Any]]:
    return {
        kind: {
            "name": "array",
            "shape": list(mask.inside.shape),
            "inside": round(float(mask.inside.mean()), 4),
        }
        for kind, mask in masks.items()
    }


def _joined(trails: Trails, notes: tuple[str, ...], measured: Measurements) -> Any:
    import pandas as pd

    added = problem_table([("", "", note) for note in notes])
    tables = [table for table in (trails.problems, added, measured.problems) if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else added
