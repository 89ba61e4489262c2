"""A model of a scene: what its ordinary traffic is, against which new trails are scored alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from napari_uai.errors import BadValueError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.parameters import checked
from napari_uai.trails.analysis.periods import By, Names, periods_of
from napari_uai.trails.analysis.scene_checks import check_scene, check_unit
from napari_uai.trails.analysis.scene_reference import (
    Prepared,
    Reference,
    learn_reference,
    prepare,
)
from napari_uai.trails.analysis.scene_traffic import (
    Traffic,
    fingerprints_of,
    joined,
    traffic_of,
)
from napari_uai.trails.analysis.settings import SettingsLike, checked_settings, setting_texts
from napari_uai.trails.heat.painted_width import choose_painted_width
from napari_uai.trails.table import Scene, Trails

SAMPLE, PERIOD_SAMPLE = 5000, 1000
"""Largest number of trails of a class in the sample of a model, and of the model of a period."""

SampleSize = Annotated[int, Ge(100)]


@dataclass(frozen=True, eq=False)
class SceneModel:
    """Ordinary traffic of a scene.

    Parameters
    ----------
    settings
        Parameters of the scores, with the painted width that was chosen.
    max_trails
        Largest number of trails of a class in the sample.
    traffic
        What is added up over days: heat and numbers of trails, and the sample.
    reference
        What was measured on the sample.
    by
        Which periods have models of their own: ``hour``, ``weekday``, ``both``; None if none has.
    periods
        Models of the periods.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import fit_scene, trails_of_frame
    >>> x = np.tile(np.arange(0, 60, 6), 20)
    >>> lanes = pd.DataFrame({"trail": np.repeat(range(20), 10), "x": x, "frame": x // 6,
    ...                       "y": 20 + np.repeat(np.arange(20), 10) / 4})
    >>> trails = trails_of_frame(lanes, scene_size=(64, 48))
    >>> model = fit_scene(trails)
    >>> len(model), model.settings["n_directions"]
    (20, 12)
    """

    settings: Mapping[str, Any]
    max_trails: int
    traffic: Traffic
    reference: Reference
    by: By | None = None
    periods: Mapping[str, SceneModel] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of trails of the model."""
        return len(self.traffic.fingerprints)

    @property
    def scene(self) -> Scene:
        """The scene, without its picture."""
        return self.traffic.sample.scene

    @cached_property
    def prepared(self) -> Prepared:
        """Maps and search trees."""
        return prepare(self.reference, self.traffic, self.settings)

    def forget(self) -> None:
        """Give the memory of maps and search trees back, until they are needed again."""
        self.__dict__.pop("prepared", None)


@checked
def fit_scene(
    trails: Trails,
    *,
    settings: SettingsLike = (),
    by: By | None = None,
    max_trails: SampleSize = SAMPLE,
    monitor: Monitor = SILENT,
) -> SceneModel:
    """Learn the ordinary traffic of a scene.

    Heat is that of all trails. What is measured trail by trail (neighbours, shapes, pace, and how
    each score is distributed) is learned from a sample of each class, the trails with the smallest
    fingerprints, a hash of class, positions and beginning. So it is the same sample whether trails
    are learned together or day by day (:func:`~napari_uai.trails.update_scene`).

    Parameters
    ----------
    trails
        Trails of one scene; some hundreds per class, better some thousands.
    settings
        Parameters of the scores that differ from the defaults, as for
        :func:`~napari_uai.trails.analyse_trails`.
    by
        Whether each ``hour`` of the day, each ``weekday``, or each hour of each weekday (``both``)
        has a model of its own, besides that of all trails; None for neither.
    max_trails
        Largest number of trails of a class in the sample; a fifth of it for periods.
    monitor
        Progress and cancellation.

    Returns
    -------
    SceneModel
        Model of the scene.

    Raises
    ------
    BadValueError
        If there are no trails, a position or time is not finite, or times have no date while
        periods shall have models.
    RecipeError
        If a setting is unknown or its value does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import fit_scene, score_against, trails_of_frame
    >>> x = np.tile(np.arange(0, 60, 6), 20)
    >>> lanes = pd.DataFrame({"trail": np.repeat(range(20), 10), "x": x, "frame": x // 6,
    ...                       "y": 20 + np.repeat(np.arange(20), 10) / 4})
    >>> model = fit_scene(trails_of_frame(lanes, scene_size=(64, 48)))
    >>> today = pd.DataFrame({"trail": np.repeat(["along", "across"], 10),
    ...                       "x": [*range(0, 60, 6), *[30] * 10], "frame": [*range(10)] * 2,
    ...                       "y": [*[22] * 10, *range(0, 40, 4)]})
    >>> table = score_against(model, trails_of_frame(today, scene_size=(64, 48)))
    >>> table["trail"].tolist(), bool(table["p_value"][0] < 0.05 < table["p_value"][1])
    (['across', 'along'], True)
    """
    parameters = checked_settings("default", setting_texts(settings))["scores"]
    if not len(trails):
        raise BadValueError("no trails to learn from")
    names = periods_of(trails, by)
    if parameters["painted_width_px"] is None:
        chosen = choose_painted_width(
            trails, longest_side_px=parameters["longest_side_px"], monitor=monitor.part(0, 0.1)
        )
        parameters = {**parameters, "painted_width_px": chosen.painted_width_px}
    traffic = traffic_of(trails, parameters, max_trails, monitor=monitor.part(0.1, 0.2))
    whole = monitor.part(0.2, 0.5 if by else 1.0)
    reference = learn_reference(traffic, parameters, monitor=whole)
    model = SceneModel(parameters, max_trails, traffic, reference, by)
    return _with_periods(model, trails, names, monitor.part(0.5, 1.0))


