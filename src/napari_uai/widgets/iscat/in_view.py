"""Result of a stage for the current frame, without computing the others; uses no Qt."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_uai.errors import CancelledError, NapariUaiError
from napari_uai.monitor import SILENT, Monitor
from napari_uai.videos.contrast import robust_limits
from napari_uai.widgets.iscat.stage_call import StageCall, sums_behind
from napari_uai.widgets.kit.layers import AXES, Place
from napari_uai.widgets.kit.ring_looks import ring_colours, ring_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from napari_uai.iscat.correct.prefix_sums import PrefixSums
    from napari_uai.iscat.kernels.blobs import Detector
    from napari_uai.stages import Stage
    from napari_uai.typing import AnyArray, Floats
    from napari_uai.videos.frames import Video

    Input: TypeAlias = Video | pd.DataFrame | None


@dataclass(frozen=True)
class InView:
    """One frame of the result of a stage, or the spots in it.

    Attributes
    ----------
    call
        Stage, inputs and parameters.
    data
        Image, (rows, columns); or positions, (n, 2), if the stage returns a table.
    place
        Place of the video.
    frame, n_frames
        Frame number, and number of frames of the video.
    seconds
        Computing time.
    limits
        Robust contrast limits of the image.
    sizes
        Diameters of the rings around the spots, px.
    colours
        Colours of the rings, (n, 4).
    """

    call: StageCall
    data: AnyArray
    place: Place
    frame: int
    n_frames: int
    seconds: float = 0.0
    limits: tuple[float, float] = (0.0, 1.0)
    sizes: Floats | float = 13.0
    colours: Floats | None = None


class StageInView:
    """Keeps the state of a stage between frames, as long as inputs and parameters do not change.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._call: StageCall | None = None
        self._inputs: tuple[Sequence[Input] | None, list[Any]] = (None, [])
        self._output: tuple[Any, Place] = (None, Place())
        self._noise: dict[tuple[str, float, str], float] = {}
        self._stop = threading.Event()

    def close(self) -> None:
        """Drop the state, and stop the preparation in the background."""
        self._stop.set()
        self._call, self._inputs, self._output = None, (None, []), (None, Place())

    def show(self, call: StageCall, world_frame: float, monitor: Monitor = SILENT) -> InView:
        """Compute the current frame.

        Parameters
        ----------
        call
            Stage, inputs and parameters; the same object as long as they do not change.
        world_frame
            World position of the viewer along time.
        monitor
            Cancellation of a stage that needs more than the current frame.

        Raises
        ------
        NapariUaiError
            If the stage cannot process its inputs.
        """
        started = time.perf_counter()
        if call is not self._call:
            self._prepare(call, monitor)
        compute = self._image if call.stage.output == "video" else self._spots
        result = compute(call, world_frame)
        return replace(result, seconds=time.perf_counter() - started)

    def _prepare(self, call: StageCall, monitor: Monitor) -> None:
        self._call = None
        arrays, inputs = self._inputs
        if arrays is None or not _same(arrays, call.inputs):
            inputs = call.ready_inputs()
            self._inputs = call.inputs, inputs
        if call.stage.output == "video":
            self._output = call.make(inputs, monitor)
        self._stop.clear()
        self._call = call

    def _image(self, call: StageCall, world_frame: float) -> InView:
        from napari_uai.videos.frames import frames_of

        video, place = self._output
        frames = frames_of(video)
        index = _index(world_frame, place, len(frames))
        image = np.array(frames.read(index, index + 1)[0])
        for sums in sums_behind(frames):
            if not sums.prepared:  # in the background, so that later frames are fast
                threading.Thread(target=_prepare_sums, args=(sums, self._stop), daemon=True).start()
        limits = robust_limits(image[np.newaxis])
        return InView(call, image, place, index, len(frames), limits=limits)

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
        found = table.loc[known]
        sizes, colours = ring_sizes(found), ring_colours(found)
        return InView(
            call, points[known], call.place, index, n_frames, sizes=sizes, colours=colours
        )

    def _noise_of(self, video: Any, sigma_px: float, detector: Detector) -> float:
        """Estimate the noise of the whole video, as the stage does, once."""
        from napari_uai.iscat.detect.spots import response_noise

        key = (video.name, sigma_px, detector)
        if key not in self._noise:
            self._noise[key] = response_noise(video, sigma_px=sigma_px, detector=detector)
        return self._noise[key]


def can_be_seen(stage: Stage) -> bool:
    """Return whether the result of a stage can be computed for a single frame."""
    return stage.output == "video" or stage.frame_by_frame


def has_columns(data: Input) -> bool:
    """Return whether an input is a table."""
    return hasattr(data, "columns")


def _same(arrays: Sequence[Input], others: Sequence[Input]) -> bool:
    return len(arrays) == len(others) and all(a is b for a, b in zip(arrays, others, strict=True))


def _index(world_frame: float, place: Place, n_frames: int | None) -> int:
    """Return the frame of a video nearest to a world position along time."""
    index = round(place.frame_at(world_frame))
    return max(index, 0) if n_frames is None else min(max(index, 0), n_frames - 1)


def _one_frame(data: Any, index: int) -> Input:
    """Return one frame of a video as a video, or the rows of a table in this frame."""
    from napari_uai.videos.frames import frames_of

    if data is None:
        return None
    if not has_columns(data):
        return np.array(frames_of(data).read(index, index + 1))
    return data[data["frame"] == index].assign(frame=0)


def _prepare_sums(sums: PrefixSums, stop: threading.Event) -> None:
    try:
        sums.prepare(Monitor(cancelled=stop.is_set), beside=True)
    except (CancelledError, NapariUaiError):  # reading a frame will raise the error
        return
