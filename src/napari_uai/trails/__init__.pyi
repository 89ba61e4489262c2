from .analysis.analysis import analyse_trails
from .analysis.folder import TrailSource, rank_trails
from .analysis.follow import TrailFollower
from .analysis.model_file import read_model, write_model
from .analysis.outputs import write_trail_results
from .analysis.result import TrailResult
from .analysis.scene_model import SceneModel, fit_scene, update_scene
from .analysis.scene_scores import score_against
from .heat.along_trails import mean_over_trails, worst_window
from .heat.brush import count_trails
from .heat.footprints import paint_footprints
from .heat.heat import measure_heat, update_heat
from .heat.masks import apply_masks, inside_fraction, read_mask
from .heat.painted_width import choose_painted_width
from .heat.regions import ordinary_regions, regions_geojson
from .heat.scaling import rescale
from .io.convert import frame_of_trails, tracks_of_trails, trails_of_frame, trails_of_tracks
from .io.reading import open_trails
from .io.table_options import TableOptions
from .io.writing import write_trails
from .pictures.canvas import write_picture
from .pictures.heatmap import heatmap_picture
from .pictures.tiles import moments, tile_sheet
from .pictures.top import top_picture
from .scores.companions import find_companions
from .scores.direction import against_the_stream
from .scores.explanations import departing_stretches, score_samples
from .scores.jumps import find_jumps, split_at_jumps
from .scores.motion import dwell_scores, measure_pace, speed_scores
from .scores.nearest import nearest_distances
from .scores.reference import reference_scores
from .scores.resampling import resample_along_arc, walk
from .scores.scores import score_trails
from .table import Scene, Trails, trails_of

__all__ = [
    "Scene",
    "SceneModel",
    "TableOptions",
    "TrailFollower",
    "TrailResult",
    "TrailSource",
    "Trails",
    "against_the_stream",
    "analyse_trails",
    "apply_masks",
    "choose_painted_width",
    "count_trails",
    "departing_stretches",
    "dwell_scores",
    "find_companions",
    "find_jumps",
    "fit_scene",
    "frame_of_trails",
    "heatmap_picture",
    "inside_fraction",
    "mean_over_trails",
    "measure_heat",
    "measure_pace",
    "moments",
    "nearest_distances",
    "open_trails",
    "ordinary_regions",
    "paint_footprints",
    "rank_trails",
    "read_mask",
    "read_model",
    "reference_scores",
    "regions_geojson",
    "resample_along_arc",
    "rescale",
    "score_against",
    "score_samples",
    "score_trails",
    "speed_scores",
    "split_at_jumps",
    "tile_sheet",
    "top_picture",
    "tracks_of_trails",
    "trails_of",
    "trails_of_frame",
    "trails_of_tracks",
    "update_heat",
    "update_scene",
    "walk",
    "worst_window",
    "write_model",
    "write_picture",
    "write_trail_results",
    "write_trails",
]
