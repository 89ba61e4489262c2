"""The pages of the documentation as plain Markdown, as they come with the package; uses no Qt.

The sources of the site are MyST Markdown, in the folder ``docs`` of a source tree and in the folder
``handbook`` of an installed package. What Qt cannot show of it is put into plain words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from napari_uai.errors import BadValueError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

_SOURCES = Path(__file__).parents[4] / "docs"
_SHIPPED = "handbook"

_ROLE = re.compile(r"\{\w+\}`~?([^`<]+?)(?:\s*<[^`>]*>)?`")
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_LABEL = re.compile(r"^\(([\w-]+)\)=\n+#+ (.+)$", re.MULTILINE)
_FENCE = re.compile(r"(?ms)^(`{3,}|:{3,})\{([\w-]+)\}([^\n]*)\n(.*?)^\1[ \t]*$")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
_PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_CODE = re.compile(r"(^```.*?^```[ \t]*$)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """A page of the documentation.

    Attributes
    ----------
    name
        Name of the file, without ``.md``.
    title
        First heading.
    text
        Markdown without what only the site knows.
    labels
        Heading of each label that other pages may refer to.
    """

    name: str
    title: str
    text: str
    labels: Mapping[str, str] = field(default_factory=dict)


def page_names() -> list[str]:
    """Return the names of the pages that can be shown: those with a text of their own."""
    return sorted(p.stem for p in _folder().glob("*.md") if _has_text(p))


def read_page(name: str) -> Page:
    """Return a page.

    Raises
    ------
    BadValueError
        If there is no such page.
    """
    path = _folder() / f"{name}.md"
    if not path.is_file():
        raise BadValueError(f"no page {name!r}; {nearest(name, page_names())}")
    source = path.read_text("utf-8")
    labels = {label: heading.strip() for label, heading in _LABEL.findall(source)}
    return Page(name, _title(source), plain_markdown(source), labels)


def plain_markdown(source: str) -> str:
    """Return MyST Markdown without what only Sphinx understands.

    Links to other pages of the folder stay, those to pages that the site generates become text;
    pictures become their captions, because the package does not contain them.

    Examples
    --------
    >>> plain_markdown("See {func}`~napari_uai.run_recipe` and [the site](reference/a.rst).")
    'See `napari_uai.run_recipe` and the site.'
    """
    parts = _CODE.split(_FRONT_MATTER.sub("", source))
    text = "".join(
        part if part.startswith("```") and not part.startswith("```{") else _plain(part)
        for part in parts
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + ("\n" if "\n" in source else "")


def anchor_of(heading: str) -> str:
    """Return the fragment of links that lead to a heading.

    Examples
    --------
    >>> anchor_of("Look at one stage")
    'look-at-one-stage'
    """
    kept = re.sub(r"[^\w\s-]", "", heading.lower().replace("`", ""))
    return re.sub(r"\s+", "-", kept.strip())


def _plain(text: str) -> str:
    while _FENCE.search(text):
        text = _FENCE.sub(_directive, text)
    text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.MULTILINE)
    text = _ROLE.sub(r"`\1`", text)
    text = _PICTURE.sub(r"*(Picture: \1)*", text)
    return _LINK.sub(_link, text)


def _directive(match: re.Match[str]) -> str:
    """Return what a directive holds; lists of pages, and what the site generates, are left out."""
    kind, argument, content = match[2], match[3].strip(), match[4]
    if kind == "include":
        return "*The site of the documentation has the list.*\n"
    if kind in {"toctree", "image", "figure"}:
        return ""
    if kind == "glossary":
        terms = re.sub(r"^(\S.*)\n(?=\S)", r"\1, ", content, flags=re.MULTILINE)
        return re.sub(r"^(\S.*)\n\s+", r"\n**\1**: ", terms, flags=re.MULTILINE)
    if kind == "grid" or not argument:
        return _without_options(content)
    linked = re.search(r"^:link: ([\w-]+)$", content, re.MULTILINE)
    title = f"[{argument}]({linked[1]}.md)" if linked else argument
    return f"**{title}**\n\n{_without_options(content)}"


def _without_options(content: str) -> str:
    return re.sub(r"^:[\w-]+:.*\n", "", content, flags=re.MULTILINE)


def _link(match: re.Match[str]) -> str:
    text, target = match[1], match[2]
    if target.startswith(("http:", "https:", "#")):
        return match[0]
    path, _, fragment = target.partition("#")
    known = path.endswith(".md") and "/" not in path and (_folder() / path).is_file()
    if not known or not _has_text(_folder() / path):
        return text or f"`{target}`"
    return f"[{text or _title((_folder() / path).read_text('utf-8'))}]({path}" + (
        f"#{fragment})" if fragment else ")"
    )


def _title(source: str) -> str:
    heading = re.search(r"^# (.+)$", source, re.MULTILINE)
    return heading[1].strip() if heading else ""


def _has_text(path: Path) -> bool:
    """Return whether a page has a heading of its own, instead of including another file."""
    return bool(_title(path.read_text("utf-8")))


def _folder() -> Path:
    shipped = Path(str(files("napari_uai"))) / _SHIPPED
    return shipped if shipped.is_dir() else _SOURCES
