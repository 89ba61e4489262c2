"""TIFF files of ImageJ, OME, Micro-Manager, OpenCV, Pillow, imageio and tifffile."""

import os

import cv2
import imageio.v2 as imageio
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_uai.videos import open_frames


@pytest.fixture
def tif(tmp_path):
    """Write a TIFF file with tifffile; return its path."""

    def write(pixels, name="a.tif", **options):
        tifffile.imwrite(tmp_path / name, pixels, **options)
        return tmp_path / name

    return write


def imagej(axes, **more):
    return {"imagej": True, "metadata": {"axes": axes, **more}}


def test_tif_imagej_T(tif, b, opens):
    options = imagej("TYX", finterval=0.0025, unit="um")
    opens(tif(b, resolution=(1 / 0.0437, 1 / 0.0437), **options), b, um=0.0437, hz=400)


def test_tif_imagej_Z(tif, b, opens):
    opens(tif(b, **imagej("ZYX")), b, notes=["axis Z of length 160 is taken as time"])


def test_tif_imagej_C(tif, b, opens):
    opens(tif(b, **imagej("CYX")), b, notes=["axis C of length 160 is taken as time"])


def test_tif_imagej_oneIFD(tif, b, opens):
    opens(tif(b, truncate=True, **imagej("TYX")), b)


def test_tif_imagej_TZ(tif, b, refused, opens):
    path = tif(b.reshape(80, 2, 32, 40), **imagej("TZYX"))
    refused(path, r"choose a plane \(0 to 1\)", {"plane": 0})
    opens(path, b[1::2], plane=1)


def test_tif_ome_T(tif, b, opens):
    size = {"PhysicalSizeX": 0.0437, "PhysicalSizeXUnit": "µm"}
    time = {"TimeIncrement": 2.5, "TimeIncrementUnit": "ms"}
    path = tif(b, "a.ome.tif", ome=True, metadata={"axes": "TYX"} | size | time)
    opens(path, b, um=0.0437, hz=400)


def test_tif_ome_TCZYX(tif, b, opens):
    opens(tif(b[:, None, None], "a.ome.tif", ome=True, metadata={"axes": "TCZYX"}), b)


def test_tif_big(tif, b, opens):
    opens(tif(b, bigtiff=True), b)


def test_tif_btf_suffix(tif, b, opens):
    opens(tif(b, "a.btf", bigtiff=True), b)


PACKED = {
    "lzw": {"compression": "lzw"},
    "deflate": {"compression": "deflate"},
    "packbits": {"compression": "packbits"},
    "lzma": {"compression": "lzma"},
    "jpeg2000": {"compression": "jpeg2000"},
    "jpegxl": {"compression": "jpegxl"},
    "lzw_predictor": {"compression": "lzw", "predictor": True},
    "deflate_predictor": {"compression": "zlib", "predictor": True},
    "tiled": {"tile": (16, 16)},
    "tiled_32": {"tile": (32, 32)},
    "multistrip": {"rowsperstrip": 7},
}


@pytest.mark.parametrize("kind", PACKED)
def test_tif_packed(tif, b, opens, kind):
    known = opens(tif(b, **PACKED[kind]), b)
    if "compression" in PACKED[kind]:
        assert known.details["compression"] in {kind, "adobe_deflate", "lzw"}


