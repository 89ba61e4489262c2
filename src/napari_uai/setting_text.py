"""Settings as text: ``NAME=VALUE`` on the command line, values as in TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from napari_uai.errors import RecipeError
from napari_uai.untrusted import parse_toml


class SettingText(NamedTuple):
    """A setting as written on the command line.

    Attributes
    ----------
    group
        Stage or other group that the parameter belongs to; empty in ``NAME=VALUE``.
    name
        Name of the parameter.
    value
        Value as written.
    """

    group: str
    name: str
    value: str


def split_setting(text: str, *, form: str = "NAME=VALUE", example: str = "seed=3") -> SettingText:
    """Split a setting such as ``NAME=VALUE`` or ``GROUP.NAME=VALUE``.

    Parameters
    ----------
    text
        Setting; spaces around the parts are ignored.
    form
        Required form, used in the error message. If it contains a dot, so must the setting.
    example
        Example for the error message.

    Returns
    -------
    SettingText
        Parts of the setting.

    Raises
    ------
    RecipeError
        If the setting is not of that form.

    Examples
    --------
    >>> split_setting("frames = 2000")
    SettingText(group='', name='frames', value='2000')
    >>> split_setting("dra.batch_size=500", form="STAGE.PARAMETER=VALUE")
    SettingText(group='dra', name='batch_size', value='500')
    """
    target, equals, value = (part.strip() for part in text.partition("="))
    grouped = "." in form
    group, _, name = target.partition(".") if grouped else ("", "", target)
    if not (equals and name.strip() and (group.strip() or not grouped)):
        raise RecipeError(f"setting {text!r} must be written as {form}, for example {example}")
    return SettingText(group.strip(), name.strip(), value)


def toml_value(text: str) -> Any:
    """Parse a value as written in TOML; text that is not valid TOML is returned as a string."""
    try:
        return parse_toml(f"value = {text}", "value", error=RecipeError)["value"]
    except RecipeError:
        return text


def toml_plain(value: Any) -> Any:
    """Convert a value to a type of TOML."""
    if value is None:
        return "none"
    if isinstance(value, (list, tuple)):
        return [toml_plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
