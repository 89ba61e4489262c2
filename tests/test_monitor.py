import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_uai.errors import CancelledError
from napari_uai.monitor import Monitor, active_monitor, in_threads, raise_if_cancelled
from napari_uai.videos.frames import ArrayFrames, MappedFrames, compute_video, map_chunks


def never():
    return Monitor()


def stopped():
    return Monitor(cancelled=lambda: True)


def test_a_cancelled_monitor_stops_what_runs_under_it_and_nothing_else():
    raise_if_cancelled()
    with active_monitor(never()):
        raise_if_cancelled()
        with active_monitor(stopped()), pytest.raises(CancelledError):
            raise_if_cancelled()
        raise_if_cancelled()
    with active_monitor(stopped(), never()), pytest.raises(CancelledError):
        raise_if_cancelled()
    raise_if_cancelled()


def test_a_monitor_of_one_thread_does_not_stop_another():
    seen = []
    with active_monitor(stopped()):
        other = threading.Thread(target=lambda: seen.append(raise_if_cancelled()))
        other.start()
        other.join()
    assert seen == [None]


def test_work_within_a_chunk_is_stopped_by_the_monitor_of_the_chunks():
    asked = threading.Event()

    def slow(_start, _stop):
        asked.set()
        while True:  # only raise_if_cancelled ends it
            raise_if_cancelled()

    with pytest.raises(CancelledError):
        list(map_chunks(slow, 10, 1, monitor=Monitor(cancelled=asked.is_set)))


def test_frames_that_are_made_deep_inside_a_chain_are_stopped_by_whoever_waits_for_them():
    asked = threading.Event()

    def slow(frames):
        asked.set()
        while True:
            raise_if_cancelled()

    inner = MappedFrames(ArrayFrames(np.zeros((8, 2, 2))), slow, label="slow")
    outer = MappedFrames(inner, lambda frames: compute_video(inner), label="outer")
    with active_monitor(Monitor(cancelled=asked.is_set)), pytest.raises(CancelledError):
        compute_video(outer)


def test_when_one_chunk_fails_the_others_are_given_up():
    running = threading.Event()

    def work(start, _stop):
        if start == 1:
            running.wait(30)
            raise ValueError("broken")
        running.set()
        while True:
            raise_if_cancelled()

    # The broken chunk comes first, so that its error is met while the other one runs.
    with pytest.raises(ValueError, match="broken"):
        list(map_chunks(lambda start, stop: work(1 - start, stop), 2, 1))


def test_a_function_for_threads_takes_the_monitors_that_are_active_here_along():
    with active_monitor(stopped()):
        stopping = in_threads(raise_if_cancelled)
    raise_if_cancelled()
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(stopping) for _ in range(20)]
        assert all(isinstance(f.exception(), CancelledError) for f in futures)
        assert pool.submit(raise_if_cancelled).exception() is None
    with pytest.raises(CancelledError):
        in_threads(raise_if_cancelled, never(), stopped())()
    in_threads(raise_if_cancelled, never())()


def test_a_generator_of_chunks_leaves_no_monitor_behind():
    chunks = map_chunks(lambda start, stop: start, 100, 1, monitor=Monitor())
    asked = threading.Event()
    other = map_chunks(lambda start, stop: start, 100, 1, monitor=Monitor(cancelled=asked.is_set))
    next(other)
    asked.set()
    assert list(chunks) == list(range(100))
    raise_if_cancelled()
    with pytest.raises(CancelledError):
        list(other)


def test_of_work_side_by_side_the_mean_is_told_and_never_goes_back():
    told = []
    one, two = Monitor(lambda f, m: told.append((f, m))).side_by_side(["one", "two"])
    one.update(0.5, "read")
    two.update(0.2)
    one.update(0.1)
    two.update(1.0)
    one.update(1.0)
    assert [f for f, _ in told] == pytest.approx([0.25, 0.35, 0.35, 0.75, 1.0])
    assert told[0][1] == "one: read"
    assert told[1][1] == "two"
