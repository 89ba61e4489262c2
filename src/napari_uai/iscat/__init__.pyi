# Written by `make manifest`.
from napari_uai.iscat.correct.anscombe import anscombe_transform as anscombe_transform
from napari_uai.iscat.correct.anscombe import inverse_anscombe_transform as inverse_anscombe_transform
from napari_uai.iscat.correct.bad_pixels import bad_pixel_repair as bad_pixel_repair
from napari_uai.iscat.correct.bad_pixels import median_filter as median_filter
from napari_uai.iscat.correct.dark_frame import dark_frame_subtraction as dark_frame_subtraction
from napari_uai.iscat.correct.filters import difference_of_gaussians as difference_of_gaussians
from napari_uai.iscat.correct.filters import flat_field as flat_field
from napari_uai.iscat.correct.filters import gaussian_filter as gaussian_filter
from napari_uai.iscat.correct.fixed_pattern import fixed_pattern_correction as fixed_pattern_correction
from napari_uai.iscat.correct.flat_frame import flat_frame_division as flat_frame_division
from napari_uai.iscat.correct.guided import guided_filter as guided_filter
from napari_uai.iscat.correct.masks import circular_mask as circular_mask
from napari_uai.iscat.correct.masks import polygonal_mask as polygonal_mask
from napari_uai.iscat.correct.noise_floor import noise_floor as noise_floor
from napari_uai.iscat.correct.normalization import frame_normalization as frame_normalization
from napari_uai.iscat.correct.normalization import global_normalization as global_normalization
from napari_uai.iscat.correct.orientation import turn_frames as turn_frames
from napari_uai.iscat.correct.photon_transfer import photon_transfer as photon_transfer
from napari_uai.iscat.correct.power import power_normalization as power_normalization
from napari_uai.iscat.correct.radial_filters import fast_radial_symmetry as fast_radial_symmetry
from napari_uai.iscat.correct.radial_filters import radial_variance_transform as radial_variance_transform
from napari_uai.iscat.correct.ratiometric import ratiometric_average as ratiometric_average
from napari_uai.iscat.correct.regions import crop as crop
from napari_uai.iscat.correct.rolling_average import differential_rolling_average as differential_rolling_average
from napari_uai.iscat.correct.rolling_average import rolling_mean as rolling_mean
from napari_uai.iscat.correct.spectrum import power_spectrum as power_spectrum
from napari_uai.iscat.correct.stage_drift import measure_stage_drift as measure_stage_drift
from napari_uai.iscat.correct.stage_drift import stage_drift_correction as stage_drift_correction
from napari_uai.iscat.correct.temporal_median import masked_temporal_median as masked_temporal_median
from napari_uai.iscat.correct.temporal_median import temporal_median as temporal_median
from napari_uai.iscat.correct.whole_pixel_drift import register_drift as register_drift
from napari_uai.iscat.detect.anomalies.batch_features import batch_deviation as batch_deviation
from napari_uai.iscat.detect.anomalies.batch_features import batch_difference as batch_difference
from napari_uai.iscat.detect.anomalies.batch_features import batch_mean as batch_mean
from napari_uai.iscat.detect.anomalies.features import difference_of_gaussians_3d as difference_of_gaussians_3d
from napari_uai.iscat.detect.anomalies.features import minimum_threshold_map as minimum_threshold_map
from napari_uai.iscat.detect.anomalies.features import niblack_threshold_map as niblack_threshold_map
from napari_uai.iscat.detect.anomalies.features import residual as residual
from napari_uai.iscat.detect.anomalies.maps import anomaly_mask as anomaly_mask
from napari_uai.iscat.detect.anomalies.maps import anomaly_scores as anomaly_scores
from napari_uai.iscat.detect.anomalies.mask_spots import locate_spots as locate_spots
from napari_uai.iscat.detect.anomalies.mask_spots import spots_from_mask as spots_from_mask
from napari_uai.iscat.detect.spots import detect_spots as detect_spots
from napari_uai.iscat.detect.steps.detector import accept_events as accept_events
from napari_uai.iscat.detect.steps.detector import detect_steps as detect_steps
from napari_uai.iscat.fastdvdnet.stages import predict_background as predict_background
from napari_uai.iscat.mass.masses import landing_masses as landing_masses
from napari_uai.iscat.measure.amplitudes import contrast_traces as contrast_traces
from napari_uai.iscat.measure.contrast import contrast_histogram as contrast_histogram
from napari_uai.iscat.measure.contrast import measure_contrasts as measure_contrasts
from napari_uai.iscat.measure.diffusing_population import diffusion_histogram as diffusion_histogram
from napari_uai.iscat.measure.diffusing_population import diffusion_population as diffusion_population
from napari_uai.iscat.measure.diffusion import diffusion_constants as diffusion_constants
from napari_uai.iscat.measure.displacements import mean_squared_displacement as mean_squared_displacement
from napari_uai.iscat.measure.gaussian_fits import fit_spots as fit_spots
from napari_uai.iscat.measure.image_fits import fit_psf as fit_psf
from napari_uai.iscat.measure.landing_rates import landing_rate as landing_rate
from napari_uai.iscat.measure.landings import assign_spots as assign_spots
from napari_uai.iscat.measure.landings import landings_from_tracks as landings_from_tracks
from napari_uai.iscat.measure.linking import link_spots as link_spots
from napari_uai.iscat.measure.localization import localize_landings as localize_landings
from napari_uai.iscat.measure.localization import summarize_landings as summarize_landings
from napari_uai.iscat.measure.localization_map import localization_map as localization_map
from napari_uai.iscat.measure.spot_filters import dense_spots as dense_spots
from napari_uai.iscat.measure.spot_filters import inner_spots as inner_spots
from napari_uai.iscat.measure.spot_filters import outlier_frames as outlier_frames
from napari_uai.iscat.measure.spot_filters import remove_side_lobes as remove_side_lobes
from napari_uai.iscat.measure.spot_filters import symmetric_spots as symmetric_spots
from napari_uai.iscat.measure.spot_filters import undisturbed_spots as undisturbed_spots
from napari_uai.iscat.rescore.rescoring import rescore_steps as rescore_steps
from napari_uai.videos.status_line import read_status_line as read_status_line
from napari_uai.videos.status_line import remove_status_line as remove_status_line

