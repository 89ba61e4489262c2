"""Build hook of the wheel: pack the sample data, one archive per sample, and the pages of help.

The recording is left out: what comes with the package simulates it, see napari_uai.sample_data.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKED = {
    "fluorescence": ("fluorescence.bin", "fluorescence.bin.json", "fluorescence_truth.json"),
    "trails": ("trails",),
}


GUNZIPPED = ".gunzipped"
"""Ending of files that :mod:`napari_uai.sample_data` compresses again when it unpacks them."""


class SampleHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds ``napari_uai/sample_data/<sample>.tar.xz`` and ``napari_uai/handbook/<page>.md``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Pack before the wheel is put together; an editable installation reads the files."""
        if version == "editable":
            return
        for page in sorted(Path(self.root, "docs").glob("*.md")):
            build_data["force_include"][str(page)] = f"napari_uai/handbook/{page.name}"
        source = Path(self.root, "sample_data")
        for sample, names in PACKED.items():
            archive = Path(self.directory, f"{sample}.tar.xz")
            archive.parent.mkdir(parents=True, exist_ok=True)
            pack([source / name for name in names], archive)
            place = f"napari_uai/sample_data/{archive.name}"
            build_data["force_include"][str(archive)] = place

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the archives beside the finished wheel."""
        del version, build_data, artifact_path
        for sample in PACKED:
            Path(self.directory, f"{sample}.tar.xz").unlink(missing_ok=True)


def pack(paths: list[Path], archive: Path) -> None:
    """Write an archive that is the same for the same files."""
    with tarfile.open(archive, "w:xz", preset=9) as tar:
        for path in paths:
            for file in sorted([path] if path.is_file() else path.rglob("*")):
                if file.is_file():
                    name, content = file.relative_to(path.parent).as_posix(), file.read_bytes()
                    if file.suffix == ".gz":  # many small ones pack better together
                        name, content = name + GUNZIPPED, gzip.decompress(content)
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
