"""HTML from nested calls: every text is escaped unless it is markup already."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TypeAlias

from napari_uai.results import REPORT_GENERATOR

_VOID = frozenset({"meta", "img"})
_DOI = re.compile(r"doi:(10\.\d{4,9}/[^\s,;]*[^\s,;.])")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Child] | None"


def tag(tag_name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """Return an element.

    Parameters
    ----------
    tag_name
        Name of the element.
    *children
        Texts, which are escaped, and elements; iterables of both; None is left out.
    **attributes
        ``_`` stands for ``-``, and one at the end is dropped (``class_``); those that are None or
        False are left out.

    Examples
    --------
    >>> tag("p", "a < b, ", tag("b", "sure"), class_="note")
    '<p class="note">a &lt; b, <b>sure</b></p>'
    """
    stated = "".join(
        f" {key.removesuffix('_').replace('_', '-')}"
        + ("" if value is True else f'="{html.escape(_text(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if tag_name in _VOID:
        return Markup(f"<{tag_name}{stated}>")
    return Markup(f"<{tag_name}{stated}>{joined(children)}</{tag_name}>")


def joined(children: Child) -> Markup:
    """Return several texts and elements one after the other."""
    if children is None:
        return Markup("")
    if isinstance(children, Markup):
        return children
    if isinstance(children, (str, int)):
        return Markup(html.escape(printable(str(children))))
    return Markup("".join(joined(child) for child in children))


def printable(text: str) -> str:
    """Return a text without characters that control its display, such as its direction."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def table(
    caption: Child,
    header: Sequence[Child],
    rows: Iterable[Sequence[Child]],
    *,
    numeric: bool = False,
) -> Markup:
    """Return a table; the first cell of each row is its heading."""
    head = tag("tr", [tag("th", cell, scope="col") for cell in header])
    body = [
        tag("tr", tag("th", row[0], scope="row"), [tag("td", cell) for cell in row[1:]])
        for row in rows
    ]
    return scrolled(
        tag(
            "table",
            tag("caption", caption),
            tag("thead", head),
            tag("tbody", body),
            class_="numbers" if numeric else None,
        )
    )


def scrolled(content: Markup) -> Markup:
    """Return something wide, which scrolls on a narrow screen, by the keyboard too."""
    return tag("div", content, class_="wide", tabindex="0", role="region", aria_label="Table")


def facts(pairs: Iterable[tuple[Child, Child]]) -> Markup:
    """Return a list of names and what they are; those without a value are left out."""
    return tag(
        "dl",
        [tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs if value],
        class_="facts",
    )


def figure(content: Markup, caption: Child, *, wide: bool = False) -> Markup:
    """Return a picture with its caption."""
    return tag("figure", content, tag("figcaption", caption), class_="whole" if wide else None)


def section(title: str, *content: Child) -> Markup:
    """Return a part of the page, to which its list of contents leads."""
    name = anchor(title)
    return tag("section", tag("h2", title, id=name), content, aria_labelledby=name)


def anchor(title: str) -> str:
    """Return the name by which a link leads to a section."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def cited(text: str) -> Markup:
    """Return a citation whose DOI is a link."""
    escaped = html.escape(text)
    linked = _DOI.sub(r'<a href="https://doi.org/\1">doi:\1</a>', escaped)
    return Markup(_ARXIV.sub(r'<a href="https://doi.org/10.48550/arXiv.\1">arXiv:\1</a>', linked))


def picture(content: bytes, description: str, *, kind: str = "png") -> Markup:
    """Return a picture, PNG or JPEG, that is part of the page."""
    data = base64.b64encode(content).decode("ascii")
    return tag("img", src=f"data:image/{kind};base64,{data}", alt=description)


@dataclass(frozen=True)
class Page:
    """A report before it is written.

    Attributes
    ----------
    title
        What it is about.
    subtitle
        Line below.
    sections
        Heading and content of each section, in order.
    methods
        The methods paragraph as plain text.
    """

    title: str
    subtitle: str
    sections: Sequence[tuple[str, Markup]]
    methods: str

    def html(self) -> str:
        """Return the whole page, which loads nothing and runs no script but its own."""
        style, script = (_packaged(name) for name in ("page.css", "page.js"))
        policy = "; ".join(
            (
                "default-src 'none'",
                "img-src data:",
                f"style-src {_hash(style)}",
                f"script-src {_hash(script)}",
            )
        )
        head = tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="generator", content=REPORT_GENERATOR),
            tag("title", self.title),
            tag("style", Markup(style)),
        )
        names = [name for name, _ in self.sections]
        contents = [tag("li", tag("a", name, href=f"#{anchor(name)}")) for name in names]
        body = tag(
            "body",
            tag("header", tag("h1", self.title), tag("p", self.subtitle)),
            tag("nav", tag("ul", contents), aria_label="Contents"),
            tag("main", [section(name, content) for name, content in self.sections]),
            tag("script", Markup(script)),
        )
        return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _packaged(name: str) -> str:
    return (files("napari_uai.report") / name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def _text(value: str | float) -> str:
    return printable(value) if isinstance(value, str) else f"{value:g}"
