"""What TIFF files state of pixel size and frame rate: OME, ImageJ, tifffile, plain tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from napari_uai.videos.layout.scale import hertz, micrometres, positive

_RESOLUTION_UNITS = {2: 25400.0, 3: 10000.0}  # tag ResolutionUnit: inch, centimetre; in µm


def scale_of(tiff: Any, series: Any) -> tuple[float | None, float | None]:
    """Return pixel size (µm) and frame rate (Hz) from the metadata of OME, ImageJ or the tags."""
    if tiff.is_ome:
        return _ome_scale(tiff)
    if tiff.is_imagej:
        return _imagej_scale(tiff, series)
    ours = shaped_facts(tiff, series)
    pixel_size = positive(ours.get("pixel_size_um"))
    return pixel_size or _tag_pixel_size(series), positive(ours.get("frame_rate_hz"))


def shaped_facts(tiff: Any, series: Any) -> Mapping[str, Any]:
    """Return what tifffile wrote about a series, by name."""
    shaped = [each for each in tiff.series if each.kind == "shaped"]
    facts: Sequence[Mapping[str, Any]] = tiff.shaped_metadata or ()
    return dict(zip(map(id, shaped), facts, strict=False)).get(id(series), {})


def _ome_scale(tiff: Any) -> tuple[float | None, float | None]:
    pixels = _ome_pixels(tiff.ome_metadata or "")
    return (
        micrometres(pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit", "µm")),
        hertz(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s")),
    )


def _ome_pixels(xml: str) -> Mapping[str, str]:
    """Return what the first image states; not read further, as a line for each frame follows."""
    parser: XMLPullParser[Element] = XMLPullParser(("start",))
    with suppress(ParseError):
        for start in range(0, len(xml), 4096):
            parser.feed(xml[start : start + 4096])
            for _, element in parser.read_events():  # type: ignore[misc]  # "start" gives pairs
                if isinstance(element, Element) and element.tag.rpartition("}")[2] == "Pixels":
                    return element.attrib
    return {}


def _imagej_scale(tiff: Any, series: Any) -> tuple[float | None, float | None]:
    facts = tiff.imagej_metadata or {}
    per_unit = _ratio(series.keyframe.tags.get("XResolution"))
    pixel_size = micrometres(1 / per_unit, facts.get("unit", "")) if per_unit else None
    rate = positive(facts.get("fps")) or hertz(facts.get("finterval"), facts.get("tunit", "s"))
    return pixel_size, rate


def _tag_pixel_size(series: Any) -> float | None:
    tags = series.keyframe.tags
    per_unit = _ratio(tags.get("XResolution"))
    unit = tags.get("ResolutionUnit")
    um = _RESOLUTION_UNITS.get(int(unit.value)) if unit is not None else None
    size = um / per_unit if um and per_unit else None
    # 72, 96 or 300 dots per inch come from programs that do not know the pixel size.
    return size if size is not None and size < 50 else None


def _ratio(tag: Any) -> float | None:
    if tag is None or not tag.value[1]:
        return None
    return positive(tag.value[0] / tag.value[1])
