import os
import threading

import pytest
from threadpoolctl import threadpool_info

from napari_uai import threads
from napari_uai.threads import n_threads, one_blas_thread


def blas_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_the_environment_says_how_many_threads_compute(monkeypatch):
    monkeypatch.setenv("NAPARI_UAI_THREADS", "3")
    assert n_threads() == 3
    for nonsense in ("0", "-1", "many", ""):
        monkeypatch.setenv("NAPARI_UAI_THREADS", nonsense)
        assert 1 <= n_threads() <= os.cpu_count()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_no_more_threads_than_cores_that_a_job_may_use():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert n_threads() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_the_limit_of_blas_is_that_of_the_first_thread():
    entered, leave = threading.Event(), threading.Event()

    def other():
        with one_blas_thread():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with threads._libraries().limit(limits=2, user_api="blas"):
        with one_blas_thread():
            assert blas_threads() == {1}
            thread.start()
            assert entered.wait(10)
            with one_blas_thread():
                assert blas_threads() == {1}
            assert blas_threads() == {1}
            leave.set()
            thread.join()
            assert blas_threads() == {1}
        assert blas_threads() == {2}
