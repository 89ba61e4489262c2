"""Names of columns: which of them means trail, time, position, box, class or camera."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from napari_uai.errors import TrailFormatError

_NUMBERS = ("id", "ids", "no", "nr", "n", "num", "number", "idx", "index", "identifier", "uid")
"""Words that make the number of a thing of the thing: ``track id``, ``frame no``."""

_TRACKS = ("trail", "track", "tracklet", "trajectory", "traj")
_OBJECTS = ("tracker", "object", "obj", "target", "instance", "agent", "person", "pedestrian",
            "ped", "vehicle", "car", "animal", "individual", "trk", "global")  # fmt: skip
_FRAMES = ("frame", "frm", "image", "img", "slice", "picture", "bild")
_CAMERAS = ("camera", "cam", "sensor", "stream", "video", "recording", "sequence", "seq")
_SIDES = ("center", "centre", "c", "ctr", "mid", "middle", "centroid", "pos", "position", "loc",
          "location", "coord", "coordinate", "point", "location center")  # fmt: skip


def _numbers(*things: str) -> tuple[str, ...]:
    return tuple(f"{thing} {word}" for thing in things for word in _NUMBERS)


def _both_ways(axis: str, *words: str) -> tuple[str, ...]:
    return tuple(f"{word} {axis}" for word in words) + tuple(f"{axis} {word}" for word in words)


VOCABULARY: dict[str, tuple[str, ...]] = {
    "trail": (
        "trail", *_numbers(*_TRACKS), *_TRACKS, *_numbers(*_OBJECTS), "object", "particle",
        *_numbers("particle", "cell", "unique", "u", "o", "p", "t", "v", "g"), "uuid", "identity",
        "individual", "individual local identifier", "animal", "target", "spur", "id", "ids",
        "identifier",
    ),
    "frame": (
        "frame", "frames", *_numbers(*_FRAMES), "video frame", "frm", "fn", "fr", "f",
        *_numbers("f", "video frame"), "time point", "timepoints", "time frame",
        "time index", "time step", "image", "img", "slice", "tick", "step",
    ),
    "t": ("t",),
    "time": (
        "time", "seconds", "timestamp", "time stamp", "datetime", "date time", "sec", "secs",
        "epoch", "epoch time", "unix", "unix time", "unix timestamp", "utc", "utc time",
        "global time", "local time", "timestamp utc", "clock", "elapsed", "elapsed time",
        "position t", "pos t", "frame time", "capture time", "ts", "milliseconds", "millis",
        "msec", "microseconds", "usec", "nanoseconds", "nsec", "time of day", "uhrzeit", "zeit",
    ),
    "date": ("date", "datum"),
    "x": (
        "x", *_both_ways("x", *_SIDES), "p x", "x p", "centroid 1", "local x", "x local", "column",
        "col", "world x", "x world", "global x", "x global", "utm x", "x utm", "utm easting",
        "utm east", "easting", "east", "lon", "lng", "long", "longitude", "location long",
        "gps longitude",
    ),
    "y": (
        "y", *_both_ways("y", *_SIDES), "p y", "y p", "centroid 0", "local y", "y local", "row",
        "world y", "y world", "global y", "y global", "utm y", "y utm", "utm northing",
        "utm north", "northing", "north", "lat", "latitude", "location lat", "gps latitude",
    ),
    "left": (
        "left", "x 1", "x min", "min x", "x tl", "tl x", "top left x", "x top left", "upper left x",
        "x upper left", "left x", "x left", "ul x", "lt x", "x start", "start x", "x low", "l",
        "bbox 1",
    ),
    "top": (
        "top", "y 1", "y min", "min y", "y tl", "tl y", "top left y", "y top left", "upper left y",
        "y upper left", "top y", "y top", "ul y", "lt y", "y start", "start y", "y low", "bbox 0",
    ),
    "right": (
        "right", "x 2", "x max", "max x", "x br", "br x", "bottom right x", "x bottom right",
        "lower right x", "right x", "x right", "lr x", "rb x", "x end", "end x", "x high", "r",
        "bbox 3",
    ),
    "bottom": (
        "bottom", "y 2", "y max", "max y", "y br", "br y", "bottom right y", "y bottom right",
        "lower right y", "bottom y", "y bottom", "lr y", "rb y", "y end", "end y", "y high", "b",
        "bbox 2",
    ),
    "width": ("width", "w", "b w", "x width", "breite"),
    "height": ("height", "h", "b h", "y height", "hoehe", "höhe"),
    "class": (
        "class name", "category name", "label name", "cls name", "type name", "class", "label",
        "class label", "kind", "category", "cls", "type", "class type", "species", "klasse", "typ",
        "individual taxon canonical name", "name", *_numbers("class", "category", "cls", "label",
        "type", "cat", "c"), "v class", "classes", "cat",
    ),
    "confidence": ("confidence", "conf", "score", "probability", "prob", "certainty", "quality"),
    "camera": (*_CAMERAS, *_numbers(*_CAMERAS, "source", "scene", "view"),
               *(f"{camera} name" for camera in _CAMERAS)),
    "extrapolated": ("extrapolated", "is extrapolated", "interpolated", "is interpolated",
                     "generated", "predicted", "is predicted", "dummy", "is zombie", "zombie"),
    "lost": ("lost", "is lost"),
}  # fmt: skip
"""Names of each column, in words; the preferred name first."""

_BOXES = ("bbox", "bb", "box", "2d", "boundingbox", "rect", "roi", "bndbox", "bounding", "xywh",
          "xyxy", "tlwh", "ltwh", "tlbr")  # fmt: skip
_OWNERS = (
    "object", "obj", "track", "tracked", "tracking", "tracker", "target", "detection", "detected",
    "det", "agent", "person", "vehicle", "spot", "cell", "trail", "annotation", "ann", "attributes",
    "properties", "data", "user", "actor", "entity",
)  # fmt: skip
"""What may precede a word: ``bbox_left``, ``object_type``."""

_NO_TRAIL = re.compile(
    r"(spot|det|detection|box|bbox|row|ann|annotation|parent|root|lineage|tree|image|node|source"
    r"|next|prev|previous|merge|split|class|category|label|type|frame|camera|region|zone).*"
    r"(id|idx|index|no|nr|num|number)$"
)

_UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("s", 1.0)),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), ("s", 1e-3)),
    **dict.fromkeys(
        ("us", "µs", "μs", "usec", "micros", "microsecond", "microseconds"), ("s", 1e-6)
    ),
    **dict.fromkeys(("ns", "nsec", "nanos", "nanosecond", "nanoseconds"), ("s", 1e-9)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("s", 60.0)),
    **dict.fromkeys(("hr", "hours", "hour"), ("s", 3600.0)),
    **dict.fromkeys(("px", "pix", "pixel", "pixels"), ("px", 1.0)),
    **dict.fromkeys(("m", "metre", "meter", "metres", "meters"), ("m", 1.0)),
    **dict.fromkeys(("cm", "mm", "km", "ft", "feet", "um", "µm", "μm", "micron", "microns", "nm"),
                    ("m", 1.0)),
    **dict.fromkeys(("deg", "degree", "degrees"), ("deg", 1.0)),
    **dict.fromkeys(("norm", "normalized", "normalised", "rel", "relative", "fraction"),
                    ("fraction", 1.0)),
    **dict.fromkeys(("%", "percent", "pct", "percentage"), ("percent", 1.0)),
    **dict.fromkeys(("frame", "frames"), ("frame", 1.0)),
}  # fmt: skip
"""Kind of each unit, and the factor of units of time."""

_AMBIGUOUS_UNITS = {"min", "mins", "m", "frame", "frames"}
"""Units only within brackets: ``x_min`` is a corner."""

_BRACKETED = re.compile(r"^(.*?\w.*?)\s*[(\[{<]\s*([^)\]}>\d]*?)\s*[)\]}>]\s*$")
_SLASHED = re.compile(r"^(.*\w)\s*/\s*([A-Za-zµμ]+)$")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2,})|(?<=[a-z])(?=[0-9])")
_LONGEST_NAME = 200
"""Characters of a name that are looked at: time grows faster than their number."""

_WORD = re.compile(r"[^\W_]+")
_LONGEST_NAME = 200


class Meaning(NamedTuple):
    """Meaning of the name of a column.

    Parameters
    ----------
    role
        Key of :data:`VOCABULARY`; empty if the name is unknown.
    rank
        Place among the names of the role, 0 for the preferred name.
    kind
        Kind of the unit in the name: ``s``, ``px``, ``m``, ``deg``, ``fraction``, ``percent``, or
        empty.
    factor
        Seconds per unit of time.
    """

    role: str
    rank: int
    kind: str
    factor: float


def meaning_of(name: Any) -> Meaning:
    """Return what the name of a column means.

    Case, camelCase, ``_ - .`` and blanks, units in brackets or at the end, and prefixes such as
    ``bbox_`` or ``object_`` make no difference.

    Examples
    --------
    >>> [meaning_of(name).role for name in ("trackId", "BBox-Left", "Position X (px)", "speed")]
    ['trail', 'left', 'x', '']
    >>> meaning_of("timestamp_ms")
    Meaning(role='time', rank=2, kind='s', factor=0.001)
    """
    words, unit = words_of(name)
    kind, factor = _UNITS.get(unit, ("", 1.0))
    role, rank = _role_of(tuple(words))
    if role == "t" and kind == "s":
        role = "time"
    if role == "time" and not kind:
        kind, factor = next(
            (_UNITS[word] for word in words if word in _UNITS and word not in _AMBIGUOUS_UNITS),
            (kind, factor),
        )
    return Meaning(role, rank, kind, factor)


def words_of(name: Any) -> tuple[list[str], str]:
    """Return the words of the name of a column, in lower case, and its unit.

    Names of more than 200 characters have none: matching takes time that grows with the square of
    their length.

    Examples
    --------
    >>> words_of("Position X (µm)"), words_of("frameNo"), words_of("time_ms")
    ((['position', 'x'], 'μm'), (['frame', 'no'], ''), (['time'], 'ms'))
    """
    given = str(name).strip()
    if len(given) > _LONGEST_NAME:
        return [], ""
    whole = unicodedata.normalize("NFKC", given).strip()
    text = whole.strip("#%'\"").strip().replace("BBox", "Bbox")
    unit = "%" if whole.endswith("%") else ""
    slashed = _SLASHED.match(text)
    if slashed and slashed[2].lower() not in _UNITS:
        slashed = None
    if match := _BRACKETED.match(text) or slashed:
        text, unit = match.groups()
    words = [word.lower() for part in _CAMEL.split(text) for word in _WORD.findall(part)]
    of_axis = len(words) == 2 and words[-1] == "m" and words[0] in ("x", "y")
    may_be_unit = of_axis or not _AMBIGUOUS_UNITS.intersection(words[-1:])
    if not unit and len(words) > 1 and words[-1] in _UNITS and may_be_unit:
        unit = words.pop()
    return words, unit.lower()


def _role_of(words: tuple[str, ...]) -> tuple[str, int]:
    known = _known()
    if found := known.get("".join(words)):
        return found
    if _NO_TRAIL.match("".join(words)):
        return "", 0
    in_box = False
    for start, word in enumerate(words[:-1], start=1):
        if word not in _BOXES and word not in _OWNERS:
            break
        in_box |= word in _BOXES
        found = known.get("".join(words[start:]))
        if found and found[0] != "trail":
            role, rank = found
            corner = {"x": "left", "y": "top"}.get(role, role) if in_box and rank == 0 else role
            return corner, rank + 1
    # CellProfiler appends the largest distance of a link.
    if words[:3] == ("track", "objects", "label"):
        return known["trackid"]
    return "", 0


@cache
def _known() -> dict[str, tuple[str, int]]:
    """Return role and rank by name; the first role that claims a name has it."""
    known: dict[str, tuple[str, int]] = {}
    for role, names in VOCABULARY.items():
        for rank, name in enumerate(names):
            known.setdefault(name.replace(" ", ""), (role, rank))
    return known


class Roles(NamedTuple):
    """Columns of a table by what they mean.

    Parameters
    ----------
    candidates
        Names in the table by role, the preferred one first.
    meanings
        Meaning of each name in the table.
    """

    candidates: dict[str, list[Any]]
    meanings: dict[Any, Meaning]

    def first(self, role: str) -> Any | None:
        """Return the preferred column of a role; None if there is none."""
        found = self.candidates.get(role)
        return found[0] if found else None

    def without(self, *roles: str) -> Roles:
        """Return all but the columns of some roles."""
        others = {role: names for role, names in self.candidates.items() if role not in roles}
        return Roles(others, self.meanings)

    def has(self, *roles: str) -> bool:
        """Return whether there are columns of all these roles."""
        return all(self.candidates.get(role) for role in roles)


def roles_of(names: Iterable[Any]) -> Roles:
    """Return the columns of a table by what their names mean.

    Examples
    --------
    >>> roles_of(["ID", "Tracklet ID", "t", "x", "y"]).candidates["trail"]
    ['Tracklet ID', 'ID']
    """
    meanings = {name: meaning_of(name) for name in names}
    candidates: dict[str, list[Any]] = {}
    for name, meaning in sorted(meanings.items(), key=lambda item: item[1].rank):
        if meaning.role:
            candidates.setdefault(meaning.role, []).append(name)
    joined = {"".join(words_of(name)[0]): name for name in meanings}
    _swap_numbered(candidates, joined)
    _name_items_of_boxes(candidates, joined)
    sides = {"left", "width", "height"}, {"left", "right", "bottom"}
    if (
        any(known <= candidates.keys() for known in sides)
        and "top" not in candidates
        and "t" in joined
    ):
        candidates["top"] = [joined["t"]]  # of l, t, w, h, or l, t, r, b
        candidates.pop("t", None)
    return Roles(candidates, meanings)


def _swap_numbered(candidates: dict[str, list[Any]], joined: dict[str, Any]) -> None:
    """Corners may be counted from 0; regionprops of volumes have z before y and x."""
    for axis, low, high in (("x", "left", "right"), ("y", "top", "bottom")):
        if f"{axis}0" in joined and f"{axis}1" in joined and f"{axis}2" not in joined:
            candidates[low], candidates[high] = [joined[f"{axis}0"]], [joined[f"{axis}1"]]
    if "centroid2" in joined:
        candidates["y"], candidates["x"] = [joined["centroid1"]], [joined["centroid2"]]


def _name_items_of_boxes(candidates: dict[str, list[Any]], joined: dict[str, Any]) -> None:
    """Items of a list are left, top, right, bottom; those of regionprops (bbox-0) are not."""
    items = [joined.get(f"bbox{i}") for i in range(4)]
    if all(name is not None and "-" not in str(name) for name in items):
        candidates |= {
            role: [name]
            for role, name in zip(("left", "top", "right", "bottom"), items, strict=True)
        }


def has_box(roles: Roles) -> bool:
    """Return whether columns define a box: two corners, or a corner and sides."""
    return roles.has("left", "top") and (
        roles.has("right", "bottom") or roles.has("width", "height")
    )


def check_roles(roles: Roles, names: Iterable[Any]) -> None:
    """Raise TrailFormatError unless there are columns of trails and of positions."""
    missing = []
    if not roles.has("trail"):
        missing.append("of trails (trail, id, track_id, ...)")
    if not (roles.has("x", "y") or roles.has("left", "top")):
        missing.append("of positions (x and y, or left, top, width, height, or x1, y1, x2, y2)")
    if missing:
        listed = ", ".join(" ".join(str(name).split()) for name in list(names)[:12])[:200]
        raise TrailFormatError(
            f"columns trail, x and y are required, and there is none {' and none '.join(missing)}; "
            f"name them, for example columns='trail=NAME,x=NAME,y=NAME'; columns are {listed}"
        )
