"""Loading what needs torch: late, without holding up other threads, with a clear error."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from types import ModuleType

from napari_uai.errors import WeightsError

INSTALL = 'pip install "napari-uai[torch]"'
_ONE_AT_A_TIME = Lock()


def torch_is_installed() -> bool:
    """Tell whether what a network needs is there, without loading it."""
    return find_spec("torch") is not None


def torch_module(name: str, purpose: str) -> ModuleType:
    """Import a module of this package that needs torch.

    Parameters
    ----------
    name
        Of a module of ``napari_uai.iscat.fastdvdnet``.
    purpose
        What needs it, as the beginning of a sentence: ``training``.

    Raises
    ------
    WeightsError
        If torch is not installed, or does not load.
    """
    module = f"napari_uai.iscat.fastdvdnet.{name}"
    if module in sys.modules:
        return sys.modules[module]
    try:
        with _ONE_AT_A_TIME, _garbage_left_alone():
            _open_libraries()
            return import_module(module)
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "torch":
            raise WeightsError(f"{purpose} needs torch: {INSTALL}") from error
        raise _not_loading(purpose, error) from error
    except OSError as error:  # on Windows, a library of torch that does not load beside Qt's
        raise _not_loading(purpose, error) from error


@contextmanager
def _garbage_left_alone() -> Iterator[None]:
    """Keep Python from looking through the many objects of torch while they are made.

    That stops all threads for 0.2 s, several times.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # together these count what there is as old
            gc.freeze()
            gc.unfreeze()
        if collecting:
            gc.enable()


def _open_libraries() -> None:
    """Open torch's libraries by the system's own function, which leaves other threads running.

    Python's import holds its lock meanwhile: a window would stand still for half a second. What is
    not there or does not open is left to torch, which says what is wrong.
    """
    if "torch" in sys.modules:
        return
    found = find_spec("torch")
    if sys.platform == "win32" or found is None or not found.submodule_search_locations:
        return
    folder = Path(found.submodule_search_locations[0]) / "lib"
    ending = "dylib" if sys.platform == "darwin" else "so"
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.restype, dlopen.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for name, mode in (("global_deps", os.RTLD_GLOBAL), ("python", os.RTLD_LOCAL)):
        path = folder / f"libtorch_{name}.{ending}"
        if path.exists():
            dlopen(os.fsencode(path), os.RTLD_LAZY | mode)


def _not_loading(purpose: str, error: Exception) -> WeightsError:
    reason = " ".join(str(error).split())
    return WeightsError(
        f"{purpose} needs torch, which is installed but does not load ({reason}): install it anew "
        f"({INSTALL}); on Windows also install the Visual C++ redistributable"
    )
