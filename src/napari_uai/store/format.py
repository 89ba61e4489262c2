"""Tables, arrays and plain values as bytes, and back exactly as they were; nothing is unpickled."""

from __future__ import annotations

import dataclasses
import importlib
import io
import json
from typing import Any

import numpy as np

from napari_uai.typing import AnyArray

_PLAIN = (str, int, float, bool, type(None))


class NotStorableError(TypeError):
    """A value would not come back as it was."""


def packed(value: Any) -> bytes:
    """Return a value as bytes.

    Parameters
    ----------
    value
        Tables, arrays of numbers, dataclasses of this package, plain values, and tuples, lists and
        dicts (with texts as keys) of all these.

    Raises
    ------
    NotStorableError
        If something else is in it.

    Examples
    --------
    >>> from napari_uai.store.format import packed, unpacked
    >>> unpacked(packed({"n": 3, "ends": (1.5, None)}))
    {'n': 3, 'ends': (1.5, None)}
    """
    arrays: list[AnyArray] = []
    document = json.dumps(_described(value, arrays))
    stream = io.BytesIO()
    named = {f"a{i}": array for i, array in enumerate(arrays)}
    named["document"] = np.frombuffer(document.encode(), np.uint8)
    np.savez_compressed(stream, **named)  # type: ignore[arg-type]  # no name is that of an option
    return stream.getvalue()


def unpacked(content: bytes) -> Any:
    """Return the value that :func:`packed` has made into bytes."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        document = json.loads(archive["document"].tobytes())
        return _restored(document, archive)


def _described(value: Any, arrays: list[AnyArray]) -> Any:
    """Return what JSON can hold of a value; its arrays are added to a list."""
    import pandas as pd

    if type(value) in _PLAIN:
        return value
    if isinstance(value, np.generic):
        return {"scalar": _array(np.asarray(value), arrays)}
    if isinstance(value, np.ndarray):
        return {"array": _array(value, arrays)}
    if isinstance(value, pd.DataFrame):
        return {"table": _table(value, arrays)}
    if isinstance(value, (list, tuple)) and type(value) in {list, tuple}:
        return {type(value).__name__: [_described(each, arrays) for each in value]}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"dict": {key: _described(each, arrays) for key, each in value.items()}}
    kind = type(value)
    if dataclasses.is_dataclass(kind) and kind.__module__.startswith("napari_uai."):
        named = {f.name: _described(getattr(value, f.name), arrays) for f in _stored_fields(kind)}
        return {"class": [kind.__module__, kind.__name__], "fields": named}
    raise NotStorableError(f"a value of type {kind.__name__}")


def _array(array: AnyArray, arrays: list[AnyArray]) -> int:
    if array.dtype.kind not in "biufU" or type(array) is not np.ndarray:
        raise NotStorableError(f"an array of {array.dtype}")
    arrays.append(array)
    return len(arrays) - 1


def _table(table: Any, arrays: list[AnyArray]) -> dict[str, Any]:
    import pandas as pd

    if not all(type(name) is str for name in table.columns) or not table.columns.is_unique:
        raise NotStorableError("a table whose columns have no names")
    index = table.index
    if type(index) is not pd.RangeIndex:
        if index.dtype.kind not in "iuf" or index.name is not None:
            raise NotStorableError("a table with an index of names")
        index = {"array": _array(index.to_numpy(), arrays)}
    else:
        index = [index.start, index.stop, index.step]
    return {
        "columns": {name: _column(table[name], arrays) for name in table.columns},
        "index": index,
        "attrs": _described(dict(table.attrs), arrays),
    }


def _column(column: Any, arrays: list[AnyArray]) -> Any:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return _array(column.to_numpy(), arrays)
    values = column.tolist()
    if not all(type(value) in _PLAIN and value == value for value in values):  # noqa: PLR0124
        raise NotStorableError(f"a column of {column.dtype}")
    if str(column.dtype) not in {"object", "str", "string"}:
        raise NotStorableError(f"a column of {column.dtype}")
    return {"dtype": str(column.dtype), "values": values}


def _restored(document: Any, archive: Any) -> Any:
    if not isinstance(document, dict):
        return document
    if "class" in document:
        module, name = document["class"]
        return _instance(module, name, document["fields"], archive)
    ((kind, content),) = document.items()
    if kind == "array":
        return archive[f"a{content}"]
    if kind == "scalar":
        return archive[f"a{content}"][()]
    if kind == "table":
        return _restored_table(content, archive)
    if kind == "dict":
        return {key: _restored(each, archive) for key, each in content.items()}
    return {"list": list, "tuple": tuple}[kind](_restored(each, archive) for each in content)


def _restored_table(content: dict[str, Any], archive: Any) -> Any:
    import pandas as pd

    index = content["index"]
    rows = archive[f"a{index['array']}"] if isinstance(index, dict) else pd.RangeIndex(*index)
    columns = {
        name: pd.Series(archive[f"a{each}"], index=rows)
        if isinstance(each, int)
        else pd.Series(each["values"], index=rows, dtype=each["dtype"])
        for name, each in content["columns"].items()
    }
    table = pd.DataFrame(columns, index=rows)
    table.attrs = _restored(content["attrs"], archive)
    return table


def _instance(module: str, name: str, fields: dict[str, Any], archive: Any) -> Any:
    if not module.startswith("napari_uai."):
        raise NotStorableError(f"{module}.{name}")
    kind = getattr(importlib.import_module(module), name)
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise NotStorableError(f"{module}.{name}")
    named = {key: _restored(value, archive) for key, value in fields.items()}
    return kind(**named)


def _stored_fields(kind: Any) -> list[dataclasses.Field[Any]]:
    fields = dataclasses.fields(kind)
    if not all(each.init for each in fields):
        raise NotStorableError(f"a {kind.__name__}")
    return list(fields)
