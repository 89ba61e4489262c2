"""The list of stages: what a recording can be put through, in the order in which it is read.

A stage is one plain function; its signature and docstring say everything about it (inputs,
parameters with types, limits, units and meaning), so that a line in :data:`STAGES` is all that is
needed for the stage to be a widget, a step of a recipe, an option of the command line and a page
of the reference.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args, get_type_hints

from napari_uai.errors import RecipeError, nearest
from napari_uai.parameters import Parameters, described_parameters

Kind: TypeAlias = Literal["video", "table"]

Menu: TypeAlias = Literal["filter", "register", "measure", "track"]
"""napari's layer menu in which the widget of a stage stands."""

Origin: TypeAlias = Callable[[Any, Mapping[str, Any]], tuple[int, int, int]]
"""Takes the input video and the parameters of a stage; returns an :class:`Offset`."""

Checksum: TypeAlias = Callable[[str], str]
"""Takes the parameter ``weights`` of a stage; returns the SHA-256 of what it names."""


@dataclass(frozen=True)
class Input:
    """A video or table that a stage works on."""

    name: str
    kind: Kind
    required: bool
    description: str


@dataclass(frozen=True)
class Stage:
    """A stage of the catalogue; everything but the fields is read from its function.

    Parameters
    ----------
    entry
        ``package.module:function``; imported when first needed.
    title
        As it stands in menus.
    menu
        napari's layer menu.
    origin
        How positions in the output video differ from positions in the input; None if they do not.
    checksum
        Of the weights that a parameter of that name chooses; None if there is no such parameter.
    """

    entry: str
    title: str
    menu: Menu
    origin: Origin | None = None
    checksum: Checksum | None = None

    @property
    def name(self) -> str:
        """Name of the function, as recipes write it."""
        return self.entry.partition(":")[2]

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The function itself."""
        module, _, name = self.entry.partition(":")
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return function

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """Videos and tables that the function takes, in order."""
        return tuple(
            Input(
                name=p.name,
                kind=_kind(self._hints[p.name]),
                required=p.default is inspect.Parameter.empty,
                description=self._described.get(p.name, ""),
            )
            for p in self._signature.parameters.values()
            if p.kind is not inspect.Parameter.KEYWORD_ONLY
        )

    @cached_property
    def output(self) -> Kind:
        """What the function returns."""
        return _kind(self._hints["return"])

    @cached_property
    def parameters(self) -> Parameters:
        """Keyword parameters by name, without the monitor."""
        return Parameters.of(self.function)

    @property
    def takes_monitor(self) -> bool:
        """Whether the function reports progress and can be cancelled."""
        return "monitor" in self._signature.parameters

    @cached_property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def check(self, values: Mapping[str, Any], *, label: str = "") -> dict[str, Any]:
        """Check values of the parameters: see :meth:`napari_uai.parameters.Parameters.check`."""
        return self.parameters.check(values, label=label)

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.function, include_extras=True)

    @cached_property
    def _described(self) -> dict[str, str]:
        return described_parameters(self.function)


def stage(name: str) -> Stage:
    """Return a stage of the catalogue by the name of its function.

    Raises
    ------
    RecipeError
        If there is none; the message names the nearest.
    """
    if name not in STAGES:
        raise RecipeError(f"there is no stage {name!r}; {nearest(name, STAGES)}")
    return STAGES[name]


def _kind(hint: Any) -> Kind:
    """Tell a table by its class; whatever else a stage takes or gives by position is a video."""
    import pandas as pd

    return "table" if pd.DataFrame in (hint, *get_args(hint)) else "video"


def _catalogue(*stages: Stage) -> dict[str, Stage]:
    return {s.name: s for s in stages}


def _status_line_origin(video: Any, parameters: Mapping[str, Any]) -> tuple[int, int, int]:
    from napari_uai.videos.status_line import status_line_origin

    return (0, *status_line_origin(video, **parameters))


def _second_batch(_: Any, parameters: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return where the second batch begins: a particle that lands there stands out most."""
    return (parameters["batch_size"], 0, 0)


