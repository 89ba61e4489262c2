"""Files to lazy videos and back; nothing here knows what is in the picture."""

from napari_uai.videos.formats import open_frames, open_video, video_format, video_info
from napari_uai.videos.frames import Frames, Video, compute_video, frames_of, lazy_video, per_frame
from napari_uai.videos.info import VideoInfo, VideoWarning

__all__ = [
    "Frames",
    "Video",
    "VideoInfo",
    "VideoWarning",
    "compute_video",
    "frames_of",
    "lazy_video",
    "open_frames",
    "open_video",
    "per_frame",
    "video_format",
    "video_info",
]
