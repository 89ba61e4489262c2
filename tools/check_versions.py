"""Check that what is written in two files agrees: the version, and that of ruff."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def found(pattern: str, name: str) -> str:
    """Return what a pattern captures in a file."""
    match = re.search(pattern, (ROOT / name).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return match[1] if match else f"no {pattern!r}"


version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
PAIRS = {
    "version: CITATION.cff, pyproject.toml": (
        found(r"^version: (\S+)", "CITATION.cff"),
        version,
    ),
    "ruff: .pre-commit-config.yaml, constraints.txt": (
        found(r"ruff-pre-commit\s+rev: v(\S+)", ".pre-commit-config.yaml"),
        found(r"^ruff==(\S+)", "constraints.txt"),
    ),
}
unequal = [f"{what}: {one}, {other}" for what, (one, other) in PAIRS.items() if one != other]
if unequal:
    sys.exit("\n".join(unequal))
