from .analysis.analysis import analyse_trails
from .analysis.folder import TrailSource, rank_trails
from .analysis.outputs import write_trail_results
from .analysis.result import TrailResult
from .heat.along_trails import mean_over_trails, worst_window
from .heat.footprints import paint_footprints
from .heat.heat import measure_heat, update_heat
from .heat.masks import apply_masks, inside_fraction, read_mask
from .heat.regions import ordinary_regions, regions_geojson
from .heat.scaling import rescale
from .io.convert import frame_of_trails, tracks_of_trails, trails_of_frame, trails_of_tracks
from .io.reading import open_trails
from .io.writing import write_trails
from .pictures.canvas import write_picture
from .pictures.heatmap import heatmap_picture
from .pictures.tiles import tile_sheet
from .pictures.top import top_picture
from .scores.explanations import departing_stretches, score_samples
from .scores.reference import reference_scores
from .scores.scores import score_trails
from .table import Scene, Trails

__all__ = [
    "Scene",
    "TrailResult",
    "TrailSource",
    "Trails",
    "analyse_trails",
    "apply_masks",
    "departing_stretches",
    "frame_of_trails",
    "heatmap_picture",
    "inside_fraction",
    "mean_over_trails",
    "measure_heat",
    "open_trails",
    "ordinary_regions",
    "paint_footprints",
    "rank_trails",
    "read_mask",
    "reference_scores",
    "regions_geojson",
    "rescale",
    "score_samples",
    "score_trails",
    "tile_sheet",
    "top_picture",
    "tracks_of_trails",
    "trails_of_frame",
    "trails_of_tracks",
    "update_heat",
    "worst_window",
    "write_picture",
    "write_trail_results",
    "write_trails",
]
