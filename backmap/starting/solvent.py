"""Molecules without a mapping: which beads of the file they are, and what is said of them."""
from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import Any

from ..api import AtomTopology, BeadModel, FrameSource
from ..errors import BackmapError
from ..model.inputs import is_called, place_of
from ..model.listing import listed
from . import martini

#: What to do where waters at a bead are not what Martini's are.
OTHERWISE = "write 'several: {NAME: {molecules: %s, count: 4}}' if a bead is four of them"


@dataclass
class Declared:
    """Options of the step ``topology`` that follow from beads of the file that no mapping names, and why."""

    options: dict[str, Any] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SolventBeads:
    """What a user says of a molecule type without a mapping.

    Attributes:
        bead: What its beads are called, as in the step ``topology``.
        count: How many of them such a bead is; None for molecules that are ions at their beads, or left out.
    """

    bead: str
    count: int | None

    @classmethod
    def all_of(cls, texts: Sequence[str]) -> dict[str, SolventBeads]:
        """What is told of each molecule type by ``NAME=BEAD`` or ``NAME=BEAD:COUNT``; a bead may be RESIDUE:BEAD.

        Raises:
            BackmapError: For other texts, and what is told twice.
        """
        found: dict[str, SolventBeads] = {}
        for text in texts:
            name, _, said = text.partition("=")
            head, _, tail = said.rpartition(":")
            bead, count = (head, tail) if head and tail.isdigit() else (said, "")
            if not name or not bead or count == "0":
                raise BackmapError(f"'{text}' is neither NAME=BEAD nor NAME=BEAD:COUNT", where="--solvent",
                                   hint="Write SOL=W:4 for a bead W that is four molecules SOL, and NA=NA+ for ions.")
            if name in found:
                raise BackmapError(f"'{name}' is named twice", where="--solvent", hint="Give it once.")
            found[name] = cls(bead, int(count) if count else None)
        return found


def declared(topology: AtomTopology, blocks: Sequence[tuple[str, int]], mapped: Collection[str], source: FrameSource,
             martinis: bool, told: Mapping[str, SolventBeads] = MappingProxyType({})) -> Declared:
    """What is to be said of molecule types without a mapping.

    Args:
        topology: Molecule types.
        blocks: Molecule types and counts.
        mapped: Molecule types with a mapping.
        source: Frames of beads.
        martinis: Whether the user says that the beads are Martini's: solvent that the topology does not have is
            then known by its names. Waters without a mapping that are called as Martini's are say the same.
        told: What the user says of some of them, which counts first.

    Raises:
        BackmapError: If the user speaks of molecules or beads that there are not.
    """
    found, counts = Declared(), dict.fromkeys(name for name, _ in blocks)
    names, residues = getattr(source, "names", None), getattr(source, "residue_names", None)
    unmapped = [name for name in counts if name not in mapped and name not in told]
    named = _as_told(found, told, topology, blocks, source)
    if names is not None:
        rest = [k for k, (name, residue) in enumerate(zip(names, residues or names, strict=True))
                if not is_called(name, residue, [one.bead for one in told.values()])]
        names, residues = [names[k] for k in rest], None if residues is None else [residues[k] for k in rest]
        unmapped = _without_fixed(found, topology, blocks, unmapped, names)
        known, unmapped = _of_martini(found, topology, blocks, unmapped, {*counts, *mapped, *told},
                                      (names, residues), martinis)
        named |= known
    unmapped += [name for name in named if name in told]
    if unmapped:
        placed = [name for name in unmapped if name in named and _is_ion(topology, name)]
        by_name = any(name in named for name in unmapped) if martinis or told else bool(placed)
        found.options["exclude"] = {name: named.get(name, []) for name in unmapped} if by_name else unmapped
        passed = [name for name in unmapped if name not in placed]
        if placed:
            found.why.append(f"{', '.join(placed)}: put at their beads")
        if passed:
            found.why.append(f"{', '.join(passed)}: no mapping is given, so they are passed over (ions are put at "
                             "their beads)")
    return found


def _as_told(found: Declared, told: Mapping[str, SolventBeads], topology: AtomTopology,
             blocks: Sequence[tuple[str, int]], source: FrameSource) -> dict[str, list[str]]:
    """Declare what the user tells; returns what beads of the molecules that are not several at a bead are called."""
    names, residues = getattr(source, "names", None) or [], getattr(source, "residue_names", None)
    named: dict[str, list[str]] = {}
    for name, one in told.items():
        if name not in topology.types:
            raise BackmapError(f"'{name}' is no molecule type of {topology.where}", where="--solvent",
                               hint=f"Known: {listed(list(topology.types))}.")
        pairs = zip(names, residues or names, strict=True)
        beads = sum(is_called(bead, residue, [one.bead]) for bead, residue in pairs)
        if not beads:
            raise BackmapError(f"no bead of {source.where} is called '{one.bead}'", where="--solvent",
                               hint=f"They are called {listed(list(dict.fromkeys(names)))}." if names else
                               "It has no names.")
        if one.count is not None:
            _several(found, name, {one.bead: one.count}, {one.bead: beads}, blocks)
            continue
        named[name] = [one.bead]
        if _is_ion(topology, name):
            _ions(found, name, beads, blocks)
    return named


