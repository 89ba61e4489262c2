"""Parquet files and Excel workbooks, read by pandas with pyarrow and openpyxl."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from importlib.util import find_spec
from typing import Any

import pandas as pd

from napari_uai.errors import TrailFormatError, one_line
from napari_uai.limits import UNPACKED_BYTES, amount
from napari_uai.trails.io.content import Content
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.untrusted import arrow_bytes, parquet_bytes, unpacked_limit

_LARGEST_WORKBOOK = 512 * 2**20
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def is_parquet(content: Content) -> bool:
    """Return whether a file is Parquet."""
    return content.data.startswith(b"PAR1")


def is_feather(content: Content) -> bool:
    """Return whether a file is Arrow or Feather."""
    return content.data.startswith((b"ARROW1", b"FEA1"))


def is_workbook(content: Content) -> bool:
    """Return whether a file is a workbook of a spreadsheet program."""
    if content.data.startswith(_OLD_WORKBOOK):
        return True
    return content.data.startswith(b"PK") and any(
        name in content.data[:8192] or name in content.data[-65536:]
        for name in (b"xl/workbook", b"opendocument.spreadsheet")
    )


def parquet_table(content: Content) -> SampleTable:
    """Return the table of a Parquet or Feather file."""
    _need("pyarrow", "a Parquet file", content)
    try:
        _check_columns(content)
        table = _parquet(content) if is_parquet(content) else pd.read_feather(_file(content))
    except TrailFormatError:
        raise
    except Exception as error:  # noqa: BLE001  # pyarrow raises many
        raise TrailFormatError(f"not a readable Parquet file: {_line(error)}") from None
    return SampleTable(table.reset_index() if table.index.name else table)


def _file(content: Content) -> io.BytesIO:
    return io.BytesIO(content.data)


def _parquet(content: Content) -> pd.DataFrame:
    """Return the table of a Parquet file; columns of texts are categorical."""
    import pyarrow as pa
    from pyarrow import parquet

    texts = [
        field.name
        for field in parquet.ParquetFile(_file(content)).schema_arrow
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    ]
    table: pd.DataFrame = pd.read_parquet(_file(content), read_dictionary=texts)
    return table


def _check_columns(content: Content) -> None:
    """Raise an error if a small file states a large table."""
    from pyarrow import feather, parquet

    data = content.data
    if is_parquet(content):
        facts = parquet.ParquetFile(io.BytesIO(data)).metadata
        _check_unpacked(content, parquet_bytes(data, facts))
        names = [facts.schema.column(i) for i in range(facts.num_columns)]
        texts = [each.path for each in names if each.physical_type == "BYTE_ARRAY"]
        table = parquet.read_table(io.BytesIO(data), columns=texts, read_dictionary=texts)
    else:
        if data.startswith(b"ARROW1"):
            _check_unpacked(content, arrow_bytes(data))
        table = feather.read_table(io.BytesIO(data))
        _check_unpacked(content, 8 * table.num_rows * table.num_columns)
    _check_unpacked(content, sum(map(_bytes_of_texts, table.columns)))


def _bytes_of_texts(column: Any) -> int:
    """Return how many bytes the texts of a column take once each row has its own."""
    import pyarrow as pa
    from pyarrow import compute

    texts = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())
    total = 0
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type) and chunk.type.value_type in texts:
            lengths = compute.binary_length(chunk.dictionary).cast("int64")
            total += compute.sum(lengths.take(chunk.indices)).as_py() or 0
    return total


def _check_unpacked(content: Content, n_bytes: int) -> None:
    if n_bytes > unpacked_limit(len(content.data)):
        raise TrailFormatError(
            f"a table of {amount(n_bytes, 'bytes')} in a small file{UNPACKED_BYTES.advice}"
        )


def _check_size(content: Content) -> None:
    with zipfile.ZipFile(io.BytesIO(content.data)) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > min(_LARGEST_WORKBOOK, unpacked_limit(len(content.data))):
        size = f"{unpacked / 2**20:.0f} MiB unpacked"
        raise TrailFormatError(f"a workbook of {size}; export the sheet as csv (UTF-8)")
    _check_cells(content)


def _check_cells(content: Content) -> None:
    """Raise an error if the cells of a sheet are far apart: all between them are filled in."""
    with zipfile.ZipFile(io.BytesIO(content.data)) as archive:
        for name in archive.namelist():
            if not name.startswith("xl/worksheets/") or not name.endswith(".xml"):
                continue
            sheet = archive.read(name)
            rows = {match[1] for match in _ROW.finditer(sheet)}
            columns = {match[1] for match in _CELL.finditer(sheet)}
            last_row = max(map(float, rows), default=0.0)
            last_column = max((_column_number(letters) for letters in columns), default=1.0)
            if 8 * last_row * last_column > unpacked_limit(len(content.data)):
                raise TrailFormatError(
                    f"a sheet of up to {last_row:g} x {last_column:g} cells{UNPACKED_BYTES.advice}"
                )


def _column_number(letters: bytes) -> float:
    """Return 1 for A, 26 for Z, 27 for AA."""
    number = 0.0
    for letter in letters.upper()[:9]:
        number = 26 * number + letter - 64
    return number


_ROW = re.compile(rb"""\br\s*=\s*["'][A-Za-z]*\s*(\d+)""")
_CELL = re.compile(rb"""\br\s*=\s*["']([A-Za-z]+)""")


def workbook_table(content: Content) -> SampleTable:
    """Return the first sheet of an Excel workbook that holds rows."""
    if not content.data.startswith(b"PK") or b"xl/workbook" not in content.data:
        raise TrailFormatError("a workbook that is not .xlsx: export the sheet as csv (UTF-8)")
    _need("openpyxl", "an Excel workbook", content)
    try:
        _check_size(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles
            sheets = pd.read_excel(io.BytesIO(content.data), sheet_name=None, engine="openpyxl")
    except TrailFormatError:
        raise
    except Exception as error:  # noqa: BLE001  # openpyxl and the parsers below raise many
        raise TrailFormatError(
            f"not a readable Excel workbook ({_line(error)}); export the sheet as csv (UTF-8)"
        ) from None
    filled = {name: sheet for name, sheet in sheets.items() if len(sheet)}
    if not filled:
        raise TrailFormatError("the workbook has no rows; export the sheet as csv (UTF-8)")
    name, table = next(iter(filled.items()))
    text = f"sheet {name!r} of {len(filled)} with rows"
    problems = ((content.file, "", text),) if len(filled) > 1 else ()
    return SampleTable(table, problems=problems)


def _need(package: str, what: str, content: Content) -> None:
    del content
    if find_spec(package) is None:
        raise TrailFormatError(
            f'{what} needs {package}: pip install "napari-uai[tables]", or export it as csv (UTF-8)'
        )


def _line(error: Exception) -> str:
    return one_line(error, 100) or type(error).__name__
