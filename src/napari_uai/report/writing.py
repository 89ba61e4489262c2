"""Writing a report: the page and the methods text beside it, both or none."""

from __future__ import annotations

from pathlib import Path

from napari_uai.errors import BadValueError
from napari_uai.files import write_files
from napari_uai.report.markup import Page
from napari_uai.report.records import find_results
from napari_uai.results import METHODS_FILE, REPORT_FILE, is_report


def write_report(results: str | Path, out: str | Path | None = None) -> dict[str, Path]:
    """Write a report of results: one HTML page, and its methods paragraph as text.

    The page holds its pictures, loads nothing, and can be printed.

    Parameters
    ----------
    results
        Folder that ``napari-uai iscat`` or ``napari-uai trails`` wrote, or a folder of such
        folders of recordings. Its files are only read.
    out
        The page, which ends in ``.html``; by default ``report.html`` in ``results``.

    Returns
    -------
    dict
        Path by file name: the page, and ``methods.txt`` beside it.

    Raises
    ------
    BadValueError
        If there are no results in the folder, a file of theirs is damaged, ``out`` does not end in
        ``.html``, or one of the two files exists and is not part of an earlier report.
    OutputError
        If the files cannot be written; earlier ones are then left as they are.

    Examples
    --------
    >>> import napari_uai as uai
    >>> _ = uai.analyse_recording(uai.sample_path("landings.bin"), "results", "classical")
    >>> sorted(uai.write_report("results"))
    ['methods.txt', 'report.html']
    """
    folder = Path(results)
    target = folder / REPORT_FILE if out is None else Path(out)
    if target.suffix.lower() not in {".html", ".htm"}:
        raise BadValueError(f"{target} must end in .html")
    beside = target.with_name(METHODS_FILE)
    _check_free(target, beside)
    content = _page(folder)
    write_files({beside: content.methods.encode(), target: content.html().encode()})
    return {target.name: target, beside.name: beside}


def _check_free(page: Path, methods: Path) -> None:
    """Raise an error if a file would be replaced that no earlier report wrote."""
    if is_report(page):
        return
    for path in (page, methods):
        if path.exists():
            raise BadValueError(
                f"{path} exists and is not part of an earlier report: rename it, or choose a page "
                "in another folder with --out"
            )


def _page(folder: Path) -> Page:
    found = find_results(folder)
    if found.landings == [folder]:
        from napari_uai.report.recording_page import recording_page

        return recording_page(folder)
    if found.landings:
        from napari_uai.report.folder_page import folder_page

        return folder_page(folder, found.landings, [*found.tracked, *found.trails])
    if found.tracked:
        from napari_uai.report.trajectory_page import trajectory_page

        return trajectory_page(folder, found.tracked, found.trails)
    from napari_uai.report.trail_page import trail_page

    if len(found.trails) > 1:
        raise BadValueError(
            f"{folder} contains {len(found.trails)} rankings of trails: choose one of them, such "
            f"as {found.trails[0]}"
        )
    return trail_page(found.trails[0])
