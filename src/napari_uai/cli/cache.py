"""``napari-uai cache``: what is kept for later runs, finished pieces and compiled kernels."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from napari_uai.errors import counted, one_line

if TYPE_CHECKING:
    from napari_uai.store.folder import Piece, Store

cache_app = typer.Typer(
    help="List, verify or clear what is kept for later runs: finished pieces, compiled kernels.",
    rich_markup_mode=None,
)


@cache_app.callback(invoke_without_command=True)
def _list_by_default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_pieces()


@cache_app.command("list")
def list_pieces() -> None:
    """List the finished pieces, most recently used first, and how many kernels are compiled."""
    from napari_uai.kernel_files import kernel_store
    from napari_uai.store.folder import default_store

    store = default_store()
    pieces = sorted(store.pieces(), key=lambda piece: (-piece.used, piece.what))
    for piece in pieces:
        typer.echo(f"{_size(piece.size):>9}  {_when(piece.used)}  {one_line(piece.what)}")
    kernels = kernel_store()
    _summarize("piece", pieces, store)
    _summarize("compiled kernel", list(kernels.pieces()), kernels)


def _summarize(name: str, pieces: list[Piece], store: Store) -> None:
    total = sum(piece.size for piece in pieces)
    typer.echo(
        f"{counted(len(pieces), name)}, {_size(total)} of {_size(store.limit_bytes)}, "
        f"in {one_line(store.folder)}"
    )


@cache_app.command()
def verify() -> None:
    """Check all checksums; remove what is damaged."""
    from napari_uai.kernel_files import kernel_store
    from napari_uai.store.folder import default_store

    for name, store in (("piece", default_store()), ("compiled kernel", kernel_store())):
        n = sum(1 for _ in store.pieces())
        damaged = list(store.verify())
        for piece in damaged:
            typer.echo(f"removed: {one_line(piece.path)}")
        typer.echo(f"{counted(n, name)}, {len(damaged)} damaged")


@cache_app.command()
def clear(
    kernels: Annotated[
        bool, typer.Option("--kernels", help="Compiled kernels, too.", show_default=False)
    ] = False,
) -> None:
    """Remove all pieces; the next run computes them again."""
    from napari_uai.kernel_files import kernel_store
    from napari_uai.store.folder import default_store

    typer.echo(f"{counted(default_store().clear(), 'piece')} removed")
    if kernels:
        typer.echo(f"{counted(kernel_store().clear(), 'compiled kernel')} removed")


def _size(n: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n < 1024:
            return f"{n:.0f} {unit}"
        n /= 1024
    return f"{n:.1f} GiB"


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")  # noqa: DTZ006  # the user's