@checked
def update_scene(model: SceneModel, trails: Trails, *, monitor: Monitor = SILENT) -> SceneModel:
    """Add the trails of another day to a model.

    Takes time for the trails of the day and the sample, however many trails the model has. The
    result is that of :func:`~napari_uai.trails.fit_scene` of all trails with the painted width of
    the model, to the last digit: heat and numbers of trails are sums, and the sample of the union
    is that of both samples.

    Parameters
    ----------
    model
        Model of the scene; it is not changed.
    trails
        New trails. Those that are in the model already are left out.
    monitor
        Progress and cancellation.

    Returns
    -------
    SceneModel
        Model of all trails.

    Raises
    ------
    BadValueError
        If there are no new trails, the scene has another size, positions or times seem to be in
        another unit, or times have no date while the model has periods.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai.trails import fit_scene, trails_of_frame, update_scene
    >>> x = np.tile(np.arange(0, 60, 6), 20)
    >>> lanes = pd.DataFrame({"trail": np.repeat(range(20), 10), "x": x, "frame": x // 6,
    ...                       "y": 20 + np.repeat(np.arange(20), 10) / 4})
    >>> trails = trails_of_frame(lanes, scene_size=(64, 48))
    >>> model = fit_scene(trails.select(range(12)))
    >>> len(update_scene(model, trails))  # the first twelve count once
    20
    """
    check_scene(model.traffic, trails)
    new = ~model.traffic.holds(fingerprints_of(trails))
    if not new.any():
        raise BadValueError(
            f"{_all(len(trails))} in the model already: nothing to add"
            if len(trails)
            else "no trails to add"
        )
    check_unit(model.traffic, model.reference, model.settings, trails)
    names = periods_of(trails, model.by)
    some = trails if new.all() else trails.select(new)
    whole = _added(model, some, monitor.part(0, 0.5 if model.by else 1.0))
    return _with_periods(whole, some, names[new], monitor.part(0.5, 1.0))


def _all(n: int) -> str:
    return "the only trail is" if n == 1 else f"all {n} trails are"


def _added(model: SceneModel, trails: Trails, monitor: Monitor) -> SceneModel:
    day = traffic_of(trails, model.settings, model.max_trails, monitor=monitor.part(0, 0.2))
    traffic = joined(model.traffic, day, model.max_trails)
    reference = learn_reference(traffic, model.settings, monitor=monitor.part(0.2, 1.0))
    return replace(model, traffic=traffic, reference=reference)


def _with_periods(model: SceneModel, trails: Trails, names: Names, monitor: Monitor) -> SceneModel:
    """Add trails to the models of their periods."""
    periods = dict(model.periods)
    most = max(model.max_trails * PERIOD_SAMPLE // SAMPLE, 1)
    touched = [name for name in np.unique(names).tolist() if name]
    for i, name in enumerate(touched):
        part = monitor.part(i / len(touched), (i + 1) / len(touched), name)
        some = trails.select(names == name)
        if name in periods:
            periods[name] = _added(periods[name], some, part)
            continue
        traffic = traffic_of(some, model.settings, most)
        reference = learn_reference(traffic, model.settings, monitor=part)
        periods[name] = SceneModel(model.settings, most, traffic, reference)
    return replace(model, periods=dict(sorted(periods.items())))
