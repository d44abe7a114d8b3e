"""Picks mappings from libraries for the molecules of a topology."""
from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..api import AtomMolecule, AtomTopology, BeadModel, MappingReader
from ..errors import BackmapError
from ..model.listing import listed, told_once
from ..recipe import recipe
from ..recipe.registry import Registry
from . import martini
from .libraries import Contained, Described

#: Coarse-grained force field that a user has: pairs of plugin, and name that its files have for that force field.
MODELS = {"martini3": {("vermouth", "martini3001"), ("vermouth", "martini"), ("ndx", "")},
          "martini2": {("vermouth", "martini22"), ("backward", "martini")},
          "votca": {("votca", "")}}
#: Force fields whose beads martinize2 puts at centres of mass, where the files have no numbers for it.
BY_MASS = {"martini3001", "martini22"}
INSTEAD = {"martini3": "martini2"}  #: whose mappings are taken for molecules that have none, such as lipids
WIDTH = 5  #: characters of a name in .gro
BY_MOLECULE = ("ndx", "votca")  #: plugins whose files are for one molecule type each, refined by hand


@dataclass(frozen=True)
class LibraryGroup:
    """Files of one library for the same pair of force fields, read by one plugin."""

    library: str
    reader: str
    source: tuple[str, ...]
    target: str
    found: tuple[Described, ...]

    @property
    def key(self) -> tuple[str, str, tuple[str, ...], str]:
        """What groups of different molecule types have in common, if one recipe entry reads both."""
        return self.library, self.reader, self.source, self.target

    @property
    def weights(self) -> dict[str, str]:
        return {"weights": "mass"} if self.target in BY_MASS else {}

    def entry(self, files: Sequence[Path | str], names: Sequence[str]) -> dict[str, Any]:
        """The recipe entry that reads some files for some molecule types."""
        paths = [str(file) for file in files]
        if self.reader == "ndx":
            return {self.reader: {"files": dict(zip(names, paths, strict=True))}}
        if self.reader == "votca":
            return {self.reader: paths}
        chosen = ({"source": self.source[0], "target": self.target} if self.reader == "vermouth"
                  else {"force_field": self.source[0]} if self.source else {})
        return {self.reader: {"files": paths, **chosen, **self.weights, "molecules": list(names)}}


@dataclass
class Picked:
    """What was picked.

    Attributes:
        entries: Of the recipe, under ``mapping``.
        why: A sentence for each molecule type.
        errors: Why no mapping fits a molecule type that libraries know in part.
    """

    entries: list[dict[str, Any]] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    errors: list[BackmapError] = field(default_factory=list)


@dataclass(frozen=True)
class _Fit:
    group: LibraryGroup
    files: tuple[Path, ...]
    model: BeadModel

    def rank(self, called: Collection[tuple[str, str]]) -> tuple[bool, int, int, int, int]:
        """Smaller is better: refined by hand; fewer beads that are not in the file; more atoms in beads; less to be
        said; named first by the files."""
        named = [one.entry.source.index(source) for one in self.group.found for source in self.group.source
                 if one.path in self.files]
        return (self.group.reader not in BY_MOLECULE, self._strangers(called), -len(self.model.mapping.atom),
                sum(map(len, self.model.remarks)), max(named, default=0))

    def lacks(self, called: Collection[tuple[str, str]]) -> list[str]:
        """Beads that only the file has in residues of the mapping, as 'TYR SC4'; virtual sites do not count."""
        own: dict[str, set[str]] = {}
        for residue, name in zip(self.model.bead_residue_names, self.model.bead_names, strict=True):
            own.setdefault(residue[:WIDTH], set()).add(name[:WIDTH])
        return sorted(f"{residue} {name}" for residue, name in called
                      if residue in own and name not in own[residue] and name not in martini.SITES)

    def _strangers(self, called: Collection[tuple[str, str]]) -> int:
        """How many kinds of its beads the file does not have, in residues of their names if there are such."""
        residues, names = {residue for residue, _ in called}, {name for _, name in called}
        own = {(residue[:WIDTH], name[:WIDTH]) for residue, name in zip(
            self.model.bead_residue_names, self.model.bead_names, strict=True)}
        return sum((pair not in called) if pair[0] in residues else (pair[1] not in names) for pair in own)


