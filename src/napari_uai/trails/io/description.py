"""What a table of trails holds, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from napari_uai.errors import counted, one_line
from napari_uai.trails.table import SINCE_1970_S, Trails

_CLASSES_NAMED = 12


def describe_trails(trails: Trails) -> dict[str, str]:
    """Return facts about trails, by name, in the order in which to show them.

    Parameters
    ----------
    trails
        Trails of one scene.

    Returns
    -------
    dict
        Counts, classes, times and the scene; one line of printable characters each.
    """
    counts = trails.table["class"].value_counts()
    classes = [f"{one_line(kind)} {n}" for kind, n in counts.head(_CLASSES_NAMED).items()]
    if len(counts) > _CLASSES_NAMED:
        classes.append(counted(len(counts) - _CLASSES_NAMED, "other class"))
    samples = trails.n_samples
    low_x, high_x = trails.x.min(), trails.x.max()
    low_y, high_y = trails.y.min(), trails.y.max()
    return {
        "format": f"trails, {trails.read_as.get('format') or 'table'}".replace("`", ""),
        **{name: text for name, text in trails.read_as.items() if name == "columns"},
        "trails": f"{len(trails)}, of {samples.min()} to {counted(samples.max(), 'sample')}",
        "samples": str(len(trails.x)),
        "classes": ", ".join(classes),
        "time": _span(trails),
        "scene": f"{trails.scene.width} x {trails.scene.height} px",
        "positions": f"x {low_x:.6g} to {high_x:.6g}, y {low_y:.6g} to {high_y:.6g} px",
    }


def _span(trails: Trails) -> str:
    first, last = float(trails.time.min()), float(trails.time.max())
    lasting = f"{last - first:.6g} s"
    if first < SINCE_1970_S:
        return f"{first:.6g} to {last:.6g} s ({lasting})"
    local = trails.table.get("utc_offset_s")
    zone = timezone(timedelta(seconds=0.0 if local is None else float(local.iloc[0])))
    begin, end = (datetime.fromtimestamp(t, UTC).astimezone(zone) for t in (first, last))
    return f"{begin:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} ({lasting})"
