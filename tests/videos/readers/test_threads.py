"""Frames of every kind of file are the same from eight threads in any order as in one pass."""

import multiprocessing
import os
import pickle
import shutil
import struct
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import av
import cv2
import h5py
import numpy as np
import pytest
import tifffile
import zarr
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from napari_uai.videos import ReadOptions, open_frames

N, HEIGHT, WIDTH = 61, 24, 30
THREADS, ROUNDS = 8, int(os.environ.get("THREAD_ROUNDS", "4"))
WRITERS = {}


def video():
    """Frames that all differ."""
    counts = np.random.default_rng(5).integers(0, 200, (N, HEIGHT, WIDTH))
    return (counts + np.arange(N)[:, None, None]).astype("u1")


def colours():
    return np.stack([video(), video()[::-1], video()[:, ::-1]], axis=-1)


def writer(function):
    WRITERS[function.__name__.replace("_", " ")] = function
    return function


def tiff(name, **options):
    """Register a TIFF file of some kind."""
    pixels = options.pop("pixels", video)

    def write(folder):
        tifffile.imwrite(folder / "a.tif", pixels(), **{"photometric": "minisblack"} | options)
        return folder / "a.tif"

    WRITERS[f"tiff {name}"] = write


def deep():
    return video().astype("u2") * 16


def planes():
    return np.moveaxis(colours(), -1, 1)


TABLE = np.random.default_rng(0).integers(0, 65_536, (3, 256)).astype("u2")
tiff("plain")
tiff("big", bigtiff=True, byteorder=">")
tiff("white is zero", photometric="miniswhite", compression="zlib", pixels=deep)
tiff("imagej white is zero", photometric="miniswhite", imagej=True)
tiff("colour table", photometric="palette", colormap=TABLE, compression="zlib")
tiff("imagej colour table", photometric="palette", colormap=TABLE, imagej=True)
tiff("colours", photometric="rgb", pixels=colours)
tiff("packed colours", photometric="rgb", pixels=colours, compression="lzw")
tiff("planar", photometric="rgb", planarconfig="separate", pixels=planes)
tiff("packed planar", photometric="rgb", planarconfig="separate", pixels=planes, compression="zlib")
tiff("lzw", compression="lzw", pixels=deep)
tiff("predictor", compression="lzw", predictor=True, pixels=deep)
tiff("zstd", compression="zstd", pixels=deep)
tiff("strips", rowsperstrip=5, compression="zlib", pixels=deep)
tiff("tiles", tile=(16, 16), pixels=deep)
tiff("packed tiles", tile=(16, 16), compression="lzw", pixels=deep)
tiff("jpeg", compression="jpeg")
tiff("jpeg tiles", compression="jpeg", tile=(16, 16))
tiff("jpeg2000", compression="jpeg2000", pixels=deep)
tiff("12 bits", bitspersample=12, pixels=deep)
tiff("ome", ome=True, metadata={"axes": "TYX"}, compression="zlib")
tiff("columns and frames", pixels=lambda: np.moveaxis(video(), 0, -1), planarconfig="contig")


@writer
def tiff_single_pages(folder):
    with tifffile.TiffWriter(folder / "a.tif") as out:
        for page in video():
            out.write(page, metadata=None, contiguous=False, compression="zlib")
    return folder / "a.tif"


@writer
def tiff_appended(folder):
    for start in range(0, N, 7):
        part = video()[start : start + 7]
        tifffile.imwrite(folder / "a.tif", part, append=True, photometric="minisblack")
    return folder / "a.tif"


@writer
def tiff_appended_packed(folder):
    for start in range(0, N, 7):
        part = video()[start : start + 7]
        options = {"append": True, "photometric": "minisblack", "compression": "zlib"}
        tifffile.imwrite(folder / "a.tif", part, **options)
    return folder / "a.tif"


