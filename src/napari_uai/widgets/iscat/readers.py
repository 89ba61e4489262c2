"""Readers of recordings and of tables of results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_uai.iscat.piscat.recognition import piscat_kind
from napari_uai.widgets.kit.plugin_docks import RAW_TITLE, shown_dock

if TYPE_CHECKING:
    import pandas as pd

    from napari_uai.videos.read_options import ReadOptions
    from napari_uai.widgets.iscat.review import Review
    from napari_uai.widgets.kit.layers import LayerTuple, Place, Reader, ReaderPath
    from napari_uai.widgets.kit.ring_looks import RingKind

_N_LIKELY = 3
_LARGE_BYTES = 2**20
_POSITION_COLUMNS = ("y", "x")
_FRAME_COLUMNS = ("raw_frame", "frame")


def recording_reader(path: ReaderPath) -> Reader | None:
    """Return a reader of recordings, or None for single pictures and other folders.

    napari loads most formats into memory; this reader opens them lazily, with pixel size and frame
    rate if the file has them. Only the head of a file is read here.
    """
    paths = [Path(one) for one in (path if isinstance(path, list) else [path])]
    try:
        are_recordings = all(map(_may_be_recording, paths))
    except OSError:
        return None
    return _read_recordings if are_recordings else None


def table_reader(path: ReaderPath) -> Reader | None:
    """Return a reader of landings and localizations, or None for other tables."""
    paths = path if isinstance(path, list) else [path]
    return _read_tables if _are_files(path) and all(map(_has_known_header, paths)) else None


def saved_run_reader(path: ReaderPath) -> Reader | None:
    """Return a reader of folders of results, or None for other folders.

    A folder with the results of a batch is one, too. Only names are read here.
    """
    from napari_uai.widgets.iscat.saved_files import is_saved_run, saved_runs_below

    folders = [Path(one) for one in (path if isinstance(path, list) else [path])]
    try:
        if not all(folder.is_dir() for folder in folders):
            return None
        are_ours = all(
            is_saved_run(folder)
            or (not _is_folder_recording(folder) and bool(saved_runs_below(folder)))
            for folder in folders
        )
    except OSError:
        return None
    return _read_saved_runs if are_ours else None


def raw_layers(path: str | Path, options: ReadOptions | None = None) -> list[LayerTuple]:
    """Open a recording as a layer; only a few frames are read.

    Parameters
    ----------
    path
        Path of the recording.
    shape
        Shape of the recording, if neither sidecar nor name has it, and what to take of it.

    Raises
    ------
    VideoFormatError
        If the shape is unknown or does not fit; the message lists shapes that would.
    ChoiceNeededError
        If the file has several images, planes or channels and none was chosen.
    """
    from napari_uai.videos.read_options import UNKNOWN
    from napari_uai.videos.recording import read_recording
    from napari_uai.widgets.kit.layers import recording_layer

    return [recording_layer(read_recording(path, options or UNKNOWN))]


def _read_recordings(path: ReaderPath) -> list[LayerTuple | tuple[None]]:
    """Read recordings; a dock asks for a shape that is not known, and for choices."""
    from napari_uai.errors import ChoiceNeededError

    layers: list[LayerTuple | tuple[None]] = []
    for one in path if isinstance(path, list) else [path]:
        last = None
        if lacks_shape(Path(one)):
            last = shape_like_last(Path(one))
            if last is None and _ask_in_dock(one):
                continue
        try:
            opened = raw_layers(one, last)  # raises with what is missing
        except ChoiceNeededError:
            if not _ask_in_dock(one):
                raise
            continue
        if last is not None:
            _notify_of_shape(one, last)
        _notify_of_assumptions(opened)
        layers += opened
    return layers or [(None,)]  # handled, but no layer yet


def shape_like_last(path: Path) -> ReadOptions | None:
    """Return the shape of the last recording, if this one is similar.

    Returns
    -------
    ReadOptions or None
        None if the user prefers to be asked, there is no last recording, its shape does not match
        the size of the file, or the pixels suggest another shape.
    """
    from napari_uai.errors import BadValueError
    from napari_uai.videos.headerless.guess import plausible_shapes
    from napari_uai.videos.read_options import ReadOptions
    from napari_uai.widgets.kit.preferences import preferences

    settings = preferences("recordings")
    try:
        height, width, dtype, offset = settings.last_shape.split()
        last = ReadOptions(int(height), int(width), dtype, int(offset))
    except (ValueError, BadValueError):  # never set, or invalid
        return None
    size = path.stat().st_size - (last.offset or 0)
    if settings.ask_again or size <= 0 or size % (last.frame_bytes or 1):
        return None
    likely = plausible_shapes(path, ReadOptions(dtype=dtype, offset=last.offset), n_best=_N_LIKELY)
    return last if any(shape[1:3] == (last.height, last.width) for shape in likely) else None


def remember_shape(options: ReadOptions) -> None:
    """Store a shape for the next recording without one, if it is a simple one."""
    from napari_uai.widgets.kit.preferences import preferences

    if options.frame_header:
        return
    preferences("recordings").last_shape = " ".join(map(str, options.facts.values()))


def _notify_of_shape(path: str, options: ReadOptions) -> None:
    from napari.utils.notifications import show_info

    facts = options.facts
    show_info(
        f"{Path(path).name} opened with the shape of the last recording: {facts['height']} x "
        f"{facts['width']} px, {facts['dtype']}. To change it: File > IO Utilities > {RAW_TITLE}"
    )


def _notify_of_assumptions(layers: list[LayerTuple]) -> None:
    """Show what was assumed or left out in reading."""
    from napari.utils.notifications import show_warning

    from napari_uai.widgets.kit.layers import KEY

    for _, attributes, _ in layers:
        for problem in attributes["metadata"][KEY]["problems"]:
            show_warning(problem)


def _may_be_recording(path: Path) -> bool:
    """Return whether a path is a recording, from names and the head of a file.

    Tables and trajectories of PiSCAT are not.

    What cannot be read is one of ours, too: our error says more than that no reader was found.
    """
    if path.is_dir():
        return _is_folder_recording(path)
    if not path.is_file() or piscat_kind(path) is not None:
        return False
    kind = path.suffix.lower()
    if kind == ".npy":
        return not _is_npy_picture(path)
    return kind not in {".tif", ".tiff"} or not _is_tiff_picture(path)


def _is_folder_recording(path: Path) -> bool:
    """Return whether a folder is a store, or holds a sequence of images and no recordings."""
    from napari_uai.errors import NapariUaiError
    from napari_uai.videos.formats import video_format
    from napari_uai.videos.layout.sequences import image_sequence

    try:
        return video_format(path) != "images" or len(image_sequence(path).files) > 1
    except NapariUaiError:
        return False


def _is_npy_picture(path: Path) -> bool:
    import numpy as np

    from napari_uai.errors import NapariUaiError
    from napari_uai.untrusted import refusing

    try:
        with refusing(path, "an npy file"):
            return bool(np.load(path, mmap_mode="r", allow_pickle=False).ndim < 3)
    except NapariUaiError:
        return False


def _is_tiff_picture(path: Path) -> bool:
    import tifffile

    from napari_uai.errors import NapariUaiError
    from napari_uai.untrusted import check_tiff_pages, refusing

    try:
        with refusing(path, "a TIFF file"), tifffile.TiffFile(path) as file:
            page = file.pages.first
            # Counting the pages is slow; the size of the file tells whether there are several.
            one_page = page.size * page.dtype.itemsize
            if path.stat().st_size > max(2 * one_page, _LARGE_BYTES):
                return False
            check_tiff_pages(path)
            return len(file.pages) < 2
    except NapariUaiError:
        return False


def lacks_shape(path: Path) -> bool:
    """Return whether a file is headerless, and neither sidecar nor name has its shape and type."""
    from napari_uai.errors import VideoFormatError
    from napari_uai.videos.formats import video_format
    from napari_uai.videos.headerless.sidecars import read_sidecar
    from napari_uai.videos.readers.raw import shape_in_name

    try:
        if video_format(path) != "raw":
            return False
    except VideoFormatError:
        return False
    known = {**shape_in_name(path.name), **read_sidecar(path).values}
    return path.stat().st_size > 0 and not {"height", "width", "dtype"} <= known.keys()


def _ask_in_dock(path: str) -> bool:
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        return False
    widget = shown_dock(viewer, RAW_TITLE, tabify=False)
    widget.set_path(path)
    return True


def _read_saved_runs(path: ReaderPath) -> list[LayerTuple | tuple[None]]:
    """Read folders of results; the review opens once napari has added the landings."""
    import napari

    from napari_uai.errors import BadValueError
    from napari_uai.widgets.iscat.saved_files import (
        holds_trajectories,
        is_saved_run,
        saved_runs_below,
    )
    from napari_uai.widgets.iscat.saved_run import SavedRun
    from napari_uai.widgets.iscat.saved_tracks import SavedTracks
    from napari_uai.widgets.kit.rings import follow_rings

    viewer = napari.current_viewer()
    layers: list[LayerTuple | tuple[None]] = []
    for folder in map(Path, path if isinstance(path, list) else [path]):
        if is_saved_run(folder) and holds_trajectories(folder):
            tracks = SavedTracks.read(folder).opened(() if viewer is None else viewer.layers)
            layers += tracks.layers
            if viewer is not None:
                from napari_uai.widgets.iscat.saved_run_docks import show_tables

                show_tables(tracks, viewer)
            continue
        if is_saved_run(folder):
            opened = SavedRun.read(folder).opened(() if viewer is None else viewer.layers)
            layers += opened.result.layers
            if viewer is not None:
                from napari_uai.widgets.iscat.saved_run_docks import review_when_added

                review_when_added(opened, viewer)
            continue
        runs = saved_runs_below(folder)
        if viewer is None:
            names = ", ".join(run.relative_to(folder).as_posix() for run in runs)
            raise BadValueError(
                f"{folder} has the results of several recordings, open one: {names}"
            )
        from napari_uai.widgets.iscat.saved_run_docks import list_runs

        list_runs(runs, folder, viewer)
    follow_rings(viewer)
    return layers or [(None,)]  # handled: a list to choose from


def _read_tables(path: ReaderPath) -> list[LayerTuple | tuple[None]]:
    import napari

    from napari_uai.widgets.iscat.review import half_batch
    from napari_uai.widgets.iscat.saved_files import read_numbers
    from napari_uai.widgets.iscat.stage_call import landings_layer
    from napari_uai.widgets.kit.layers import points_layer
    from napari_uai.widgets.kit.rings import follow_rings

    layers: list[LayerTuple | tuple[None]] = []
    for one in map(Path, path if isinstance(path, list) else [path]):
        table = read_numbers(one, _POSITION_COLUMNS, optional=_FRAME_COLUMNS)
        frame = next(column for column in _FRAME_COLUMNS if column in table.columns)
        spots = "localizations" in one.stem
        kind: RingKind = "localization" if spots else "landing"
        around = None if spots else half_batch(table)
        place = _place_of_recording(one)
        placed = table.assign(frame=table[frame])  # raw_frame counts frames of the recording
        has_both = len(table) > 0 and "frame" in table.columns
        shift = float((table["frame"] - table[frame]).iloc[0]) if has_both else 0.0
        review = _review_with_traces(one, table, placed, place)
        layers.append(
            landings_layer(review, one.stem)
            if review is not None
            else points_layer(
                placed, place, name=one.stem, kind=kind, around=around, offset=(shift, 0, 0)
            )
        )
    follow_rings(napari.current_viewer())
    return layers


def _review_with_traces(
    path: Path, table: pd.DataFrame, placed: pd.DataFrame, place: Place
) -> Review | None:
    """Return a review of landings with the traces beside their file, None if there are none."""
    from napari.utils.notifications import show_warning

    from napari_uai.errors import NapariUaiError
    from napari_uai.widgets.iscat.saved_files import traces_beside
    from napari_uai.widgets.iscat.saved_run import reviewed

    if not {"landing", "contrast", "raw_frame"} <= {*table.columns}:
        return None
    try:
        traces = traces_beside(path.parent)
    except NapariUaiError as error:
        show_warning(f"no traces: {error}")
        return None
    return None if traces is None else reviewed(table, placed, place, traces)


def _place_of_recording(table: Path) -> Place:
    """Return the place of the recording in the viewer, so that rings are drawn over it."""
    return replace(place_of_chosen(table), translate=(0.0, 0.0, 0.0))


def place_of_chosen(table: Path) -> Place:
    """Return the place of the selected layer of ours, else of the newest, for what a file holds."""
    import napari

    from napari_uai.widgets.kit.layers import KEY, Place, place_of

    place = Place(name=table.stem)
    viewer = napari.current_viewer()
    own = [] if viewer is None else [layer for layer in viewer.layers if KEY in layer.metadata]
    active = None if viewer is None else viewer.layers.selection.active
    if own:
        place = place_of(active if active in own else own[-1])
    return replace(place, name=table.stem, record={"source": str(table), "history": []})


def _are_files(path: ReaderPath) -> bool:
    paths = path if isinstance(path, list) else [path]
    return all(Path(one).is_file() for one in paths)


def _has_known_header(path: str) -> bool:
    try:
        with Path(path).open(encoding="utf-8") as file:
            columns = [name.strip('" ') for name in file.readline(10_000).rstrip("\n").split(",")]
    except (OSError, UnicodeDecodeError):
        return False
    return set(_POSITION_COLUMNS) <= set(columns) and any(
        name in columns for name in _FRAME_COLUMNS
    )
