"""Where trails lie in the world of a viewer; trails from layers. Nothing here knows a viewer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_uai.errors import BadValueError
from napari_uai.widgets.layers import KEY, Place

if TYPE_CHECKING:
    from napari_uai.trails.table import Trails

Float: TypeAlias = npt.NDArray[np.float64]

TRAIL_AXES = ("time", "y", "x")

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


def source_of_trails(trails: Trails, name: str = "") -> Source:
    """Return trails that were read from a file: a second is a step, a px of the scene is a px."""
    name = name or _name_of(trails)
    record = {"source": str(trails.source) if trails.source else None, "name": name}
    place = Place(name=name, units=("second", "pixel", "pixel"), record=record)
    return Source(trails, Ground(place, float(trails.time.min())), name)


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
        If the tracks are in three dimensions or have less than two samples.
    """
    from napari_uai.trails.arrays import trails_of_tracks
    from napari_uai.trails.table import Trails

    if layer is None:
        raise BadValueError("there is no Tracks layer: add one, or open a file or folder of trails")
    record = layer.metadata.get(KEY, {})
    kept = record.get("trails")
    place = _place(layer)
    rate = float(record.get("frame_rate_hz") or 1.0)
    if isinstance(kept, Trails):
        return Source(kept, Ground(place, float(kept.time.min()), rate), layer.name)
    data = tracks_of(layer)
    image, size = _scene_of(picture, place, data)
    offset = np.minimum(data[:, 2:].min(axis=0), 0.0) if data.shape[1] == 4 else np.zeros(2)
    moved = data.copy()
    if data.shape[1] == 4:
        moved[:, 2:] -= offset  # positions above or left of 0 would lie outside the scene
    trails = trails_of_tracks(moved, frame_rate_hz=rate, scene_size=size)
    trails = replace(trails, scene=replace(trails.scene, image=image))
    trails = _with_classes(trails, data, layer.features)
    return Source(trails, Ground(place.moved((0, *offset)), 0.0, rate), layer.name)


def linked_by(layer: Any) -> str | None:
    """Return the feature of a Points layer that says which points are one particle, if any."""
    names = {str(column).lower(): str(column) for column in layer.features.columns}
    return next((names[name] for name in PARTICLE_FEATURES if name in names), None)


def tracks_of(layer: Any) -> Float:
    """Return the samples of a Tracks layer, or of linked points: identity, t, y, x."""
    data = np.asarray(layer.data, np.float64)
    if hasattr(layer, "tail_length"):
        return data
    feature = linked_by(layer)
    if feature is None:
        raise BadValueError(
            f"layer {layer.name!r} does not say which points are one particle: link them first"
        )
    identity = layer.features[feature].to_numpy(np.float64)
    linked = np.isfinite(identity) & (identity >= 0)
    return np.column_stack([identity, data])[linked]


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
    if layer.ndim != 3:
        raise BadValueError(
            f"layer {layer.name!r} is in {layer.ndim - 1} dimensions and time: choose tracks of "
            "time, y and x"
        )
    return Place(
        name=layer.name,
        scale=tuple(map(float, layer.scale)),  # type: ignore[arg-type]
        translate=tuple(map(float, layer.translate)),  # type: ignore[arg-type]
        units=tuple(map(str, layer.units)),
        record={"name": layer.name, "source": layer.source.path},
    )


def _scene_of(
    picture: Any, place: Place, data: Float
) -> tuple[npt.NDArray[np.uint8] | None, tuple[int, int] | None]:
    """Return what an Image layer shows, as the scene of tracks at a place, and the scene's size."""
    if picture is None:
        return None, None
    shape = picture.data.shape[-3:-1] if picture.rgb else picture.data.shape[-2:]
    fits = np.allclose(picture.scale[-2:], place.scale[1:]) and np.allclose(
        picture.translate[-2:], place.translate[1:]
    )
    if not fits or data.shape[1] != 4 or data[:, 2:].min() < -0.5:
        return (
            None,
            None,
        )  # it lies elsewhere, as napari shows: the trails have a scene of their own
    size = (int(shape[1]), int(shape[0]))
    if (data[:, 2:].max(axis=0) > np.array(shape)).any() or min(size) < 2:
        return None, None
    return _as_rgb(picture), size


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


def _with_classes(trails: Trails, data: Float, features: Any) -> Trails:
    """Take over the class of each track from a feature of that name."""
    column = next((c for c in features.columns if str(c).lower() in ("class", "label")), None)
    if column is None:
        return trails
    if len(features) != len(data):
        return trails  # of linked points, some are nobody's
    first = dict(zip(data[::-1, 0].tolist(), features[column].tolist()[::-1], strict=True))
    names = [str(_plain(first.get(float(name), ""))) for name in trails.table["trail"]]
    return replace(trails, table=trails.table.assign(**{"class": names}))


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
