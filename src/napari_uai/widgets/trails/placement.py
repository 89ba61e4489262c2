"""Where trails lie in the world of a viewer; trails from layers. Nothing here knows a viewer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.widgets.kit.layers import KEY, NOWHERE_ELSE, Place, place_of, world_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from napari_uai.trails.table import Trails

Float: TypeAlias = npt.NDArray[np.float64]
TRAIL_AXES = ("time", "y", "x")

SCENE_SIDES_PX = (64, 4096)
"""Longest side of a scene as the positions of a layer say; others are in other units than px."""

USUAL_SIDE_PX = 1024
"""Longest side that such a scene gets."""

PARTICLE_FEATURES = ("particle", "track", "track_id", "trail")

CLASS_COLOURS = (
    "#e69f00",
    "#56b4e9",
    "#cc79a7",
    "#00b388",
    "#d55e00",
    "#f0e442",
    "#7f9cff",
    "#dddddd",
)
"""Told apart by the colour-blind (Okabe & Ito 2008), and seen on dark streets."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Where trails lie in the world.

    Parameters
    ----------
    place
        Of a layer whose axes are time, rows and columns.
    origin_s
        Time of the trails at which the layer's first axis is 0.
    rate_hz
        Steps of the layer's first axis per second.
    """

    place: Place
    origin_s: float = 0.0
    rate_hz: float = 1.0

    def steps(self, time: npt.ArrayLike) -> Float:
        """Return places on the layer's time axis of times in s."""
        return (np.asarray(time, np.float64) - self.origin_s) * self.rate_hz

    def to_world(self, time: npt.ArrayLike, y: npt.ArrayLike, x: npt.ArrayLike) -> Float:
        """Return positions in the world, (n, 3), of samples."""
        data = np.column_stack(
            [self.steps(np.atleast_1d(time)), np.atleast_1d(y), np.atleast_1d(x)]
        )
        world: Float = data * self.place.scale + self.place.translate
        return world

    def to_px(self, world: npt.ArrayLike) -> Float:
        """Return y and x in px of the scene of a position in the world (its last two axes)."""
        place = self.place
        position = np.asarray(world, np.float64)[-2:]
        px: Float = (position - place.translate[1:]) / place.scale[1:]
        return px

    def flat(self, shape: tuple[int, int], trails: Trails) -> dict[str, Any]:
        """Return scale, translate and units of a picture whose outer cells are the scene's.

        Parameters
        ----------
        shape
            Rows and columns of the picture.
        trails
            Whose scene it lies over.
        """
        scene = trails.scene
        ends = np.array([scene.height, scene.width], float) - 1
        scale = ends / np.maximum(np.array(shape, float) - 1, 1)
        return self._flat(scale, np.zeros(2))

    def covering(self, shape: tuple[int, int], trails: Trails) -> dict[str, Any]:
        """Return scale, translate and units of a photograph of the scene in another size."""
        scene = trails.scene
        scale = np.array([scene.height, scene.width], float) / np.array(shape, float)
        return self._flat(scale, (scale - 1) / 2)  # corners meet, not the middles of pixels

    def _flat(self, scale: Float, offset: Float) -> dict[str, Any]:
        place = self.place
        own = np.array(place.scale[1:])
        return {
            "scale": tuple((own * scale).tolist()),
            "translate": tuple((np.array(place.translate[1:]) + own * offset).tolist()),
            "units": place.units[1:],
        }


@dataclass(frozen=True, eq=False)
class Source:
    """Trails, where they lie, and what they are called."""

    trails: Trails
    ground: Ground
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """How a file was read, as it stands in run.json."""


def source_of_trails(
    trails: Trails, name: str = "", *, options: Mapping[str, Any] | None = None
) -> Source:
    """Return trails that were read from a file: a second is a step, a px of the scene is a px."""
    name = name or _name_of(trails)
    record = {"source": str(trails.source) if trails.source else None, "name": name}
    place = Place(name=name, units=("second", "pixel", "pixel"), record=record)
    return Source(trails, Ground(place, float(trails.time.min())), name, options or {})


def source_of_layer(layer: Any, picture: Any = None) -> Source:
    """Take the trails of a layer.

    Parameters
    ----------
    layer
        Tracks layer: of this plugin, then its trails are taken with their names, classes and
        scene; or any other in two dimensions and time. Or Points in time, y and x with a feature
        that says which of them are one particle, as linked spots have.
    picture
        Image layer that shows their scene; None for none.

    Raises
    ------
    NapariUaiError
        If the tracks are not in time, y and x, are rotated, or have less than two samples.
    """
    from napari_uai.trails.table import Trails

    if layer is None:
        raise BadValueError("there is no Tracks layer: add one, or open a file or folder of trails")
    record = layer.metadata.get(KEY, {})
    kept = record.get("trails")
    place = _place(layer)
    rate = float(record.get("frame_rate_hz") or 1.0)
    if isinstance(kept, Trails):
        return Source(kept, Ground(place, float(kept.time.min()), rate), layer.name)
    table = samples_of(layer)
    trails, place = _trails_of(table, picture, place, rate)
    return Source(trails, Ground(place, 0.0, rate), layer.name)


def painted_on(layer: Any, source: Source) -> npt.NDArray[np.bool_]:
    """Return where a Labels layer is painted, as the viewer shows it over the scene.

    Parameters
    ----------
    layer
        Of two axes; of any size, wherever it lies.
    source
        Trails, and where their scene lies.

    Returns
    -------
    ndarray
        Rows and columns of the scene; bool. What the layer does not cover is not painted.

    Raises
    ------
    BadValueError
        If the layer has more axes.
    """
    import cv2

    if layer.ndim != 2:
        raise BadValueError(
            f"layer {layer.name!r} has {layer.ndim} axes: paint the region in a layer of rows and "
            "columns, as 'New region mask' adds"
        )
    scene = source.trails.scene
    painted = np.asarray(layer.data) != 0
    own = source.ground.flat((scene.height, scene.width), source.trails)
    lies = np.diag([*own["scale"], 1.0])
    lies[:2, 2] = own["translate"]
    to_layer = np.linalg.inv(world_matrix(layer)[1:, 1:]) @ lies
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


