"""npy: tracks of napari, or a table with named fields."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from napari_uai.errors import TrailFormatError, one_line
from napari_uai.trails.io.content import Content
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.untrusted import check_npy


def is_npy(content: Content) -> bool:
    """Return whether a file is npy."""
    return content.data.startswith(b"\x93NUMPY")


def npy_table(content: Content) -> SampleTable:
    """Return tracks of napari (identity, t, y, x; or identity, t, z, y, x), or named fields."""
    try:
        check_npy(content.data, "the table", error=TrailFormatError)
        array = np.load(io.BytesIO(content.data), allow_pickle=False)
    except TrailFormatError:
        raise
    except Exception as error:  # noqa: BLE001  # numpy parses the header as Python
        raise TrailFormatError(f"not a readable npy file: {one_line(error, 80)}") from None
    if array.dtype.names:
        return SampleTable(pd.DataFrame(array))
    if array.ndim != 2 or array.shape[1] not in (4, 5) or array.dtype.kind not in "iuf":
        raise TrailFormatError(
            "npy of trails must have four columns (identity, t, y, x) as napari's tracks, got "
            f"shape {array.shape} of {array.dtype}"
        )
    names = ["trail", "t", *("z", "y", "x")[5 - array.shape[1] :]]
    return SampleTable(
        pd.DataFrame(array, columns=names),
        columns={name: name for name in ("trail", "t", "y", "x")},
        defined=True,
    )
