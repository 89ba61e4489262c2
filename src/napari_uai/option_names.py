"""How messages spell options: ``plane=0`` for callers in Python, ``--plane 0`` on the command line.

Errors are raised where files are read, which may be called from either.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_on_command_line: ContextVar[bool] = ContextVar("napari_uai_on_command_line", default=False)


def option(name: str, value: object = None) -> str:
    """Return an option as the caller would write it.

    Parameters
    ----------
    name
        Of a parameter, such as ``frame_header``.
    value
        What it is set to, if the message gives an example; True for a switch.

    Returns
    -------
    str
        To be put into a message.

    Examples
    --------
    >>> option("plane", 0), option("image", "raw"), option("trust_shape", True), option("height")
    ('plane=0', "image='raw'", 'trust_shape=True', 'height')
    >>> with options_of_command_line():
    ...     option("plane", 0), option("image", "raw"), option("trust_shape", True)
    ('--plane 0', '--image raw', '--trust-shape')
    """
    if not _on_command_line.get():
        return name if value is None else f"{name}={value!r}"
    dashed = f"--{name.replace('_', '-')}"
    return dashed if value is None or value is True else f"{dashed} {shlex.quote(str(value))}"


def option_list(values: Mapping[str, object]) -> str:
    """Return several options with their values, as the caller would write them.

    Examples
    --------
    >>> option_list({"plane": 0, "channel": 1})
    'plane=0, channel=1'
    """
    separator = " " if _on_command_line.get() else ", "
    return separator.join(option(name, value) for name, value in values.items())


@contextmanager
def options_of_command_line() -> Iterator[None]:
    """Spell options as on the command line, in this thread and those that take its context."""
    token = _on_command_line.set(True)
    try:
        yield
    finally:
        _on_command_line.reset(token)
