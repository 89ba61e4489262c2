"""Whether a recording is still as it was when it was opened: results of a mixture are of no use."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from napari_uai.errors import VideoFormatError
from napari_uai.videos.sources.stored import files_in


@dataclass(frozen=True)
class State:
    """Sizes and times of the files of a recording.

    Not their inodes, which some network file systems renumber: a file that was replaced by
    another has another time of modification.

    Attributes
    ----------
    size
        Bytes of all files.
    changed_ns
        Last modification of any of them (ns).
    files
        Checksum of the names, sizes and times of the files of a folder.
    """

    size: int
    changed_ns: int
    files: str = ""

    @classmethod
    def of(cls, path: Path) -> State | None:
        """Return the state of a file or folder; None if there is no such path, as for patterns."""
        try:
            if not path.is_dir():
                status = path.stat()
                return cls(status.st_size, status.st_mtime_ns)
            each = [(entry.path, entry.stat()) for entry in files_in(path)]
        except (OSError, ValueError):
            return None
        digest, size, changed = hashlib.sha256(), 0, 0
        for name, status in sorted(each, key=lambda one: one[0]):
            line = f"{os.path.relpath(name, path)} {status.st_size} {status.st_mtime_ns}\n"
            digest.update(line.encode(errors="surrogateescape"))
            size += status.st_size
            changed = max(changed, status.st_mtime_ns)
        return cls(size, changed, digest.hexdigest())

    def check(self, path: Path) -> None:
        """Raise an error if the file or folder is not in this state any more.

        Raises
        ------
        VideoFormatError
            If it was changed, replaced or removed.
        """
        now = State.of(path)
        if now == self:
            return
        if now is None:
            how = "is gone"
        elif now.size != self.size:
            how = f"had {self.size} bytes and has {now.size}"
        else:
            how = "was written to"
        raise VideoFormatError(
            f"{path} changed while it was analysed (it {how}): run it again when it stays as it is"
        )
