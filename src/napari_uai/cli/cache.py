"""``napari-uai cache``: the finished pieces of runs that are kept for later ones."""

from __future__ import annotations

from datetime import datetime

import typer

from napari_uai.errors import counted, one_line

cache_app = typer.Typer(
    help="List, verify or clear the finished pieces of runs that are kept for later ones.",
    rich_markup_mode=None,
)


@cache_app.callback(invoke_without_command=True)
def _list_by_default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_pieces()


@cache_app.command("list")
def list_pieces() -> None:
    """List what is kept, most recently used first."""
    from napari_uai.store.folder import default_store

    store = default_store()
    pieces = sorted(store.pieces(), key=lambda piece: (-piece.used, piece.what))
    for piece in pieces:
        typer.echo(f"{_size(piece.size):>9}  {_when(piece.used)}  {one_line(piece.what)}")
    total = sum(piece.size for piece in pieces)
    typer.echo(
        f"{counted(len(pieces), 'piece')}, {_size(total)} of {_size(store.limit_bytes)}, "
        f"in {one_line(store.folder)}"
    )


@cache_app.command()
def verify() -> None:
    """Check all checksums; remove what is damaged."""
    from napari_uai.store.folder import default_store

    store = default_store()
    n = sum(1 for _ in store.pieces())
    damaged = list(store.verify())
    for piece in damaged:
        typer.echo(f"removed: {one_line(piece.path)}")
    typer.echo(f"{counted(n, 'piece')}, {len(damaged)} damaged")


@cache_app.command()
def clear() -> None:
    """Remove everything; the next run computes it again."""
    from napari_uai.store.folder import default_store

    typer.echo(f"{counted(default_store().clear(), 'piece')} removed")


def _size(n: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n < 1024:
            return f"{n:.0f} {unit}"
        n /= 1024
    return f"{n:.1f} GiB"


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")  # noqa: DTZ006  # the user's
