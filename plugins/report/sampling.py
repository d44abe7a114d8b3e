"""Tables of what became of proposals, for reports."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backmap.model.sampling import Sampling

from .numbers import decimals, number, percent
from .tables import NUMBERS, Cell, Table

#: Columns of the tables, by key of their rows: title, and unit.
SHARES = {"first": ("first sweep", ""), "last": ("last sweep", ""), "all": ("all sweeps", ""), "tried": ("tried", ""),
          "energy": ("change of energy", "kJ/mol")}
ENERGIES = {"median": ("median", "kJ/mol"), "lower": ("lower quartile", "kJ/mol"),
            "upper": ("upper quartile", "kJ/mol"), "mean": ("mean", "kJ/mol"), "error": ("its error", "kJ/mol"),
            "sites": ("sites", ""), "impossible": ("impossible", "")}
COUNTS, PERCENTS = {"tried", "sites", "impossible"}, {"first", "last", "all"}


def tables(sampling: Sampling) -> Iterator[tuple[str, Table]]:
    """Titles and tables of one step, those that have rows."""
    for title, rows, columns in (("Share of proposals that were accepted", sampling.acceptance, SHARES),
                                 ("Free energies of blocks, given all the rest", sampling.free_energies, ENERGIES)):
        if rows:
            yield title, _table(rows, columns)
    if sampling.relaxation:
        yield "Followed through the sweeps, mean of a frame", _followed(sampling.relaxation)
    if sampling.sequences:
        yield "Dyads, by how sure beads make of them", _sequences(sampling.sequences)


def _followed(rows: list[dict[str, Any]]) -> Table:
    """Energies and shares at the end, and what they still did."""
    columns = {"last": "last", "change": "change over the last third", "error": "its error",
               "tolerance": "does not matter below", "gap": "second start above", "gap_error": "its error"}
    used = {key: title for key, title in columns.items() if any(row.get(key) is not None for row in rows)}
    table = Table(["", "", *[NUMBERS] * len(used)], ["", "", *used.values()])
    for row in rows:
        places = 1 if row["unit"] else 4
        table.rows.append([Cell(row["name"]), Cell(row["unit"]), *(Cell(number(row.get(key), places)) for key in used)])
    return table


def _sequences(rows: list[dict[str, Any]]) -> Table:
    """How many dyads are known how well."""
    table = Table(["", *[NUMBERS] * 3], ["probability of the likelier dyad", "dyads", "expected right", "meso"])
    for row in rows:
        table.rows.append([Cell(row["sure"]), Cell(_text("tried", row["dyads"], 0)), Cell(percent(row["expected"])),
                           Cell(percent(row["meso"]))])
    return table


def _table(rows: list[dict[str, Any]], columns: dict[str, tuple[str, str]]) -> Table:
    used = {key: title for key, title in columns.items() if any(row.get(key) is not None for row in rows)}
    heads = ["", *(f"{title}, {unit}" if unit else title for title, unit in used.values())]
    table = Table(["", *[NUMBERS] * len(used)], heads)
    places = decimals(row.get(key) for row in rows for key in used if key not in COUNTS | PERCENTS)
    for row in rows:
        name = f"{row['block']} of {row['bead_type']}" if row.get("block") else row["bead_type"]
        table.rows.append([Cell(name), *(Cell(_text(key, row.get(key), places)) for key in used)])
    return table


def _text(key: str, value: float | None, places: int) -> str:
    if key in PERCENTS and value is not None:
        return percent(value)
    return f"{value:,}".replace(",", "\u202f") if key in COUNTS and value is not None else number(value, places)
