from .analysis import detection_limit, suggested_batches
from .outputs import write_limit
from .picture import limit_picture
from .recall import RecallCurve, fit_recall
from .result import LimitResult, LimitRun

__all__ = [
    "LimitResult",
    "LimitRun",
    "RecallCurve",
    "detection_limit",
    "fit_recall",
    "limit_picture",
    "suggested_batches",
    "write_limit",
]
