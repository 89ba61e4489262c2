"""Sections of numpydoc docstrings: parameters, references, cautions."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any


def docstring_section(documented: Callable[..., Any] | type, title: str) -> str:
    """Return the text of a section of a docstring, empty if there is none.

    Parameters
    ----------
    documented
        A function or class.
    title
        Of the section, such as ``References``.

    Examples
    --------
    >>> def blur() -> None:
    ...     '''Blur.
    ...
    ...     Notes
    ...     -----
    ...     In place.
    ...     '''
    >>> docstring_section(blur, "Notes")
    'In place.'
    """
    doc = inspect.getdoc(documented) or ""
    section = re.search(
        rf"^{re.escape(title)}\n-+\n(.*?)(?=^\S[^\n]*\n-+$|\Z)", doc, re.MULTILINE | re.DOTALL
    )
    return section.group(1).strip() if section else ""


def described_parameters(function: Callable[..., Any] | type) -> dict[str, str]:
    """Read the section Parameters of a docstring: descriptions by name, on one line."""
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in docstring_section(function, "Parameters").splitlines():
        if line and not line.startswith(" "):
            names = [name.strip(" *") for name in line.partition(":")[0].split(",")]
            texts.update(dict.fromkeys(names, ""))
        else:
            for name in names:
                texts[name] = f"{texts[name]} {line.strip()}".strip()
    return texts


def references(documented: Callable[..., Any] | type) -> tuple[str, ...]:
    """Read the section References of a docstring: one citation each.

    They are numbered (``.. [1]``), or separated by semicolons.

    Examples
    --------
    >>> from napari_uai.iscat import link_spots
    >>> references(link_spots)
    ('Crocker & Grier, J. Colloid Interface Sci. 179, 298 (1996), doi:10.1006/jcis.1996.0217',)
    """
    text = docstring_section(documented, "References")
    parts = re.split(r"^\.\. \[\w+\]", text, flags=re.MULTILINE)
    cited = parts[1:] if len(parts) > 1 else text.split(";")
    return tuple(one for part in cited if (one := _line(part).removesuffix(".")))


def cautions(documented: Callable[..., Any] | type) -> tuple[str, ...]:
    """Read the section Warnings of a docstring: one sentence or more for each paragraph."""
    text = docstring_section(documented, "Warnings")
    return tuple(line for part in re.split(r"\n\s*\n", text) if (line := _line(part)))


def plain_text(text: str) -> str:
    """Return a text without the markup of reStructuredText.

    Examples
    --------
    >>> plain_text("``min_score``; see :func:`~napari_uai.iscat.detect_steps`")
    'min_score; see detect_steps'
    """
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"\1", text)
    return _line(text.replace("``", "").replace("*", ""))


def _line(text: str) -> str:
    return " ".join(text.split())
