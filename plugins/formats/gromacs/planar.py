"""Planar bonds held on their sides while GROMACS minimises and warms up: restraints in the user's own topology."""
from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from backmap.model.isomers import CIS, EITHER
from backmap.model.system import MoleculeType

from .topology_writer import INCLUDE, SECTION, nesting

MACRO = "BACKMAP_PLANAR"  #: what .mdp files define to have the restraints
FREE = 15  #: degrees off its side up to which nothing pulls at a bond
STIFF = 1000  #: of what pulls beyond, kJ/mol/rad²: at 30 degrees 34 kJ/mol, as much as the torsion's own term has there


def sections(kinds: Iterable[MoleculeType]) -> dict[str, list[str]]:
    """The lines of [ dihedral_restraints ], under a condition, for molecule types with planar bonds of known side."""
    found = {}
    for kind in kinds:
        rows = [(*(atoms + 1).tolist(), 0 if side == CIS else 180)
                for atoms, side in zip(kind.planar.atoms, kind.planar.side.tolist(), strict=True) if side != EITHER]
        if rows:
            found[kind.name] = [
                f"#ifdef {MACRO}", "[ dihedral_restraints ]", "; from backmap: atoms, type, degrees, free, kJ/mol/rad2",
                *(f"{a:6d} {b:5d} {c:5d} {d:5d}  1  {angle:3d} {FREE} {STIFF}" for a, b, c, d, angle in rows), "#endif"]
    return found


def held(text: str, restraints: Mapping[str, Sequence[str]]) -> str:
    """The text of a topology, or of a file of it, with restraints behind the atoms of each molecule type that has some.

    They stand where the next section or #include begins that is under no more conditions than the atoms. A text without
    such molecule types is left as it is.
    """
    lines = text.splitlines(keepends=True)
    places = list(_behind_atoms(lines, restraints))
    for place, name in reversed(places):
        before = [] if place == 0 or lines[place - 1].endswith("\n") else ["\n"]
        lines[place:place] = [*before, *(f"{row}\n" for row in restraints[name]), "\n"]
    return "".join(lines)


def _behind_atoms(lines: Sequence[str], names: Container[str]) -> Iterator[tuple[int, str]]:
    """For each molecule type that is named, before which line its restraints can stand."""
    waiting, name, section, depth, outer = "", "", "", 0, 0
    for place, line in enumerate(lines):
        header = SECTION.match(line)
        if waiting and depth == outer and (header or INCLUDE.match(line)):
            yield place, waiting
            waiting = ""
        depth += nesting(line)
        if header:
            section = header[1].lower()
            if section == "atoms" and name in names:
                waiting, outer = name, depth
        elif section == "moleculetype" and line.strip() and not line.lstrip().startswith((";", "#")):
            name = line.split()[0]
    if waiting:
        yield len(lines), waiting