def _middle_of_batch(_: Any, parameters: Mapping[str, Any]) -> tuple[int, int, int]:
    return ((parameters["batch_size"] - 1) // 2, 0, 0)


def _background_weights(weights: str) -> str:
    from napari_uai.iscat.fastdvdnet.stages import background_weights

    return background_weights(weights).sha256


def _rescoring_weights(weights: str) -> str:
    from napari_uai.iscat.rescore.event_network import load_event_network

    return load_event_network(weights).sha256


STAGES: dict[str, Stage] = _catalogue(
    Stage("napari_uai.videos.status_line:read_status_line", "Read status line", "measure"),
    Stage(
        "napari_uai.videos.status_line:remove_status_line",
        "Remove status line",
        "filter",
        _status_line_origin,
    ),
    Stage(
        "napari_uai.iscat.correct.dark_frame:dark_frame_subtraction",
        "Subtract dark frame",
        "filter",
    ),
    Stage("napari_uai.iscat.correct.power:power_normalization", "Power normalisation", "filter"),
    Stage("napari_uai.iscat.correct.bad_pixels:bad_pixel_repair", "Repair bad pixels", "filter"),
    Stage("napari_uai.iscat.correct.bad_pixels:median_filter", "Median filter", "filter"),
    Stage("napari_uai.iscat.correct.filters:gaussian_filter", "Gaussian filter", "filter"),
    Stage(
        "napari_uai.iscat.correct.filters:difference_of_gaussians",
        "Difference of Gaussians",
        "filter",
    ),
    Stage("napari_uai.iscat.correct.filters:flat_field", "Flat field", "filter"),
    Stage(
        "napari_uai.iscat.correct.filters:temporal_median", "Divide by temporal median", "filter"
    ),
    Stage(
        "napari_uai.iscat.correct.normalization:global_normalization",
        "Normalise the recording",
        "filter",
    ),
    Stage(
        "napari_uai.iscat.correct.normalization:frame_normalization",
        "Normalise each frame",
        "filter",
    ),
    Stage("napari_uai.iscat.correct.masks:circular_mask", "Circular mask", "filter"),
    Stage("napari_uai.iscat.correct.masks:polygonal_mask", "Polygonal mask", "filter"),
    Stage(
        "napari_uai.iscat.correct.rolling_average:differential_rolling_average",
        "Differential rolling average",
        "filter",
        _second_batch,
    ),
    Stage(
        "napari_uai.iscat.correct.rolling_average:rolling_mean",
        "Rolling mean",
        "filter",
        _middle_of_batch,
    ),
    Stage(
        "napari_uai.iscat.correct.fixed_pattern:fixed_pattern_correction",
        "Fixed-pattern correction",
        "filter",
    ),
    Stage(
        "napari_uai.iscat.fastdvdnet.stages:predict_background",
        "Predict background (network)",
        "filter",
        checksum=_background_weights,
    ),
    Stage(
        "napari_uai.iscat.detect.anomalies.features:residual", "Residual of a prediction", "filter"
    ),
    Stage(
        "napari_uai.iscat.detect.anomalies.batch_features:batch_mean",
        "Mean of a batch",
        "filter",
        _second_batch,
    ),
    Stage(
        "napari_uai.iscat.detect.anomalies.batch_features:batch_deviation",
        "Standard deviation of a batch",
        "filter",
        _second_batch,
    ),
    Stage(
        "napari_uai.iscat.detect.anomalies.batch_features:batch_difference",
        "Difference of two batches",
        "filter",
        _second_batch,
    ),
    Stage(
        "napari_uai.iscat.detect.anomalies.features:difference_of_gaussians_3d",
        "Difference of Gaussians in space and time",
        "filter",
    ),
    Stage(
        "napari_uai.iscat.detect.anomalies.features:minimum_threshold_map",
        "Minimum threshold map",
        "filter",
    ),
    Stage(
        "napari_uai.iscat.detect.anomalies.features:niblack_threshold_map",
        "Niblack threshold map",
        "filter",
    ),
    Stage("napari_uai.iscat.detect.anomalies.maps:anomaly_scores", "Anomaly scores", "filter"),
    Stage("napari_uai.iscat.detect.anomalies.maps:anomaly_mask", "Anomaly mask", "filter"),
    Stage(
        "napari_uai.iscat.correct.stage_drift:stage_drift_correction",
        "Correct stage drift",
        "register",
    ),
    Stage(
        "napari_uai.iscat.correct.stage_drift:measure_stage_drift",
        "Measure stage drift",
        "register",
    ),
    Stage("napari_uai.iscat.correct.noise_floor:noise_floor", "Noise floor", "measure"),
    Stage("napari_uai.iscat.detect.steps.detector:detect_steps", "Detect steps", "measure"),
    Stage(
        "napari_uai.iscat.rescore.rescoring:rescore_steps",
        "Rescore steps",
        "measure",
        checksum=_rescoring_weights,
    ),
    Stage("napari_uai.iscat.detect.steps.detector:accept_events", "Accept events", "measure"),
    Stage("napari_uai.iscat.detect.spots:detect_spots", "Detect spots", "measure"),
    Stage(
        "napari_uai.iscat.detect.anomalies.mask_spots:spots_from_mask",
        "Spots from a mask",
        "measure",
    ),
    Stage("napari_uai.iscat.detect.anomalies.mask_spots:locate_spots", "Locate spots", "measure"),
    Stage("napari_uai.iscat.measure.gaussian_fits:fit_spots", "Fit spots", "measure"),
    Stage(
        "napari_uai.iscat.measure.spot_filters:outlier_frames", "Leave out crowded frames", "track"
    ),
    Stage("napari_uai.iscat.measure.spot_filters:dense_spots", "Leave out close spots", "track"),
    Stage("napari_uai.iscat.measure.spot_filters:remove_side_lobes", "Remove side lobes", "track"),
    Stage("napari_uai.iscat.measure.spot_filters:symmetric_spots", "Keep round spots", "track"),
    Stage(
        "napari_uai.iscat.measure.spot_filters:inner_spots",
        "Leave out spots near the edge",
        "track",
    ),
    Stage("napari_uai.iscat.measure.linking:link_spots", "Link spots", "track"),
    Stage(
        "napari_uai.iscat.measure.landings:landings_from_tracks", "Landings from tracks", "track"
    ),
    Stage("napari_uai.iscat.measure.landings:assign_spots", "Assign spots to landings", "track"),
    Stage(
        "napari_uai.iscat.measure.localization:localize_landings", "Localise landings", "measure"
    ),
    Stage(
        "napari_uai.iscat.measure.localization:summarize_landings", "Summarise landings", "track"
    ),
    Stage("napari_uai.iscat.measure.amplitudes:contrast_traces", "Contrast traces", "measure"),
    Stage("napari_uai.iscat.measure.contrast:measure_contrasts", "Measure contrasts", "measure"),
    Stage("napari_uai.iscat.measure.contrast:contrast_histogram", "Contrast histogram", "measure"),
)
"""Every stage by name."""
