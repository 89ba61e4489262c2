"""Regions of ordinary traffic: where the heat of a class exceeds a threshold, as polygons."""

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
from napari_uai.parameters import checked
from napari_uai.trails.table import Scene
from napari_uai.typing import Floats, Floats32


@dataclass(frozen=True, eq=False)
class Region:
    """Region of ordinary traffic.

    Parameters
    ----------
    kind
        Class of the traffic.
    corners
        Corners (y, x) of the outline in px of the scene: n, 2; float64. The last corner is joined
        to the first.
    holes
        Corners of each hole.
    area_px
        Area without the holes, in square px of the scene.
    heat
        Maximum of the scaled heat inside, 0 to 1.
    """

    kind: str
    corners: Floats
    holes: tuple[Floats, ...]
    area_px: float
    heat: float

    @property
    def outlines(self) -> list[Floats]:
        """Corners of the outer outline, and of each hole."""
        return [self.corners, *self.holes]


@checked
def ordinary_regions(
    shade: Floats32,
    scene: Scene,
    *,
    kind: str = "",
    region_threshold: Annotated[float, Gt(0), Lt(1)] = 0.1,
    region_blur_px: Annotated[int, Ge(1), Le(101), Unit("heat px")] = 7,
    region_detail_px: Annotated[float, Ge(0), Unit("heat px")] = 0.5,
) -> list[Region]:
    """Outline the regions in which the blurred scaled heat exceeds a threshold.

    Parameters
    ----------
    shade
        Scaled heat of a class, 0 to 1: rows, columns; float32. Of any size; it covers the scene.
    scene
        The scene.
    kind
        Class of the heat.
    region_threshold
        Scaled heat above which traffic is ordinary.
    region_blur_px
        Side of the box over which the scaled heat is averaged first; 1 for none.
    region_detail_px
        Tolerance of the outlines: larger values give fewer corners.

    Returns
    -------
    list of Region
        Regions by descending area. Regions inside a hole of another are regions of their own.

    Raises
    ------
    BadValueError
        If the heat is not a picture of finite values, or a parameter is outside its limits.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.trails import Scene, ordinary_regions
    >>> shade = np.zeros((48, 64), np.float32)
    >>> shade[10:20, :40] = 1.0
    >>> (region,) = ordinary_regions(shade, Scene(64, 48), kind="car", region_blur_px=1)
    >>> region.kind, len(region.holes), round(region.area_px)
    ('car', 0, 430)
    """
    if shade.ndim != 2 or not shade.size or not np.all(np.isfinite(shade)):
        raise BadValueError("scaled heat must be finite and two-dimensional (rows, columns)")
    blurred = ndimage.uniform_filter(np.asarray(shade, np.float64), region_blur_px, mode="nearest")
    outer, holes = [], []
    for padded in find_contours(np.pad(blurred, 1), region_threshold, fully_connected="high"):
        contour = padded - 1
        outline = approximate_polygon(contour, region_detail_px) if region_detail_px else contour
        corners = _in_scene(outline[:-1], shade.shape, scene)  # the last is the first again
        area = polygon_area(corners)
        if len(corners) < 3 or area == 0:
            continue
        # Contours run one way around maxima and the other way around minima.
        if polygon_area(contour) > 0:
            outer.append((abs(area), corners, _largest_within(contour, shade)))
        else:
            holes.append((abs(area), corners))
    outer.sort(key=lambda region: region[0])
    inner: list[list[Floats]] = [[] for _ in outer]
    areas = [area for area, _, _ in outer]
    for area, corners in holes:
        around = [i for i, region in enumerate(outer) if _contains(region[1], corners[0])]
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
        Regions of any classes.
    scene
        The scene; its size is part of the collection.
    **properties
        Further properties of each feature, such as the threshold.

    Returns
    -------
    dict
        Coordinates are (x, y) in px of the scene, not degrees: x to the right, y down, integers at
        the centres of pixels. Rings are closed; the first is the outer ring and runs from x
        towards y, holes run the other way.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai.trails import Scene, ordinary_regions, regions_geojson
    >>> shade = np.zeros((48, 64), np.float32)
    >>> shade[10:20, :40] = 1.0
    >>> scene = Scene(64, 48)
    >>> collection = regions_geojson(ordinary_regions(shade, scene, kind="car"), scene)
    >>> collection["features"][0]["properties"]["class"]
    'car'
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
    """Return the area of a polygon (y, x), positive if it runs from x to y (shoelace formula)."""
    y, x = np.asarray(corners, float).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def _in_scene(corners: Floats, shape: Sequence[int], scene: Scene) -> Floats:
    """Convert cells of the heat to px of the scene; their outermost centres coincide."""
    ends = np.array([scene.height, scene.width], float) - 1
    places = corners * (ends / np.maximum(np.asarray(shape[:2], float) - 1, 1))
    clipped: Floats = np.clip(places, 0, ends)
    return clipped


def _largest_within(contour: Floats, shade: Floats32) -> float:
    """Return the maximum inside a contour."""
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
