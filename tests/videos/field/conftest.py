"""Recordings as other programs write them: what each file must be opened as, or why it is refused.

Each test writes one file with the library of another project, and is named after it.
"""

import re
import warnings

import numpy as np
import pytest

from napari_uai.cli.app import main
from napari_uai.cli.options import words_of
from napari_uai.cli.terminal import FAILED
from napari_uai.errors import VideoFormatError
from napari_uai.option_names import options_of_command_line
from napari_uai.videos import ReadOptions, open_frames

N, HEIGHT, WIDTH = 160, 32, 40


@pytest.fixture(scope="session")
def _counts():
    """12-bit frames with shot noise on speckle; frame, row and column follow from the values."""
    rng = np.random.default_rng(5)
    waves = np.hypot(np.fft.fftfreq(HEIGHT)[:, None], np.fft.fftfreq(WIDTH)[None])
    noise = np.fft.fft2(rng.normal(size=(HEIGHT, WIDTH)))
    speckle = np.fft.ifft2(noise * np.exp(-((waves * 9) ** 2))).real
    mean = 2600 * (1 + 0.07 * speckle / speckle.std())
    return rng.poisson(mean, (N, HEIGHT, WIDTH)).clip(0, 4095).astype(np.uint16)


@pytest.fixture
def b(_counts):
    """The recording (frames, rows, columns; uint16)."""
    return _counts.copy()


@pytest.fixture
def info(capsys):
    """Run ``napari-uai info``; return its exit code, its rows and its error."""

    def run(path, given):
        code = main(["info", str(path), *words_of(ReadOptions(**given))])
        said = capsys.readouterr()
        rows = {}
        for line in said.out.splitlines():
            name, _, text = line.partition(":")
            rows.setdefault(name, []).append(text.strip())
        return code, rows, said.err

    return run


@pytest.fixture
def opens(info):
    """Open a file in Python and on the command line; compare it with what is right."""

    def check(
        path, pixels, *, um=None, hz=None, notes=(), atol=0, image=None, status=None, **given
    ):
        chosen = {**given, **({} if image is None else {"image": image})}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            frames, known = open_frames(path, ReadOptions(**chosen))
            read = np.asarray(frames)
        assert read.dtype == np.asarray(pixels).dtype.newbyteorder("=")
        assert known.shape == pixels.shape
        if atol:
            np.testing.assert_allclose(read.astype(float), pixels.astype(float), atol=atol)
        else:
            np.testing.assert_array_equal(read, pixels)
        assert known.pixel_size_um == (None if um is None else pytest.approx(um))
        assert known.frame_rate_hz == (None if hz is None else pytest.approx(hz))
        assert len(known.warnings) == len(notes), known.warnings
        for note, pattern in zip(known.warnings, notes, strict=True):
            assert re.search(pattern, note), note
        code, rows, error = info(path, chosen)
        assert code == 0, error
        assert rows["note"] == list(known.warnings) if notes else "note" not in rows
        assert rows["video"][0].startswith(f"{len(pixels)} frame")
        if status is not None:
            assert re.search(status, rows["status line"][0]), rows["status line"]
        return known

    return check


@pytest.fixture
def refused(info):
    """A file is refused with one line that says what to do, in the words of the caller."""

    def check(path, pattern, options=None, **given):
        with pytest.raises(VideoFormatError, match=pattern) as caught:
            np.asarray(open_frames(path, ReadOptions(**given))[0])
        for name, value in (options or {}).items():
            assert f"{name}={value!r}" in str(caught.value)
        code, _, error = info(path, given)
        assert code == FAILED
        assert error.count("\n") == 1
        assert re.search(pattern, error), error
        for word in words_of(ReadOptions(**(options or {}))):
            assert word in error
        return caught.value

    return check


@pytest.fixture
def on_command_line():
    """Spell options as on the command line."""
    with options_of_command_line():
        yield
