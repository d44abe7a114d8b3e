"""Molecules without a mapping: which beads of the file they are, and what is said of them."""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..api import AtomTopology, FrameSource
from . import martini

#: What to do where waters at a bead are not what Martini's are.
OTHERWISE = "write 'several: {NAME: {molecules: %s, count: 4}}' if a bead is four of them"


@dataclass
class Declared:
    """Options of the step ``topology`` that follow from beads of the file that no mapping names, and why."""

    options: dict[str, Any] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)


def declared(topology: AtomTopology, blocks: Sequence[tuple[str, int]], mapped: Collection[str], source: FrameSource,
             martinis: bool) -> Declared:
    """What is to be said of molecule types without a mapping.

    Args:
        topology: Molecule types.
        blocks: Molecule types and counts.
        mapped: Molecule types with a mapping.
        source: Frames of beads.
        martinis: Whether the user says that the beads are Martini's: solvent that the topology does not have is
            then known by its names.
    """
    found, counts = Declared(), dict.fromkeys(name for name, _ in blocks)
    names, residues = getattr(source, "names", None), getattr(source, "residue_names", None)
    unmapped = [name for name in counts if name not in mapped]
    named: dict[str, list[str]] = {}
    if names is not None:
        spare = [name for name in topology.types if name not in {*counts, *mapped} and martini.is_water(name)]
        offered = spare if not any(map(martini.is_water, unmapped)) else []
        named, alone = martini.solvent(names, residues, [*unmapped, *offered[:1]])
        for name in [name for name in named if martini.is_water(name)]:
            if _shared(found, name, named[name], blocks, names, residues):
                unmapped = [other for other in unmapped if other != name]
        if alone and martinis:
            found.options["ignore"] = [*found.options.get("ignore", []), *alone]
            found.why.append(f"{', '.join(alone)}: solvent and ions of Martini that the topology does not have, so "
                             "they are left out: solvate the atoms afterwards")
    if unmapped:
        told = martinis and any(name in named for name in unmapped)
        found.options["exclude"] = {name: named.get(name, []) for name in unmapped} if told else unmapped
        found.why.append(f"{', '.join(unmapped)}: no mapping is given, so they are passed over (ions are put at "
                         "their beads)")
    return found


def _shared(found: Declared, name: str, patterns: Sequence[str], blocks: Sequence[tuple[str, int]],
            names: Sequence[str], residues: Sequence[str] | None) -> bool:
    """Declare beads each of which is several waters; False if that is not known, or counts cannot be said."""
    each, beads = martini.waters(names, residues, patterns)
    wanted, there = sum(each[p] * beads[p] for p in each), sum(count for kind, count in blocks if kind == name)
    listed = " and ".join(f"{beads[p]} beads {p} of {each[p]}" for p in each)
    if not each:
        found.why.append(f"{', '.join(patterns)}: how many {name} such a bead is, is not known: "
                         + OTHERWISE % name)
        return False
    if wanted != there:
        twice = len({kind for kind, _ in blocks}) < len(blocks)
        if twice:
            found.why.append(f"{listed} waters each are {wanted} {name}, but the topology has {there}: change that "
                             "under [ molecules ]")
            return False
        counts = dict(blocks) | {name: wanted}
        found.options["molecules"] = counts
        found.why.append(f"{listed} waters each are {wanted} {name}, but the topology has {there or 'none'}: "
                         f"{wanted} are made, and the topology that is written has as many")
    else:
        found.why.append(f"{listed} waters each are the {there} {name} of the topology")
    found.options["several"] = {p: {"molecules": name, "count": count} for p, count in each.items()}
    sites = martini.charges(names, residues)
    if sites:
        found.options["ignore"] = sites
        found.why.append(f"{', '.join(sites)}: charges of polarisable water, which are no atoms")
    return True
