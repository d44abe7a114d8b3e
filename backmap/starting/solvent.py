"""Molecules without a mapping: which beads of the file they are, and what is said of them."""
from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

from ..api import AtomTopology, BeadModel, FrameSource
from ..model.inputs import place_of
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
            then known by its names. Waters without a mapping that are called as Martini's are say the same.
    """
    found, counts = Declared(), dict.fromkeys(name for name, _ in blocks)
    names, residues = getattr(source, "names", None), getattr(source, "residue_names", None)
    unmapped = [name for name in counts if name not in mapped]
    if names is not None:
        fixed = [name for name in unmapped if _atomistic(topology, blocks, name, names)]
        unmapped = [name for name in unmapped if name not in fixed]
        if fixed:
            found.options["fixed"] = fixed
            found.why.append(f"{', '.join(fixed)}: no mapping is given, but the file of beads holds their atoms, which "
                             "stay where they are")
        for name in unmapped:
            there, whole = _called_alike(topology, blocks, name, names)
            if whole > there > whole / 2:
                found.why.append(f"{name}: no mapping is given, and the file of beads has {there} atoms that are "
                                 f"called as its {whole}. If they are to stay where they are, all have to be there")
    named: dict[str, list[str]] = {}
    if names is not None:
        there = {*counts, *mapped}
        named, _ = martini.solvent(names, residues, [*unmapped, *_spare(topology, there, unmapped, martinis)])
        theirs = martinis or any(martini.is_water(name) and martini.waters(names, residues, patterns)[0]
                                 for name, patterns in named.items())
        named, alone = martini.solvent(names, residues, [*unmapped, *_spare(topology, there, unmapped, theirs)])
        for name in [name for name in named if martini.is_water(name)]:
            if _shared(found, name, named[name], blocks, names, residues):
                unmapped = [other for other in unmapped if other != name]
        for name in [name for name in named if martini.ion_of(name)]:
            if _ions(found, name, _count(named[name], names, residues), blocks) and name not in unmapped:
                unmapped.append(name)
        if alone and theirs:
            found.options["ignore"] = [*found.options.get("ignore", []), *alone]
            found.why.append(f"{', '.join(alone)}: solvent and ions of Martini that the topology does not have, so "
                             "they are left out: solvate the atoms afterwards")
    if unmapped:
        placed = [name for name in unmapped if name in named and martini.ion_of(name)]
        told = any(name in named for name in unmapped) if martinis else bool(placed)
        found.options["exclude"] = {name: named.get(name, []) for name in unmapped} if told else unmapped
        passed = [name for name in unmapped if name not in placed]
        if placed:
            found.why.append(f"{', '.join(placed)}: put at their beads")
        if passed:
            found.why.append(f"{', '.join(passed)}: no mapping is given, so they are passed over (ions are put at "
                             "their beads)")
    return found


def _atomistic(topology: AtomTopology, blocks: Sequence[tuple[str, int]], name: str, names: Sequence[str]) -> bool:
    """Whether all atoms of a molecule type of several atoms stand in the file of beads, under their own names."""
    atoms = topology.types[name].atom_names if name in topology.types else []
    count = sum(number for kind, number in blocks if kind == name)
    return len(atoms) > 1 and count > 0 and place_of([*atoms] * count, names) is not None


def _called_alike(topology: AtomTopology, blocks: Sequence[tuple[str, int]], name: str,
                  names: Sequence[str]) -> tuple[int, int]:
    """How many atoms of a molecule type of several atoms the file may have, by their names, and how many there are."""
    atoms = topology.types[name].atom_names if name in topology.types else []
    count = sum(number for kind, number in blocks if kind == name)
    if len(atoms) < 2 or not count:
        return 0, 0
    there = Counter(names)
    return sum(min(there[atom], count * number) for atom, number in Counter(atoms).items()), count * len(atoms)


def _count(patterns: Sequence[str], names: Sequence[str], residues: Sequence[str] | None) -> int:
    """How many beads are called so."""
    called = Counter(name if name == residue else f"{residue}:{name}"
                     for name, residue in zip(names, residues or names, strict=True))
    return sum(called[pattern] for pattern in patterns)


def sites(models: Mapping[str, BeadModel], source: FrameSource, options: Mapping[str, Any]) -> Declared:
    """Sites of residues that are mapped, which no mapping names, such as those of Go models: they stand for no atoms.

    Args:
        models: Mappings, by molecule type.
        source: Frames of beads.
        options: Of the step ``topology`` so far.
    """
    found, names, residues = Declared(), getattr(source, "names", None), getattr(source, "residue_names", None)
    if names is None or residues is None:
        return found
    beads = {name for model in models.values() for name in model.bead_names}
    mapped = {name for model in models.values() for name in model.bead_residue_names}
    strange = list(dict.fromkeys(name for name, residue in zip(names, residues, strict=True)
                                 if residue in mapped and name not in beads and name in martini.SITES))
    if strange:
        found.options["ignore"] = [*options.get("ignore", []), *(f"*:{name}" for name in strange)]
        count = Counter(name for name, residue in zip(names, residues, strict=True) if name != residue)
        listed = " and ".join(f"{count[name]} {name}" for name in strange)
        found.why.append(f"{listed}: virtual sites, as of Go models, which stand for no atoms and are left out")
    return found


def repeats(models: Mapping[str, BeadModel], blocks: Sequence[tuple[str, int]], source: FrameSource,
            options: Mapping[str, Any]) -> Declared:
    """How many molecules with a mapping the beads make, where the topology has one of a type, as that of one molecule.

    Beads of the file have to be called as those of the mappings, one molecule after the other in the topology's order,
    and each type to stand in one place; else nothing is said, nor of numbers that contradict each other.

    Args:
        models: Mappings, by molecule type.
        blocks: Molecule types and counts of the topology.
        source: Frames of beads.
        options: Of the step ``topology`` so far.
    """
    found, names, residues = Declared(), getattr(source, "names", None), getattr(source, "residue_names", None)
    said = options.get("molecules", dict(blocks))
    kinds = [name for name, _ in blocks if name in models]
    if names is None or not kinds or len({*kinds}) < len(kinds) or not isinstance(said, dict):
        return found
    others = [*options.get("ignore", []), *options.get("several", {}),
              *(pattern for patterns in _patterns(options.get("exclude", {})) for pattern in patterns)]
    left = [name for name, residue in zip(names, residues or names, strict=True) if not _called(name, residue, others)]
    counts: dict[str, int] = {}
    for kind in kinds:
        own, begin = models[kind].bead_names, 0
        while own and left[begin:begin + len(own)] == own:
            begin += len(own)
        counts[kind], left = begin // max(len(own), 1), left[begin:]
    there = {kind: said.get(kind, 0) for kind in kinds}
    if left or not all(counts.values()) or counts == there:
        return found
    if any(there[kind] not in (1, counts[kind]) for kind in kinds):
        return found
    found.options["molecules"] = {**said, **counts}
    for kind in kinds:
        if counts[kind] != there[kind]:
            found.why.append(f"{kind}: the beads are those of {counts[kind]} molecules, but the topology has "
                             f"{there[kind]}: {counts[kind]} are made, and stand in the topology that is written")
    return found


def _patterns(exclude: Mapping[str, Sequence[str]] | Sequence[str]) -> list[Sequence[str]]:
    """What beads of excluded molecule types are called."""
    if isinstance(exclude, Mapping):
        return [patterns or [name] for name, patterns in exclude.items()]
    return [[name] for name in exclude]


def _called(name: str, residue: str, patterns: Sequence[str]) -> bool:
    """Whether a bead is meant by one of some patterns of the step ``topology``."""
    return any(fnmatchcase(f"{residue}:{name}", pattern) if ":" in pattern else
               fnmatchcase(name, pattern) or fnmatchcase(residue, pattern) for pattern in patterns)


def _spare(topology: AtomTopology, there: Collection[str], unmapped: Sequence[str], martinis: bool) -> list[str]:
    """Molecule types that the topology describes but does not count, which beads may be: a water, and ions."""
    spare = [name for name in topology.types if name not in there]
    waters = [name for name in spare if martini.is_water(name)] if not any(map(martini.is_water, unmapped)) else []
    known = {*map(martini.ion_of, unmapped)}
    ions = {martini.ion_of(name): name for name in reversed(spare) if len(topology.types[name].atom_names) == 1}
    return [*waters[:1], *(name for kind, name in ions.items() if kind and kind not in known and martinis)]


def _counted(found: Declared, blocks: Sequence[tuple[str, int]], name: str, count: int) -> bool:
    """Say how many molecules of a type there are, in its place; False if it stands in several, between others."""
    said = found.options.get("molecules")
    before = blocks if said is None else [pair for part in (said if isinstance(said, list) else [said])
                                          for pair in part.items()]
    runs = [(kind, sum(number for _, number in run)) for kind, run in groupby(before, key=lambda block: block[0])]
    places = [k for k, (kind, _) in enumerate(runs) if kind == name]
    if len(places) > 1:
        return False
    k = places[0] if places else len(runs)
    runs[k:k + 1] = [(name, count)]
    once = len({kind for kind, _ in runs}) == len(runs)
    found.options["molecules"] = dict(runs) if once else [{kind: number} for kind, number in runs]
    return True


def _ions(found: Declared, name: str, beads: int, blocks: Sequence[tuple[str, int]]) -> bool:
    """Count the ions of one kind as their beads; False if the topology's count has to be changed by hand."""
    there = sum(count for kind, count in blocks if kind == name)
    if there == beads:
        return True
    if not _counted(found, blocks, name, beads):
        found.why.append(f"{name}: there are {beads} beads, but the topology has {there}: change that under "
                         "[ molecules ]")
        return there > 0
    found.why.append(f"{name}: there are {beads} beads, but the topology has {there or 'none'}: as many are made, and "
                     "stand in the topology that is written")
    return True


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
        if not _counted(found, blocks, name, wanted):
            found.why.append(f"{listed} waters each are {wanted} {name}, but the topology has {there}: change that "
                             "under [ molecules ]")
            return False
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
