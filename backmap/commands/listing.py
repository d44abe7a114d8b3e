"""What ``backmap plugins`` prints: a line for each plugin, or all options of some."""
from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import BackmapError
from ..recipe.recipe import options_of
from ..recipe.registry import KINDS, Kind, Registry, did_you_mean
from ..recipe.spoken import default, spoken
from ..recipe.summaries import summary_of

Entry = tuple[Kind, str]
NARROW = 40  #: columns; narrower ones are not asked for
WIDE = 120  #: columns; longer lines are hard to read


def chosen(registry: Registry, word: str | None) -> list[Entry]:
    """The plugins of a kind, or of a name in every kind; all of them without a word.

    Raises:
        BackmapError: If nothing is called so.
    """
    every = [(kind, name) for kind in KINDS for name in registry.names(kind)]
    if word is None:
        return every
    asked = word.lower().replace("-", " ").replace("_", " ")
    found = [entry for entry in every if entry[1] == word or entry[0].name in (asked, asked.removesuffix("s"))]
    if not found:
        known = {kind.name for kind, _ in every} | {name for _, name in every}
        raise BackmapError(f"no plugin and no kind of plugins is called '{word}'",
                           hint=did_you_mean(word, known).partition("Known:")[0] + "backmap plugins lists them.")
    return found


def lines(registry: Registry, entries: Sequence[Entry], width: int) -> Iterator[str]:
    """A line for each plugin, below the name of its kind."""
    last = None
    for kind, name in entries:
        if kind != last:
            yield from ([] if last is None else [""])
            yield f"{kind.name}s"
            column = max(len(other) for same, other in entries if same == kind) + 4
            last = kind
        about = " ".join(summary_of(registry, kind, name).split())
        yield f"  {name:{column - 2}}{textwrap.shorten(about, width - column, placeholder=' …')}".rstrip()


def details(registry: Registry, entries: Sequence[Entry], width: int) -> Iterator[str]:
    """All that is known of some plugins: what they do, and each option."""
    for number, (kind, name) in enumerate(entries):
        yield from ([""] if number else [])
        try:
            plugin = registry.get(kind, name)
        except BackmapError as error:
            yield from _wrapped(f"{name} ({kind.name}): {error}", width, 0)
            continue
        yield f"{name} ({kind.name}, of {registry.offered(kind, name).plugin})"
        for paragraph in inspect.cleandoc(plugin.__doc__ or "").replace("``", "").split("\n\n"):
            yield from _wrapped(paragraph, width, 2)
        for key, option in options_of(plugin).items():
            value = default(option)
            said = "needed" if value is None else f"default {value}" if value else "not set"
            yield ""
            yield from _wrapped(f"{key}: {spoken(option).replace('`', '')}; {said}", width, 2)
            yield from _wrapped((option.description or "").replace("``", ""), width, 6)


def data(registry: Registry, entries: Sequence[Entry], options: bool) -> list[dict[str, Any]]:
    """The same for programs; ``options`` imports the plugins, to say what these take."""
    return [_datum(registry, kind, name, options) for kind, name in entries]


def _datum(registry: Registry, kind: Kind, name: str, options: bool) -> dict[str, Any]:
    datum: dict[str, Any] = {"kind": kind.name, "name": name, "plugin": registry.offered(kind, name).plugin,
                             "about": summary_of(registry, kind, name)}
    if not options:
        return datum
    try:
        plugin = registry.get(kind, name)
    except BackmapError as error:
        return datum | {"error": str(error)}
    described = {key: {"is": spoken(option), "needed": option.is_required(), "default": default(option),
                       "about": option.description or ""} for key, option in options_of(plugin).items()}
    return datum | {"options": described}


def problems(registry: Registry) -> Iterator[str]:
    """A line for each plugin that could not be loaded."""
    for name, reason in registry.broken.items():
        yield f"backmap: plugin '{name}' could not be loaded: {reason}"


def width() -> int:
    """Columns to write in: those of the terminal or of $COLUMNS, 80 if there is none."""
    return min(max(shutil.get_terminal_size((80, 24)).columns, NARROW), WIDE)


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), width, initial_indent=" " * indent, subsequent_indent=" " * indent)
