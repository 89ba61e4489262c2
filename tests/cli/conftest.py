"""What the tests of the commands share."""

import pytest

from napari_uai.cli.progress import COMPILING


@pytest.fixture
def one_line_error(capsys):
    """Check that stderr holds one line with some words; return it."""

    def check(*words):
        # On a machine whose cache of kernels is empty, a note precedes the error.
        text = capsys.readouterr().err.replace(f"{COMPILING}\n", "")
        assert text.count("\n") == 1
        assert text.startswith("napari-uai: ")
        assert "Traceback" not in text
        for word in words:
            assert word in text
        return text

    return check
