"""Mappings as VOTCA's csg tools read them, written: one XML file for a molecule type."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class WrittenBead:
    """A bead of a mapping.

    Attributes:
        name: Of the bead in its molecule.
        type: Of the bead.
        members: What it is made of, as ``RESID:RESNAME:ATOM``, RESID from 1 in the molecule; the first defines the
            periodic image.
        weights: Of the members.
    """

    name: str
    type: str
    members: Sequence[str]
    weights: Sequence[float]


def mapping_xml(ident: str, name: str, beads: Sequence[WrittenBead], bonds: Sequence[Sequence[int]],
                remarks: Sequence[str] = ()) -> str:
    """A <cg_molecule>.

    Args:
        ident: The molecule type that is mapped.
        name: What it is called when it is mapped.
        beads: Of the molecule.
        bonds: Pairs of beads that are bonded, by index.
        remarks: Lines of a comment at the top.
    """
    maps: dict[str, str] = {}
    for bead in beads:
        maps.setdefault(_numbers(bead.weights), f"map{len(maps) + 1}")
    lines = [*(f"<!-- {escape(remark).replace('--', '- -')} -->" for remark in remarks), "<cg_molecule>",
             f"  <name>{escape(name)}</name>", f"  <ident>{escape(ident)}</ident>", "  <topology>", "    <cg_beads>"]
    for bead in beads:
        lines += [f"      <cg_bead><name>{escape(bead.name)}</name><type>{escape(bead.type)}</type>"
                  f"<mapping>{maps[_numbers(bead.weights)]}</mapping>",
                  f"        <beads>{escape(' '.join(bead.members))}</beads></cg_bead>"]
    lines.append("    </cg_beads>")
    if len(bonds):
        lines += ["    <cg_bonded>", "      <bond><name>bond</name><beads>",
                  *(f"        {escape(beads[i].name)} {escape(beads[j].name)}" for i, j in bonds),
                  "      </beads></bond>", "    </cg_bonded>"]
    lines += ["  </topology>", "  <maps>",
              *(f"    <map><name>{label}</name><weights>{weights}</weights></map>" for weights, label in maps.items()),
              "  </maps>", "</cg_molecule>"]
    return "\n".join(lines) + "\n"


def _numbers(weights: Sequence[float]) -> str:
    return " ".join(f"{weight:.10g}" for weight in weights)
