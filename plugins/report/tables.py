"""Tables, whatever they are printed as: the overview, all figures by section, what was run."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from backmap.model.assessment import REFERENCE

from .content import Content, Row
from .numbers import decimals, duration, number, place, plural, short, unit_of
from .rules import DISTRIBUTIONS
from .verdict import best_of, judge

FLOOR = "noise floor"
SECTIONS = {"bonds": "Bond lengths", "angles": "Bond angles", "propers": "Torsions", "impropers": "Planes and rings",
            "packing": "Contacts and packing", "stereochemistry": "Stereochemistry", "shape": "Shape of molecules",
            "energy": "Energies", "consistency": "Beads", "beads": "Chains of beads"}


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: What it says.
        best: Whether it is nearest to what it should be.
        level: Level of the finding that it is about, if there is one.
        small: What is printed smaller behind it.
        style: Style of the line that is drawn beside it.
    """

    text: str
    best: bool = False
    level: int | None = None
    small: str = ""
    style: str = ""


#: In place of a trajectory: the column has numbers of none.
NUMBERS = "numbers"


@dataclass
class Table:
    """Rows of cells; the first of each is its head. ``labels``: trajectory of each column, NUMBERS, or "" for text."""

    labels: list[str]
    head: list[str]
    rows: list[list[Cell]] = field(default_factory=list)


def title_of(section: str) -> str:
    """A section as people call it."""
    return SECTIONS.get(section, section[:1].upper() + section[1:])


def columns(content: Content) -> list[str]:
    """Head of the columns of trajectories, and of the floor where there is one."""
    return [*content.labels, FLOOR] if has_floor(content) else list(content.labels)


def has_floor(content: Content) -> bool:
    """Whether a figure has a noise floor."""
    return any(row.floor is not None for row in content.rows)


def cells(content: Content, row: Row) -> list[Cell]:
    """The values of a row, one cell per column."""
    values = [row.values.get(label) for label in content.labels]
    places = decimals([*values, row.floor])
    best = best_of(row, content.candidates)
    made = []
    for label, value in zip(content.labels, values, strict=True):
        text = number(value, places)
        width = number(row.errors.get(label, row.spreads.get(label)), places)
        if row.has(label) and width.strip("0.–"):  # a spread that shows nothing but zeros says nothing
            text += f" ± {width}"
        made.append(Cell(text, label in best))
    return [*made, Cell(number(row.floor, places))] if has_floor(content) else made


def section_table(content: Content, section: str) -> Table:
    """All figures of a section."""
    table = Table(["", "", *columns(content)], ["", "unit", *columns(content)])
    for row in content.find(section):
        table.rows.append([Cell(row.name, small=row.quantity), Cell(unit_of(row.unit)), *cells(content, row)])
    return table


def overview(content: Content) -> Table:
    """A row per key quantity: the verdict first, then what it rests on."""
    table = Table(["", *columns(content)], ["", *columns(content)])
    judged = {label: judge(content, label) for label in content.candidates}
    verdicts = [Cell(judged[label].words, level=judged[label].level) if label in judged else Cell("")
                for label in columns(content)]
    if any(verdict.findings for verdict in judged.values()):
        table.rows.append([Cell("Verdict"), *verdicts])
    for title, row in key_rows(content):
        unit = unit_of(row.unit)
        small = f"{row.quantity}, {unit}" if unit else row.quantity
        table.rows.append([Cell(title, small=small), *cells(content, row)])
    for title, texts in _effort(content):
        table.rows.append([Cell(title), *(Cell(texts.get(label, "")) for label in columns(content))])
    return table


#: What matters most: section, pattern of name and quantity, and how many rows at most.
KEYS = (("", "pairs closer than|through rings|bonds longer than", 6),)
LATER_KEYS = (("packing", r"jsd$|integral", 4), ("energy", r"^lennard-jones per .*(sum mean|jsd)$", 6),
              ("energy", r"^total per atom$", 1), ("consistency", r"^all beads (rmsd|max)", 2),
              ("beads", r"jsd$|integral|mean square|contour length|kuhn", 30))
#: Names that say too little outside their section.
CALLED = {"total": "Energy, all terms", "all beads": "Bead positions"}


