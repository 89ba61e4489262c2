"""What holds for all tests."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def _nothing_is_kept():
    """Keep no pieces: tests replace parts of the code, which the store does not notice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_UAI_CACHE_GIB", "0")
        yield
