from .analysis import DetectionLimit, LimitRun, detection_limit, suggested_batches
from .recall import RecallCurve, fit_recall

__all__ = [
    "DetectionLimit",
    "LimitRun",
    "RecallCurve",
    "detection_limit",
    "fit_recall",
    "suggested_batches",
]
