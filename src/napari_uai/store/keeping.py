"""Finished pieces of long work, kept in a cache folder: a run that was killed goes on from them.

A piece is a table, or plain values and arrays. Its key says all that its content depends on:
recording, stage, parameters, the code of this package and the versions of those below it. So a
piece is never out of date; at worst it is not found. Each has a checksum, and one that does not
match is computed again. The oldest go when there is no room.
"""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from napari_uai.results import versions
from napari_uai.store.folder import Store, default_store
from napari_uai.store.format import NotStorableError, packed, unpacked

_LOG = logging.getLogger(__name__)

Result = TypeVar("Result")

_ELSEWHERE = {"cli", "report", "widgets", "sample_data", "__pycache__"}
"""Parts of the package on which no piece depends."""


def _nothing() -> None:
    """Check nothing."""


@dataclass(frozen=True)
class _Scope:
    """Where pieces are kept, and what those of the work under way depend on; also one of them."""

    store: Store
    key: str
    label: str
    check: Callable[[], None]
    warned: list[warnings.WarningMessage] | None = None

    def piece(self, what: str, depends_on: Any) -> _Scope:
        """Return the scope of a piece, and of the pieces inside it."""
        key = identity_of(self.key, what, depends_on)
        return replace(self, key=key, label=f"{self.label}: {what}")

    def stored(self) -> tuple[Any] | None:
        """Return the result of this piece if it was kept, and warn as it did."""
        payload = self.store.get(self.key)
        if payload is None:
            return None
        result, texts = unpacked(payload)
        for text in texts:
            warnings.warn(text, UserWarning, stacklevel=3)
        return (result,)

    def keep(self, result: Any, before: int) -> None:
        """Keep the result of this piece, and the warnings since there were some before."""
        self.check()
        texts = [str(each.message) for each in (self.warned or ())[before:]]
        try:
            self.store.put(self.key, packed((result, list(dict.fromkeys(texts)))), self.label)
        except NotStorableError as reason:
            _LOG.debug("%s is not kept: %s", self.label, reason)


_scope: ContextVar[_Scope | None] = ContextVar("napari_uai_store", default=None)
_store: ContextVar[Store | None] = ContextVar("napari_uai_default_store", default=None)


@contextmanager
def keeping(store: Store | None = None) -> Iterator[Store]:
    """Keep finished pieces of the work in a ``with`` block, and use those of earlier work.

    Parameters
    ----------
    store
        By default, that in the cache folder.

    Yields
    ------
    Store
        The store.

    Examples
    --------
    >>> import napari_uai as uai
    >>> from napari_uai.store.keeping import keeping
    >>> with keeping():
    ...     result = uai.run_recipe(uai.sample_path("landings.bin"), "classical",
    ...                             dra={"batch_size": 200})
    """
    chosen = default_store() if store is None else store
    token = _store.set(chosen if chosen.limit_bytes else None)
    try:
        yield chosen
    finally:
        _store.reset(token)


def is_keeping() -> bool:
    """Return whether the work under way keeps its pieces."""
    return _store.get() is not None


@contextmanager
def pieces_of(
    source: Any,
    label: str,
    *,
    check: Callable[[], None] = _nothing,
    warned: list[warnings.WarningMessage] | None = None,
) -> Iterator[None]:
    """Let :func:`kept` keep what depends on a source.

    Parameters
    ----------
    source
        Plain values that identify the content of the source; None: it is not known.
    label
        Its name, for people.
    check
        Raises an error if the source is not as it was, so that a piece would be of a mixture.
    warned
        Warnings that are being recorded: a piece brings its own with it.
    """
    store = _store.get()
    scope = None
    if store is not None and source is not None:
        key = identity_of(code_digest(), versions(), source)
        scope = _Scope(store, key, label, check, warned)
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)


def kept(what: str, depends_on: Any, compute: Callable[[], Result]) -> Result:
    """Return the result of a function, from the store if it was computed before.

    Inside :func:`pieces_of` a source that is known; elsewhere the function is just called. What is
    kept inside the function depends on the same, and on more.

    Parameters
    ----------
    what
        Name of the piece, for people and for the key.
    depends_on
        Plain values that decide the result, besides the source and the pieces around this one.
    compute
        Returns a table, an array, a dataclass of this package, or plain values.

    Examples
    --------
    >>> from napari_uai.store.keeping import kept
    >>> kept("squares", 3, lambda: [n * n for n in range(3)])
    [0, 1, 4]
    """
    scope = _scope.get()
    if scope is None:
        return compute()
    piece = scope.piece(what, depends_on)
    found = piece.stored()
    if found is not None:
        return found[0]  # type: ignore[no-any-return]
    before = len(scope.warned or ())
    token = _scope.set(piece)
    try:
        result = compute()
    finally:
        _scope.reset(token)
    piece.keep(result, before)
    return result


def kept_each(
    whats: Sequence[str], compute: Callable[[Sequence[int]], Iterator[tuple[int, Result]]]
) -> Iterator[tuple[int, Result]]:
    """Yield the results of parts that are computed side by side, each kept as soon as it is there.

    Parameters
    ----------
    whats
        Name of each part; its number decides the result, besides what :func:`kept` says.
    compute
        Takes the numbers of the parts that are not in the store; yields number and result of each,
        in any order. Pieces inside are not kept.

    Examples
    --------
    >>> from napari_uai.store.keeping import kept_each
    >>> dict(kept_each(["first", "second"], lambda missing: ((i, i * i) for i in missing)))
    {0: 0, 1: 1}
    """
    scope = _scope.get()
    pieces = [None if scope is None else scope.piece(what, i) for i, what in enumerate(whats)]
    missing = []
    for i, piece in enumerate(pieces):
        found = None if piece is None else piece.stored()
        if found is None:
            missing.append(i)
        else:
            yield i, found[0]
    context = copy_context()
    context.run(_scope.set, None)
    results = context.run(compute, missing)
    while True:
        before = len((scope and scope.warned) or ())
        each = context.run(next, results, None)
        if each is None:
            return
        piece = pieces[each[0]]
        if piece is not None:
            piece.keep(each[1], before)
        yield each


@cache
def code_digest() -> str:
    """Return the checksum of the code, and of the packaged weights, on which results depend."""
    top = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(top.rglob("*.*")):
        name = path.relative_to(top)
        if path.is_file() and not {name.parts[0], path.parent.name} & _ELSEWHERE:
            digest.update(f"{name.as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def identity_of(*parts: Any) -> str:
    """Return a checksum of plain values, which stands for what depends on them alone.

    Raises
    ------
    TypeError
        If one of them is not a plain value.
    """
    text = json.dumps(parts, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def content_of(value: Any) -> str | None:
    """Return a checksum of a table, an array or plain values; None if they cannot be kept."""
    try:
        return hashlib.sha256(packed(value)).hexdigest()
    except NotStorableError:
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (Path, frozenset, set)):
        return str(value) if isinstance(value, Path) else sorted(value)
    raise TypeError(f"{type(value).__name__} is not a plain value")
