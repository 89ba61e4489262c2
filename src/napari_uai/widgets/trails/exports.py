"""Rankings exported with their verdicts, and settings read again; uses no Qt and no viewer."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from napari_uai.monitor import Monitor
    from napari_uai.trails.analysis.earlier_settings import RunSettings
    from napari_uai.trails.analysis.session import Request, TrailSession
    from napari_uai.typing import Bools
    from napari_uai.widgets.trails.verdicts import Verdicts


def export_of(
    session: TrailSession,
    request: Request,
    options: Mapping[str, Any],
    verdicts: Verdicts,
    folder: str | Path,
) -> Callable[[Monitor], dict[str, Path]]:
    """Return a function that writes the same files as the command line, with the present verdicts.

    Parameters
    ----------
    session
        Session that has ranked the trails.
    request
        What it was asked.
    options
        Reading options of the file, for the record.
    verdicts
        Verdicts and notes; later ones have no effect.
    folder
        Folder to write.
    """
    complete, judged = replace(request, regions=True), copy.deepcopy(verdicts)

    def write(monitor: Monitor) -> dict[str, Path]:
        from napari_uai.trails.analysis.outputs import write_trail_results

        result = session.run(complete, monitor=monitor.part(0.0, 0.3))
        scores = judged.added_to(result.scores)
        result = replace(result, options=options, scores=scores)
        return write_trail_results(result, folder, monitor=monitor.part(0.3, 1.0))

    return write


def settings_and_masks(path: str | Path) -> tuple[RunSettings, dict[str, Bools]]:
    """Read the settings and region masks of an earlier run or export.

    Raises
    ------
    NapariUaiError
        If a file cannot be read.
    """
    from napari_uai.trails.analysis.earlier_settings import settings_of_run
    from napari_uai.trails.heat.masks import read_mask

    earlier = settings_of_run(path)
    return earlier, {kind: read_mask(mask).inside for kind, mask in earlier.masks.items()}
