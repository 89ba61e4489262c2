from .description import describe
from .folders import list_recordings
from .formats import open_frames, open_video, video_format, video_info
from .frames import Frames, Video, compute_video, frames_of, lazy_video, per_frame
from .info import VideoInfo, VideoWarning
from .patches import Patch, cut_patches, join_patches
from .read_options import ReadOptions
from .recording import Recording, open_recording
from .status_line import (
    StatusLine,
    find_status_line,
    read_status_line,
    remove_status_line,
    status_line_origin,
)
from .status_report import StatusReport, status_report
from .writing.movies import MovieSettings, write_movie
from .writing.thumbnails import write_thumbnails
from .writing.writers import write_video

__all__ = [
    "Frames",
    "MovieSettings",
    "Patch",
    "ReadOptions",
    "Recording",
    "StatusLine",
    "StatusReport",
    "Video",
    "VideoInfo",
    "VideoWarning",
    "compute_video",
    "cut_patches",
    "describe",
    "find_status_line",
    "frames_of",
    "join_patches",
    "lazy_video",
    "list_recordings",
    "open_frames",
    "open_recording",
    "open_video",
    "per_frame",
    "read_status_line",
    "remove_status_line",
    "status_line_origin",
    "status_report",
    "video_format",
    "video_info",
    "write_movie",
    "write_thumbnails",
    "write_video",
]
