"""Files to lazy videos and back; nothing here knows what is in the picture."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_uai.videos.folders import list_recordings
from napari_uai.videos.formats import open_frames, open_video, video_format, video_info
from napari_uai.videos.frames import Frames, Video, compute_video, frames_of, lazy_video, per_frame
from napari_uai.videos.info import VideoInfo, VideoWarning
from napari_uai.videos.writers import write_video

if TYPE_CHECKING:
    from napari_uai.videos.status_line import (
        StatusLine,
        StatusReport,
        find_status_line,
        read_status_line,
        remove_status_line,
        status_line_origin,
        status_report,
    )

__all__ = [
    "Frames",
    "StatusLine",
    "StatusReport",
    "Video",
    "VideoInfo",
    "VideoWarning",
    "compute_video",
    "find_status_line",
    "frames_of",
    "lazy_video",
    "list_recordings",
    "open_frames",
    "open_video",
    "per_frame",
    "read_status_line",
    "remove_status_line",
    "status_line_origin",
    "status_report",
    "video_format",
    "video_info",
    "write_video",
]

_STATUS_LINE = (
    "StatusLine",
    "StatusReport",
    "find_status_line",
    "read_status_line",
    "remove_status_line",
    "status_line_origin",
    "status_report",
)


def __getattr__(name: str) -> Any:
    """Import the status line when it is asked for: its tables bring pandas with them."""
    if name in _STATUS_LINE:
        return getattr(import_module("napari_uai.videos.status_line"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
