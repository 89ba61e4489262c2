from . import evaluate, iscat, sample_data, simulate, trails, videos
from .errors import NapariUaiError
from .evaluate.evaluation import evaluate_landings
from .evaluate.ranking import evaluate_trail_scores
from .evaluate.truth import read_truth
from .iscat.limit.analysis import detection_limit
from .iscat.limit.result import LimitResult
from .iscat.piscat.spots import read_piscat_table
from .iscat.piscat.trajectories import PiscatTrajectories, read_piscat_trajectories
from .iscat.recipes.batch import Outcome, analyse_folder, analyse_recording
from .iscat.recipes.batch_table import analyse_table
from .iscat.recipes.outputs import write_results
from .iscat.recipes.recipe import Recipe, load_recipe, recipe_names
from .iscat.recipes.run import RunResult, run_recipe
from .iscat.table_files import export_table
from .monitor import Monitor
from .report.writing import write_report
from .sample_data import sample_path
from .simulate.iscat.recording import simulate_recording
from .simulate.trails.simulation import simulate_trails
from .stages import stage
from .trails.analysis.analysis import analyse_trails
from .trails.analysis.folder import TrailSource, rank_trails
from .trails.analysis.outputs import write_trail_results
from .trails.analysis.result import TrailResult
from .trails.io.reading import open_trails
from .trails.io.writing import write_trails
from .trails.table import Trails
from .videos.formats import open_video, video_info
from .videos.recording import Recording, open_recording
from .videos.writing.writers import write_video

__all__ = [
    "LimitResult",
    "Monitor",
    "NapariUaiError",
    "Outcome",
    "PiscatTrajectories",
    "Recipe",
    "Recording",
    "RunResult",
    "TrailResult",
    "TrailSource",
    "Trails",
    "analyse_folder",
    "analyse_recording",
    "analyse_table",
    "analyse_trails",
    "detection_limit",
    "evaluate",
    "evaluate_landings",
    "evaluate_trail_scores",
    "export_table",
    "iscat",
    "load_recipe",
    "open_recording",
    "open_trails",
    "open_video",
    "rank_trails",
    "read_piscat_table",
    "read_piscat_trajectories",
    "read_truth",
    "recipe_names",
    "run_recipe",
    "sample_data",
    "sample_path",
    "simulate",
    "simulate_recording",
    "simulate_trails",
    "stage",
    "trails",
    "video_info",
    "videos",
    "write_report",
    "write_results",
    "write_trail_results",
    "write_trails",
    "write_video",
]

__version__: str
