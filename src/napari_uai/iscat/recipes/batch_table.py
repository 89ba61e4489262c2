"""Recordings listed in a table, each with parameters of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_uai.errors import BadValueError, RecipeError, nearest
from napari_uai.iscat.recipes.batch import Outcome, analyse_each
from napari_uai.iscat.recipes.recipe import Recipe, load_recipe
from napari_uai.monitor import SILENT, Monitor
from napari_uai.untrusted import parse_toml, read_csv, read_text, refusing
from napari_uai.videos.read_options import UNKNOWN, ReadOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OWN = ("path", "name")
"""Columns that are not parameters: recording, sub-folder of its results."""

SUFFIXES = (".csv", ".toml")
"""Of tables of recordings."""


class Listed(NamedTuple):
    """A recording of a table.

    Attributes
    ----------
    path
        The recording.
    name
        Sub-folder of its results.
    recipe
        Recipe with its own parameters.
    """

    path: Path
    name: str
    recipe: Recipe


def is_table(source: str | Path) -> bool:
    """Return whether a path is that of a table of recordings."""
    return Path(source).suffix.lower() in SUFFIXES


def analyse_table(
    table: str | Path,
    folder: str | Path,
    recipe: Recipe | str | Path = "matched",
    *,
    options: ReadOptions = UNKNOWN,
    scheduler: str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    on_outcome: Callable[[Outcome], None] | None = None,
    monitor: Monitor = SILENT,
) -> list[Outcome]:
    r"""Run a recipe on the recordings of a table, with the parameters in their rows.

    Parameters
    ----------
    table
        See :func:`read_batch_table`.
    folder
        Folder of the results; each recording has a sub-folder.
    recipe
        A recipe, the name of one, or the path of a TOML file.
    options, scheduler, overwrite, monitor
        As in :func:`~napari_uai.analyse_recording`.
    workers, on_outcome
        As in :func:`~napari_uai.analyse_folder`.

    Returns
    -------
    list of Outcome
        In the order of the table; recordings that failed have an ``error``.

    Raises
    ------
    BadValueError
        If the table cannot be read, or a parameter in it does not exist or has a wrong value;
        nothing is then analysed.
    OutputError
        If the results cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> import napari_uai as uai
    >>> recording = uai.sample_path("landings.bin")
    >>> text = f"path,name,dra.batch_size\n{recording},short,100\n{recording},long,200\n"
    >>> _ = Path("sweep.csv").write_text(text)
    >>> outcomes = uai.analyse_table("sweep.csv", "results", "classical")
    >>> [outcome.folder.name for outcome in outcomes]
    ['short', 'long']
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    listed, folder = read_batch_table(table, recipe), Path(folder)
    return analyse_each(
        [(each.path, folder / each.name, each.recipe) for each in listed],
        folder,
        [each.name for each in listed],
        options=options,
        scheduler=scheduler,
        workers=workers,
        overwrite=overwrite,
        on_outcome=on_outcome,
        monitor=monitor,
    )


def read_batch_table(path: str | Path, recipe: Recipe) -> list[Listed]:
    """Read a table of recordings with their parameters.

    Parameters
    ----------
    path
        A csv file with the column ``path`` (relative to the table), and optionally ``name`` (of
        the sub-folder of results) and parameters as ``stage.parameter``, such as
        ``dra.batch_size``; an empty cell leaves the value of the recipe. Or a TOML file with the
        same in ``[[recording]]`` tables.
    recipe
        Recipe whose parameters they are.

    Raises
    ------
    BadValueError
        Naming the row, if it has no path, or a parameter that does not exist or has a wrong value.
    """
    path = Path(path)
    with refusing(path, "a table of recordings", error=BadValueError):
        rows = _toml_rows(path) if path.suffix.lower() == ".toml" else _csv_rows(path)
    if not rows:
        raise BadValueError(f"{path} lists no recordings")
    listed = []
    for number, row in enumerate(rows, start=1):
        if not row.get("path"):
            raise BadValueError(f"{path}, recording {number} has no path")
        settings = [f"{name}={value}" for name, value in row.items() if name not in OWN and value]
        for setting in settings:
            if "." not in setting.partition("=")[0]:
                raise BadValueError(
                    f"{path}, recording {number}: columns are {', '.join(OWN)} or "
                    f"stage.parameter, not {setting.partition('=')[0]!r}"
                )
        try:
            own = recipe.with_settings(settings)
        except RecipeError as error:
            raise BadValueError(f"{path}, recording {number}: {error}") from error
        source = path.parent / row["path"]
        listed.append(Listed(source, row.get("name") or source.stem, own))
    return _with_different_names(listed, path)


def _with_different_names(listed: list[Listed], path: Path) -> list[Listed]:
    """Add numbers to recordings that would have the same folder of results."""
    for each in listed:
        if Path(each.name).is_absolute() or ".." in Path(each.name).parts:
            raise BadValueError(f"{path}: name {each.name!r} leads out of the folder of results")
    counts, seen = Counter(each.name for each in listed), Counter[str]()
    out = []
    for each in listed:
        seen[each.name] += 1
        again = counts[each.name] > 1
        out.append(each._replace(name=f"{each.name}-{seen[each.name]}") if again else each)
    return out


def _csv_rows(path: Path) -> list[dict[str, str]]:
    table = read_csv(path, types=defaultdict(lambda: str), error=BadValueError)
    if "path" not in table.columns:
        raise BadValueError(
            f"{path} has no column 'path'; {nearest('path', list(map(str, table.columns)))}"
        )
    rows = table.fillna("").to_dict("records")
    return [{str(k).strip(): str(v).strip() for k, v in row.items()} for row in rows]


def _toml_rows(path: Path) -> list[dict[str, str]]:
    try:
        document = parse_toml(read_text(path, error=BadValueError), path, error=BadValueError)
    except OSError as cause:
        raise BadValueError(f"{path} cannot be read: {cause.strerror or cause}") from None
    entries = document.get("recording")
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise BadValueError(f"{path} has no [[recording]] tables: is it a recipe? Give --recipe")
    return [dict(_flat(entry)) for entry in entries]


def _flat(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the texts of an entry; tables inside it are stages."""
    out = []
    for name, value in entry.items():
        if isinstance(value, dict):
            out += [(f"{name}.{key}", _text(each)) for key, each in value.items()]
        else:
            out.append((name, value if isinstance(value, str) else _text(value)))
    return out


def _text(value: Any) -> str:
    import tomli_w

    return tomli_w.dumps({"v": value}, multiline_strings=False).partition("=")[2].strip()
