"""``napari-uai info``: readable for every format; options that say how a file is read."""

import json
import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_uai.cli.app import main
from napari_uai.cli.options import words_of
from napari_uai.cli.terminal import FAILED
from napari_uai.sample_data import sample_path
from napari_uai.videos import ReadOptions, write_video
from napari_uai.videos.writing.thumbnails import terminal_thumbnails


@pytest.fixture
def info(capsys):
    """Run ``info``; return the rows of its table."""

    def run(*arguments):
        assert main(["info", *map(str, arguments)]) == 0
        lines = capsys.readouterr().out.splitlines()
        rows = {}
        for line in lines:
            name, _, text = line.partition(":")
            rows.setdefault(name, []).append(text.strip())
        return {name: "\n".join(texts) for name, texts in rows.items()}

    return run


def frames(n=20):
    return np.random.default_rng(2).integers(0, 900, (n, 12, 14)).astype("u2")


def stack_of_planes(folder):
    """2 channels, 3 planes, 5 times."""
    stack = np.arange(5 * 3 * 2 * 12 * 14, dtype="u2").reshape(5, 3, 2, 12, 14)
    tifffile.imwrite(folder / "planes.ome.tif", stack, metadata={"axes": "TZCYX"})
    return folder / "planes.ome.tif", stack


@pytest.mark.parametrize("suffix", [".bin", ".tif", ".ome.tif", ".npy", ".zarr"])
def test_format_type_size_and_scale_are_shown_with_their_origin(info, tmp_path, suffix):
    path = write_video(frames(), tmp_path / f"a{suffix}", pixel_size_um=0.05, frame_rate_hz=400)
    rows = info(path)
    assert rows["video"] == "20 frames of 12 x 14 px, <u2"
    assert rows["type"] == "16-bit unsigned, little-endian"
    assert "bytes" in rows["size on disk"]
    assert rows["status line"] == "none found"
    if suffix != ".npy":
        origin = "a file beside it" if suffix == ".bin" else "the file"
        assert rows["pixel size"] == f"0.05 µm ({origin})"
        assert rows["frame rate"] == f"400 Hz ({origin})"
        assert rows["duration"] == "0.05 s"


def test_a_folder_of_images_is_one_recording(info, tmp_path):
    for i, frame in enumerate(frames(3)):
        Image.fromarray(frame).save(tmp_path / f"{i}.png")
    rows = info(tmp_path)
    assert rows["video"].startswith("3 frames of 12 x 14 px")
    assert rows["pixel size"] == rows["frame rate"] == "unknown"


def test_what_was_assumed_is_a_note(info):
    rows = info(sample_path("landings.bin"), "--frames", "1000:2000")
    assert rows["note"] == "landings.bin: frames 1000:2000 were requested, but it ends at 1200"
    assert rows["frames of the file"] == "1000 to 1199 of 1200"


