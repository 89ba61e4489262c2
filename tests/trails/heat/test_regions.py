import json

import cv2
import numpy as np
import pytest
from skimage.draw import polygon2mask

from napari_uai.errors import BadValueError
from napari_uai.trails.heat.regions import ordinary_regions, polygon_area, regions_geojson
from napari_uai.trails.table import Scene

PX = 4  # from cell to cell
SHAPE = (50, 100)
SCENE = Scene(99 * PX + 1, 49 * PX + 1)
SHARP = {"region_blur_px": 1, "region_detail_px": 0.0}


def shade_of(*boxes, value=0.8):
    shade = np.zeros(SHAPE, np.float32)
    for rows, columns in boxes:
        shade[rows, columns] = value
    return shade


def test_no_heat_no_regions():
    assert ordinary_regions(shade_of(), SCENE) == []


def test_area_and_place_are_those_of_the_hot_cells():
    (region,) = ordinary_regions(
        shade_of((slice(10, 20), slice(30, 60))), SCENE, kind="car", region_threshold=0.4, **SHARP
    )
    assert region.kind == "car"
    assert region.heat == pytest.approx(0.8)
    # At half of the peak the outline runs midway between cells; only the corners are cut.
    assert region.area_px == pytest.approx(10 * 30 * 16, rel=0.01)
    low, high = region.corners.min(axis=0), region.corners.max(axis=0)
    np.testing.assert_allclose(low, (9.5 * PX, 29.5 * PX))
    np.testing.assert_allclose(high, (19.5 * PX, 59.5 * PX))


def test_regions_are_the_parts_above_the_threshold():
    rng = np.random.default_rng(3)
    shade = cv2.GaussianBlur(rng.random(SHAPE).astype(np.float32), (0, 0), 4)
    shade = (shade - shade.min()) / np.ptp(shade)
    shade[:4], shade[-4:], shade[:, :4], shade[:, -4:] = 0, 0, 0, 0
    regions = ordinary_regions(shade, SCENE, region_threshold=0.6, region_detail_px=0)
    mask = (cv2.blur(shade, (7, 7), borderType=cv2.BORDER_REPLICATE) > 0.6).astype(np.uint8)
    n_parts, _ = cv2.connectedComponents(mask, connectivity=8)
    drawn = np.zeros(SHAPE, bool)
    for region in regions:
        for outline in region.outlines:
            drawn ^= polygon2mask(SHAPE, outline / PX)
    overlap = np.sum((mask > 0) & drawn) / np.sum((mask > 0) | drawn)
    assert len(regions) == n_parts - 1 > 1
    assert overlap > 0.99


def test_holes_and_islands_in_them_are_kept_and_regions_at_the_border_closed():
    shade = shade_of((slice(0, 30), slice(0, 40)))
    shade[10:16, 10:20] = 0
    shade[12:14, 13:16] = 0.8  # an island in the hole
    region, island = ordinary_regions(shade, SCENE, region_threshold=0.4, **SHARP)
    (hole,) = region.holes
    assert region.area_px == pytest.approx((29.5 * 39.5 - 6 * 10) * 16, rel=0.01)
    assert abs(polygon_area(hole)) == pytest.approx(6 * 10 * 16, rel=0.02)
    assert island.area_px == pytest.approx(2 * 3 * 16, rel=0.1)
    assert region.corners.min() >= 0
    feature = regions_geojson([region], SCENE)["features"][0]
    outer, inner = (np.array(ring)[:-1, ::-1] for ring in feature["geometry"]["coordinates"])
    assert polygon_area(outer) > 0 > polygon_area(inner)


def test_largest_region_comes_first():
    shade = shade_of((slice(2, 6), slice(2, 6)), (slice(20, 40), slice(20, 50)))
    regions = ordinary_regions(shade, SCENE, region_threshold=0.4, **SHARP)
    areas = [region.area_px for region in regions]
    assert len(areas) == 2
    assert areas == sorted(areas, reverse=True)


def test_higher_threshold_gives_smaller_regions():
    shade = cv2.GaussianBlur(shade_of((slice(20, 30), slice(40, 60))), (0, 0), 5)
    areas = [
        ordinary_regions(shade, SCENE, region_threshold=t)[0].area_px for t in (0.05, 0.1, 0.2)
    ]
    assert areas[0] > areas[1] > areas[2]


def test_geojson_has_closed_rings_in_pixels_with_x_first():
    regions = ordinary_regions(
        shade_of((slice(10, 20), slice(30, 60))), SCENE, kind="car", region_threshold=0.4
    )
    document = json.loads(json.dumps(regions_geojson(regions, SCENE, threshold=0.4)))
    assert document["type"] == "FeatureCollection"
    assert (document["width"], document["height"], document["units"]) == (397, 197, "px")
    (feature,) = document["features"]
    assert feature["properties"]["class"] == "car"
    assert feature["properties"]["threshold"] == 0.4
    (ring,) = feature["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert max(x for x, _ in ring) > 200 > max(y for _, y in ring)
    assert polygon_area(np.array(ring)[:-1, ::-1]) > 0


@pytest.mark.parametrize("shade", [np.zeros((0, 3)), np.full((4, 4), np.nan), np.zeros(5)])
def test_what_is_no_picture_is_refused(shade):
    with pytest.raises(BadValueError, match="rows, columns"):
        ordinary_regions(shade, SCENE)
