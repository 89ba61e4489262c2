"""Find what does not belong in a video, without being taught what to look for."""

import lazy_loader as _lazy

from napari_uai import _moved

_load, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
_moved.install()


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-uai")
    return _load(name)
