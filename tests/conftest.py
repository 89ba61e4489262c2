"""What holds for all tests."""

import os

import pytest

from napari_uai.kernel_files import kernel_store

# Wherever a test has its cache, kernels are those of the user.
os.environ.setdefault("NUMBA_CACHE_DIR", str(kernel_store().folder))


@pytest.fixture(autouse=True, scope="session")
def _nothing_is_kept():
    """Keep no pieces: tests replace parts of the code, which the store does not notice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_UAI_CACHE_GIB", "0")
        yield
