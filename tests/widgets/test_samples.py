from __future__ import annotations

import dask.array as da
import numpy as np
from napari.layers import Points

from napari_uai.widgets.layers import KEY


def test_the_sample_recording_opens_lazily_with_its_known_landings(viewer):
    video, truth = viewer.open_sample("napari-uai", "landings")
    assert isinstance(video.data, da.Array)
    assert video.metadata[KEY]["pixel_size_um"] == video.scale[1]
    assert isinstance(truth, Points)
    assert {"contrast", "raw_frame"} <= set(truth.features.columns)
    extent = video.extent.world
    world = np.array([truth.data_to_world(position) for position in truth.data])
    assert (world >= extent[0]).all()
    assert (world <= extent[1]).all()
