"""How the gallery orders its examples, and how their figures look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx_gallery.sorting import FileNameSortKey

ORDER = (
    "open_a_raw_file",
    "status_line",
    "noise_floor",
    "fixed_pattern",
    "stage_drift",
    "recipe_with_other_settings",
    "one_landing",
    "spots_of_one_frame",
    "tracks_and_contrasts",
    "compare_two_recipes",
    "anomalous_pixels",
    "network_background",
    "rank_trails_of_a_csv",
    "heat_with_other_scaling",
    "where_a_trail_departs",
    "write_a_stage",
    "folder_on_dask",
)
"""From the simple to the special; examples that are not named follow by name."""


class ExampleOrder(FileNameSortKey):
    """Sort examples by :data:`ORDER`."""

    def __call__(self, filename: str) -> str:
        name = Path(filename).stem
        place = ORDER.index(name) if name in ORDER else len(ORDER)
        return f"{place:03d} {name}"


def figure_style(gallery_conf: dict[str, Any], fname: str) -> None:
    """Set matplotlib for an example, which then needs no line about looks."""
    import matplotlib as mpl

    del gallery_conf, fname
    mpl.rcParams.update(
        {
            "figure.figsize": (7, 3.2),
            "figure.constrained_layout.use": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": "medium",
            "image.cmap": "gray",
            "image.interpolation": "nearest",
            "legend.frameon": False,
        }
    )
