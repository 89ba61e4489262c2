"""The errors of this package: each message names what is wrong and what to do."""

import difflib
from collections.abc import Iterable


class NapariUaiError(Exception):
    """Base of all errors that a user can mend; the command line prints it as one line, exit 2."""


class VideoFormatError(NapariUaiError, ValueError):
    """A file that cannot be read as the video that was asked for."""


class TrailFormatError(NapariUaiError, ValueError):
    """A file or folder that cannot be read as trails."""


class TooFewFramesError(NapariUaiError, ValueError):
    """A video that is shorter than a stage needs."""


class BadValueError(NapariUaiError, ValueError):
    """A parameter outside its limits, or data that a stage cannot work on."""


class RecipeError(NapariUaiError, ValueError):
    """A recipe that names an unknown stage or parameter, or gives a value that does not fit."""


class WeightsError(NapariUaiError, ValueError):
    """A file of network weights that cannot be used."""


class OutputError(NapariUaiError, OSError):
    """A folder or file that cannot be written."""


class CancelledError(NapariUaiError):
    """The user asked to stop; nothing was written under a final name."""


_NAMED_AT_MOST = 12


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name may be meant, or which there are if none is near."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    if len(names) > _NAMED_AT_MOST:
        return (
            f"there are {', '.join(names[:_NAMED_AT_MOST])} and {len(names) - _NAMED_AT_MOST} more"
        )
    return "there are " + ", ".join(names) if names else "there are none"
