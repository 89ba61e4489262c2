from .correct.bad_pixels import bad_pixel_repair, median_filter
from .correct.dark_frame import dark_frame_subtraction
from .correct.filters import difference_of_gaussians, flat_field, gaussian_filter, temporal_median
from .correct.fixed_pattern import fixed_pattern_correction
from .correct.masks import circular_mask, polygonal_mask
from .correct.noise_floor import noise_floor
from .correct.normalization import frame_normalization, global_normalization
from .correct.power import power_normalization
from .correct.rolling_average import differential_rolling_average, rolling_mean
from .correct.stage_drift import measure_stage_drift, stage_drift_correction
from .detect.anomalies.batch_features import batch_deviation, batch_difference, batch_mean
from .detect.anomalies.features import (
    difference_of_gaussians_3d,
    minimum_threshold_map,
    niblack_threshold_map,
    residual,
)
from .detect.anomalies.maps import anomaly_mask, anomaly_scores
from .detect.anomalies.mask_spots import locate_spots, spots_from_mask
from .detect.spots import detect_spots
from .detect.steps.detector import accept_events, detect_steps
from .fastdvdnet.stages import predict_background
from .measure.amplitudes import contrast_traces
from .measure.contrast import contrast_histogram, measure_contrasts
from .measure.gaussian_fits import fit_spots
from .measure.landings import assign_spots, landings_from_tracks
from .measure.linking import link_spots
from .measure.localization import localize_landings, summarize_landings
from .measure.spot_filters import (
    dense_spots,
    inner_spots,
    outlier_frames,
    remove_side_lobes,
    symmetric_spots,
)
from .rescore.rescoring import rescore_steps

__all__ = [
    "accept_events",
    "anomaly_mask",
    "anomaly_scores",
    "assign_spots",
    "bad_pixel_repair",
    "batch_deviation",
    "batch_difference",
    "batch_mean",
    "circular_mask",
    "contrast_histogram",
    "contrast_traces",
    "dark_frame_subtraction",
    "dense_spots",
    "detect_spots",
    "detect_steps",
    "difference_of_gaussians",
    "difference_of_gaussians_3d",
    "differential_rolling_average",
    "fit_spots",
    "fixed_pattern_correction",
    "flat_field",
    "frame_normalization",
    "gaussian_filter",
    "global_normalization",
    "inner_spots",
    "landings_from_tracks",
    "link_spots",
    "localize_landings",
    "locate_spots",
    "measure_contrasts",
    "measure_stage_drift",
    "median_filter",
    "minimum_threshold_map",
    "niblack_threshold_map",
    "noise_floor",
    "outlier_frames",
    "polygonal_mask",
    "power_normalization",
    "predict_background",
    "remove_side_lobes",
    "rescore_steps",
    "residual",
    "rolling_mean",
    "spots_from_mask",
    "stage_drift_correction",
    "summarize_landings",
    "symmetric_spots",
    "temporal_median",
]
