from __future__ import annotations

import sys

import pytest

from napari_uai.cli.app import main


def test_a_file_that_is_not_there_is_one_line(capsys):
    assert main(["gui", "missing.bin"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "napari-uai: missing.bin not found; check the path"
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells by its environment")
def test_without_a_screen_the_command_line_is_named(capsys, monkeypatch):
    pytest.importorskip("napari")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main(["gui"]) == 2
    assert "no screen found" in capsys.readouterr().err


def test_without_napari_its_extra_is_named(capsys, monkeypatch):
    monkeypatch.setattr("napari_uai.cli.gui.find_spec", lambda _: None)
    assert main(["gui"]) == 2
    assert "pip install 'napari-uai[napari]'" in capsys.readouterr().err
