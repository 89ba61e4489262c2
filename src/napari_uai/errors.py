"""Errors of this package; each message says what is wrong and what to do."""

import difflib
from collections.abc import Iterable, Mapping

MESSAGE_LENGTH = 500
"""Longest message, in characters."""


class NapariUaiError(Exception):
    """Base class of all errors that a user can resolve.

    The command line prints them on one line and exits with code 2. Messages contain names and texts
    from files, so that they are limited to one line of printable characters.

    Examples
    --------
    >>> import napari_uai as uai
    >>> try:
    ...     uai.open_video("missing.tif")
    ... except uai.NapariUaiError as error:
    ...     print("missing.tif" in str(error))
    True
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


class VideoFormatError(NapariUaiError, ValueError):
    """A file cannot be read as the requested video."""


class ChoiceNeededError(VideoFormatError):
    """A file contains several images, planes or channels, and none was chosen.

    Parameters
    ----------
    message
        What there is, and how to choose.
    choices
        Values of each option to choose by: ``image``, ``plane``, ``channel``; suggestions for
        ``axes``.

    Examples
    --------
    >>> from napari_uai.errors import ChoiceNeededError
    >>> ChoiceNeededError("a.h5 contains several datasets", {"image": ("raw", "dark")}).choices
    {'image': ('raw', 'dark')}
    """

    def __init__(self, message: str, choices: Mapping[str, tuple[str, ...]] | None = None) -> None:
        super().__init__(message)
        self.choices = dict(choices or {})


class TrailFormatError(NapariUaiError, ValueError):
    """A file or folder cannot be read as trails."""


class TableFormatError(NapariUaiError, ValueError):
    """A file cannot be read as a table of spots, landings or standards."""


class TooFewFramesError(NapariUaiError, ValueError):
    """A video is shorter than a stage requires."""


class BadValueError(NapariUaiError, ValueError):
    """A parameter is outside its limits, or data are not suitable for a function."""


class RecipeError(NapariUaiError, ValueError):
    """A recipe names an unknown stage or parameter, or contains a value that is not accepted."""


class WeightsError(NapariUaiError, ValueError):
    """Network weights cannot be used."""


class OutputError(NapariUaiError, OSError):
    """A folder or file cannot be written."""


class CancelledError(NapariUaiError):
    """The user cancelled; no file was written under its final name."""


def one_line(text: object, length: int = MESSAGE_LENGTH) -> str:
    """Return a text as one line of printable characters, shortened in the middle if it is long.

    Parameters
    ----------
    text
        Anything; its text may come from a file, and contain codes that control a terminal.
    length
        Most characters.
    """
    plain = str(text)
    if len(plain) > 4 * length:
        plain = f"{plain[: 2 * length]} {plain[-2 * length :]}"
    if not plain.isprintable():
        plain = "".join(c if c.isprintable() else _escaped(c) for c in " ".join(plain.split()))
    if len(plain) <= length:
        return plain
    half = (length - 5) // 2
    return f"{plain[:half]} ... {plain[-half:]}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def counted(n: int, noun: str) -> str:
    """Return a number with its noun, in the singular or plural.

    Examples
    --------
    >>> counted(1, "sample"), counted(2, "box"), counted(0, "class"), counted(2, "trajectory")
    ('1 sample', '2 boxes', '0 classes', '2 trajectories')
    """
    if n == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{n} {noun[:-1]}ies"
    return f"{n} {noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{n} {noun}s"


_MOST_NAMES = 12


def nearest(name: str, names: Iterable[str]) -> str:
    """Suggest the closest of several names, or list them if none is close.

    Parameters
    ----------
    name
        Unknown name.
    names
        Names to choose from.

    Returns
    -------
    str
        Second half of an error message.

    Examples
    --------
    >>> nearest("polarty", ["polarity", "batch_size"])
    "did you mean 'polarity'?"
    """
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    if len(names) > _MOST_NAMES:
        return f"choose from {', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"
    return "choose from " + ", ".join(names) if names else "there are none"
