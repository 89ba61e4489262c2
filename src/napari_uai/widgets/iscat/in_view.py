"""What a stage gives for the frame in view, without computing the rest; nothing here knows Qt."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.errors import CancelledError, NapariUaiError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.widgets.iscat.stage_call import StageCall, sums_behind
from napari_uai.widgets.kit.layers import AXES, Place, ring_sizes, robust_limits

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_uai.iscat.correct.prefix_sums import PrefixSums
    from napari_uai.stages import Stage


@dataclass(frozen=True)
class InView:
    """One frame of what a stage gives, or the spots in it.

    Attributes
    ----------
    call
        What was asked for.
    data
        A picture (rows, columns); or positions (n, 2) if the stage gives a table.
    place
        Where the video lies that this is a frame of.
    frame, n_frames
        Which frame of how many.
    seconds
        What it took.
    limits
        Robust contrast limits of the picture.
    sizes
        Of the rings around the spots.
    """

    call: StageCall
    data: npt.NDArray[Any]
    place: Place
    frame: int
    n_frames: int
    seconds: float = 0.0
    limits: tuple[float, float] = (0.0, 1.0)
    sizes: Any = 13.0


class StageInView:
    """Keeps a stage ready from frame to frame, as long as inputs and parameters stay.

    For one thread at a time.
    """

    def __init__(self) -> None:
        self._call: StageCall | None = None
        self._inputs: tuple[Any, list[Any]] = (None, [])
        self._made: tuple[Any, Place] = (None, Place())
        self._noise: dict[tuple[str, float, str], float] = {}
        self._stop = threading.Event()

    def close(self) -> None:
        """Let go of everything; stop what goes on beside."""
        self._stop.set()
        self._call, self._inputs, self._made = None, (None, []), (None, Place())

    def show(self, call: StageCall, world_frame: float, monitor: Monitor = SILENT) -> InView:
        """Compute the frame in view.

        Parameters
        ----------
        call
            Stage, inputs, parameters; the same object as long as they stay.
        world_frame
            Position of the viewer along the axis of frames.
        monitor
            Cancels a stage that has to look at more than the frame.

        Raises
        ------
        NapariUaiError
            If the stage cannot be run on its inputs.
        """
        started = time.perf_counter()
        if call is not self._call:
            self._make_ready(call, monitor)
        show = self._picture if call.stage.output == "video" else self._spots
        seen = show(call, world_frame)
        return replace(seen, seconds=time.perf_counter() - started)

    def _make_ready(self, call: StageCall, monitor: Monitor) -> None:
        self._call = None
        arrays, inputs = self._inputs
        if arrays is None or not _same(arrays, call.inputs):
            inputs = call.ready_inputs()
            self._inputs = call.inputs, inputs
        if call.stage.output == "video":
            self._made = call.make(inputs, monitor)
        self._stop.clear()
        self._call = call

    def _picture(self, call: StageCall, world_frame: float) -> InView:
        from napari_uai.videos.frames import frames_of

        video, place = self._made
        frames = frames_of(video)
        index = _index(world_frame, place, len(frames))
        picture = np.array(frames.read(index, index + 1)[0])
        for sums in sums_behind(frames):
            if not sums.prepared:  # from now on any frame is quick
                threading.Thread(target=_prepare, args=(sums, self._stop), daemon=True).start()
        limits = robust_limits(picture[np.newaxis])
        return InView(call, picture, place, index, len(frames), limits=limits)

    def _spots(self, call: StageCall, world_frame: float) -> InView:
        from napari_uai.videos.frames import frames_of

        inputs = self._inputs[1]
        video = next((i for i in inputs if i is not None and not has_columns(i)), None)
        frames = None if video is None else frames_of(video)
        index = _index(world_frame, call.place, None if frames is None else len(frames))
        parameters = dict(call.parameters)
        if parameters.get("threshold_unit") == "noise" and video is not None:
            noise = self._noise_of(video, parameters["sigma_px"], parameters["detector"])
            threshold = parameters["threshold"] * noise
            parameters |= {"threshold_unit": "contrast", "threshold": threshold}
        table = call.stage.function(*(_one_frame(i, index) for i in inputs), **parameters)
        points = table[list(AXES[1:])].to_numpy(float)
        known = np.isfinite(points).all(axis=1)
        n_frames = 1 if frames is None else len(frames)
        sizes = ring_sizes(table.loc[known])
        return InView(call, points[known], call.place, index, n_frames, sizes=sizes)

    def _noise_of(self, video: Any, sigma_px: float, detector: Any) -> float:
        """Measure the noise over the whole video, as the stage does, once."""
        from napari_uai.iscat.detect.spots import response_noise

        key = (video.name, sigma_px, detector)
        if key not in self._noise:
            self._noise[key] = response_noise(video, sigma_px=sigma_px, detector=detector)
        return self._noise[key]


def can_be_seen(stage: Stage) -> bool:
    """Tell whether a stage gives something for a single frame."""
    return stage.output == "video" or stage.frame_by_frame


def has_columns(data: Any) -> bool:
    """Tell a table from a video."""
    return hasattr(data, "columns")


def _same(arrays: Any, others: Any) -> bool:
    return len(arrays) == len(others) and all(a is b for a, b in zip(arrays, others, strict=True))


def _index(world_frame: float, place: Place, n_frames: int | None) -> int:
    """Return the nearest frame of a video to a position in the world."""
    index = round(place.frame_at(world_frame))
    return max(index, 0) if n_frames is None else min(max(index, 0), n_frames - 1)


def _one_frame(data: Any, index: int) -> Any:
    """Return frame ``index`` of a video as a video, or the rows of a table that lie in it."""
    from napari_uai.videos.frames import frames_of

    if data is None:
        return None
    if not has_columns(data):
        return np.array(frames_of(data).read(index, index + 1))
    return data[data["frame"] == index].assign(frame=0)


def _prepare(sums: PrefixSums, stop: threading.Event) -> None:
    try:
        sums.prepare(Monitor(cancelled=stop.is_set), beside=True)
    except (CancelledError, NapariUaiError):  # what is wrong is told when frames are read
        return
