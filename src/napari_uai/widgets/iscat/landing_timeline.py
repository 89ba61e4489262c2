"""The timeline of a review: landings by sign, score and verdict, and what disturbed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_uai.widgets.kit.palette import sign_colour
from napari_uai.widgets.kit.ring_looks import signs_of
from napari_uai.widgets.kit.timeline import Timeline

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_uai.widgets.iscat.review import Review


class LandingTimeline(Timeline):
    """Landings over the frames of the file; events have the numbers of the rows of the review.

    Parameters
    ----------
    review
        Landings and their verdicts.
    viewer
        Its slider gives the length of a recording that the review does not know.
    """

    def __init__(self, review: Review, viewer: ViewerModel) -> None:
        super().__init__()
        first, last = review.frames or _frames_in(viewer, review)
        rate_hz = review.place.record.get("frame_rate_hz")
        self.show_recording(first, last, rate_hz=rate_hz, spans=review.spans)
        self.show_events(
            review.table["raw_frame"].to_numpy(float),
            heights=review.table["score"].to_numpy(float),
            colours=[sign_colour(sign) for sign in signs_of(review.table)],
            verdicts=review.verdicts,
        )


def _frames_in(viewer: ViewerModel, review: Review) -> tuple[float, float]:
    """Return the frames of the file that hold all landings and over which the slider moves."""
    frames = list(review.table["raw_frame"].dropna())
    dims = viewer.dims
    if dims.ndim >= 3:
        slider = dims.range[dims.ndim - 3]
        frames += [review.file_frame(end) for end in (slider.start, slider.stop)]
    return (min(frames), max(frames)) if frames else (0.0, 1.0)
