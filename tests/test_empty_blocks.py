"""Any source of frames gives an empty block for an empty range, as slices of arrays do."""

import importlib
import json
import pkgutil
from functools import partial
from inspect import isabstract

import av
import dask.array as da
import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from astropy.io import fits
from PIL import Image
from scipy.io import savemat

import napari_uai
from napari_uai.iscat.correct.bad_pixels import FilledFrames
from napari_uai.iscat.correct.binning import BinnedFrames
from napari_uai.iscat.correct.camera_offset import OffsetFrames
from napari_uai.iscat.detect.anomalies.batch_features import DistanceFrames
from napari_uai.iscat.detect.point_spread_function import gaussian_psf
from napari_uai.iscat.fastdvdnet.network import FastDVDnet
from napari_uai.iscat.fastdvdnet.predict import predicted_video
from napari_uai.iscat.fastdvdnet.settings import NetworkSettings
from napari_uai.iscat.fastdvdnet.weights import Weights
from napari_uai.iscat.limit.injection import InjectedFrames, PointImage, SteppedFrames
from napari_uai.iscat.limit.search import ShiftedFrames
from napari_uai.iscat.measure.localization_map import localization_map
from napari_uai.iscat.recipes import catalogue
from napari_uai.simulate.iscat.recording import SimulatedFrames
from napari_uai.simulate.settings import RecordingSettings
from napari_uai.videos import ReadOptions, open_frames
from napari_uai.videos.find_once import Memo
from napari_uai.videos.frames import ArrayFrames, DaskFrames, Frames, frames_of
from napari_uai.videos.patches import cut_patches, join_patches
from napari_uai.videos.sources.chosen import ChosenFrames
from napari_uai.videos.sources.finite import FiniteFrames

N, HEIGHT, WIDTH = 24, 12, 14
FORMATS = (
    *("raw", "part", "npy", "colour npy", "npz", "zarr", "zip", "hdf5", "mat", "fits", "movie"),
    *("packed tiff", "appended tiff", "appended packed tiff", "tiffs", "pngs"),
    "webp",
)
PARAMETERS = {
    "batch_size": 4,
    "stride": 4,
    "fixed_pattern": "median",
    "vertices": ((2, 2), (2, 10), (9, 5)),
}


def recording(seed=0):
    return np.random.default_rng(seed).poisson(1000, (N, HEIGHT, WIDTH)).astype(np.uint16)


def opened(folder, kind):
    video = recording()
    match kind:
        case "raw" | "part":
            video.tofile(folder / "a.bin")
            layout = {"height": HEIGHT, "width": WIDTH, "dtype": "<u2"}
            (folder / "a.json").write_text(json.dumps(layout))
            part = ReadOptions(frames=(2, 20) if kind == "part" else None)
            return open_frames(folder / "a.bin", part)[0]
        case "npy":
            np.save(folder / "a.npy", video)
        case "colour npy":
            np.save(folder / "a.npy", np.repeat(video[..., None], 3, axis=-1))
        case "zarr":
            zarr.save_array(folder / "a.zarr", video)
        case "npz":
            np.savez(folder / "a.npz", video)
        case "zip":
            with zarr.storage.ZipStore(folder / "a.ozx", mode="w") as store:
                zarr.create_array(store, data=video)
        case "hdf5":
            with h5py.File(folder / "a.h5", "w") as file:
                file.create_dataset("a", data=video, chunks=(5, HEIGHT, WIDTH))
        case "mat":
            savemat(folder / "a.mat", {"a": np.moveaxis(video, 0, -1)})
        case "fits":
            fits.PrimaryHDU(video).writeto(folder / "a.fits")
        case "movie":
            write_movie(folder / "a.mkv", video)
        case "appended tiff" | "appended packed tiff":
            compression = "zlib" if "packed" in kind else None
            for part in (video[:8], video[8:]):
                tifffile.imwrite(
                    folder / "a.tif",
                    part,
                    append=True,
                    compression=compression,
                    photometric="minisblack",
                )
        case "packed tiff":
            tifffile.imwrite(folder / "a.tif", video, compression="zlib")
        case "tiffs":
            for i in range(3):
                tifffile.imwrite(folder / f"{i}.tif", video[8 * i : 8 * i + 8])
            return open_frames(folder)[0]
        case "webp":
            first, *others = (
                Image.fromarray((frame % 256).astype("u1")).convert("RGB") for frame in video
            )
            first.save(folder / "a.webp", save_all=True, append_images=others, lossless=True)
        case "pngs":
            for i, frame in enumerate(video):
                Image.fromarray(frame).save(folder / f"{i}.png")
            return open_frames(folder)[0]
    return open_frames(next(folder.iterdir()))[0]


