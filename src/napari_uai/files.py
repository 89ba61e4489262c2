"""Atomic writing: files are either complete or absent, written under another name and renamed."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from napari_uai.errors import OutputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside the final one, which it replaces on success.

    On an error or if cancelled, the temporary file is removed and the final path is unchanged.

    Parameters
    ----------
    path
        Final path of a file, or of a folder such as a zarr store. Missing parent folders are
        created.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from napari_uai.files import whole_file
    >>> folder = Path(tempfile.mkdtemp())
    >>> with whole_file(folder / "table.csv") as partial:
    ...     _ = partial.write_text("frame,y,x")
    >>> [file.name for file in folder.iterdir()]
    ['table.csv']
    """
    partial = _beside(path, "partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _replace(partial, path)
    except OutputError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        _remove(partial)


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write several files, all or none, and flush them to disk.

    All are written under temporary names before the first replaces an earlier file, so a full
    disk leaves the earlier files intact.

    Parameters
    ----------
    files
        Content by path; they are replaced in this order.

    Raises
    ------
    OutputError
        If one cannot be written.
    """
    with ExitStack() as stack:
        # The stack unwinds from the last one entered, so the first file is replaced first.
        for path, content in reversed([*files.items()]):
            partial = stack.enter_context(whole_file(path))
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return the error for a file or folder that cannot be written, with the reason and advice."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    advice = "free disk space or choose another folder" if full else "choose another folder"
    return OutputError(f"cannot write to {path}: {error.strerror or error}; {advice}")


def _replace(partial: Path, path: Path) -> None:
    if partial.is_file() or not path.is_dir():
        partial.replace(path)  # fails if the path is a folder, whose content would be lost
        return
    # A folder cannot replace another one in a single step.
    old = _beside(path, "old")
    path.rename(old)
    partial.rename(path)
    _remove(old)


def _remove(path: Path) -> None:
    with suppress(OSError):  # the error that stopped the writing is more informative
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    """Return a hidden name that no other process uses."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.{ending}")
