import threading

import numpy as np
import pytest

from napari_uai.errors import CancelledError
from napari_uai.monitor import Monitor
from napari_uai.trails.parallel import in_blocks

OFFSETS = np.concatenate([[0], np.cumsum(np.random.default_rng(0).integers(1, 300, 500))])


def test_every_trail_is_worked_on_once():
    done = np.zeros(500, int)

    def work(start, stop):
        done[start:stop] += 1

    in_blocks(work, OFFSETS, text="", min_samples=1000)
    np.testing.assert_array_equal(done, 1)


def test_an_error_comes_out_and_later_work_goes_on():
    def broken(start, stop):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_blocks(broken, OFFSETS, text="", min_samples=1000)
    in_blocks(lambda start, stop: None, OFFSETS, text="", min_samples=1000)


def test_after_a_cancel_nothing_runs_any_more():
    running = threading.Semaphore(0)
    inside = []

    def work(start, stop):
        inside.append(start)
        running.release()
        inside.remove(start)

    with pytest.raises(CancelledError):
        in_blocks(work, OFFSETS, text="", min_samples=1000, monitor=Monitor(cancelled=lambda: True))
    assert not inside