def test_tif_png(tif, b, opens):
    b = (b // 16).astype("u1")
    opens(tif(b, compression="png"), b)


def test_tif_webp(tif, b, opens):
    """WebP has colours only; the lossless kind keeps equal ones equal."""
    b = (b // 16).astype("u1")
    colours = np.repeat(b[..., None], 3, -1)
    options = {"compression": "webp", "compressionargs": {"level": -1}, "photometric": "rgb"}
    opens(tif(colours, **options), b, notes=["colours are converted to grey"])


def test_tif_be_f4(tif, b, opens):
    assert opens(tif(b.astype("f4"), byteorder=">"), b.astype("f4")).dtype == ">f4"


def test_tif_i2(tif, b, opens):
    b = (b.astype("i4") - 2000).astype("i2")
    opens(tif(b), b)


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_tif_rgb(tif, b, opens, kind):
    """Cases ``tif_rgb`` and ``tif_rgb16``."""
    b = (b // 16).astype(kind)
    colours = np.repeat(b[..., None], 3, -1)
    opens(tif(colours, photometric="rgb"), b, notes=["colours are converted to grey"])


def test_tif_10bit_packed(tif, b, opens):
    opens(tif(b // 4, bitspersample=10), b // 4)


def test_tif_single(tif, b, opens):
    opens(tif(b[0]), b[:1])


def test_tif_append_chunks(tif, b, opens):
    for k in range(0, 160, 40):
        path = tif(b[k : k + 40], append=True)
    opens(path, b)


@pytest.mark.parametrize("contiguous", [False, True], ids=["writer_frames", "writer_contig"])
def test_tif_writer(tmp_path, b, opens, contiguous):
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        for frame in b:
            out.write(frame, **({"contiguous": True} if contiguous else {}))
    opens(tmp_path / "a.tif", b)


def test_tif_miniswhite_lzw0(tif, b, opens):
    path = tif(65535 - b, photometric="miniswhite", compression="zlib")
    opens(path, 65535 - b, notes=["white is stored as zero; pixels are taken as stored"])


def test_tif_pillow(tmp_path, b, opens):
    first, *others = [Image.fromarray(frame) for frame in b]
    first.save(tmp_path / "a.tif", save_all=True, append_images=others)
    opens(tmp_path / "a.tif", b)


def test_tif_yxt(tif, b, opens):
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    opens(tif(np.ascontiguousarray(np.moveaxis(b, 0, -1)), **options), b)


def test_tif_yxt_pages(tif, b, refused, opens):
    path = tif(np.ascontiguousarray(np.moveaxis(b, 0, -1)), photometric="minisblack")
    refused(path, "frames seem to lie along the axis of length 160", {"axes": "YXT"})
    opens(path, b, axes="YXT")


def ome_of_two_files(folder, b):
    """An OME series as Micro-Manager splits it, of 100 and 60 frames."""
    names, sizes = ["r_MMStack_Default.ome.tif", "r_MMStack_Default_1.ome.tif"], [100, 60]
    starts = [0, 100]
    planes = "".join(
        f'<TiffData FirstT="{starts[k] + page}" IFD="{page}" PlaneCount="1">'
        f'<UUID FileName="{names[k]}">urn:uuid:{k}</UUID></TiffData>'
        for k in (0, 1)
        for page in range(sizes[k])
    )
    for k in (0, 1):
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{k}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            'DimensionOrder="XYCZT" Type="uint16" SizeX="40" SizeY="32" SizeC="1" SizeZ="1" '
            f'SizeT="160"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}'
            "</Pixels></Image></OME>"
        )
        with tifffile.TiffWriter(folder / names[k]) as out:
            for i, page in enumerate(b[starts[k] :][: sizes[k]]):
                out.write(page, description=None if i else xml, metadata=None, contiguous=False)
    return [folder / name for name in names]


def test_tif_ome_multifile_second(tmp_path, b, opens):
    for path in ome_of_two_files(tmp_path, b):
        opens(path, b)


def test_tif_ome_multifile_missing(tmp_path, b, refused):
    first, second = ome_of_two_files(tmp_path, b)
    second.unlink()
    refused(first, "60 of 160 pages are in files that are missing: copy all files")


def test_img_mmstack_folder(tmp_path, b, opens):
    ome_of_two_files(tmp_path, b)
    (tmp_path / "r_MMStack_Default_metadata.txt").write_text("{}")
    opens(tmp_path, b)


def test_tif_ome_two_channels(tif, b, refused, opens):
    path = tif(b.reshape(80, 2, 32, 40), "a.ome.tif", ome=True, metadata={"axes": "TCYX"})
    refused(path, r"choose a channel \(0 to 1\)", {"channel": 0})
    opens(path, b[0::2], channel=0)


def test_tif_two_images(tmp_path, b, opens):
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        out.write(b[0][:20, :20])
        out.write(b)
    note = "contains 2 series of images; image 1, of 160 x 32 x 40, is opened"
    opens(tmp_path / "a.tif", b, notes=[note])
    opens(tmp_path / "a.tif", b[:1, :20, :20], image="0")


def test_tif_thumbnail_subifd(tmp_path, b, opens):
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        for frame in b[:50]:
            out.write(frame, contiguous=False, metadata=None, subifds=1)
            out.write(frame[::2, ::2], subfiletype=1, metadata=None)
    opens(tmp_path / "a.tif", b[:50])


@pytest.mark.skipif(os.name == "nt", reason="files with holes need a call of their own there")
def test_tif_2gb_sparse_imagej(tif, b):
    """One directory for all frames, above 4 GiB; all but the last two are a hole in the file."""
    n = 1_700_000
    path = tif(b[:2], truncate=True, **imagej("TYX"))
    with tifffile.TiffFile(path) as written:
        [start] = written.pages[0].dataoffsets
    head = path.read_bytes()[:start]
    old = b"images=2\nframes=2\nhyperstack=true\nmode=grayscale"
    assert old in head
    new = b"images=%d\nframes=%d\nhyperstack=true" % (n, n)
    head = head.replace(old, new.ljust(len(old), b"\n"))
    with path.open("wb") as file:
        file.write(head)
        file.seek(start + (n - 2) * b[0].nbytes)
        file.write(b[:2].tobytes())
    assert path.stat().st_size > 2**32
    frames, _ = open_frames(path)
    assert frames.shape == (n, 32, 40)
    assert not frames[0].any()
    np.testing.assert_array_equal(frames[n - 2 :], b[:2])


def test_tif_imagej_lut(tif, b, opens):
    b = (b // 16).astype("u1")
    x = np.arange(256)
    red, green, blue = x, np.clip(2 * x - 128, 0, 255), np.clip(4 * x - 600, 0, 255)
    table = (np.stack([red, green, blue]) * 257).astype("u2")
    path = tif(b, photometric="palette", colormap=table, **imagej("TYX"))
    opens(path, b, notes=["has a colour table; pixels are taken as stored"])


def test_tif_imagej_invlut8(tif, b, opens):
    b = (b // 16).astype("u1")
    path = tif(b, photometric="miniswhite", **imagej("TYX"))
    opens(path, b, notes=["white is stored as zero; pixels are taken as stored"])


def test_tif_uniform_nometa(tmp_path, b, opens):
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        for frame in b:
            out.write(frame, contiguous=False, metadata=None)
    opens(tmp_path / "a.tif", b)


def test_tif_ome_deflate(tif, b, opens):
    opens(tif(b, "a.ome.tif", ome=True, metadata={"axes": "TYX"}, compression="zlib"), b)


def test_tif_ome_writer(tmp_path, b, opens):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as out:
        out.write(iter(b), shape=b.shape, dtype=b.dtype, metadata={"axes": "TYX"})
    opens(tmp_path / "a.ome.tif", b)


def test_tif_opencv_nocomp(tmp_path, b, opens):
    cv2.imwritemulti(str(tmp_path / "a.tif"), list(b), [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    opens(tmp_path / "a.tif", b)


def test_tif_imageio(tmp_path, b, opens):
    imageio.mimwrite(tmp_path / "a.tif", list(b))
    opens(tmp_path / "a.tif", b)


def test_tif_imageio_volwrite(tmp_path, b, opens):
    imageio.volwrite(tmp_path / "a.tif", b)
    opens(tmp_path / "a.tif", b)