@writer
def tiff_with_smaller_copies(folder):
    with tifffile.TiffWriter(folder / "a.tif") as out:
        for page in video():
            out.write(page, metadata=None, subifds=1, compression="lzw")
            out.write(page[::2, ::2], subfiletype=1, metadata=None)
    return folder / "a.tif"


def ome_series(folder, **options):
    sizes = (30, 20, N - 50)
    names = [f"a{k}.ome.tif" for k in range(3)]
    planes = "".join(
        f'<TiffData FirstT="{sum(sizes[:k]) + page}" IFD="{page}" PlaneCount="1">'
        f'<UUID FileName="{names[k]}">urn:uuid:{k}</UUID></TiffData>'
        for k in range(3)
        for page in range(sizes[k])
    )
    for k, name in enumerate(names):
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{k}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            f'DimensionOrder="XYCZT" Type="uint8" SizeX="{WIDTH}" SizeY="{HEIGHT}" SizeC="1" '
            f'SizeZ="1" SizeT="{N}"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}'
            "</Pixels></Image></OME>"
        )
        with tifffile.TiffWriter(folder / name) as out:
            for i, page in enumerate(video()[sum(sizes[:k]) :][: sizes[k]]):
                out.write(page, description=None if i else xml, metadata=None, **options)
    return folder / names[1]


@writer
def ome_tiff_of_several_files(folder):
    return ome_series(folder, contiguous=False)


@writer
def packed_ome_tiff_of_several_files(folder):
    return ome_series(folder, compression="lzw")


@writer
def raw(folder):
    video().tofile(folder / "a.bin")
    (folder / "a.json").write_text(f'{{"height": {HEIGHT}, "width": {WIDTH}, "dtype": "u1"}}')
    return folder / "a.bin"


@writer
def npy(folder):
    np.save(folder / "a.npy", deep())
    return folder / "a.npy"


@writer
def npy_of_the_other_byte_order(folder):
    np.save(folder / "a.npy", deep().astype(">u2"))
    return folder / "a.npy"


@writer
def npy_in_colour(folder):
    np.save(folder / "a.npy", colours())
    return folder / "a.npy"


@writer
def npz(folder):
    np.savez_compressed(folder / "a.npz", deep())
    return folder / "a.npz"


@writer
def zarr_2(folder):
    zarr.create_array(folder / "a.zarr", data=deep(), chunks=(7, 10, 30), zarr_format=2)
    return folder / "a.zarr"


@writer
def zarr_3(folder):
    shards = {"chunks": (4, HEIGHT, WIDTH), "shards": (16, HEIGHT, WIDTH)}
    zarr.create_array(folder / "a.zarr", data=deep(), **shards)
    return folder / "a.zarr"


@writer
def zarr_zipped(folder):
    zarr.create_array(folder / "a.zarr", data=deep(), chunks=(7, 10, 30))
    shutil.make_archive(str(folder / "a.zarr"), "zip", folder / "a.zarr")
    return folder / "a.zarr.zip"


