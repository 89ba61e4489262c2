"""The trail analysis: a session runs requests and keeps every part that the next one needs again.

One engine serves Python and the command line, which run one request, and the dock, where a moved
slider recomputes only what depends on it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import signature
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError, nearest
from napari_uai.monitor import SILENT, Monitor
from napari_uai.threads import one_blas_thread
from napari_uai.trails.analysis.result import (
    EVERY_CLASS,
    MOST_CLASSES,
    TOP,
    ClassHeat,
    Preset,
    Settings,
    TrailResult,
)
from napari_uai.trails.analysis.settings import checked_settings
from napari_uai.trails.heat.heat import TrailHeat, measure_heat
from napari_uai.trails.heat.masks import Mask, MaskLike, apply_masks, as_mask
from napari_uai.trails.heat.painted_width import paint_at_width
from napari_uai.trails.heat.regions import Region, ordinary_regions
from napari_uai.trails.heat.scaling import rescale
from napari_uai.trails.parameters import BlurKind, HeatScale, LimitUnit
from napari_uai.trails.scores.reference import rank_by_reference
from napari_uai.trails.scores.scores import Scores, measure_trails, score_measured
from napari_uai.trails.table import Trails, join_problems, problem_table
from napari_uai.typing import Floats32

Part = TypeVar("Part")


@dataclass(frozen=True, eq=False)
class Request:
    """An analysis request.

    Parameters
    ----------
    preset
        As for :func:`~napari_uai.trails.analyse_trails`.
    settings
        Parameters that differ from the preset, as ``NAME=VALUE``.
    masks
        Mask by class; :data:`~napari_uai.trails.analysis.result.EVERY_CLASS` is the key of the
        mask for all other classes. The arrays must not change afterwards.
    top
        Number of trails that pictures show.
    regions
        Whether to outline the regions of ordinary traffic; changes of limits are faster without.
    """

    preset: Preset = "default"
    settings: tuple[str, ...] = ()
    masks: Mapping[str, MaskLike] = field(default_factory=dict)
    top: int = TOP
    regions: bool = True

    def like(self, other: Request | None) -> bool:
        """Return whether another request has the same result."""
        return other is not None and self.key == other.key

    @property
    def key(self) -> Hashable:
        """Everything that the result depends on."""
        return self.preset, self.settings, _mask_key(self.masks), self.top, self.regions


class TrailSession:
    """The trails of one scene, with every part of the analysis computed so far.

    Parameters
    ----------
    trails
        Trails of one scene.

    Notes
    -----
    Requests may come from any thread; they run one after the other.

    Examples
    --------
    >>> from napari_uai.simulate.settings import TrailSettings
    >>> from napari_uai.simulate.trails.simulation import simulate_trails
    >>> session = TrailSession(simulate_trails(TrailSettings(trails=60)).trails)
    >>> len(session.run(Request()).scores)
    60
    >>> session.is_quick(Request(settings=("heat_lower=20",)))
    True
    >>> session.is_quick(Request(settings=("n_directions=8",)))
    False
    """

    def __init__(self, trails: Trails) -> None:
        self.trails = trails
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def is_quick(self, request: Request) -> bool:
        """Return whether all slow parts of a request are known already."""
        try:
            keys = _Keys.of(request, _checked(request.preset, request.settings))
        except ValueError:
            return True  # fails at once
        slow = {"masks": keys.masks, "measurements": keys.measurements, "heat": keys.heat}
        return all(name in self._kept and self._kept[name].key == slow[name] for name in slow)

    @one_blas_thread()
    def run(self, request: Request, *, monitor: Monitor = SILENT) -> TrailResult:
        """Analyse the trails.

        Parameters
        ----------
        request
            Preset, settings and masks.
        monitor
            Progress and cancellation; parts that were finished before a cancellation are kept.

        Returns
        -------
        TrailResult
            Parts that did not change since the last request are the same objects.

        Raises
        ------
        BadValueError
            If a value does not fit, or no trail is left to be scored.
        RecipeError
            If a setting is unknown or its value does not fit.
        """
        with self._lock:
            return self._run(request, monitor)

    def _run(self, request: Request, monitor: Monitor) -> TrailResult:
        parameters = _checked(request.preset, request.settings)
        keys = _Keys.of(request, parameters)
        scored, masks, notes = self._keep(
            "masks", keys.masks, lambda: self._masked(request.masks, **parameters["masks"])
        )
        if not len(scored):
            raise BadValueError(
                f"none of {len(self.trails)} trails lies inside the mask: paint a larger region, "
                "or lower mask_threshold"
            )
        scores = self._scores(scored, request.preset, parameters, keys, monitor.part(0.05, 0.7))
        maps, shades = self._heat(scored, parameters, keys, monitor.part(0.7, 0.95))
        regions: tuple[Region, ...] = ()
        if request.regions:
            monitor.update(0.95, "regions")
            regions = self._keep(
                "regions",
                keys.regions,
                lambda: _regions(scored, shades.values(), parameters["regions"]),
            )
        return TrailResult(
            trails=scored,
            scores=scores.table,
            rows=scores.rows,
            stretches=scores.stretches,
            at_samples=scores.at_samples,
            heat=shades,
            regions=regions,
            preset=request.preset,
            parameters=parameters,
            masks=masks,
            mask_records={kind: _record(mask) for kind, mask in masks.items()},
            n_masked_out=len(self.trails) - len(scored),
            n_top=request.top,
            problems=join_problems(
                self.trails.problems,
                problem_table([("", "", note) for note in (*notes, *maps.notes)]),
                scores.problems,
            ),
            timings_s=self._timings(regions=request.regions),
        )

    def _scores(
        self, trails: Trails, preset: Preset, parameters: Settings, keys: _Keys, monitor: Monitor
    ) -> Scores:
        scoring, measuring, ranking = _scoring(preset, parameters["scores"])
        measured = self._keep(
            "measurements",
            keys.measurements,
            lambda: scoring.measure(trails, **measuring, monitor=monitor),
        )
        monitor.update(1.0, "ranking")
        return self._keep("scores", keys.scores, lambda: scoring.rank(measured, **ranking))

    def _heat(
        self, trails: Trails, parameters: Settings, keys: _Keys, monitor: Monitor
    ) -> tuple[_HeatMaps, dict[str, ClassHeat]]:
        mapping, shading = _split(parameters["heat"], _SHADING)
        maps = self._keep("heat", keys.heat, lambda: _heat_maps(trails, **mapping, monitor=monitor))
        return maps, self._keep("shades", keys.shades, lambda: _shaded(maps, **shading))

    def _masked(
        self, arrays: Mapping[str, MaskLike], *, mask_threshold: float, mask_weigh: Any
    ) -> tuple[Trails, dict[str, Mask], tuple[str, ...]]:
        """Return the trails that count, the masks, and what the user should know of these."""
        kinds = list(self.trails.classes.index)
        for kind in arrays:
            if kind != EVERY_CLASS and kind not in kinds:
                raise BadValueError(f"mask for unknown class {kind!r}; {nearest(kind, kinds)}")
        masks = {
            kind: as_mask(
                mask, self.trails.scene, name=f"the mask of class {kind}" if kind else "the mask"
            )
            for kind, mask in arrays.items()
        }
        masking = apply_masks(
            self.trails,
            {kind: mask for kind, mask in masks.items() if kind != EVERY_CLASS},
            masks.get(EVERY_CLASS),
            threshold=mask_threshold,
            weigh=mask_weigh,
        )
        everything = bool(masking.included.all())
        return (
            self.trails if everything else self.trails.select(masking.included),
            masks,
            masking.notes,
        )

    def _keep(self, name: str, key: Hashable, compute: Callable[[], Part]) -> Part:
        kept = self._kept.get(name)
        if kept is None or kept.key != key:
            self._kept.pop(name, None)  # first, so that memory never holds both
            started = time.perf_counter()
            value = compute()
            kept = _Kept(key, value, time.perf_counter() - started)
            self._kept[name] = kept
        part: Part = kept.value
        return part

    def _timings(self, *, regions: bool) -> dict[str, float]:
        """Return what each part took when it was computed, in s."""
        parts = {"masks": ["masks"], "scores": ["measurements", "scores"]}
        parts |= {"heat": ["heat", "shades"], "regions": ["regions"] if regions else []}
        return {
            part: sum(self._kept[name].seconds for name in names)
            for part, names in parts.items()
            if names
        }


class _Kept(NamedTuple):
    key: Hashable
    value: Any
    seconds: float


class _Keys(NamedTuple):
    """What each part of the analysis depends on."""

    masks: Hashable
    measurements: Hashable
    scores: Hashable
    heat: Hashable
    shades: Hashable
    regions: Hashable

    @classmethod
    def of(cls, request: Request, parameters: Settings) -> _Keys:
        _, measuring, ranking = _scoring(request.preset, parameters["scores"])
        mapping, shading = _split(parameters["heat"], _SHADING)
        masks = _mask_key(request.masks), _key(parameters["masks"])
        measurements = request.preset, masks, _key(measuring)
        heat = masks, _key(mapping)
        shades = heat, _key(shading)
        return cls(
            masks,
            measurements,
            (measurements, _key(ranking)),
            heat,
            shades,
            (shades, _key(parameters["regions"])),
        )


class _Scoring(NamedTuple):
    """How a preset scores: what is measured once, and how limits turn it into ranks."""

    measure: Callable[..., Any]
    rank: Callable[..., Scores]
    ranking: frozenset[str]
    """Names of the parameters of ``rank``."""


def _as_ranked(scores: Scores) -> Scores:
    return scores


_SCORINGS: dict[Preset, _Scoring] = {
    "default": _Scoring(
        measure_trails, score_measured, frozenset(signature(score_measured).parameters)
    ),
    "reference": _Scoring(rank_by_reference, _as_ranked, frozenset()),
}


class _HeatMaps(NamedTuple):
    """Heat of the most frequent classes, before its limits are applied."""

    heat: TrailHeat
    counts: dict[str, Floats32]
    n_trails: dict[str, int]
    notes: tuple[str, ...]


_Values: TypeAlias = dict[str, Any]


@lru_cache(maxsize=8)
def _checked(preset: Preset, settings: tuple[str, ...]) -> Settings:
    return checked_settings(preset, settings)


def _scoring(preset: Preset, parameters: Mapping[str, Any]) -> tuple[_Scoring, _Values, _Values]:
    """Return how a preset scores, and the parameters of measuring and of ranking."""
    scoring = _SCORINGS[preset]
    return scoring, *_split(parameters, scoring.ranking)


def _split(parameters: Mapping[str, Any], second: frozenset[str]) -> tuple[_Values, _Values]:
    """Divide parameters between two functions, of which the second has those of given names."""
    return (
        {name: value for name, value in parameters.items() if name not in second},
        {name: value for name, value in parameters.items() if name in second},
    )


def _key(parameters: Mapping[str, Any]) -> Hashable:
    return tuple(sorted(parameters.items()))


def _mask_key(masks: Mapping[str, MaskLike]) -> Hashable:
    arrays = {
        kind: np.asarray(mask.inside if isinstance(mask, Mask) else mask)
        for kind, mask in sorted(masks.items())
    }
    return tuple(
        (kind, array.shape, array.dtype.str, hash(_packed(array).tobytes()))
        for kind, array in arrays.items()
    )


def _packed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return what is hashed of a mask: of 720 x 1280 px in 0.1 ms instead of 0.7 ms."""
    return np.packbits(array) if array.dtype == bool else array


