"""Files to lazy videos and back; nothing here knows what is in the picture."""

from napari_uai.videos.frames import Frames, Video, compute_video, frames_of, lazy_video, per_frame

__all__ = [
    "Frames",
    "Video",
    "compute_video",
    "frames_of",
    "lazy_video",
    "per_frame",
]
