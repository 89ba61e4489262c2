import threading

import numpy as np
import pytest

from napari_uai.errors import CancelledError
from napari_uai.monitor import Monitor, checkpoint, overseen
from napari_uai.videos.frames import ArrayFrames, MappedFrames, compute_video, map_chunks


def never():
    return Monitor()


def stopped():
    return Monitor(cancelled=lambda: True)


def test_a_checkpoint_stops_what_is_overseen_and_nothing_else():
    checkpoint()
    with overseen(never()):
        checkpoint()
        with overseen(stopped()), pytest.raises(CancelledError):
            checkpoint()
        checkpoint()
    with overseen(stopped(), never()), pytest.raises(CancelledError):
        checkpoint()
    checkpoint()


def test_one_thread_is_not_stopped_by_what_oversees_another():
    seen = []
    with overseen(stopped()):
        other = threading.Thread(target=lambda: seen.append(checkpoint()))
        other.start()
        other.join()
    assert seen == [None]


def test_work_within_a_chunk_is_stopped_by_the_monitor_of_the_chunks():
    asked = threading.Event()

    def slow(_start, _stop):
        asked.set()
        while True:  # only a checkpoint ends it
            checkpoint()

    with pytest.raises(CancelledError):
        list(map_chunks(slow, 10, 1, monitor=Monitor(cancelled=asked.is_set)))


def test_frames_that_are_made_deep_inside_a_chain_are_stopped_by_whoever_waits_for_them():
    asked = threading.Event()

    def slow(frames):
        asked.set()
        while True:
            checkpoint()

    inner = MappedFrames(ArrayFrames(np.zeros((8, 2, 2))), slow, label="slow")
    outer = MappedFrames(inner, lambda frames: compute_video(inner), label="outer")
    with overseen(Monitor(cancelled=asked.is_set)), pytest.raises(CancelledError):
        compute_video(outer)


def test_when_one_chunk_fails_the_others_are_given_up():
    running = threading.Event()

    def work(start, _stop):
        if start == 1:
            running.wait(30)
            raise ValueError("broken")
        running.set()
        while True:
            checkpoint()

    # The broken chunk comes first, so that its error is met while the other one runs.
    with pytest.raises(ValueError, match="broken"):
        list(map_chunks(lambda start, stop: work(1 - start, stop), 2, 1))
