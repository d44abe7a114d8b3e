"""``backmap bottleneck``: a user's files for the step of that name, and what it finds as a table."""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..api import State, Step
from ..errors import BackmapError
from ..recipe import recipe
from ..recipe.registry import Registry
from ..running.display import Display
from .files import UserFiles, frames_entry, mapping_entries, topology_entry

#: The step that does the work.
STEP = "bottleneck"
COLOURS = {"same": "green", "unclear": "yellow", "differs": "red"}
#: Characters of the table where there is no terminal.
WIDTH = 110


def diagnosed(given: UserFiles, like: Sequence[str], options: dict[str, Any], output: Path, registry: Registry,
              display: Display, seed: int = 0) -> dict[str, Any]:
    """Compare two models of the same beads, and write the mapping.

    Args:
        given: Topology, mapping and X; no X where only a mapping is to be written.
        like: Files of Y.
        options: Others of the step.
        output: The mapping.
        registry: Where plugins are found.
        display: What is shown meanwhile.
        seed: Of all random draws.

    Returns:
        What the step has found, as plain data.

    Raises:
        BackmapError: If something is wrong that the user can mend.
    """
    _expect(given, like, options)
    entry = {"topology": topology_entry(given, registry), **options, "output": output.name}
    if given.mapping:
        entry["mapping"] = mapping_entries(given, registry)["mapping"]
    if given.beads:
        entry["beads"] = frames_entry(given.beads, given, registry)
    if like:
        entry["like"] = frames_entry(like, replace(given, begin=None, end=None, dt=None), registry)
    try:
        step = recipe.built(Step, {STEP: entry}, given.base, registry)
    except recipe.RecipeError as error:
        raise BackmapError(error.problem, where=": ".join(filter(None, [error.path, error.where])),
                           hint=error.hint) from error.__cause__
    state = State(folder=given.base, output=output.parent, seed=seed, device="cpu", log=display.log,
                  working=display.working)
    step.start(state)
    return state.given[STEP]


def _expect(given: UserFiles, like: Sequence[str], options: dict[str, Any]) -> None:
    if not given.topology:
        raise BackmapError("no topology of the beads is given", where="backmap bottleneck",
                           hint="Give their bonds and masses by `-p beads.itp`.")
    if bool(given.beads) != bool(like):
        raise BackmapError("two models are compared, and one of them has no frames", where="backmap bottleneck",
                           hint="Write: backmap bottleneck x.gro -p beads.itp --like y.gro.")
    if not given.beads and not options.get("size"):
        raise BackmapError("there is nothing to compare, and no size is given", where="backmap bottleneck",
                           hint="Give frames of X, and of Y by `--like FILE`; or `--size N`.")


def sizes(text: str) -> list[int]:
    """``1..8`` or ``1,2,4`` as numbers, ascending.

    Raises:
        BackmapError: If they are none.
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\.\.(\d+))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last:
            raise BackmapError(f"'{part.strip()}' is no size of groups", where=f"--sizes {text}",
                               hint="Write 1..8, or 1,2,4.")
        found |= set(range(first, last + 1))
    return sorted(found)


def show(found: dict[str, Any]) -> None:
    """Print the table of what was found."""
    console = Console(highlight=False)
    (console if console.is_terminal else Console(highlight=False, width=WIDTH)).print(table(found))


def table(found: dict[str, Any]) -> Table:
    """Distances by size: value and error, then the floor of Y and what halves of X have."""
    kinds = list(dict.fromkeys(distance["kind"] for size in found["sizes"] for distance in size["distances"]))
    listed = Table("s", "beads", *kinds, "", title="value ± error; Y: halves of Y, the floor; X: halves of X",
                   title_justify="left", show_lines=True)
    for size in found["sizes"]:
        worst = {size["distances"][k]["kind"]: k for k in size["worst"]}
        cells = [_cell(size["distances"][worst[kind]], size["distances"]) if kind in worst else "-" for kind in kinds]
        verdict = "differs" if not size["matches"] else "unclear" if size["unclear"] else "same"
        word = {"differs": "differs", "unclear": "within noise", "same": "matches"}[verdict]
        listed.add_row(str(size["size"]), ", ".join(map(str, size["groups"].values())), *cells,
                       f"[{COLOURS[verdict]}]{word}[/]")
    return listed


def _cell(distance: dict[str, Any], others: Sequence[dict[str, Any]]) -> str:
    """One distance; of several names of a kind, the worst with its name."""
    several = sum(other["kind"] == distance["kind"] for other in others) > 1
    error = "" if distance["error"] is None else f" ±{distance['error']:.1g}"
    lines = [f"[{COLOURS[distance['verdict']]}]{distance['value']:.3g}{error}[/]",
             *(f"{name} {distance[key]:.2g}" for name, key in (("Y", "floor"), ("X", "own"))
               if distance[key] is not None),
             *([f"p {distance['p']:.3g}"] if distance["p"] is not None else []),
             *([distance["name"]] if several else [])]
    return "\n".join(lines)
