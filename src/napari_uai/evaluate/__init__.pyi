from .evaluation import Errors, Evaluation, evaluate_landings, pool
from .matching import match_landings
from .metrics import (
    DetectionLimit,
    average_precision,
    contrast_bound,
    detection_limit,
    position_bound,
    precision_recall,
    recall_by_snr,
    snr_of_whole_recording,
)
from .ranking import (
    average_precision_of_scores,
    evaluate_trail_scores,
    read_trail_truth,
    roc_auc,
)
from .report import comparison_picture, comparison_table, comparison_text, write_comparison
from .truth import Truth, read_truth, truth_of

__all__ = [
    "DetectionLimit",
    "Errors",
    "Evaluation",
    "Truth",
    "average_precision",
    "average_precision_of_scores",
    "comparison_picture",
    "comparison_table",
    "comparison_text",
    "contrast_bound",
    "detection_limit",
    "evaluate_landings",
    "evaluate_trail_scores",
    "match_landings",
    "pool",
    "position_bound",
    "precision_recall",
    "read_trail_truth",
    "read_truth",
    "recall_by_snr",
    "roc_auc",
    "snr_of_whole_recording",
    "truth_of",
    "write_comparison",
]
