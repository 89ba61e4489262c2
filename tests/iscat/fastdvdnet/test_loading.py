from __future__ import annotations

import subprocess
import sys

import pytest

from napari_uai.errors import WeightsError
from napari_uai.iscat.fastdvdnet.loading import torch_is_installed, torch_module

MODULE = "napari_uai.iscat.fastdvdnet.network"


@pytest.mark.slow
def test_torch_is_loaded_when_it_is_first_needed():
    code = (
        "import sys\n"
        "from napari_uai.iscat.fastdvdnet.loading import torch_module\n"
        "assert 'torch' not in sys.modules\n"
        f"assert torch_module('network', 'training').__name__ == {MODULE!r}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_torch_the_line_to_install_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "napari_uai.iscat.fastdvdnet.weights", raising=False)
    assert not torch_is_installed()
    with pytest.raises(WeightsError, match=r'training needs .*: pip install "napari-uai\[torch'):
        torch_module("weights", "training")


@pytest.mark.parametrize("error", [OSError("[WinError 1114] c10.dll"), ImportError("DLL load")])
def test_a_torch_that_does_not_load_is_told_from_one_that_is_not_there(monkeypatch, error):
    def fail(_name):
        raise error

    monkeypatch.delitem(sys.modules, MODULE, raising=False)  # as if no test had loaded it before
    monkeypatch.setattr("napari_uai.iscat.fastdvdnet.loading.import_module", fail)
    with pytest.raises(WeightsError, match=r"installed but fails to load .*Visual C"):
        torch_module("network", "training")