def key_rows(content: Content) -> Iterator[tuple[str, Row]]:
    """Title and figure of what matters most; averages stand for the many distributions."""
    for row in content.find("stereochemistry"):
        if row.ideal is not None:
            yield _capital(row.name), row
    yield from _keys(content, KEYS)
    for section in DISTRIBUTIONS:
        averaged = _average(list(content.find(section, r"jsd$", distance=True)))
        if averaged is not None:
            yield title_of(section), averaged
    yield from _keys(content, LATER_KEYS)


def _keys(content: Content, keys: tuple[tuple[str, str, int], ...]) -> Iterator[tuple[str, Row]]:
    for section, pattern, most in keys:
        for row in islice(content.find(section, pattern), most):
            yield CALLED.get(row.name) or _capital(row.name), row


def _capital(text: str) -> str:
    return text if text.startswith("g(r)") else text[:1].upper() + text[1:]


def _average(rows: list[Row]) -> Row | None:
    """Mean of a measure over the kinds of a section."""
    if not rows:
        return None
    many = f"mean of {len(rows)} kinds" if len(rows) > 1 else rows[0].name
    mean = Row(rows[0].assessor, rows[0].section, many, f"{rows[0].quantity}, {many}", rows[0].unit, distance=True)
    for label in dict.fromkeys(label for row in rows for label in row.values):
        known = [row.value(label) for row in rows if row.has(label)]
        if known:
            mean.values[label] = float(np.mean(known))
    floors = [row.floor for row in rows if row.floor is not None]
    mean.floor = float(np.mean(floors)) if floors else None
    return mean


def _effort(content: Content) -> Iterator[tuple[str, dict[str, str]]]:
    judgement = content.judgement
    frames = {label: str(count) for label, count in judgement.n_frames.items() if label in content.labels}
    if frames:
        yield "Frames", frames
    seconds = {label: duration(spent) for label, spent in judgement.seconds.items() if label in content.labels}
    if seconds:
        yield "Time to make them", seconds
    n_atoms = content.system.n_atoms if content.system is not None else content.provenance.get("n_atoms", 0)
    speed = {label: short(float(f"{n_atoms * judgement.n_frames.get(label, 0) / spent:.3g}"))
             for label, spent in judgement.seconds.items() if spent > 0 and label in content.labels}
    if n_atoms and speed:
        yield f"{_points(content).capitalize()} per second", speed


def _points(content: Content) -> str:
    """What positions are of."""
    return "beads" if content.system is not None and content.system.only_beads else "atoms"


def run_table(content: Content) -> list[tuple[str, str]]:
    """What was run: name and value."""
    source = content.provenance
    replicas = len(source.get("replicas", ()))
    rows: list[tuple[str, Any]] = [
        ("Recipe", place(source.get("recipe", ""))),
        ("Overrides", ", ".join(map(str, source.get("overrides") or [])) or "none"),
        ("Seed", source.get("seed")), ("Device", source.get("device")),
        ("Frames", f"{source.get('n_frames', '?')} ({source.get('frames', 'all')})"
                   + (f" x {replicas} replicas" if replicas > 1 else "")),
        (_points(content).capitalize(), source.get("n_atoms")),
        ("Time", duration(source["seconds"]) if source.get("seconds") else None),
        ("Speed", f"{short(speed)} {_points(content)}/s" if (speed := source.get("atoms_per_second")) else None)]
    return known(rows)


def versions(provenance: dict[str, Any]) -> list[tuple[str, str]]:
    """A row with the versions of what made a run, if they are known."""
    listed = ", ".join(f"{name} {version}" for name, version in (provenance.get("versions") or {}).items())
    return known([("Versions", listed)])


def known(rows: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Those that have a value, as text."""
    return [(name, str(value)) for name, value in rows if value not in (None, "")]


def summary(content: Content) -> str:
    """One line under the title: what is there."""
    parts = []
    if content.system is not None:
        counts = [f"{count} {kind.name}" for kind, count in content.system.blocks]
        shown = ", ".join(counts[:4]) + (" …" if len(counts) > 4 else "")
        atoms = "" if content.system.only_beads else f"{plural(content.system.n_atoms, 'atom')}, "
        parts.append(f"{shown}: {atoms}{plural(content.system.n_beads, 'bead')}")
    others = [label for label in content.labels if label not in (REFERENCE, content.own)]
    if content.has_reference:
        parts.append("judged against reference frames")
    if others and content.own:
        parts.append("beside " + ", ".join(others))
    return " · ".join(parts)