__all__ = [
    "accept_events",
    "anomaly_mask",
    "anomaly_scores",
    "anscombe_transform",
    "assign_spots",
    "bad_pixel_repair",
    "batch_deviation",
    "batch_difference",
    "batch_mean",
    "circular_mask",
    "contrast_histogram",
    "contrast_traces",
    "crop",
    "dark_frame_subtraction",
    "dense_spots",
    "detect_spots",
    "detect_steps",
    "difference_of_gaussians",
    "difference_of_gaussians_3d",
    "differential_rolling_average",
    "diffusion_constants",
    "diffusion_histogram",
    "diffusion_population",
    "fast_radial_symmetry",
    "fit_psf",
    "fit_spots",
    "fixed_pattern_correction",
    "flat_field",
    "flat_frame_division",
    "frame_normalization",
    "gaussian_filter",
    "global_normalization",
    "guided_filter",
    "inner_spots",
    "inverse_anscombe_transform",
    "landing_masses",
    "landing_rate",
    "landings_from_tracks",
    "link_spots",
    "localization_map",
    "localize_landings",
    "locate_spots",
    "masked_temporal_median",
    "mean_squared_displacement",
    "measure_contrasts",
    "measure_stage_drift",
    "median_filter",
    "minimum_threshold_map",
    "niblack_threshold_map",
    "noise_floor",
    "outlier_frames",
    "photon_transfer",
    "polygonal_mask",
    "power_normalization",
    "power_spectrum",
    "predict_background",
    "radial_variance_transform",
    "ratiometric_average",
    "read_status_line",
    "register_drift",
    "remove_side_lobes",
    "remove_status_line",
    "rescore_steps",
    "residual",
    "rolling_mean",
    "spots_from_mask",
    "stage_drift_correction",
    "summarize_landings",
    "symmetric_spots",
    "temporal_median",
    "turn_frames",
    "undisturbed_spots",
]
