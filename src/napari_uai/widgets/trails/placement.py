"""Placement of trails in the world of a viewer, and trails from layers; uses no viewer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.widgets.kit.layers import KEY, NOT_LINKED, Place, place_of, world_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pandas as pd
    from napari.layers import Image, Labels, Layer, Points, Tracks

    from napari_uai.trails.table import Trails
    from napari_uai.typing import Bools, Floats

TRAIL_AXES = ("time", "y", "x")

SCENE_SIDES_PX = (64, 4096)
"""Range of the longest side of a scene in px; positions outside are in another unit."""

RESCALED_SIDE_PX = 1024
"""Longest side of a scene whose positions are in another unit."""

PARTICLE_FEATURES = ("particle", "track", "track_id", "trail")
"""Features of linked points that identify the particle, in order of preference."""


@dataclass(frozen=True, eq=False)
class Placement:
    """Placement of trails in the world of a viewer.

    Parameters
    ----------
    place
        Place of a layer with axes time, rows and columns.
    origin_s
        Time of the trails, s, at which the time axis of the layer is 0.
    rate_hz
        Steps of the time axis per second.
    """

    place: Place
    origin_s: float = 0.0
    rate_hz: float = 1.0

    def steps(self, time: npt.ArrayLike) -> Floats:
        """Convert times, s, to positions on the time axis of the layer."""
        return (np.asarray(time, np.float64) - self.origin_s) * self.rate_hz

    def to_world(self, time: npt.ArrayLike, y: npt.ArrayLike, x: npt.ArrayLike) -> Floats:
        """Convert samples, s and px of the scene, to positions in the world, (n, 3)."""
        data = np.column_stack(
            [self.steps(np.atleast_1d(time)), np.atleast_1d(y), np.atleast_1d(x)]
        )
        world: Floats = data * self.place.scale + self.place.translate
        return world

    def time_at(self, world_time: float) -> float:
        """Convert a position in the world along time to a time, s."""
        step = (world_time - self.place.translate[0]) / self.place.scale[0]
        return float(step / self.rate_hz + self.origin_s)

    def to_px(self, world: npt.ArrayLike) -> Floats:
        """Convert a position in the world to y and x in px of the scene."""
        place = self.place
        position = np.asarray(world, np.float64)[-2:]
        px: Floats = (position - place.translate[1:]) / place.scale[1:]
        return px

    def flat(self, shape: tuple[int, int], trails: Trails) -> dict[str, Any]:
        """Return scale, translate and units of a grid over the scene, aligned by cell centres.

        Parameters
        ----------
        shape
            Rows and columns of the grid; its outer cells are centred on the outer pixels of the
            scene.
        trails
            Trails with the scene.
        """
        scene = trails.scene
        ends = np.array([scene.height, scene.width], float) - 1
        scale = ends / np.maximum(np.array(shape, float) - 1, 1)
        return self._flat(scale, np.zeros(2))

    def covering(self, shape: tuple[int, int], trails: Trails) -> dict[str, Any]:
        """Return scale, translate and units of an image of the scene, aligned by its edges."""
        scene = trails.scene
        scale = np.array([scene.height, scene.width], float) / np.array(shape, float)
        return self._flat(scale, (scale - 1) / 2)  # the edges coincide, not the pixel centres

    def _flat(self, scale: Floats, offset: Floats) -> dict[str, Any]:
        place = self.place
        own = np.array(place.scale[1:])
        return {
            "scale": tuple((own * scale).tolist()),
            "translate": tuple((np.array(place.translate[1:]) + own * offset).tolist()),
            "units": place.units[1:],
        }


@dataclass(frozen=True, eq=False)
class Source:
    """Trails, their placement and their name.

    Parameters
    ----------
    trails
        Trails to analyse.
    placement
        Placement of the trails.
    name
        Prefix of layer names.
    options
        Reading options of a file, as recorded in run.json.
    """

    trails: Trails
    placement: Placement
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


def source_of_trails(
    trails: Trails, name: str = "", *, options: Mapping[str, Any] | None = None
) -> Source:
    """Return the source of trails read from a file, placed in seconds and px of the scene."""
    name = name or _name_of(trails)
    record = {"source": str(trails.source) if trails.source else None, "name": name}
    place = Place(name=name, units=("second", "pixel", "pixel"), record=record)
    return Source(trails, Placement(place, float(trails.time.min())), name, options or {})


def source_of_layer(layer: Tracks | Points | None, image: Image | None = None) -> Source:
    """Return the trails of a layer.

    Parameters
    ----------
    layer
        Tracks layer in time, y and x. If the plugin has read it, names, classes and scene are
        those of the file. Or Points layer in time, y and x with a feature that identifies the
        particle, as linked spots have.
    image
        Image layer of the scene; None if there is none.

    Raises
    ------
    NapariUaiError
        If the layer is missing, has other axes, is rotated, or has fewer than two samples.
    """
    from napari_uai.trails.table import Trails

    if layer is None:
        raise BadValueError("no Tracks layer found: add one, or open a file or folder of trails")
    record = layer.metadata.get(KEY, {})
    kept = record.get("trails")
    place = _place(layer)
    rate = float(record.get("frame_rate_hz") or 1.0)
    if isinstance(kept, Trails):
        return Source(kept, Placement(place, float(kept.time.min()), rate), layer.name)
    table = samples_of(layer)
    trails, place = _trails_of(table, image, place, rate)
    return Source(trails, Placement(place, 0.0, rate), layer.name)


def painted_on(layer: Labels, source: Source) -> Bools:
    """Return which pixels of the scene a Labels layer covers with paint in the viewer.

    Parameters
    ----------
    layer
        Labels layer with two axes, of any size and transform.
    source
        Trails and placement of the scene.

    Returns
    -------
    ndarray
        Rows and columns of the scene; bool. Pixels outside the layer are False.

    Raises
    ------
    BadValueError
        If the layer does not have two axes.
    """
    import cv2

    if layer.ndim != 2:
        raise BadValueError(
            f"layer {layer.name!r} has {layer.ndim} axes, a region mask must have rows and columns "
            "only: add one with 'New region mask'"
        )
    scene = source.trails.scene
    painted = np.asarray(layer.data) != 0
    position = source.placement.flat((scene.height, scene.width), source.trails)
    to_world = np.diag([*position["scale"], 1.0])
    to_world[:2, 2] = position["translate"]
    to_layer = np.linalg.inv(world_matrix(layer)[1:, 1:]) @ to_world
    if painted.shape == (scene.height, scene.width) and np.allclose(to_layer, np.eye(3)):
        return painted
    swapped = to_layer[[1, 0]][:, [1, 0, 2]]  # x before y
    return np.asarray(
        cv2.warpAffine(
            painted.astype(np.uint8),
            swapped,
            (scene.width, scene.height),
            flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        )
        != 0
    )


def linked_by(layer: Points) -> str | None:
    """Return the feature of a Points layer that identifies the particle, or None."""
    names = {str(column).lower(): str(column) for column in layer.features.columns}
    return next((names[name] for name in PARTICLE_FEATURES if name in names), None)


def samples_of(layer: Tracks | Points) -> pd.DataFrame:
    """Return the samples of a Tracks layer or of linked points.

    Parameters
    ----------
    layer
        Layer in time, y and x.

    Returns
    -------
    DataFrame
        ``trail, frame, y, x`` in data coordinates, and ``class`` if there is such a feature.
        Points without a particle or without a position are left out.

    Raises
    ------
    BadValueError
        If the layer has points that are not linked.
    """
    import pandas as pd

    data = np.asarray(layer.data, np.float64)
    if hasattr(layer, "tail_length"):
        identity, data = pd.Series(data[:, 0]), data[:, 1:]
    else:
        feature = linked_by(layer)
        if feature is None:
            raise BadValueError(
                f"the points of layer {layer.name!r} are not linked: link the spots first"
            )
        identity = layer.features[feature].reset_index(drop=True)
    table = pd.DataFrame(data, columns=["frame", "y", "x"])
    table.insert(0, "trail", identity.astype(object).map(_plain))
    features = layer.features.reset_index(drop=True)
    kind = next((c for c in features.columns if str(c).lower() in ("class", "label")), None)
    if kind is not None:
        table["class"] = features[kind].astype(object).map(_plain)
    if pd.api.types.is_numeric_dtype(identity.dtype):
        known = (identity >= 0).to_numpy()  # -1 is the particle of unlinked points
    else:
        known = identity.notna().to_numpy()
    return table[known & np.isfinite(data).all(axis=1)].reset_index(drop=True)


def own_trails(layer: Layer) -> bool:
    """Return whether a layer contains trails read by this plugin."""
    from napari_uai.trails.table import Trails

    return isinstance(layer.metadata.get(KEY, {}).get("trails"), Trails)


def _name_of(trails: Trails) -> str:
    if trails.source is None:
        return "trails"
    path = trails.source
    if path.is_dir() and path.name == "report":
        return "/".join(path.parts[-3:-1])
    return path.name.split(".")[0] or path.name


def _place(layer: Tracks | Points) -> Place:
    if layer.ndim != len(TRAIL_AXES):
        raise BadValueError(
            f"layer {layer.name!r} has {layer.ndim} axes: choose tracks with time, y and x"
        )
    place = place_of(layer)
    if place.affine != NOT_LINKED:
        raise BadValueError(
            f"layer {layer.name!r} is rotated, sheared or linked to another layer: choose a layer "
            "without such a transform"
        )
    record = {"name": layer.name, "source": layer.source.path}
    return replace(place, name=layer.name, record=record)


def _trails_of(
    table: pd.DataFrame, image_layer: Image | None, place: Place, rate_hz: float
) -> tuple[Trails, Place]:
    """Return the trails of samples in data coordinates, and the place of the scene."""
    from napari_uai.trails.io.convert import trails_of_frame

    if table.empty:
        raise BadValueError(
            f"layer {place.name!r} has no sample with a position: choose another layer"
        )
    image, size = _scene_of(image_layer, place, table)
    position = table[["y", "x"]].to_numpy(np.float64)
    # Negative positions would be outside the scene.
    offset = np.zeros(2) if size else np.minimum(position.min(axis=0), 0.0)
    reach = float((position - offset).max()) + 1.0
    low, high = SCENE_SIDES_PX
    factor = 1.0 if size or low <= reach <= high else RESCALED_SIDE_PX / reach
    position = (position - offset) * factor
    if size is None:
        width, height = np.maximum(np.floor(position.max(axis=0) + 0.5).astype(int) + 1, 2)[::-1]
        size = int(width), int(height)
    trails = trails_of_frame(
        table.assign(y=position[:, 0], x=position[:, 1]),
        frame_rate_hz=rate_hz,
        scene_size=size,
        normalized=False,
    )
    moved = place.moved((0, *offset))
    step, height_of_px, width_of_px = place.scale
    scale = step, height_of_px / factor, width_of_px / factor
    trails = replace(trails, scene=replace(trails.scene, image=image))
    return trails, replace(moved, scale=scale)


def _scene_of(
    layer: Image | None, place: Place, table: pd.DataFrame
) -> tuple[npt.NDArray[np.uint8] | None, tuple[int, int] | None]:
    """Return image and size (width, height) of the scene, None if the layer does not show it."""
    if layer is None:
        return None, None
    position = table[["y", "x"]].to_numpy(np.float64)
    shape = layer.data.shape[-3:-1] if layer.rgb else layer.data.shape[-2:]
    fits = (
        np.allclose(layer.scale[-2:], place.scale[1:])
        and np.allclose(layer.translate[-2:], place.translate[1:])
        and position.min() >= -0.5
        and bool((position.max(axis=0) <= np.array(shape)).all())
        and min(shape) >= 2
    )
    # An image elsewhere in the viewer is not the scene: the trails get an empty one.
    return (_as_rgb(layer), (int(shape[1]), int(shape[0]))) if fits else (None, None)


def _as_rgb(layer: Image) -> npt.NDArray[np.uint8]:
    """Return the first frame of an Image layer as displayed, as RGB."""
    frame = layer.data
    while frame.ndim > (3 if layer.rgb else 2):
        frame = frame[0]
    frame = np.asarray(frame)
    if layer.rgb:
        part = frame[..., :3]
        scaled = part if part.dtype == np.uint8 else np.clip(part * 255.0, 0, 255)
        return np.ascontiguousarray(scaled, np.uint8)
    low, high = layer.contrast_limits
    grey = np.clip((frame.astype(np.float64) - low) / max(high - low, 1e-12), 0, 1)
    return np.repeat(np.rint(255 * np.nan_to_num(grey)).astype(np.uint8)[..., None], 3, axis=2)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
