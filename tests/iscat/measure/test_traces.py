import numpy as np
import pandas as pd

from napari_uai.iscat.correct.power import power_normalization
from napari_uai.iscat.correct.rolling_average import differential_rolling_average
from napari_uai.iscat.correct.stage_drift import stage_drift_correction
from napari_uai.iscat.measure.amplitudes import contrast_traces
from napari_uai.videos import frames_of, lazy_video
from napari_uai.videos.frames import ArrayFrames

LANDINGS = pd.DataFrame(
    {"landing": [4, 9], "frame": [260, 430], "y": [11.3, 20.0], "x": [13.8, 9.4]}
)


def counts(n=1100):
    video = np.random.default_rng(0).poisson(9000, (n, 30, 28)).astype(np.uint16)
    return lazy_video(ArrayFrames(video))


def averages():
    power = power_normalization(counts())
    average = differential_rolling_average(power, batch_size=230)
    return average, stage_drift_correction(average, power)


def test_some_points_of_a_trace_are_those_of_the_whole_one():
    _, corrected = averages()
    some = contrast_traces(LANDINGS, corrected, batch_size=230, points_per_batch=100)
    whole = contrast_traces(LANDINGS, corrected, batch_size=230, points_per_batch=230)
    assert set(np.diff(whole.loc[whole["landing"] == 4, "frame"])) == {1}
    assert (some["frame"] % 2 == 0).all()
    both = some.merge(whole, on=["landing", "frame"], suffixes=("", "_whole"))
    assert len(both) == len(some) == (whole["frame"] % 2 == 0).sum()
    np.testing.assert_array_equal(both["contrast"], both["contrast_whole"])


def test_frames_read_here_and_there_are_those_of_a_whole_pass():
    near, far, mixed = [3, 5, 6, 9], [0, 70, 300, 500], [10, 11, 12, 200, 203, 640]
    for video in averages():
        frames = frames_of(video)
        whole = frames.read(0, len(frames))
        for numbers in (near, far, mixed, []):
            block = frames.read_at(np.array(numbers, np.int64))
            assert block.dtype == whole.dtype
            np.testing.assert_allclose(block, whole[numbers], rtol=0, atol=1e-9)
