"""Errors of this package; each message says what is wrong and what to do."""

import difflib
from collections.abc import Iterable


class NapariUaiError(Exception):
    """Base class of all errors that a user can resolve.

    The command line prints them on one line and exits with code 2.

    Examples
    --------
    >>> import napari_uai as uai
    >>> try:
    ...     uai.open_video("missing.tif")
    ... except uai.NapariUaiError as error:
    ...     print("missing.tif" in str(error))
    True
    """


class VideoFormatError(NapariUaiError, ValueError):
    """A file cannot be read as the requested video."""


class TrailFormatError(NapariUaiError, ValueError):
    """A file or folder cannot be read as trails."""


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
