"""Headerless files of cameras, and the files beside them."""

import json

import numpy as np
import pytest

U2 = {"height": 32, "width": 40, "dtype": "<u2"}


def packed12(b):
    """Two pixels in three bytes, the low bits first (PFNC: Mono12p)."""
    even, odd = b.ravel()[0::2], b.ravel()[1::2]
    three = np.stack([even & 255, (even >> 8) | ((odd & 15) << 4), odd >> 4], axis=-1)
    return three.astype(np.uint8)


def test_raw_be_given_le(tmp_path, b, refused):
    b.astype(">u2").tofile(tmp_path / "a.bin")
    likelier = "do not look like .* but of 32 x 40 '>u2': give"
    refused(tmp_path / "a.bin", likelier, {"dtype": ">u2"}, **U2)


def test_raw_be(tmp_path, b, opens):
    b.astype(">u2").tofile(tmp_path / "a.bin")
    opens(tmp_path / "a.bin", b, **U2 | {"dtype": ">u2"})


def test_raw_be_noshape(tmp_path, b, refused):
    b.astype(">u2").tofile(tmp_path / "a.bin")
    fits = r"give (--)?height, (--)?width and (--)?dtype .* that fit: 32 x 40 '>u2' \(160 frames\)"
    refused(tmp_path / "a.bin", fits)


def test_raw_swapped_hw(tmp_path, b, refused):
    b.tofile(tmp_path / "a.bin")
    swapped = {"height": 40, "width": 32, "dtype": "<u2"}
    likelier = "do not look like frames of 40 x 32 '<u2', but of 32 x 40 '<u2'"
    right = {"height": 32, "width": 40, "trust_shape": True}
    refused(tmp_path / "a.bin", likelier, right, **swapped)


@pytest.mark.parametrize(
    ("stored", "given", "right"),
    [
        ("<u2", {"height": 64, "width": 20}, {"height": 32, "width": 40}),
        ("<u2", {"height": 64}, {"height": 32}),
        (">u2", {"height": 40, "width": 32}, {"height": 32, "width": 40, "dtype": ">u2"}),
        ("|u1", {}, {"dtype": "|u1"}),
        ("<u4", {}, {"dtype": "<u4"}),
        ("<f4", {}, {"dtype": "<f4"}),
        ("<f8", {"dtype": "<f4"}, {"dtype": "<f8"}),
        ("<u2", {"dtype": "<u4"}, {"dtype": "<u2"}),
        ("<u2", {"dtype": "<f4"}, {"dtype": "<u2"}),
    ],
    ids=str,
)
def test_raw_other_sides_or_type(tmp_path, b, refused, stored, given, right):
    """Cases of the kinds ``raw_swapped_hw`` and ``raw_u2_given_u1``."""
    pixels = b // 16 if stored == "|u1" else b
    pixels.astype(stored).tofile(tmp_path / "a.bin")
    refused(tmp_path / "a.bin", "do not look like frames", right, **U2 | given)


def test_raw_u2_given_u1(tmp_path, b, refused):
    b.tofile(tmp_path / "a.bin")
    refused(tmp_path / "a.bin", "but of 32 x 40 '<u2'", **U2 | {"dtype": "uint8"})


def test_raw_header_unsaid(tmp_path, b, refused):
    (tmp_path / "a.raw").write_bytes(b"CAMHDR" + bytes(1018) + b.tobytes())
    refused(tmp_path / "a.raw", "but of 32 x 40 '<u2'", {"offset": 1024}, **U2)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({"height": 40, "width": 32}, {"height": 32, "width": 40, "offset": 1024}),
        ({"dtype": ">u2"}, {"dtype": "<u2", "offset": 1024}),
    ],
    ids=["swapped_hw", "be"],
)
def test_raw_header_unsaid_and(tmp_path, b, refused, wrong, right):
    """An unsaid header, and a wrong shape or type as well."""
    (tmp_path / "a.raw").write_bytes(b"CAMHDR" + bytes(1018) + b.tobytes())
    refused(tmp_path / "a.raw", "but of 32 x 40 '<u2' after 1024 bytes", right, **U2 | wrong)


def test_raw_header_64k(tmp_path, b, opens):
    (tmp_path / "a.raw").write_bytes(b"CAMHDR" + bytes(65530) + b.tobytes())
    known = opens(tmp_path / "a.raw", b, offset=65536, **U2)
    assert known.offset == 65536


def with_frame_headers(path, b):
    with path.open("wb") as file:
        for k, frame in enumerate(b):
            file.write(np.array([k, 2500 * k], "<u8").tobytes() + frame.tobytes())


def test_raw_perframe_header(tmp_path, b, refused, opens):
    with_frame_headers(tmp_path / "a.raw", b)
    refused(tmp_path / "a.raw", "but of 32 x 40 '<u2'", {"frame_header": 16}, **U2)
    opens(tmp_path / "a.raw", b, frame_header=16, **U2)


