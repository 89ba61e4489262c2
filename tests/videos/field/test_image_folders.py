"""Folders of images, in all the ways in which programs number them, and what lies among them."""

import cv2
import numpy as np
import pytest
import tifffile

from napari_uai.errors import VideoFormatError
from napari_uai.videos import list_recordings, open_frames


@pytest.fixture
def pictures(tmp_path):
    """Write an image per frame with OpenCV; return their folder."""

    def write(frames, names, folder="d"):
        (tmp_path / folder).mkdir(exist_ok=True, parents=True)
        for frame, name in zip(frames, names, strict=True):
            assert cv2.imwrite(str(tmp_path / folder / name), frame)
        return tmp_path / folder

    return write


@pytest.fixture
def tiffs(tmp_path):
    """Write TIFF files with tifffile; return their folder."""

    def write(parts, folder="d"):
        (tmp_path / folder).mkdir(exist_ok=True, parents=True)
        for name, pixels in parts.items():
            tifffile.imwrite(tmp_path / folder / name, pixels, photometric="minisblack")
        return tmp_path / folder

    return write


def test_img_png16_odd_names(pictures, b, opens):
    opens(pictures(b, [f"Image ({k + 1}).png" for k in range(160)]), b)


def test_img_png_colon_names(pictures, b, opens):
    """Three positions, visited in turn: by time, then by position."""
    b = b[:60]
    folder = pictures(b, [f"run2-pos{k % 3}_t{k // 3}.png" for k in range(60)])
    note = r"vary \(pos 3, t 20\); images are read by t, then by pos: .*run2-pos0_t\*\.png"
    opens(folder, b, notes=[note])
    opens(folder / "run2-pos1_t*.png", b[1::3])


def test_img_png_neg_dec(pictures, b, opens):
    opens(pictures(b, [f"t={k * 0.0025:.4f}s.png" for k in range(160)]), b)


def test_img_png_thumbsdb(pictures, b, opens):
    folder = pictures(b[:60], [f"f{k}.png" for k in range(60)])
    for k in range(60):
        (folder / f"._f{k}.png").write_bytes(b"x" * 100)
    for name in ("Thumbs.db", "desktop.ini", "meta.txt"):
        (folder / name).write_bytes(b"x")
    opens(folder, b[:60])


def test_img_png_avg_preview(pictures, b, opens):
    folder = pictures(b[:60], [f"f{k:04d}.png" for k in range(60)])
    cv2.imwrite(str(folder / "mean.png"), b.mean(0).astype("u2"))
    opens(folder, b[:60], notes=[r"mean\.png is left out, unlike the other files"])


def test_img_png_other_size(pictures, b, opens):
    folder = pictures(b[:60], [f"f{k:04d}.png" for k in range(60)])
    cv2.imwrite(str(folder / "overview.png"), np.zeros((200, 300), "u2"))
    opens(folder, b[:60], notes=[r"overview\.png is left out"])


def test_img_jpg_rgb(pictures, b, opens):
    b = (b[:60] // 16).astype("u1")
    folder = pictures(np.repeat(b[..., None], 3, -1), [f"f{k}.jpg" for k in range(60)])
    decoded = [cv2.imread(str(folder / f"f{k}.jpg"), cv2.IMREAD_GRAYSCALE) for k in range(60)]
    opens(folder, np.stack(decoded), notes=["colours are converted to grey"], atol=1)


def test_img_png_alpha(pictures, b, opens):
    b = (b[:60] // 16).astype("u1")
    opaque = np.full(b.shape, 255, "u1")
    folder = pictures(np.stack([b, b, b, opaque], -1), [f"f{k}.png" for k in range(60)])
    opens(folder, b, notes=["colours are converted to grey"])


def test_img_bmp(pictures, b, opens):
    b = (b[:60] // 16).astype("u1")
    opens(pictures(b, [f"f{k}.bmp" for k in range(60)]), b)


def test_img_tif_single(tiffs, b, opens):
    opens(tiffs({f"f_{k}.tif": frame for k, frame in enumerate(b)}), b)


def test_img_tif_mixed_count(tiffs, b, opens):
    parts = {f"f_{k:05d}.tif": frame for k, frame in enumerate(b[:80])}
    notes = ["99919 numbers are missing", r"f_99999\.tif holds 80 frames, the others 1; all are"]
    opens(tiffs(parts | {"f_99999.tif": b[80:]}), b, notes=notes)


def test_img_tif_hidden_multipage(tiffs, b, opens):
    folder = tiffs({f"f_{k:05d}.tif": frame for k, frame in enumerate(b[:100])})
    options = {"compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(folder / "f_00100.tif", b[100:102], **options)
    note = r"f_00100\.tif holds 2 frames, the others 1; all are read"
    opens(folder, b[:102], notes=[note])


def test_img_tif_chunks(tiffs, b, opens):
    opens(tiffs({f"run_X{k + 1}.tif": b[40 * k : 40 * k + 40] for k in range(4)}), b)


def test_img_tif_solis_names(tiffs, b, opens):
    names = ["run.tif", "run_X2.tif", "run_X3.tif", "run_X4.tif"]
    opens(tiffs({name: b[40 * k : 40 * k + 40] for k, name in enumerate(names)}), b)


def test_img_mixed_folder(tiffs, b, refused, opens):
    """A folder of recordings: each of them is found, and read or refused on its own."""
    folder = tiffs({"a.tif": b[:40]})
    b[40:80].tofile(folder / "b.bin")
    (folder / "b.bin.json").write_text('{"height": 32, "width": 40, "dtype": "<u2"}')
    np.save(folder / "c.npy", b[80:])
    (folder / "sub").mkdir()
    np.save(folder / "sub" / "c.npy", b[:40])
    (folder / "notes.docx").write_bytes(b"x")
    (folder / "bad.tif").write_bytes(b"II*\0")
    (folder / "x.avi").write_bytes(b"RIFF")
    refused(folder, r"several kinds \(a\.tif, b\.bin, bad\.tif, c\.npy.*: give one of them")
    right = {"a.tif": b[:40], "b.bin": b[40:80], "c.npy": b[80:], "sub/c.npy": b[:40]}
    found = [path.relative_to(folder).as_posix() for path in list_recordings(folder)]
    assert found == ["a.tif", "b.bin", "bad.tif", "c.npy", "sub/c.npy", "x.avi"]
    for name in found:
        if name in right:
            opens(folder / name, right[name])
        else:
            refused(folder / name, f"{name} is not a|export it")


def test_img_deep_stack(tiffs, b, refused, opens):
    for k in (0, 1):
        part = b[80 * k : 80 * k + 80]
        names = {f"img_{i:09d}_Default_000.tif": frame for i, frame in enumerate(part)}
        folder = tiffs(names, f"d/Pos{k}").parent
    refused(folder, "its folders Pos0, Pos1 do: give one of them, e.g. .*Pos0")
    opens(folder / "Pos1", b[80:])


def test_img_png_pattern_brackets(pictures, b, opens):
    opens(pictures(b[:60], [f"f{k}.png" for k in range(60)], "d/run [1]"), b[:60])


def test_a_pattern_that_matches_nothing_is_refused(tmp_path):
    with pytest.raises(VideoFormatError, match="matches no images"):
        open_frames(tmp_path / "f[0-9].png")
