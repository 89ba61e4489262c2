"""Atomic writing: files are either complete or absent, written under another name and renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from napari_uai.errors import OutputError
from napari_uai.working_folders import put_in_place, working_folder


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path near the final one, which it replaces on success.

    On an error or if cancelled, the temporary file is removed and the final path is unchanged. What
    a killed process has left there is removed by the next one that writes the same path.

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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with working_folder(path) as folder:
            yield folder / path.name
            put_in_place(folder, path)
    except OutputError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error


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
