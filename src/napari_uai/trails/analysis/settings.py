"""Settings of a trail analysis: what can be set, and whether values fit."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias

from napari_uai.errors import RecipeError, nearest
from napari_uai.parameters import Parameter, Parameters
from napari_uai.setting_text import split_setting
from napari_uai.trails.analysis.result import Preset
from napari_uai.trails.heat.regions import ordinary_regions
from napari_uai.trails.parameters import (
    BlurKind,
    BlurWidth,
    Fraction,
    HeatScale,
    Limit,
    LimitUnit,
    LongestSide,
    PaintedWidth,
    Weigh,
)


@dataclass(frozen=True)
class MaskSettings:
    """Which trails count.

    Parameters
    ----------
    mask_threshold
        Fraction of a trail that must lie inside the mask of its class.
    mask_weigh
        Whether this is a fraction of its time or of its length.
    """

    mask_threshold: Fraction = 0.5
    mask_weigh: Weigh = "time"


@dataclass(frozen=True)
class HeatmapSettings:
    """Heatmaps of the ordinary traffic of each class.

    Parameters
    ----------
    longest_side_px
        Longest side of the heatmap.
    painted_width_px
        Width of a painted trail in cells of the heatmap; if None, chosen by leave-one-out
        likelihood.
    blur_px
        Width of the blur in cells of the heatmap.
    blur_kind
        Shape of the blur.
    heat_lower, heat_upper
        Heat at which the colour scale begins and ends; it ends at the hottest place of a class at
        the latest.
    heat_unit
        Unit of these limits; by default colours begin where 5 of 1000 trails of the class pass.
    heat_scale
        Scale between the limits.
    """

    longest_side_px: LongestSide = 360
    painted_width_px: PaintedWidth | None = None
    blur_px: BlurWidth = 7
    blur_kind: BlurKind = "box"
    heat_lower: Limit = 5.0
    heat_upper: Limit = 1000.0
    heat_unit: LimitUnit = "permille"
    heat_scale: HeatScale = "log"


SettingsLike: TypeAlias = Mapping[str, Any] | Sequence[str]
"""Parameters that differ from a preset: values by name, or texts ``NAME=VALUE``."""

_SCORES: dict[Preset, str] = {
    "default": "napari_uai.trails.scores.scores:score_trails",
    "reference": "napari_uai.trails.scores.reference:reference_scores",
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
"""Defaults of a preset that differ from those of the functions."""

LABEL = "trails"
"""Name of the settings in error messages."""

_SET_BY_ANALYSIS = ("kind", "threshold")
"""Parameters that the analysis sets itself: the class; the threshold of masks, applied before."""


@cache  # moving a slider must not build the models of the parameters again
def parts_of(preset: Preset) -> Mapping[str, Parameters]:
    """Return the parts of an analysis and their parameters."""
    module, name = _SCORES[preset].split(":")
    return {
        "scores": Parameters.of(getattr(importlib.import_module(module), name)),
        "masks": Parameters.of_settings(MaskSettings),
        "heat": Parameters.of_settings(HeatmapSettings),
        "regions": Parameters.of(ordinary_regions),
    }


def settable_parameters(preset: Preset = "default") -> dict[str, Parameter]:
    """Return all parameters that can be set; shared ones with the defaults of the scores."""
    settable: dict[str, Parameter] = {}
    for part, parameters in parts_of(preset).items():
        own = _DIFFERENT.get((preset, part), {})
        for name, parameter in parameters.items():
            if _settable(parameter):
                settable.setdefault(
                    name, replace(parameter, default=own.get(name, parameter.default))
                )
    return settable


def checked_settings(preset: Preset, settings: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return all parameters by part of the analysis.

    Parameters
    ----------
    preset
        Preset that the defaults are taken from.
    settings
        Parameters that differ, as ``NAME=VALUE``. A parameter of several parts is set in all of
        them.

    Raises
    ------
    RecipeError
        If a parameter is unknown (the message suggests the closest match) or a value is not
        accepted.

    Examples
    --------
    >>> parameters = checked_settings("default", ["n_directions=16", "heat_scale=sqrt"])
    >>> parameters["scores"]["n_directions"], parameters["heat"]["heat_scale"]
    (16, 'sqrt')
    """
    parts = parts_of(preset)
    settable = settable_parameters(preset)
    texts: dict[str, str] = {}
    for setting in settings:
        _, name, text = split_setting(setting, example="n_directions=16")
        if name not in settable:
            raise RecipeError(f"{LABEL} has no parameter {name!r}; {nearest(name, settable)}")
        texts[name] = text
    checked = {}
    for part, parameters in parts.items():
        own = _DIFFERENT.get((preset, part), {})
        some = {name: text for name, text in texts.items() if name in parameters}
        values = parameters.read(some, base=own, label=LABEL)
        checked[part] = {n: v for n, v in values.items() if _settable(parameters[n])}
    return checked


def setting_texts(settings: SettingsLike) -> tuple[str, ...]:
    """Return settings as ``NAME=VALUE``, however they are given."""
    if isinstance(settings, Mapping):
        return tuple(setting_text(name, value) for name, value in settings.items())
    return tuple(settings)


def setting_text(name: str, value: Any) -> str:
    """Return a parameter and its value as ``NAME=VALUE``, as :func:`checked_settings` reads it."""
    if isinstance(value, bool):
        return f"{name}={str(value).lower()}"
    return f"{name}={value!r}" if isinstance(value, float) else f"{name}={value}"


def _settable(parameter: Parameter) -> bool:
    """Return whether a parameter is set by the user rather than by the analysis."""
    plain = bool(parameter.choices) or parameter.type in (int, float, bool, str)
    return plain and parameter.name not in _SET_BY_ANALYSIS