def pick(model: str, topology: AtomTopology, held: Contained, registry: Registry,
         mapped: Collection[str] = (), written: Callable[[Path], str] = str,
         called: Collection[tuple[str, str]] = ()) -> Picked:
    """Mappings for the molecule types of a topology; those that no library knows are left out.

    Args:
        model: One of ``MODELS``.
        topology: The molecule types.
        held: What libraries hold.
        registry: Where plugins are found.
        mapped: Molecule types that have a mapping already.
        written: How the recipe names a file.
        called: Residue and name of the beads of the file, if it has names: of mappings that fit the atoms, those are
            taken that fit these.
    """
    picked, together = Picked(), {}
    for name in dict.fromkeys(name for name, _ in topology.blocks) or topology.types:
        if name in mapped:
            continue
        molecule = topology.types[name]
        fits, failed = _tried(model, molecule, topology, held, registry)
        lent = INSTEAD.get(model) if not fits and not failed else None
        if lent is not None:
            fits, failed = _tried(lent, molecule, topology, held, registry)
        if fits:
            best = min(fits, key=lambda fit: fit.rank(called))
            if lent is not None:
                if lacking := best.lacks(called):
                    picked.errors.append(_unlike(name, model, lent, lacking))
                    continue
                picked.why.append(f"{name}: no library has a mapping for {model} of its residues, so that for {lent} "
                                  "is taken: look at the names of its beads")
            together.setdefault(best.group.key, []).append((name, best))
            files = f"{len(best.files)} files" if len(best.files) > 1 else best.files[0].name
            picked.why.append(f"{name}: mapped by {files} of {best.group.library}, from "
                              f"{' '.join(best.group.source) or 'its own atom names'}")
        elif failed:
            picked.errors += min(failed, key=len)
        elif not (martini.is_water(name) or martini.ion_of(name)):
            picked.why.append(f"{name}: no library has a mapping for {model} of its residues")
    for all_of in together.values():
        group = all_of[0][1].group
        if group.reader == "ndx":
            files = [fit.files[0] for _, fit in all_of]
        else:
            files = list(dict.fromkeys(file for _, fit in all_of for file in fit.files))
        picked.entries.append(group.entry([written(file) for file in files], [name for name, _ in all_of]))
    picked.why = [said for _, said in told_once(picked.why, topology.types)]
    if held.errors:
        picked.why.append(f"{len(held.errors)} things in libraries cannot be read: backmap mappings list names them")
    return picked


def _unlike(name: str, model: str, other: str, lacking: Sequence[str]) -> BackmapError:
    """Another force field's mapping, of which beads of the file are not."""
    return BackmapError(f"{name}: no library has a mapping for {model} of its residues, and that for {other} has other "
                        f"beads, without {listed(lacking)} of the file",
                        hint=f"'pip install vermouth' brings mappings of proteins for {model}; your own go under -m, "
                             "and sites that stand for no atoms under --ignore.")


def _tried(model: str, molecule: AtomMolecule, topology: AtomTopology, held: Contained, registry: Registry) -> \
        tuple[list[_Fit], list[list[BackmapError]]]:
    """Groups that fit a molecule type, and what is wrong with each of those that know some of its residues."""
    fits, failed = [], []
    for group in _groups(model, molecule, held):
        try:
            fits.append(_fit(group, molecule, topology, registry))
        except BackmapError as error:
            if {*molecule.residue_names} & {one for each in group.found for one in each.entry.residues}:
                failed.append(error.all)
    return fits, failed


def _groups(model: str, molecule: AtomMolecule, held: Contained) -> list[LibraryGroup]:
    """Files that may describe a molecule type, by library and pair of force fields."""
    groups: dict[tuple[str, str, tuple[str, ...], str], dict[tuple[str, ...], Described]] = {}
    for one in held.found:
        for target in one.entry.target or ("",):
            if (one.reader, target) not in MODELS[model]:
                continue
            if one.reader in BY_MOLECULE and one.entry.residues[0] not in {molecule.name, *molecule.residue_names}:
                continue
            sources = [(source,) for source in one.entry.source] or [()]
            for source in sources[:1] if one.reader == "vermouth" else sources:
                of = groups.setdefault((one.library, one.reader, source, target), {})
                of.setdefault(one.entry.residues, one)  # of two for the same, the first
    return [LibraryGroup(*key, tuple(of.values())) for key, of in groups.items()]


def _fit(group: LibraryGroup, molecule: AtomMolecule, topology: AtomTopology, registry: Registry) -> _Fit:
    """Read a group for one molecule type, and tell which of its files are used.

    Raises:
        BackmapError: If it does not fit.
    """
    files = list(dict.fromkeys(one.path for one in group.found))
    entry = group.entry(files[:1] if group.reader in BY_MOLECULE else files, [molecule.name])
    reader = recipe.built(MappingReader, entry, Path(), registry)
    alone = replace(topology, types={molecule.name: molecule}, blocks=[(molecule.name, 1)])
    found = reader.read(alone)
    model = found[molecule.name]
    used = {where.rpartition(":")[0] for where in model.where}
    kept = tuple(file for file in files if str(file) in used) or tuple(files[:1])
    return _Fit(group, kept, model)