def write_movie(path, video):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "gray"
        for frame in video:
            grey = (frame // 256).astype("u1")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "gray")))
        container.mux(stream.encode())


def video_stages():
    """Every stage that makes a video of a video."""
    return [
        stage
        for stage in catalogue.STAGES.values()
        if stage.output == "video" and all(i.kind == "video" for i in stage.inputs)
    ]


def made_by(stage):
    """Run a stage lazily."""
    video = da.from_array(recording())
    inputs = [video for given in stage.inputs]
    if stage.name == "stage_drift_correction":
        rolling = catalogue.stage("differential_rolling_average").function
        inputs[0] = rolling(video, batch_size=4)
    values = {name: v for name, v in PARAMETERS.items() if name in stage.parameters}
    return frames_of(stage.function(*inputs, **values))


def chain_of(frames):
    """Return frames and all that they are made of."""
    chain = [frames]
    while isinstance(getattr(chain[-1], "source", None), Frames):
        chain.append(chain[-1].source)
    return [*chain, *getattr(chain[-1], "sources", ())]


def assert_empty_blocks(frames):
    n, *shape = frames.shape
    for start in (0, 1, n // 2, n):
        block = frames.read(start, start)
        assert block.shape == (0, *shape), f"at {start}"
        assert block.dtype == frames.dtype


@pytest.mark.parametrize("kind", FORMATS)
def test_empty_ranges_of_files_are_empty_blocks(tmp_path, kind):
    for frames in chain_of(opened(tmp_path, kind)):
        assert_empty_blocks(frames)


@pytest.mark.parametrize("stage", video_stages(), ids=lambda stage: stage.name)
def test_empty_ranges_of_stages_are_empty_blocks(stage):
    for frames in chain_of(made_by(stage)):
        assert_empty_blocks(frames)


def other_frames():
    settings = RecordingSettings(frames=N, rows=HEIGHT, columns=WIDTH, landings=0)
    return [
        ArrayFrames(recording()),
        DaskFrames(da.from_array(recording())),
        BinnedFrames(ArrayFrames(recording()), 3),
        FiniteFrames(ArrayFrames(recording()), np.array([0, 3])),
        DistanceFrames(ArrayFrames(recording()), Memo(partial(np.zeros, (HEIGHT, WIDTH))), 2),
        SimulatedFrames(settings),
        *changed_frames(ArrayFrames(recording())),
        frames_of(predicted_video(da.from_array(recording()), weights=small_network())),
    ]


def changed_frames(frames):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[3, 4] = True
    bins = np.ones((N // 3, HEIGHT, WIDTH), np.float32)
    landings = pd.DataFrame({"frame": [10], "y": [5.0], "x": [6.0], "contrast": [1e-3]})
    return [
        ChosenFrames(frames, np.arange(0, N, 2)),
        FilledFrames(frames, mask),
        OffsetFrames(frames, 100.0),
        InjectedFrames(frames, landings, PointImage.of(gaussian_psf(1.7))),
        SteppedFrames(bins, 3, N),
        ShiftedFrames(frames, bins, 3),
        join_patches(cut_patches(frames, size=(6, 7), overlap=2)),
        localization_map(landings, frames, frames_per_map=4),
    ]


def small_network():
    return Weights(FastDVDnet(NetworkSettings(spread=1, channels=2)).eval())


@pytest.mark.parametrize("frames", other_frames(), ids=lambda frames: type(frames).__name__)
def test_empty_ranges_of_all_others_are_empty_blocks(frames):
    assert_empty_blocks(frames)


def test_no_kind_of_frames_is_left_out_here(tmp_path):
    for module in pkgutil.walk_packages(napari_uai.__path__, "napari_uai."):
        if ".widgets" not in module.name:
            importlib.import_module(module.name)
    seen = {type(frames) for frames in other_frames()}
    for kind in FORMATS:
        folder = tmp_path / kind
        folder.mkdir()
        seen |= {type(frames) for frames in chain_of(opened(folder, kind))}
    seen |= {type(frames) for stage in video_stages() for frames in chain_of(made_by(stage))}
    ours = {kind for kind in descendants(Frames) if kind.__module__.startswith("napari_uai.")}
    assert {kind for kind in ours if not isabstract(kind)} <= seen


def descendants(kind):
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)
