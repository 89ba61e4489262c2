"""Compiled kernels on disk, found by what they compute: their code, and all that it refers to.

numba identifies them by source file instead. There, editing one line or moving the package
recompiles every kernel of the file, and a change to a kernel or constant imported from another file
goes unnoticed.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numba
import numpy as np
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps

from napari_uai.store.folder import Store, cache_folder

_PACKAGE = __name__.partition(".")[0]
"""Of its own modules, a kernel must name what it takes, which then counts."""

LIMIT_BYTES = 2**29
"""Size up to which compiled kernels are kept; those of one version of the package are 40 MB."""


def kernel_store() -> Store:
    """Return where compiled kernels are kept: ``NUMBA_CACHE_DIR``, or else in the cache folder."""
    folder = os.environ.get("NUMBA_CACHE_DIR")
    return _store_in(Path(folder) if folder else cache_folder() / "kernels")


@cache
def _store_in(folder: Path) -> Store:
    return Store(folder, limit_bytes=LIMIT_BYTES)


class KernelFiles:
    """Compiled code of one kernel, for each signature: what numba calls the cache of a dispatcher.

    Parameters
    ----------
    kernel
        The kernel. What it refers to need not be defined before it is called.
    """

    def __init__(self, kernel: Dispatcher) -> None:
        self._kernel = kernel

    @cached_property
    def _identity(self) -> tuple[str, ...]:
        made_by = numba.__version__, np.__version__, platform.python_version()
        return (fingerprint(self._kernel), *made_by)

    @property
    def cache_path(self) -> str:
        """The folder of all kernels."""
        return os.fspath(kernel_store().folder)

    def load_overload(self, sig: Any, target_context: Any) -> CompileResult | None:
        """Return the compiled code for a signature, None if there is none."""
        target_context.refresh()
        content = kernel_store().get(self._key(sig, target_context.codegen()))
        if content is None:
            return None
        # The folder is the user's, as that of the package is.
        return CompileResult._rebuild(target_context, *pickle.loads(content))  # noqa: S301, SLF001

    def save_overload(self, sig: Any, data: CompileResult) -> None:
        """Keep the compiled code for a signature."""
        if not data.lifted and not data.library.has_dynamic_globals:
            function = self._kernel.py_func
            name = f"{function.__module__}.{function.__qualname__}"
            content = dumps(data._reduce())  # noqa: SLF001  # what numba's own files hold
            kernel_store().put(self._key(sig, data.codegen), content, name)

    def flush(self) -> None:
        """Do nothing: kernels of other code are not found, and the oldest are removed."""

    def _key(self, sig: Any, codegen: Any) -> str:
        """Return the name of a piece: code, types, and what the processor can do."""
        text = repr((self._identity, repr(sig), codegen.magic_tuple()))
        return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(kernel: Dispatcher) -> str:
    """Return a checksum of all that a kernel computes with; comments and docstrings do not count.

    Parameters
    ----------
    kernel
        A function that numba compiles.

    Returns
    -------
    str
        Checksum of its code, its options, and the kernels, constants and arrays that it refers to.

    Raises
    ------
    TypeError
        If it refers to something that has no lasting description.

    Examples
    --------
    >>> import numba
    >>> more, also, less = map(numba.njit, (lambda x: x + 1, lambda x: x + 1, lambda x: x - 1))
    >>> fingerprint(more) == fingerprint(also), fingerprint(more) == fingerprint(less)
    (True, False)
    """
    digest = hashlib.sha256()
    for fact in _of_value(kernel, set()):
        digest.update(fact.encode() + b"\0")
    return digest.hexdigest()


def _of_value(value: Any, seen: set[int]) -> Iterator[str]:
    """Yield what tells a value from others; of what was met before, only that it is met again."""
    if isinstance(value, Dispatcher):
        yield f"kernel {sorted((name, _option(v)) for name, v in value.targetoptions.items())}"
        yield from _of_function(value.py_func, seen)
    elif isinstance(value, FunctionType):
        yield from _of_function(value, seen)
    elif isinstance(value, CodeType):
        yield from _of_code(value, None)
    elif isinstance(value, tuple | list):
        yield f"{type(value).__name__} of {len(value)}"
        for each in value:
            yield from _of_value(each, seen)
    elif isinstance(value, frozenset):
        yield from sorted(fact for each in value for fact in _of_value(each, seen))
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype.str} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    elif isinstance(value, ModuleType) and not value.__name__.startswith(_PACKAGE):
        yield f"module {value.__name__}"
    elif isinstance(value, type | BuiltinFunctionType | np.ufunc):
        yield f"{getattr(value, '__module__', '')} {getattr(value, '__qualname__', value.__name__)}"
    elif value is None or isinstance(value, str | bytes | int | float | complex | np.generic):
        yield repr(value)
    else:
        raise TypeError(f"kernels cannot refer to values of type {type(value).__name__}")


def _of_function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield f"function {function.__qualname__}"
    if id(function) in seen:
        return
    seen.add(id(function))
    yield from _of_code(function.__code__, function.__doc__)
    yield from _of_value(function.__defaults__ or (), seen)
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    yield from _of_value(cells, seen)
    for name in sorted(_names(function.__code__) & set(function.__globals__)):
        yield name
        yield from _of_value(function.__globals__[name], seen)


def _of_code(code: CodeType, docstring: str | None) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_argcount, code.co_flags, code.co_names, code.co_varnames, code.co_freevars))
    for constant in code.co_consts:
        if constant is None or constant is not docstring:
            yield from _of_value(constant, set())


def _names(code: CodeType) -> set[str]:
    """Return the names of everything global that code refers to, and of attributes."""
    inner = (_names(each) for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*inner)


def _option(value: Any) -> str:
    return repr(sorted(value)) if isinstance(value, set | frozenset) else repr(value)
