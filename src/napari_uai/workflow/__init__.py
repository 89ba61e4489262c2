"""Former name of the public face: everything is in :mod:`napari_uai` itself."""

import warnings
from typing import Any


def __getattr__(name: str) -> Any:
    import napari_uai

    if name.startswith("__"):
        raise AttributeError(name)
    warnings.warn(
        f"napari_uai.workflow is deprecated: from napari_uai import {name}",
        DeprecationWarning,
        stacklevel=2,
    )
    return getattr(napari_uai, name)
