from .coincidence import Coincidences, find_coincidences
from .comparing import LandingComparison, compare_landings
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
from .registration import Registration, register_spots, spots_of_mean
from .report import comparison_picture, comparison_table, comparison_text, write_comparison
from .trajectories import TrajectoryEvaluation, evaluate_trajectories
from .truth import Truth, read_truth, truth_of

__all__ = [
    "Coincidences",
    "DetectionLimit",
    "Errors",
    "Evaluation",
    "LandingComparison",
    "Registration",
    "TrajectoryEvaluation",
    "Truth",
    "average_precision",
    "average_precision_of_scores",
    "compare_landings",
    "comparison_picture",
    "comparison_table",
    "comparison_text",
    "contrast_bound",
    "detection_limit",
    "evaluate_landings",
    "evaluate_trail_scores",
    "evaluate_trajectories",
    "find_coincidences",
    "match_landings",
    "pool",
    "position_bound",
    "precision_recall",
    "read_trail_truth",
    "read_truth",
    "recall_by_snr",
    "register_spots",
    "roc_auc",
    "snr_of_whole_recording",
    "spots_of_mean",
    "truth_of",
    "write_comparison",
]
