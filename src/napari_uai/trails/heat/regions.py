"""Areas of ordinary traffic: where the heat of a class is above a threshold, as polygons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import cv2
import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le, Lt, Unit
from scipy import ndimage
from skimage.measure import approximate_polygon, find_contours

from napari_uai.errors import BadValueError
from napari_uai.trails.table import Scene
from napari_uai.typing import Floats, Floats32


@dataclass(frozen=True, eq=False)
class Region:
    """An area of ordinary traffic.

    Parameters
    ----------
    kind
        Class whose traffic it is.
    corners
        (n, 2) y and x in px of the scene; the last corner is joined to the first.
    holes
        Corners of places within that are not part of it.
    area_px
        Without the holes; in px of the scene.
    heat
        Largest scaled heat in it, 0 to 1.
    """

    kind: str
    corners: Floats
    holes: tuple[Floats, ...]
    area_px: float
    heat: float

    @property
    def outlines(self) -> list[Floats]:
        """Corners of the outer contour, and of each hole."""
        return [self.corners, *self.holes]


def ordinary_regions(
    shade: Floats32,
    scene: Scene,
    *,
    kind: str = "",
    region_threshold: Annotated[float, Gt(0), Lt(1)] = 0.1,
    region_blur_px: Annotated[int, Ge(1), Le(101), Unit("heat px")] = 7,
    region_detail_px: Annotated[float, Ge(0), Unit("heat px")] = 0.5,
) -> list[Region]:
    """Outline where the scaled heat, blurred, is above a threshold.

    Parameters
    ----------
    shade
        Scaled heat of a class, 0 to 1; rows, columns. It covers the scene, whatever its size.
    scene
        What the camera sees.
    kind
        Class whose heat it is.
    region_threshold
        Scaled heat from which on traffic is ordinary.
    region_blur_px
        Side of the box over which the scaled heat is averaged first; 1: not at all.
    region_detail_px
        How far an outline may be from the true one, so that it has fewer corners.

    Returns
    -------
    list of Region
        The largest area first. What lies in a hole of another is a region of its own.

    Raises
    ------
    BadValueError
        If the heat is no picture or not finite.
    """
    if shade.ndim != 2 or not shade.size or not np.all(np.isfinite(shade)):
        raise BadValueError("scaled heat must be a picture (rows, columns) of finite values")
    blurred = ndimage.uniform_filter(np.asarray(shade, np.float64), region_blur_px, mode="nearest")
    outer, holes = [], []
    for found in find_contours(np.pad(blurred, 1), region_threshold, fully_connected="high"):
        contour = found - 1
        outline = approximate_polygon(contour, region_detail_px) if region_detail_px else contour
        corners = _in_scene(outline[:-1], shade.shape, scene)  # the last is the first again
        area = polygon_area(corners)
        if len(corners) < 3 or area == 0:
            continue
        # Contours turn one way around what is higher, the other way around what is lower.
        if polygon_area(contour) > 0:
            outer.append((abs(area), corners, _largest_within(contour, shade)))
        else:
            holes.append((abs(area), corners))
    outer.sort(key=lambda one: one[0])
    inner: list[list[Floats]] = [[] for _ in outer]
    areas = [area for area, _, _ in outer]
    for area, corners in holes:
        around = [i for i, one in enumerate(outer) if _contains(one[1], corners[0])]
        if around:
            inner[around[0]].append(corners)
            areas[around[0]] -= area
    regions = [
        Region(kind, corners, tuple(within), area, heat)
        for (_, corners, heat), within, area in zip(outer, inner, areas, strict=True)
    ]
    return sorted(regions, key=lambda region: -region.area_px)


def regions_geojson(regions: Iterable[Region], scene: Scene, **properties: Any) -> dict[str, Any]:
    """Return regions as a GeoJSON feature collection (RFC 7946) in pixels.

    Parameters
    ----------
    regions
        Of any classes.
    scene
        What the camera sees; its size stands in the collection.
    **properties
        Further properties of each feature, such as the threshold.

    Returns
    -------
    dict
        Coordinates are (x, y) in px of the scene, x to the right, y down, pixel centres at
        integers: not degrees. Rings are closed; the first is the outer one and turns from x to y,
        holes turn the other way.
    """
    features = [
        {
            "type": "Feature",
            "properties": {
                "class": region.kind,
                "area_px": round(region.area_px, 2),
                "largest_heat": round(region.heat, 4),
                **properties,
            },
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    _ring(region.corners),
                    *(_ring(hole, reverse=True) for hole in region.holes),
                ],
            },
        }
        for region in regions
    ]
    return {
        "type": "FeatureCollection",
        "units": "px",
        "width": scene.width,
        "height": scene.height,
        "features": features,
    }


def polygon_area(corners: npt.NDArray[np.floating]) -> float:
    """Area within corners (y, x); positive if they run from x to y (shoelace formula)."""
    y, x = np.asarray(corners, float).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def _in_scene(corners: Floats, shape: Sequence[int], scene: Scene) -> Floats:
    """Turn cells of the heat into px of the scene, whose outermost are the outermost cells."""
    ends = np.array([scene.height, scene.width], float) - 1
    places = corners * (ends / np.maximum(np.asarray(shape[:2], float) - 1, 1))
    clipped: Floats = np.clip(places, 0, ends)
    return clipped


def _largest_within(contour: Floats, shade: Floats32) -> float:
    """Return the largest value within a contour."""
    low = np.clip(np.floor(contour.min(axis=0)).astype(int), 0, None)
    high = np.ceil(contour.max(axis=0)).astype(int) + 1
    box = shade[low[0] : high[0], low[1] : high[1]]
    mask = np.zeros(box.shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(contour - low)[:, ::-1].astype(np.int32)], 1)
    return float(box[mask > 0].max(initial=0))


def _contains(corners: Floats, point: Floats) -> bool:
    ring = corners[:, None, ::-1].astype(np.float32)
    at = (float(point[1]), float(point[0]))
    return bool(cv2.pointPolygonTest(ring, at, measureDist=False) >= 0)


def _ring(corners: Floats, *, reverse: bool = False) -> list[list[float]]:
    ordered = corners if (polygon_area(corners) > 0) is not reverse else corners[::-1]
    return [[round(float(x), 2), round(float(y), 2)] for y, x in (*ordered, ordered[0])]
