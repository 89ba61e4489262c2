"""Tables as text: csv files, also packed with gz."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_uai.errors import NapariUaiError, one_line
from napari_uai.limits import HEADER_BYTES, ErrorType
from napari_uai.untrusted.files import read_whole
from napari_uai.untrusted.packed import GZIP, gunzipped, unpacked_limit
from napari_uai.untrusted.watch import time_limited

if TYPE_CHECKING:
    import pandas as pd


def read_csv(
    path: str | Path, *, types: Mapping[str, Any] | None = None, error: ErrorType
) -> pd.DataFrame:
    """Read a csv table with names in its first line.

    Parameters
    ----------
    path
        The file; it may be packed with gz.
    types
        Types of columns by name; a ``defaultdict`` has one for all others.
    error
        Type of the error.

    Raises
    ------
    NapariUaiError
        Of the given type, if it cannot be read, is not such a table, or exceeds a limit.

    Examples
    --------
    >>> import napari_uai as uai
    >>> from napari_uai.errors import VideoFormatError
    >>> from napari_uai.untrusted import read_csv
    >>> truth = read_csv(uai.sample_path("trails") / "truth.csv", error=VideoFormatError)
    >>> len(truth)
    400
    """
    import pandas as pd

    path = Path(path)
    try:
        data = read_whole(path, error=error)
    except FileNotFoundError:
        raise error(f"{path} does not exist: check the path") from None
    except OSError as cause:
        raise error(f"{path} cannot be read: {cause.strerror or cause}") from None
    if data.startswith(GZIP):
        data = gunzipped(data, limit=unpacked_limit(len(data)), error=error, path=path)
    check_header(data, path, error=error)
    if max(map(len, io.BytesIO(data)), default=0) > HEADER_BYTES.value:
        raise error(f"{path} has a line that is too long{HEADER_BYTES.advice}")
    try:
        with time_limited(path, error=error):
            table = pd.read_csv(
                io.BytesIO(data), dtype={} if types is None else types, low_memory=False
            )
            if not isinstance(table.index, pd.RangeIndex):
                raise ValueError("its rows have more fields than its first line")  # noqa: TRY004, TRY301
            return table
    except NapariUaiError:
        raise
    except Exception as cause:  # parsers raise many types of errors
        raise error(
            f"{path} cannot be read as a table ({one_line(cause, 160)}): give a csv file with "
            "names in its first line"
        ) from cause


def check_header(data: bytes, path: str | Path, *, error: ErrorType) -> None:
    """Raise an error if the first line of a table, after blank lines and comments, is too long.

    A parser needs time that grows with the square of the number of names in it.
    """
    most = HEADER_BYTES.value
    line = re.compile(rb"(?:[ \t]*(?:[#%%][^\r\n]*)?[\r\n])*[^\r\n]{%d}" % (most + 1))
    if line.match(data[: 64 * most]):
        raise error(f"{path} has a first line that is too long{HEADER_BYTES.advice}")
