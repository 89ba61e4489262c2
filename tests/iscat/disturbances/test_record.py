"""What is said and written about disturbances, and how they are seen from parts of a recording."""

from __future__ import annotations

import json

import numpy as np

from napari_uai.iscat.disturbances.record import Disturbances, Span, spans_of
from napari_uai.videos.offset import Offset

JUMP = "the whole image changes at once (focus or illumination); steps there are not reported"


def mask_of(shape, *places):
    mask = np.zeros(shape, bool)
    for place in places:
        mask[place] = True
    return mask


FOUND = Disturbances(
    100,
    (20, 30),
    spans=(Span("no light", 10, 19), Span("torn", 40, 40)),
    flickering=mask_of((20, 30), (12, 25)),
    jumps=(60,),
    notes=("a note",),
)


def test_each_kind_is_said_in_one_line_in_the_numbers_of_the_file():
    assert FOUND.sentences(1000) == (
        "frames 1010-1019: no light; left out",
        "frame 1040: a part is of another image (torn); left out",
        "frame 1060: " + JUMP,
        "pixel (12, 25) flickers: left out",
        "a note",
    )


def test_the_record_holds_everything_as_plain_values():
    record = json.loads(json.dumps(FOUND.record(1000)))
    assert record["frames_left_out"][1] == {"kind": "torn", "first": 1040, "last": 1040}
    assert (record["jumps"], record["flickering_pixels"]) == ([1060], [[12, 25]])


def test_pieces_end_at_jumps_and_lack_what_is_left_out():
    first, second = FOUND.pieces(10)
    assert first.tolist() == [*range(10), *range(20, 40), *range(41, 60)]
    assert second.tolist() == list(range(60, 100))
    (only,) = FOUND.pieces(45)
    assert only.tolist() == first.tolist()
    (whole,) = FOUND.pieces(80)
    assert len(whole) == 89


def test_a_cropped_video_has_its_part_of_the_pixels():
    part = FOUND.seen_from(Offset(0, 10, 20), (100, 6, 8))
    assert np.argwhere(part.masked).tolist() == [[2, 5]]
    assert part.spans == FOUND.spans
    assert FOUND.seen_from(Offset(5, 0, 0), (90, 20, 30)) is None
    assert FOUND.of_shape((21, 30)).masked.shape == (21, 30)


def test_frames_that_follow_each_other_are_one_span():
    spans = spans_of([7, 3, 4, 5, 9], "unlike")
    assert [(s.first, s.last) for s in spans] == [(3, 5), (7, 7), (9, 9)]
    assert spans_of([], "unlike") == ()


def test_bins_that_hold_anything_of_it_are_left_out():
    binned = FOUND.in_bins(8)
    assert np.flatnonzero(binned.left_out).tolist() == [
        *range(8, 24),
        *range(40, 48),
        *range(56, 64),
    ]
    assert binned.jumps == (64,)
    first, last = binned.pieces(8)
    bins = first.reshape(-1, 8)
    assert bins[:, 0].tolist() == [0, 24, 32, 48]
    assert (np.diff(bins, axis=1) == 1).all()
    assert (last[0], last[-1]) == (64, 99)
    assert binned.masked.sum() == 1


def test_a_bin_at_the_end_is_no_longer_than_the_recording():
    last = Disturbances(30, (4, 4), spans=(Span("torn", 29, 29),)).in_bins(8)
    assert last.spans == (Span("torn", 24, 29),)