@writer
def n5(folder):
    data = deep()
    facts = f'"dimensions": [{WIDTH}, {HEIGHT}, {N}], "blockSize": [{WIDTH}, {HEIGHT}, 7]'
    (folder / "a.n5").mkdir()
    (folder / "a.n5" / "attributes.json").write_text(
        f'{{{facts}, "dataType": "uint16", "compression": {{"type": "raw"}}}}'
    )
    for k in range(0, N, 7):
        part = data[k : k + 7].astype(">u2")
        head = np.array([0, 3], ">u2").tobytes() + np.array(part.shape[::-1], ">u4").tobytes()
        block = folder / "a.n5" / "0" / "0" / str(k // 7)
        block.parent.mkdir(parents=True, exist_ok=True)
        block.write_bytes(head + part.tobytes())
    return folder / "a.n5"


@writer
def hdf5(folder):
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("a/b", data=deep(), chunks=(3, HEIGHT, WIDTH), compression="gzip")
    return folder / "a.h5"


@writer
def hdf5_without_chunks(folder):
    with h5py.File(folder / "a.mp", "w") as file:
        file["movie/frame"] = deep()
    return folder / "a.mp"


@writer
def matlab_5(folder):
    savemat(folder / "a.mat", {"a": np.moveaxis(deep(), 0, -1)}, do_compression=True)
    return folder / "a.mat"


@writer
def matlab_73(folder):
    with h5py.File(folder / "a.mat", "w", userblock_size=512) as file:
        file["a"] = deep().transpose(0, 2, 1)
    return folder / "a.mat"


@writer
def fits_of_scaled_integers(folder):
    fits.PrimaryHDU(deep()).writeto(folder / "a.fits")
    return folder / "a.fits"


@writer
def fits_compressed(folder):
    packed = fits.CompImageHDU(deep().astype("i2"), compression_type="RICE_1")
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(folder / "a.fits")
    return folder / "a.fits"


def movie(path, codec, layout, b_frames=0):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, layout
        stream.max_b_frames, stream.gop_size = b_frames, 8
        for frame in video():
            big = np.tile(frame, (2, 3))[:, :64]
            picture = av.VideoFrame.from_ndarray(np.repeat(big[..., None], 3, -1), "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


@writer
def movie_lossless(folder):
    return movie(folder / "a.mkv", "ffv1", "gray")


@writer
def movie_of_dependent_frames(folder):
    return movie(folder / "a.mp4", "libx264", "yuv420p", 3)


@writer
def movie_without_times(folder):
    return movie(folder / "a.avi", "libx264", "yuv420p", 3)


@writer
def movie_avi(folder):
    return movie(folder / "a.avi", "mjpeg", "yuvj444p")


def animation(path, **options):
    first, *others = map(Image.fromarray, video())
    first.save(path, save_all=True, append_images=others, duration=40, **options)
    return path


@writer
def animation_gif(folder):
    return animation(folder / "a.gif")


@writer
def animation_png(folder):
    return animation(folder / "a.png")


@writer
def animation_webp(folder):
    return animation(folder / "a.webp", lossless=True)


@writer
def animation_flic(folder):
    """The lower half of every other frame stays that of the frame before."""
    parts = []
    for k, frame in enumerate(np.pad(video(), ((0, 0), (0, 0), (0, 2)), "wrap")):
        if k % 2:
            rows = struct.pack("<HH", 0, 12)
            lines = b"".join(bytes([1, 0, 32]) + row.tobytes() for row in frame[:12])
            kind, content = 12, rows + lines
        else:
            kind, content = 16, frame.tobytes()
        chunk = struct.pack("<IH", 6 + len(content), kind) + content
        parts.append(struct.pack("<IHH8x", 16 + len(chunk), 0xF1FA, 1) + chunk)
    content = b"".join(parts)
    head = struct.pack("<IHHHHHHI", 128 + len(content), 0xAF12, N, 32, HEIGHT, 8, 3, 40)
    head = head.ljust(80, b"\0") + struct.pack("<II", 128, 128 + len(parts[0]))
    (folder / "a.flc").write_bytes(head.ljust(128, b"\0") + content)
    return folder / "a.flc"


def spe(path, version, step, description=b""):
    """A file of WinView or LightField, with bytes between the frames."""
    head = bytearray(4100)
    size = deep()[0].nbytes
    stated = (42, "<H", WIDTH), (108, "<h", 3), (656, "<H", HEIGHT), (1446, "<i", N)
    footer = (678, "<Q", 4100 + N * (size + step)), (1992, "<f", version)
    for place, kind, value in (*stated, *footer):
        struct.pack_into(kind, head, place, value)
    frames = b"".join(frame.tobytes() + bytes(step) for frame in deep())
    path.write_bytes(bytes(head) + frames + description)
    return path


@writer
def spe_of_winview(folder):
    return spe(folder / "a.spe", 2.5, 0)


@writer
def spe_of_lightfield(folder):
    size = deep()[0].nbytes
    region = f'<DataBlock type="Region" width="{WIDTH}" height="{HEIGHT}" stride="{size}"/>'
    frame = f'count="{N}" pixelFormat="MonochromeUnsigned16" size="{size}" stride="{size + 8}"'
    xml = f'<SpeFormat><DataFormat><DataBlock type="Frame" {frame}>{region}'
    end = "</DataBlock></DataFormat></SpeFormat>"
    return spe(folder / "a.spe", 3.0, 8, (xml + end).encode())


@writer
def folder_of_pictures(folder):
    for k, frame in enumerate(video()):
        cv2.imwrite(str(folder / f"f{k}.png"), frame)
    return folder


@writer
def folder_of_tiffs(folder):
    for k, frame in enumerate(video()):
        tifffile.imwrite(folder / f"f{k}.tif", frame, compression="lzw")
    return folder


@writer
def folder_of_stacks(folder):
    for k in range(0, N, 10):
        part = video()[k : k + 10]
        tifffile.imwrite(folder / f"f{k}.tif", part, compression="lzw", photometric="minisblack")
    return folder


def sources(path):
    """Return frames as they open, and those below the blocks that are kept."""
    frames, _ = open_frames(path)
    return [frames, *([frames.source] if hasattr(frames, "source") else [])]


def one_pass(frames):
    return np.concatenate([frames.read(k, k + 1) for k in range(len(frames))])


def ranges(rng, n):
    """Return ranges of frames in random order that cover all frames more than once."""
    starts = rng.permutation(np.concatenate([np.arange(n), np.arange(n)]))
    return [(int(start), int(min(start + rng.integers(1, 9), n))) for start in starts]


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow) for kind in WRITERS])
def test_eight_threads_read_what_one_pass_reads(tmp_path, kind):
    path = WRITERS[kind](tmp_path)
    rng = np.random.default_rng(0)
    for frames in sources(path):
        expected = one_pass(frames)
        for _ in range(ROUNDS):
            again = pickle.loads(pickle.dumps(frames))  # closed: the threads open it together
            asked = ranges(rng, len(frames))
            with ThreadPoolExecutor(THREADS) as pool:
                got = list(pool.map(lambda span: again.read(*span), asked))  # noqa: B023
            for (start, stop), block in zip(asked, got, strict=True):
                np.testing.assert_array_equal(block, expected[start:stop])


