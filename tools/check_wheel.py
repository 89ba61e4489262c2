"""Check that a wheel holds what is not Python: manifest, recipes, samples, pages of help."""

from __future__ import annotations

import sys
from fnmatch import filter as matching
from pathlib import Path
from zipfile import ZipFile

NEEDED = (
    "napari_uai/napari.yaml",
    "napari_uai/py.typed",
    "napari_uai/*.pyi",
    "napari_uai/*/__init__.pyi",
    "napari_uai/iscat/recipes/*.toml",
    "napari_uai/iscat/rescore/weights/*.safetensors",
    "napari_uai/iscat/rescore/weights/*.json",
    "napari_uai/iscat/fastdvdnet/trained/*.safetensors",
    "napari_uai/iscat/fastdvdnet/trained/*.json",
    "napari_uai/sample_data/fluorescence.tar.xz",
    "napari_uai/sample_data/trails.tar.xz",
    "napari_uai/handbook/tutorial-napari.md",
)
LIMIT = 5_500_000

with ZipFile(sys.argv[1]) as wheel:
    names = wheel.namelist()
missing = [pattern for pattern in NEEDED if not matching(names, pattern)]
if missing:
    sys.exit(f"{sys.argv[1]} lacks {', '.join(missing)}")
size = Path(sys.argv[1]).stat().st_size
if size > LIMIT:
    sys.exit(f"{sys.argv[1]} has {size} bytes, more than {LIMIT}")
print(f"{sys.argv[1]}: {len(names)} files, {size / 1e6:.2f} MB")
