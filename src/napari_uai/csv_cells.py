"""Texts in csv files that a spreadsheet would take for formulas, and how they are disarmed.

Names of classes and trails come from files of strangers. A cell such as ``=HYPERLINK(...)`` runs
when a spreadsheet opens the csv; with an apostrophe in front it is shown. Our own readers drop it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_ARMED = re.compile(r"'*[=+\-@\t\r\n]")
_DISARMED = re.compile(r"'+[=+\-@\t\r\n]")


def disarmed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which no text, and no name of a column, is a formula of a spreadsheet.

    Texts that begin with ``=``, ``+``, ``-``, ``@``, a tab or a line break get an apostrophe in
    front, as OWASP advises; numbers stay.

    Parameters
    ----------
    table
        Any table; it is not changed.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"class": ["car", "=1+1"], "y": [-1.5, 2.0]})
    >>> disarmed(table).values.tolist()
    [['car', -1.5], ["'=1+1", 2.0]]
    """
    named = table.rename(columns=_disarmed)
    return named.assign(**{name: named[name].map(_disarmed) for name in _texts(named)})


def rearmed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table that was read from a csv file, without the apostrophes of :func:`disarmed`.

    Examples
    --------
    >>> import pandas as pd
    >>> rearmed(pd.DataFrame({"class": ["car", "'=1+1", "'s"]}))["class"].tolist()
    ['car', '=1+1', "'s"]
    """
    named = table.rename(columns=rearmed_text)
    return named.assign(**{name: named[name].map(rearmed_text) for name in _texts(named)})


def rearmed_text(value: object) -> object:
    """Return a text without the apostrophe of :func:`disarmed`; anything else as it is."""
    return value[1:] if isinstance(value, str) and _DISARMED.match(value) else value


def _disarmed(value: object) -> object:
    if not isinstance(value, str) or not _ARMED.match(value) or _is_number(value):
        return value
    return f"'{value}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _texts(table: pd.DataFrame) -> list[str]:
    """Return the columns that hold texts."""
    # here, because the docks name this module when napari starts, which takes no table
    from pandas.api.types import is_numeric_dtype

    return [name for name in table.columns if not is_numeric_dtype(table[name])]