def _without_fixed(found: Declared, topology: AtomTopology, blocks: Sequence[tuple[str, int]],
                   unmapped: Sequence[str], names: Sequence[str]) -> list[str]:
    """Molecule types without a mapping but those whose atoms the file of beads has, which are declared as fixed."""
    fixed = [name for name in unmapped if _atomistic(topology, blocks, name, names)]
    if fixed:
        found.options["fixed"] = fixed
        found.why.append(f"{', '.join(fixed)}: no mapping is given, but the file of beads holds their atoms, which "
                         "stay where they are")
    left = [name for name in unmapped if name not in fixed]
    for name in left:
        there, whole = _called_alike(topology, blocks, name, names)
        if whole > there > whole / 2:
            found.why.append(f"{name}: no mapping is given, and the file of beads has {there} atoms that are "
                             f"called as its {whole}. If they are to stay where they are, all have to be there")
    return left


def _of_martini(found: Declared, topology: AtomTopology, blocks: Sequence[tuple[str, int]], unmapped: list[str],
                there: set[str], called: tuple[Sequence[str], Sequence[str] | None],
                martinis: bool) -> tuple[dict[str, list[str]], list[str]]:
    """Declare what names and residues of beads say as in Martini; what beads of which types are called, and the types
    without a mapping that are left."""
    named, _ = martini.solvent(*called, [*unmapped, *_spare(topology, there, unmapped, martinis)])
    theirs = martinis or any(martini.is_water(name) and martini.waters(*called, patterns)[0]
                             for name, patterns in named.items())
    named, alone = martini.solvent(*called, [*unmapped, *_spare(topology, there, unmapped, theirs)])
    for name in [name for name in named if martini.is_water(name)]:
        if _shared(found, name, named[name], blocks, *called):
            unmapped = [other for other in unmapped if other != name]
    for name in [name for name in named if martini.ion_of(name)]:
        if _ions(found, name, _count(named[name], *called), blocks) and name not in unmapped:
            unmapped.append(name)
    if alone and theirs:
        found.options["ignore"] = [*found.options.get("ignore", []), *alone]
        found.why.append(f"{', '.join(alone)}: solvent and ions of Martini that the topology does not have, so "
                         "they are left out: solvate the atoms afterwards")
    return named, unmapped


def _is_ion(topology: AtomTopology, name: str) -> bool:
    """Whether a molecule type is an ion, by its name or as it is one atom."""
    return martini.ion_of(name) is not None or (name in topology.types and len(topology.types[name].atom_names) == 1)


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
        these = " and ".join(f"{count[name]} {name}" for name in strange)
        found.why.append(f"{these}: virtual sites, as of Go models, which stand for no atoms and are left out")
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
    pairs = zip(names, residues or names, strict=True)
    left = [name for name, residue in pairs if not is_called(name, residue, others)]
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


def _several(found: Declared, name: str, each: Mapping[str, int], beads: Mapping[str, int],
             blocks: Sequence[tuple[str, int]], noun: str = "") -> bool:
    """Declare beads that are several molecules of a type, by what they are called; False if counts cannot be said."""
    wanted, there = sum(each[p] * beads[p] for p in each), sum(count for kind, count in blocks if kind == name)
    these = " and ".join(f"{beads[p]} beads {p} of {each[p]}" for p in each) + f" {noun}each"
    if wanted == there:
        found.why.append(f"{these} are the {there} {name} of the topology")
    elif _counted(found, blocks, name, wanted):
        found.why.append(f"{these} are {wanted} {name}, but the topology has {there or 'none'}: "
                         f"{wanted} are made, and the topology that is written has as many")
    else:
        found.why.append(f"{these} are {wanted} {name}, but the topology has {there}: change that "
                         "under [ molecules ]")
        return False
    found.options["several"] = found.options.get("several", {}) | {
        p: {"molecules": name, "count": count} for p, count in each.items()}
    return True


def _shared(found: Declared, name: str, patterns: Sequence[str], blocks: Sequence[tuple[str, int]],
            names: Sequence[str], residues: Sequence[str] | None) -> bool:
    """Declare beads each of which is several waters; False if that is not known, or counts cannot be said."""
    each, beads = martini.waters(names, residues, patterns)
    if not each:
        found.why.append(f"{', '.join(patterns)}: how many {name} such a bead is, is not known: "
                         + OTHERWISE % name)
        return False
    if not _several(found, name, each, beads, blocks, "waters "):
        return False
    sites = martini.charges(names, residues)
    if sites:
        found.options["ignore"] = sites
        found.why.append(f"{', '.join(sites)}: charges of polarisable water, which are no atoms")
    return True