@pytest.mark.parametrize("kind", WRITERS)
def test_every_frame_differs_from_the_others(tmp_path, kind):
    """Otherwise the test above would pass with frames in the wrong places."""
    [frames, *_] = sources(WRITERS[kind](tmp_path))
    assert len(frames) == N
    assert len({frames.read(k, k + 1).tobytes() for k in range(N)}) == N


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITERS)
def test_any_ranges_from_any_threads(tmp_path, kind):
    [frames, *_] = sources(WRITERS[kind](tmp_path))
    expected = one_pass(frames)

    @settings(max_examples=15, deadline=None, suppress_health_check=[*HealthCheck])
    @given(st.lists(st.tuples(st.integers(-3, N + 3), st.integers(-3, N + 3)), max_size=24))
    def check(asked):
        with ThreadPoolExecutor(THREADS) as pool:
            got = list(pool.map(lambda span: frames.read(*span), asked))
        for (start, stop), block in zip(asked, got, strict=True):
            np.testing.assert_array_equal(block, expected[start:stop])

    check()


@pytest.mark.slow
def test_other_processes_read_the_same(tmp_path):
    opened = {}
    for kind, write in WRITERS.items():
        (tmp_path / kind).mkdir()
        opened[kind] = open_frames(write(tmp_path / kind), ReadOptions(frames=(5, 50)))[0]
        opened[kind].read(0, 1)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        elsewhere = {kind: pool.submit(frames.read, 10, 20) for kind, frames in opened.items()}
        for kind, frames in opened.items():
            got = elsewhere[kind].result()
            np.testing.assert_array_equal(got, frames.read(10, 20), err_msg=kind)
