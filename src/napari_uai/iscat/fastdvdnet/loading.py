"""Lazy import of modules that require torch, with clear errors."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from types import ModuleType

from napari_uai.errors import WeightsError

INSTALL = 'pip install "napari-uai[torch]"'
_ONE_AT_A_TIME = Lock()


def torch_is_installed() -> bool:
    """Return whether torch is installed, without loading it."""
    return find_spec("torch") is not None


def torch_module(name: str, purpose: str) -> ModuleType:
    """Import a module of this package that requires torch.

    Parameters
    ----------
    name
        Name of a module of ``napari_uai.iscat.fastdvdnet``.
    purpose
        What requires it, as the beginning of a sentence: ``training``.

    Raises
    ------
    WeightsError
        If torch is not installed, or fails to load.
    """
    module = f"napari_uai.iscat.fastdvdnet.{name}"
    if module in sys.modules:
        return sys.modules[module]
    try:
        with _ONE_AT_A_TIME:
            return import_module(module)
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "torch":
            raise WeightsError(f"{purpose} needs torch: {INSTALL}") from error
        raise _not_loading(purpose, error) from error
    except OSError as error:  # on Windows, a library of torch that conflicts with one of Qt
        raise _not_loading(purpose, error) from error


def _not_loading(purpose: str, error: Exception) -> WeightsError:
    reason = " ".join(str(error).split())
    return WeightsError(
        f"{purpose} needs torch, which is installed but fails to load ({reason}): reinstall it "
        f"({INSTALL}); on Windows also install the Visual C++ redistributable"
    )
