"""The store: a folder of pieces with checksums, up to a size."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from napari_uai.working_folders import working_folder

_LOG = logging.getLogger(__name__)

FORMAT = "napari-uai piece 1"
"""First entry of the head of a piece; changes with the format."""

SUFFIX = ".piece"
LIMIT_GIB = 2.0
"""Size of the store, unless ``NAPARI_UAI_CACHE_GIB`` says otherwise."""

_MOST_HEAD_BYTES = 4096


def cache_folder() -> Path:
    """Return the folder of everything that can be made again: ``NAPARI_UAI_CACHE``, or the user's.

    The folder need not exist.
    """
    folder = os.environ.get("NAPARI_UAI_CACHE")
    if folder:
        return Path(folder)
    from platformdirs import user_cache_path

    return user_cache_path("napari-uai", appauthor=False)


def default_store() -> Store:
    """Return the store in the cache folder; with a limit of 0 it keeps nothing."""
    try:
        limit = float(os.environ.get("NAPARI_UAI_CACHE_GIB", LIMIT_GIB))
    except ValueError:
        limit = LIMIT_GIB
    return Store(cache_folder() / "pieces", limit_bytes=int(max(limit, 0) * 2**30))


@dataclass(frozen=True)
class Piece:
    """What is known of a piece without its content.

    Attributes
    ----------
    path
        Its file.
    what
        Of which recording, and by which stage.
    size
        Bytes of the file.
    used
        When it was last written or read, in seconds since 1970.
    """

    path: Path
    what: str
    size: int
    used: float


@dataclass
class Store:
    """Pieces in a folder, up to a size.

    Nothing that goes wrong with the folder stops the work: then nothing is kept, and
    :attr:`problem` says why.

    Parameters
    ----------
    folder
        Created when something is kept.
    limit_bytes
        Size up to which pieces are kept.
    """

    folder: Path
    limit_bytes: int = int(LIMIT_GIB * 2**30)
    problem: str = ""
    _added: int | None = field(default=None, repr=False)

    def get(self, key: str) -> bytes | None:
        """Return the content of a piece; None if there is none, or it is damaged."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        with suppress(OSError):  # the folder may be another user's, or read-only
            os.utime(path)
        payload = _checked(content)
        if payload is None:
            _LOG.warning("%s is damaged: computed again", path)
        return payload

    def put(self, key: str, payload: bytes, what: str) -> None:
        """Keep a piece."""
        if self.problem or len(payload) > self.limit_bytes:
            return
        digest = hashlib.sha256(payload).hexdigest()
        head = json.dumps({"format": FORMAT, "what": what[:500], "sha256": digest})
        try:
            path = self._path(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            with working_folder(self.folder / "new") as folder:
                (folder / path.name).write_bytes(head.encode() + b"\n" + payload)
                (folder / path.name).replace(path)
            self._make_room(len(payload))
        except OSError as error:
            self.problem = f"{self.folder}: {error.strerror or error}"

    @property
    def not_kept(self) -> tuple[str, ...]:
        """A line for the user if nothing can be kept, else none."""
        said = f"nothing can be kept for a run that is killed: {self.problem}"
        return (said,) if self.problem else ()

    def pieces(self) -> Iterator[Piece]:
        """Yield all pieces, in no order."""
        for path in self.folder.glob(f"*/*{SUFFIX}"):
            try:
                status = path.stat()
                with path.open("rb") as file:
                    head = json.loads(file.readline(_MOST_HEAD_BYTES))
                what = str(head["what"])
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError):
                what = "damaged"
            yield Piece(path, what, status.st_size, status.st_mtime)

    def verify(self) -> Iterator[Piece]:
        """Yield the pieces that are damaged, and remove them."""
        for piece in self.pieces():
            try:
                damaged = _checked(piece.path.read_bytes()) is None
            except OSError:
                damaged = True
            if damaged:
                piece.path.unlink(missing_ok=True)
                yield piece

    def clear(self) -> int:
        """Remove all pieces; return their number."""
        pieces = list(self.pieces())
        for piece in pieces:
            piece.path.unlink(missing_ok=True)
        return len(pieces)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}{SUFFIX}"

    def _make_room(self, added: int) -> None:
        """Remove the pieces that were not used for longest; look at the folder now and then."""
        self._added = None if self._added is None else self._added + added
        if self._added is not None and self._added < self.limit_bytes // 8:
            return
        self._added = 0
        pieces = sorted(self.pieces(), key=lambda piece: piece.used)
        excess = sum(piece.size for piece in pieces) - self.limit_bytes
        for piece in pieces:
            if excess <= 0:
                break
            piece.path.unlink(missing_ok=True)
            excess -= piece.size


def _checked(content: bytes) -> bytes | None:
    """Return the payload of a piece, None if it is not as it was written."""
    stream = io.BytesIO(content)
    try:
        head = json.loads(stream.readline(_MOST_HEAD_BYTES))
        payload = stream.read()
        intact = head["format"] == FORMAT
        intact &= hashlib.sha256(payload).hexdigest() == head["sha256"]
    except (ValueError, KeyError, TypeError):
        return None
    return payload if intact else None