def _heat_maps(
    trails: Trails,
    *,
    longest_side_px: int,
    painted_width_px: int | None,
    blur_px: int,
    blur_kind: BlurKind,
    monitor: Monitor,
) -> _HeatMaps:
    """Map the traffic of each class; of very many classes, that of the most frequent ones."""
    counts = trails.classes.head(MOST_CLASSES)
    n_classes = len(trails.classes)
    notes: tuple[str, ...] = ()
    if len(counts) < n_classes:
        trails = trails.select(trails.table["class"].isin(counts.index).to_numpy())
        only = f"of {n_classes} classes, only the {len(counts)} most frequent have heatmaps, "
        notes = (only + "regions and pictures",)
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
    n_trails = {str(kind): int(n) for kind, n in counts.items()}
    return _HeatMaps(heat, {kind: heat.map_of(kind) for kind in n_trails}, n_trails, notes)


def _shaded(
    maps: _HeatMaps,
    *,
    heat_lower: float,
    heat_upper: float,
    heat_unit: LimitUnit,
    heat_scale: HeatScale,
) -> dict[str, ClassHeat]:
    """Scale the heat of each class."""
    scaled = rescale(
        maps.heat, lower=heat_lower, upper=heat_upper, unit=heat_unit, scale=heat_scale
    )
    scale_of = dict(zip(maps.heat.classes, scaled.scales, strict=True))
    return {
        kind: ClassHeat(kind, maps.n_trails[kind], counts, scale_of[kind].apply(counts))
        for kind, counts in maps.counts.items()
    }


_SHADING = frozenset(signature(_shaded).parameters)


def _regions(
    trails: Trails, shades: Iterable[ClassHeat], parameters: Mapping[str, Any]
) -> tuple[Region, ...]:
    return tuple(
        region
        for heat in shades
        for region in ordinary_regions(heat.shade, trails.scene, kind=heat.kind, **parameters)
    )


def _record(mask: Mask) -> dict[str, Any]:
    """Return what run.json says of a mask."""
    inside = round(float(mask.inside.mean()), 4)
    return {"name": "array", "shape": list(mask.inside.shape), "inside": inside}
