"""Stages of the iSCAT pipeline: pure functions of videos and tables."""

import importlib
from typing import Any

from napari_uai.iscat._stages import MODULES

__all__ = sorted(MODULES)  # noqa: PLE0605


def __dir__() -> list[str]:
    return [*__all__]


def __getattr__(name: str) -> Any:
    if name in ("mass", "optics"):
        return importlib.import_module(f"napari_uai.iscat.{name}")
    if name in MODULES:
        return getattr(importlib.import_module(MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
