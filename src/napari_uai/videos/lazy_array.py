"""The array interface that other libraries expect, delegated to a lazy dask array."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import dask.array as da
import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin


class LazyArray(NDArrayOperatorsMixin, ABC):
    """An array whose arithmetic, numpy functions and common methods return dask arrays.

    The mean image of a recording thus needs little memory. Comparison, hashing and copying treat
    it as an immutable object, not pixel by pixel.
    """

    @abstractmethod
    def to_dask(self) -> da.Array:
        """Return the values as a dask array; nothing is computed."""

    def __array_function__(
        self, function: Callable[..., Any], _types: Any, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Call one of numpy's functions."""
        return function(*_as_dask(args), **_as_dask(kwargs))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Apply a numpy ufunc, also if the other operand is a numpy or dask array."""
        return getattr(ufunc, method)(*_as_dask(inputs), **_as_dask(kwargs))

    def astype(self, dtype: npt.DTypeLike, **options: Any) -> da.Array:
        """Convert all values."""
        return self.to_dask().astype(dtype, **options)

    def max(self, axis: Any = None, **options: Any) -> da.Array:
        """Return the maximum along axes."""
        return self.to_dask().max(axis, **options)

    def mean(self, axis: Any = None, **options: Any) -> da.Array:
        """Return the mean along axes."""
        return self.to_dask().mean(axis, **options)

    def min(self, axis: Any = None, **options: Any) -> da.Array:
        """Return the minimum along axes."""
        return self.to_dask().min(axis, **options)

    def std(self, axis: Any = None, **options: Any) -> da.Array:
        """Return the standard deviation along axes."""
        return self.to_dask().std(axis, **options)

    def sum(self, axis: Any = None, **options: Any) -> da.Array:
        """Return the sum along axes."""
        return self.to_dask().sum(axis, **options)

    # With the comparison of NDArrayOperatorsMixin, frames could not be keys of dictionaries.
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: Any) -> Self:
        """Return itself: a copy would recompute what this object has cached."""
        return self


def _as_dask(value: Any) -> Any:
    """Replace lazy arrays by dask arrays, also in lists, tuples and dictionaries."""
    if isinstance(value, LazyArray):
        return value.to_dask()
    if isinstance(value, (list, tuple)):
        return type(value)([_as_dask(one) for one in value])
    if isinstance(value, dict):
        return {key: _as_dask(one) for key, one in value.items()}
    return value
