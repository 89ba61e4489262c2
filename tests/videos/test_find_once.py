from __future__ import annotations

import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from napari_uai.videos.find_once import Memo


def test_many_threads_find_once():
    calls = []

    def find():
        time.sleep(0.01)
        calls.append(1)
        return object()

    memo = Memo(find)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: memo(), range(32)))
    assert len(found) == len(calls) == 1


def test_a_copy_knows_what_was_found():
    memo = Memo(partial(int, "7"))
    memo()
    copy = pickle.loads(pickle.dumps(memo))
    copy.find = None
    assert copy() == 7


def test_a_failure_is_not_remembered():
    memo = Memo(partial(int, "x"))
    with pytest.raises(ValueError, match="invalid literal"):
        memo()
    memo.find = partial(int, "1")
    assert memo() == 1
