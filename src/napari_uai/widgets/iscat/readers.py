"""Opening files in napari: recordings, and the tables of results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_uai.videos.raw_shape import RawShape
    from napari_uai.widgets.kit.layers import LayerTuple, Place

RAW_WIDGET = "Open raw recording"
_LIKELY = 3
_POSITIONS = ("y", "x")
_FRAMES = ("raw_frame", "frame")


def raw_reader(path: str | list[str]) -> Callable[[Any], list[Any]] | None:
    """Return a reader of headerless recordings; None for what is no file."""
    return _read_raw if _are_files(path) else None


def stack_reader(path: str | list[str]) -> Callable[[Any], list[Any]] | None:
    """Return a reader of grey stacks; None for other pictures.

    napari reads a TIFF or npy file as a whole; as a recording it opens lazily, with pixel size and
    frame rate where the file tells them. Looks at the head of a file only.
    """
    paths = [Path(one) for one in (path if isinstance(path, list) else [path])]
    try:
        ours = all(map(_is_stack, paths))
    except (OSError, ValueError):
        return None
    return _read_stacks if ours else None


def table_reader(path: str | list[str]) -> Callable[[Any], list[Any]] | None:
    """Return a reader of landings and localizations; None for other tables."""
    paths = path if isinstance(path, list) else [path]
    return _read_tables if _are_files(path) and all(map(_has_our_header, paths)) else None


def raw_layers(path: str | Path, shape: RawShape | None = None) -> list[LayerTuple]:
    """Open a recording as a layer; nothing but a few frames is read.

    Parameters
    ----------
    path
        The recording.
    shape
        Its shape, where no sidecar or name gives it.

    Raises
    ------
    VideoFormatError
        If the shape is unknown or does not fit; the message lists shapes that would.
    """
    from napari_uai.videos.raw_shape import UNKNOWN
    from napari_uai.videos.recording import read_recording
    from napari_uai.widgets.kit.layers import recording_layer

    return [recording_layer(read_recording(path, shape or UNKNOWN))]


def _read_raw(path: str | list[str]) -> list[Any]:
    """Read recordings; ask in a dock widget for what no sidecar, name or last recording tells."""
    layers: list[Any] = []
    for one in path if isinstance(path, list) else [path]:
        if not lacks_shape(Path(one)):
            layers += raw_layers(one)
            continue
        last = shape_like_last(Path(one))
        if last:
            layers += raw_layers(one, last)
            _show_shape(one, last)
        elif not _ask_for_shape(one):
            layers += raw_layers(one)  # says what is missing
    return layers or [(None,)]  # handled, without a layer so far


def shape_like_last(path: Path) -> RawShape | None:
    """Return the shape of the recording that was opened last, if this one is like it.

    Returns
    -------
    RawShape or None
        None if the user wants to be asked, nothing was opened yet, the shape does not fill the
        file, or the pixels speak for another one.
    """
    from napari_uai.errors import BadValueError
    from napari_uai.videos.raw_guess import plausible_shapes
    from napari_uai.videos.raw_shape import RawShape
    from napari_uai.widgets.kit.preferences import preferences

    wishes = preferences("recordings")
    try:
        height, width, dtype, offset = wishes.last_shape.split()
        last = RawShape(int(height), int(width), dtype, int(offset))
    except (ValueError, BadValueError):  # never set, or a slip of the user's
        return None
    size = path.stat().st_size - (last.offset or 0)
    if wishes.ask_again or size <= 0 or size % (last.frame_bytes or 1):
        return None
    likely = plausible_shapes(path, RawShape(dtype=dtype, offset=last.offset), n_best=_LIKELY)
    return last if any(shape[1:3] == (last.height, last.width) for shape in likely) else None


def remember_shape(shape: RawShape) -> None:
    """Keep a shape for the next recording that has none."""
    from napari_uai.widgets.kit.preferences import preferences

    preferences("recordings").last_shape = " ".join(map(str, shape.facts.values()))


def _show_shape(path: str, shape: RawShape) -> None:
    from napari.utils.notifications import show_info

    facts = shape.facts
    show_info(
        f"{Path(path).name} opened like the last recording: {facts['height']} x {facts['width']} "
        f"px of {facts['dtype']}. If that is wrong: File > IO Utilities > {RAW_WIDGET}"
    )


def _read_stacks(path: str | list[str]) -> list[Any]:
    layers: list[Any] = []
    for one in path if isinstance(path, list) else [path]:
        layers += raw_layers(one)
    return layers


def _is_stack(path: Path) -> bool:
    """Tell by the head of a file whether it is a grey video."""
    kind = path.suffix.lower()
    if path.is_dir():
        return kind == ".zarr" and _is_zarr_video(path)
    if not path.is_file():
        return False
    return _is_npy_video(path) if kind == ".npy" else _is_tiff_video(path)


def _is_zarr_video(path: Path) -> bool:
    import json

    described = next((path / n for n in ("zarr.json", ".zarray") if (path / n).is_file()), None)
    facts = {} if described is None else json.loads(described.read_text("utf-8"))
    return isinstance(facts, dict) and len(facts.get("shape") or ()) == 3


def _is_npy_video(path: Path) -> bool:
    import numpy as np

    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return array.ndim == 3 and array.dtype.kind in "uif"


def _is_tiff_video(path: Path) -> bool:
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            # The size stands for the number of pages: to count them takes long.
            several = path.stat().st_size > 2 * page.size * page.dtype.itemsize
            return several and page.samplesperpixel == 1 and len(page.shape) == 2
    except (tifffile.TiffFileError, AttributeError, IndexError):
        return False


def lacks_shape(path: Path) -> bool:
    """Tell whether shape or type are simply not written anywhere."""
    from napari_uai.videos.raw import read_sidecar, shape_in_name

    known = {**shape_in_name(path.name), **read_sidecar(path)}
    return path.stat().st_size > 0 and not {"height", "width", "dtype"} <= known.keys()


def _ask_for_shape(path: str) -> bool:
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        return False
    _, widget = viewer.window.add_plugin_dock_widget("napari-uai", RAW_WIDGET)
    widget.set_path(path)
    return True


def _read_tables(path: str | list[str]) -> list[Any]:
    import pandas as pd

    from napari_uai.widgets.kit.layers import RING_COLOURS, points_layer

    layers = []
    for one in map(Path, path if isinstance(path, list) else [path]):
        table = pd.read_csv(one)
        frame = next(column for column in _FRAMES if column in table.columns)
        colour = RING_COLOURS["localizations" in one.stem]
        place = _place_of_recording(one)
        placed = table.assign(frame=table[frame])  # raw_frame: they lie over the recording
        both = len(table) > 0 and "frame" in table.columns
        later = float((table["frame"] - table[frame]).iloc[0]) if both else 0.0
        layers.append(
            points_layer(placed, place, name=one.stem, colour=colour, offset=(later, 0, 0))
        )
    return layers


def _place_of_recording(table: Path) -> Place:
    """Return the place of the recording in the viewer, so that the rings lie over it in µm, too."""
    import napari

    from napari_uai.widgets.kit.layers import KEY, Place, place_of

    place = Place(name=table.stem)
    viewer = napari.current_viewer()
    ours = [] if viewer is None else [la for la in viewer.layers if KEY in la.metadata]
    active = None if viewer is None else viewer.layers.selection.active
    if ours:
        place = place_of(active if active in ours else ours[-1])
    record = {"source": str(table), "history": []}
    return replace(place, name=table.stem, translate=(0.0, 0.0, 0.0), record=record)


def _are_files(path: str | list[str]) -> bool:
    paths = path if isinstance(path, list) else [path]
    return all(Path(one).is_file() for one in paths)


def _has_our_header(path: str) -> bool:
    try:
        with Path(path).open(encoding="utf-8") as file:
            columns = [name.strip('" ') for name in file.readline(10_000).rstrip("\n").split(",")]
    except (OSError, UnicodeDecodeError):
        return False
    return set(_POSITIONS) <= set(columns) and any(name in columns for name in _FRAMES)