def test_words_of_a_file_cannot_steer_the_terminal(info, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["video"] = frames()
        file["video"].attrs["camera"] = "[bold]a[/bold]"
        file["video"].attrs["\x1b[31mred"] = "x"
    rows = info(tmp_path / "a.h5")
    assert rows["camera"] == "[bold]a[/bold]"
    assert "\\x1b[31mred" in rows


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_of_files_cannot_steer_the_terminal(tmp_path, capsys):
    path = tmp_path / "a\x1b[31m.npy"
    assert main(["info", str(path)]) == FAILED
    np.save(path, np.stack([frames().astype("u1")] * 3, axis=-1))
    assert main(["info", str(path)]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "a\\x1b[31m.npy: the last axis" in said.out


def test_the_picture_shows_first_middle_and_last_frame(info, tmp_path):
    video = np.zeros((21, 10, 12), "u2")
    video[10], video[20] = 500, 1000
    rows = info(write_video(video, tmp_path / "a.npy"), "--picture", tmp_path / "a.png")
    assert rows["picture"] == str(tmp_path / "a.png")
    picture = np.asarray(Image.open(tmp_path / "a.png"))
    greys = [int(picture[100, x, 0]) for x in (50, picture.shape[1] // 2, picture.shape[1] - 50)]
    assert greys == [0, 128, 255]


def test_plane_and_channel_are_chosen_by_options(info, tmp_path, one_line_error):
    path, _ = stack_of_planes(tmp_path)
    assert main(["info", str(path)]) == FAILED
    one_line_error("planes.ome.tif", "plane (0 to 2)", "channel (0 to 1)")
    rows = info(path, "--plane", 2, "--channel", 1)
    assert rows["axes"] == "TZCYX (time, depth, channel, rows, columns)"
    assert rows["video"].startswith("5 frames")


def test_axes_and_image_are_chosen_by_options(info, tmp_path):
    np.savez(tmp_path / "a.npz", dark=frames(2), video=np.moveaxis(frames(), 0, -1))
    rows = info(tmp_path / "a.npz", "--image", "video", "--axes", "yxt")
    assert rows["image"] == "video"
    assert rows["video"].startswith("20 frames of 12 x 14 px")


SHAPES = [
    ReadOptions(41, 40, "<u2", 12, (5, None), frame_header=16, trust_shape=True),
    ReadOptions(axes="TZCYX", plane=1, channel=0, image="a video"),
    ReadOptions(),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_written_options_say_the_same_shape(shape, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "napari_uai.cli.info._describe_recording",
        lambda _source, options, _picture: seen.append(options),
    )
    words = shlex.split(shlex.join(words_of(shape)))
    assert main(["info", "a.bin", *words]) == 0
    assert seen == [shape]


@pytest.mark.slow
def test_a_run_records_how_the_file_was_read(tmp_path):
    rng = np.random.default_rng(1)
    stack = rng.poisson(3000, (120, 2, 16, 18)).astype("u2")
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "TCYX"})
    arguments = ["--recipe", "classical", "--set", "dra.batch_size=20", "--channel", "1"]
    out = tmp_path / "out"
    assert main(["iscat", str(tmp_path / "a.ome.tif"), "--out", str(out), *arguments]) == 0
    reading = json.loads((out / "run.json").read_text())["input"]["reading"]
    assert reading["format"] == "tiff"
    assert reading["axes"] == "TCYX"
    assert reading["given"] == {"channel": 1}


def test_a_table_of_trails_is_described(tmp_path, info):
    path = tmp_path / "walks.csv"
    kinds = {"01": "car", "02": "bus"}
    rows = [f"{name},{kinds[name]},{t},{10 * t + 5},20,?" for name in kinds for t in range(4)]
    path.write_text("\n".join(["track_id,class,time,x,y,lane", *rows]) + "\n", "utf-8")
    facts = info(path)
    assert facts["trails"] == "2, of 4 to 4 samples"
    assert facts["classes"] == "car 1, bus 1"
    assert facts["time"] == "0 to 3 s (3 s)"
    assert facts["positions"] == "x 5 to 35, y 20 to 20 px"
    assert "lane" in facts["note"]
    assert main(["info", str(path), "--picture", str(tmp_path / "a.png")]) == FAILED


def test_an_array_of_tracks_is_described_as_trails(tmp_path, info):
    tracks = [[name, t, 10 + t, 20.5 + name] for name in (1, 2) for t in range(5)]
    np.save(tmp_path / "a.npy", np.array(tracks, float))
    assert info(tmp_path / "a.npy")["trails"].startswith("2,")
    np.save(tmp_path / "b.npy", np.zeros((9, 4), "u1"))  # no numbers of frames
    assert info(tmp_path / "b.npy")["video"].startswith("1 frame of 9 x 4 px")


def test_what_is_neither_recording_nor_trails_is_one_line(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("nothing here\n", "utf-8")
    assert main(["info", str(tmp_path / "notes.txt")]) == FAILED
    assert main(["info", str(tmp_path)]) == FAILED
    assert capsys.readouterr().err.count("\n") == 2


def on_terminal(path, columns=100, **environment):
    """Run ``info`` on a terminal; return what it prints."""
    pty = pytest.importorskip("pty", exc_type=ImportError)  # Windows has none
    mine, its = pty.openpty()
    variables = {key: v for key, v in os.environ.items() if key not in {"NO_COLOR", "COLORTERM"}}
    variables |= {"TERM": "xterm-256color", "COLUMNS": str(columns), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "napari_uai.cli", "info", str(path)]
    process = subprocess.Popen(command, stdout=its, env=variables | environment)
    os.close(its)
    said = b""
    while True:
        try:
            part = os.read(mine, 65_536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
    os.close(mine)
    assert process.wait() == 0
    return said.decode().replace("\r\n", "\n")


def pixels_of(text):
    """Grey levels of a picture of half blocks, two per cell."""
    rows = []
    for line in text.splitlines():
        cells = re.findall("\\x1b\\[38;2;(\\d+);\\1;\\1;48;2;(\\d+);\\2;\\2m▀", line)
        if cells:
            rows += [[int(upper) for upper, _ in cells], [int(lower) for _, lower in cells]]
    return np.array(rows)


@pytest.mark.slow
def test_a_terminal_shows_three_frames(tmp_path):
    video = np.zeros((21, 16, 20), "u2")
    video[:, :8] = 1000
    video[10] = 500
    video[20, :, :10] = 1000
    text = on_terminal(write_video(video, tmp_path / "a.ome.tif"), COLORTERM="truecolor")
    picture = pixels_of(text)
    wide = picture.shape[1] // 3
    first, middle, last = (picture[:, k * wide : (k + 1) * wide] for k in range(3))
    half = len(picture) // 2
    assert (first[:half] == 255).all()
    assert (first[half:] == 0).all()
    assert (middle == 128).all()
    assert (last[:, : wide // 2] == 255).all()
    assert (last[half:, wide // 2 :] == 0).all()
    assert len(picture) / wide == pytest.approx(16 / 20, abs=2 / wide)
    assert text.splitlines()[-1].split() == ["frame", "0", "frame", "10", "frame", "20"]


@pytest.mark.slow
def test_a_terminal_of_256_colours_gets_greys_of_them(tmp_path):
    text = on_terminal(write_video(frames(), tmp_path / "a.npy"), columns=60)
    codes = {int(code) for code in re.findall(r"[34]8;5;(\d+)", text)}
    assert codes
    assert codes <= {*range(232, 256)}
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    widths = [len(line) for line in plain.splitlines() if "▀" in line or "frame 19" in line]
    assert widths
    assert max(widths) <= 60


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours_shows_no_frames(tmp_path, environment):
    text = on_terminal(write_video(frames(), tmp_path / "a.npy"), **environment)
    assert "\x1b" not in text
    assert "▀" not in text
    assert "20 frames of 12 x 14 px" in text


@pytest.mark.parametrize("shape", [(3, 4000, 20), (3, 20, 4000), (1, 1, 1), (2, 500, 600)])
@pytest.mark.parametrize("columns", [1, 10, 80, 300])
def test_thumbnails_fit_into_any_terminal(shape, columns):
    lines = terminal_thumbnails(np.zeros(shape, "f4"), columns=columns, true_colour=True)
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert all(len(line) <= columns for line in plain)
    assert len(plain) <= 21
    assert lines or columns < 10 or 4000 in shape


def test_frames_without_light_are_said_on_request(tmp_path, capsys):
    scene = 1000 * (1 + 0.1 * np.sin(np.arange(24) / 2))
    video = np.random.default_rng(0).poisson(scene, (300, 24, 24)).astype(np.uint16)
    video[120:130] = 0
    np.save(tmp_path / "a.npy", video)
    command = ["info", str(tmp_path / "a.npy"), "--axes", "TYX"]
    for frames, words in (("50:", "frames 120-129: no light"), ("0:120", "none found")):
        assert main([*command, "--frames", frames, "--disturbances"]) == 0
        assert words in capsys.readouterr().out
    assert main(command) == 0
    assert "no light" not in capsys.readouterr().out