def test_raw_u1(tmp_path, b, opens):
    (b // 16).astype("u1").tofile(tmp_path / "a.bin")
    opens(tmp_path / "a.bin", (b // 16).astype("u1"), **U2 | {"dtype": "uint8"})


def test_raw_i2(tmp_path, b, opens):
    b.astype("<i2").tofile(tmp_path / "a.bin")
    opens(tmp_path / "a.bin", b.astype("<i2"), **U2 | {"dtype": "int16"})


def test_raw_i2_negative(tmp_path, b, opens):
    signed = (b.astype("i4") - 32768).astype("<i2")
    signed.tofile(tmp_path / "a.bin")
    opens(tmp_path / "a.bin", signed, **U2 | {"dtype": "int16"})


def test_raw_f4be(tmp_path, b, opens):
    b.astype(">f4").tofile(tmp_path / "a.bin")
    opens(tmp_path / "a.bin", b.astype("f4"), **U2 | {"dtype": ">f4"})


def test_raw_f8_norm(tmp_path, b, opens):
    (b / b.max()).tofile(tmp_path / "a.bin")
    opens(tmp_path / "a.bin", b / b.max(), **U2 | {"dtype": "<f8"})


@pytest.mark.parametrize("dtype", ["uint12", "mono12p"])
def test_raw_mono12p(tmp_path, b, opens, dtype):
    packed12(b).tofile(tmp_path / "a.raw")
    opens(tmp_path / "a.raw", b, **U2 | {"dtype": dtype})


def test_raw_mono12p_as_u2(tmp_path, b, refused):
    packed12(b).tofile(tmp_path / "a.raw")
    refused(tmp_path / "a.raw", "but of 32 x 40 'mono12p'", **U2)


def test_raw_mono12p_noshape(tmp_path, b, refused):
    packed12(b).tofile(tmp_path / "a.raw")
    refused(tmp_path / "a.raw", r"that fit: 32 x 40 'mono12p' \(160 frames\)")


def test_raw_pylablib_settings(tmp_path, b, opens):
    b.tofile(tmp_path / "rec_0000.bin")
    (tmp_path / "rec_0000_settings.dat").write_text(
        "# pylablib cam-control\ncam/data_dimensions\t(32, 40)\nsave/frame/dtype\t<u2\n"
        "save/first_frame_index\t0\nsave/last_frame_index\t159\nsave/format\traw\n"
    )
    note = r"rec_0000_settings\.dat, of another program, states height 32, width 40, dtype <u2"
    opens(tmp_path / "rec_0000.bin", b, notes=[note])


def test_name_two_dots(tmp_path, b, opens):
    b.tofile(tmp_path / "rec.2024.01.05_12.30.raw")
    opens(tmp_path / "rec.2024.01.05_12.30.raw", b, **U2)


def test_sidecar_foreign(tmp_path, b, opens):
    b.tofile(tmp_path / "a.bin")
    stated = {"frames": [{"t": 0}], "width": 40, "height": 32, "camera": "Photonfocus"}
    (tmp_path / "a.json").write_text(json.dumps(stated))
    notes = ["of another program, states width 40, height 32", "frames not understood, ignored"]
    opens(tmp_path / "a.bin", b, notes=notes, **U2)


def test_sidecar_foreign_str(tmp_path, b, opens):
    b.tofile(tmp_path / "a.bin")
    stated = {"width": "40", "height": "32", "dtype": "uint16", "fps": 400}
    (tmp_path / "a.json").write_text(json.dumps(stated))
    opens(tmp_path / "a.bin", b, hz=400, notes=["of another program, states width 40, height 32"])


def test_sidecar_mm(tmp_path, b, opens):
    b.tofile(tmp_path / "a.bin")
    stated = {"Width": 40, "Height": 32, "PixelType": "GRAY16"}
    (tmp_path / "a.json").write_text(json.dumps(stated))
    opens(tmp_path / "a.bin", b, notes=["states width 40, height 32, dtype <u2"])


def with_status_line(b, row, counters, *, clock=True):
    """Frames with a row of the Photonfocus status line: preamble, counter, time in µs."""
    n, height, width = b.shape
    x = np.zeros((n, height + 1, width), "<u2")
    x[:, 1 if row == 0 else 0 :][:, :height] = b
    for frame, count in zip(x, counters, strict=True):
        frame[row, :4] = [0xFF, 0, 0xAA, 0x55]
        frame[row, 4:8] = list(int(count).to_bytes(4, "little"))
        if clock:
            frame[row, 8:12] = list(int(5000 + 2500 * count).to_bytes(4, "little"))
    return x


LINE = U2 | {"height": 33}
DROPPED = 1000 + np.arange(160) + 6 * (np.arange(160) >= 40) + 6 * (np.arange(160) >= 90)


def test_statusline_row0(tmp_path, b, opens):
    x = with_status_line(b, 0, 1000 + np.arange(160))
    x.tofile(tmp_path / "a.bin")
    opens(tmp_path / "a.bin", x, status="all 160 frames are present", **LINE)


def test_statusline_dropped(tmp_path, b, opens):
    x = with_status_line(b, -1, DROPPED)
    x.tofile(tmp_path / "a.bin")
    opens(tmp_path / "a.bin", x, status=r"12 images dropped \(before frame 40, 90\)", **LINE)


@pytest.mark.parametrize("row", [0, -1])
@pytest.mark.parametrize("n", [160, 149], ids=["filling the file", "with a rest"])
def test_statusline_unsaid(tmp_path, b, refused, n, row):
    with_status_line(b[:n], row, DROPPED[:n]).tofile(tmp_path / "a.bin")
    likelier = "do not look like frames of 32 x 40 '<u2', but of 33 x 40 '<u2'"
    refused(tmp_path / "a.bin", likelier, {"height": 33}, **U2)


def test_statusline_16bit_shift(tmp_path, b, opens):
    x = 16 * with_status_line(b, -1, 1001 + np.arange(160), clock=False)
    x.tofile(tmp_path / "a.bin")
    opens(tmp_path / "a.bin", x, status="all 160 frames are present", **LINE)