def linked_by(layer: Any) -> str | None:
    """Return the feature of a Points layer that says which points are one particle, if any."""
    names = {str(column).lower(): str(column) for column in layer.features.columns}
    return next((names[name] for name in PARTICLE_FEATURES if name in names), None)


def samples_of(layer: Any) -> pd.DataFrame:
    """Return the samples of a Tracks layer, or of linked points.

    Parameters
    ----------
    layer
        In time, y and x.

    Returns
    -------
    DataFrame
        ``trail, frame, y, x`` in data coordinates, and ``class`` if a feature tells it; points
        that are no particle's, and those without a position, are left out.
    """
    import pandas as pd

    data = np.asarray(layer.data, np.float64)
    if hasattr(layer, "tail_length"):
        identity, data = pd.Series(data[:, 0]), data[:, 1:]
    else:
        feature = linked_by(layer)
        if feature is None:
            raise BadValueError(
                f"layer {layer.name!r} does not say which points are one particle: link them first"
            )
        identity = layer.features[feature].reset_index(drop=True)
    table = pd.DataFrame(data, columns=["frame", "y", "x"])
    table.insert(0, "trail", identity.astype(object).map(_plain))
    features = layer.features.reset_index(drop=True)
    kind = next((c for c in features.columns if str(c).lower() in ("class", "label")), None)
    if kind is not None:
        table["class"] = features[kind].astype(object).map(_plain)
    if pd.api.types.is_numeric_dtype(identity.dtype):
        known = (identity >= 0).to_numpy()  # linkers give -1 to what is nobody's
    else:
        known = identity.notna().to_numpy()
    return table[known & np.isfinite(data).all(axis=1)].reset_index(drop=True)


def own_trails(layer: Any) -> bool:
    """Tell whether a Tracks layer holds trails that this plugin read."""
    from napari_uai.trails.table import Trails

    return isinstance(layer.metadata.get(KEY, {}).get("trails"), Trails)


def _name_of(trails: Trails) -> str:
    if trails.source is None:
        return "trails"
    path = trails.source
    if path.is_dir() and path.name == "report":
        return "/".join(path.parts[-3:-1])
    return path.name.split(".")[0] or path.name


def _place(layer: Any) -> Place:
    if layer.ndim != len(TRAIL_AXES):
        raise BadValueError(
            f"layer {layer.name!r} has {layer.ndim} axes: choose tracks of time, y and x"
        )
    place = place_of(layer)
    if place.affine != NOWHERE_ELSE:
        raise BadValueError(
            f"layer {layer.name!r} is rotated, sheared or linked with another: choose one that is "
            "not"
        )
    record = {"name": layer.name, "source": layer.source.path}
    return replace(place, name=layer.name, record=record)


def _trails_of(
    table: pd.DataFrame, picture: Any, place: Place, rate_hz: float
) -> tuple[Trails, Place]:
    """Return the trails of samples in data coordinates, and the place of their scene."""
    from napari_uai.trails.io.convert import trails_of_frame

    if table.empty:
        raise BadValueError(f"layer {place.name!r} has no sample with a position: choose another")
    image, size = _scene_of(picture, place, table)
    position = table[["y", "x"]].to_numpy(np.float64)
    # Positions above or left of 0 would lie outside the scene.
    offset = np.zeros(2) if size else np.minimum(position.min(axis=0), 0.0)
    reach = float((position - offset).max()) + 1.0
    low, high = SCENE_SIDES_PX
    factor = 1.0 if size or low <= reach <= high else USUAL_SIDE_PX / reach
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
    picture: Any, place: Place, table: pd.DataFrame
) -> tuple[npt.NDArray[np.uint8] | None, tuple[int, int] | None]:
    """Return what an Image layer shows, as the scene of tracks at a place, and the scene's size."""
    if picture is None:
        return None, None
    position = table[["y", "x"]].to_numpy(np.float64)
    shape = picture.data.shape[-3:-1] if picture.rgb else picture.data.shape[-2:]
    fits = (
        np.allclose(picture.scale[-2:], place.scale[1:])
        and np.allclose(picture.translate[-2:], place.translate[1:])
        and position.min() >= -0.5
        and bool((position.max(axis=0) <= np.array(shape)).all())
        and min(shape) >= 2
    )
    # One that lies elsewhere, as napari shows, is not the scene: the trails have one of their own.
    return (_as_rgb(picture), (int(shape[1]), int(shape[0]))) if fits else (None, None)


def _as_rgb(picture: Any) -> npt.NDArray[np.uint8]:
    """Return the first frame of an Image layer as it is shown, grey as RGB."""
    frame = picture.data
    while frame.ndim > (3 if picture.rgb else 2):
        frame = frame[0]
    frame = np.asarray(frame)
    if picture.rgb:
        part = frame[..., :3]
        scaled = part if part.dtype == np.uint8 else np.clip(part * 255.0, 0, 255)
        return np.ascontiguousarray(scaled, np.uint8)
    low, high = picture.contrast_limits
    grey = np.clip((frame.astype(np.float64) - low) / max(high - low, 1e-12), 0, 1)
    return np.repeat(np.rint(255 * np.nan_to_num(grey)).astype(np.uint8)[..., None], 3, axis=2)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
