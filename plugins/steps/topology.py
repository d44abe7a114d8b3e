"""What is there: molecule types, how many of each, and how beads are made of atoms."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pydantic
from pydantic import Field, model_validator

from backmap import api
from backmap.api import (
    AtomMolecule,
    AtomTopology,
    BeadModel,
    InputPath,
    MappingReader,
    Nested,
    Reader,
    Several,
    State,
    TopologyReader,
)
from backmap.errors import BackmapError
from backmap.model.listing import told_once
from backmap.model.system import System, Window

from .. import handed
from ..chemistry.coarse import as_beads, looks_coarse
from ..files.dbm import read_owners
from ..molecules.assemble import (
    Constraints,
    assemble,
    blocks_of,
    chirality_patterns,
    mapped_once,
    owned_by_one,
    unsigned_centres,
)
from ..molecules.contents import Contents, Excluded, Shared
from ..molecules.isomers import First, isomer_lines, told_by_nature, without_slips
from ..molecules.particles import Particles
from ..molecules.stereo import Stereo, told_by
from ..molecules.tacticity import DyadSequence, told_by_sequences


def _as_patterns(value: Any) -> Any:
    """``[SOL, NA]`` and ``{SOL: W, NA: [NA, NA+]}`` as lists of patterns by molecule type."""
    if isinstance(value, str | list | tuple):
        value = {str(name): [] for name in ([value] if isinstance(value, str) else value)}
    if isinstance(value, dict):
        return {name: [patterns] if isinstance(patterns, str) else patterns or [] for name, patterns in value.items()}
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_fixed(value: Any) -> Any:
    """``{gromacs: protein.gro}`` as the reader that it is, and a list as names of molecule types."""
    if isinstance(value, (str, list)):
        return {"molecules": value}
    known = value is None or isinstance(value, Fixed) or {*value} & {*Fixed.model_fields}
    return value if known else {"atoms": value}


Patterns = Annotated[list[str], pydantic.BeforeValidator(_as_list)]


class Molecules(api.Options):
    """Options of each bead under ``several``."""

    molecules: str = Field(description="The molecule type.")
    count: int = Field(ge=1, description="Molecules that one bead is.")


class Fixed(api.Options):
    """Options of ``fixed``."""

    atoms: Nested[Reader] | None = Field(
        None, description="Their frames, one for all or one for each frame of beads: their atoms alone, or all of the "
                          "topology. By default they are in the file of beads, under their own names.")
    molecules: Patterns = Field([], description="Molecule types; by default all that have no mapping.")


class Topology(api.Step):
    """Reads the atomistic topology and the mapping, which give the molecule types and their counts.

    Later in a recipe it says of what the particles so far, atoms or else beads, are the beads, to put atoms into them.
    Molecules under ``exclude`` are neither backmapped nor written, but for ions, which are put at their beads. Atoms
    under ``fixed`` are known, stand still, and are seen by all others.
    """

    gives = frozenset({"system", "contents"})
    takes = frozenset({"atoms", "reference", "generator", "forcefield"})

    class Options(api.Options):
        changed_names: ClassVar = {"pass": "is called 'exclude' now", "keep": "is called 'fixed' now"}

        atoms: Nested[TopologyReader] = Field(description="The atomistic topology.")
        mapping: Several[MappingReader] = Field(
            [], description="How beads are made of atoms: one reader, or a list for several formats. Without it every "
                            "atom is a bead of its own, as coarsen takes them.")
        owners: dict[str, InputPath] = Field(
            default={}, description="Molecule type: a DeepBackmap .map that says which bead places each atom. By "
                                    "default the bead in which the atom weighs most.")
        whole: Patterns = Field([], description="Molecule types that a generator draws whole: all atoms of one belong "
                                                "to the bead in its middle. Weights are for fragments or for whole "
                                                "molecules, as in training.")
        molecules: dict[str, int] | list[dict[str, int]] | None = Field(
            None, description="Molecule type: how many, in order; where the topology has no [ molecules ], or instead "
                              "of it. A list, [{POPC: 64}, {CHL1: 8}, {POPC: 64}], where a type comes several times.")
        constraints: Constraints = Field(
            "reference", description="Bonds of fixed length. reference: those that do not vary in the atomistic "
                                     "frames, as the trained generator remembers them; h-bonds, all-bonds: at the "
                                     "topology's lengths; none: only those that the topology itself constrains.")
        stereo: Stereo | None = Field(
            None, description="A .gro with true atoms, from which the hands of stereocentres and the sides of double "
                              "bonds, esters and amides are taken, molecule by molecule, as far as the mapping does "
                              "not tell them: chains may be atactic. Or what all molecules of a type are: SMILES, or "
                              "a .gro of one of them, as `{ALA: \"C[C@H](N)C(=O)O\", CHOL: chol.gro}`.")
        isomers: First | None = Field(
            None, description="What counts where hands or sides contradict each other: 'mapping' as it stands, or "
                              "'stereo' before it. By default the only centre of a residue that a mapping tells "
                              "otherwise than nature has it, and at least three others as nature has them, is taken "
                              "for a slip and made as in nature; other contradictions are errors.")
        tacticity: dict[str, DyadSequence] = Field(
            default={}, description="Molecule type: the hands along its chain, where neither mapping nor 'stereo' "
                                    "tells them, as {dyads: rmmr, first: +}.")
        cis_peptides: dict[str, list[int]] = Field(
            default={}, description="Molecule type: numbers of the residues behind peptide bonds that are cis, such as "
                                    "those of prolines. Others are trans if nothing else tells them.")
        exclude: Annotated[dict[str, Patterns], pydantic.BeforeValidator(_as_patterns)] = Field(
            default={}, description="Molecule types that are not backmapped, as a list, or with what "
                                                  "their beads or residues are called in the file of beads (`*`, `?`, "
                                                  "RESIDUE:BEAD): {SOL: W, NA: \"NA+\"}.")
        place_ions: bool = Field(True, description="Put excluded molecules of one atom at their beads, instead of "
                                                   "leaving them out.")
        beads: bool | Patterns | None = Field(
            None, description="Molecule types whose \"atoms\" are coarse-grained beads without elements: true for all, "
                              "false for none, or names. By default those whose masses, or names without "
                              "masses, are no element's.")
        several: dict[str, Molecules] = Field(
            default={}, description="Beads that are several molecules each, by what they or their residues are called "
                                    "in the file of beads (`*`, `?`, RESIDUE:BEAD): {W: {molecules: SOL, count: 4}}. "
                                    "The molecules begin in a cluster about their bead, and move freely from then on.")
        fixed: Annotated[Fixed | None, pydantic.BeforeValidator(_as_fixed)] = Field(
            None, description="Atoms that are known and stay: a reader, a mapping, or names of molecule types whose "
                              "atoms are in the file of beads.")
        ignore: Patterns = Field([], description="Sites of the file of beads that have no atoms, by bead or residue "
                                                 "name, e.g. [VS, \"GO*\"].")

        @model_validator(mode="after")
        def _consistent(self) -> Topology.Options:
            if not self.mapping and "mapping" in self.model_fields_set:
                raise ValueError("'mapping' is empty: name a reader, e.g. mapping: {votca: mapping.xml}")
            twice = sorted({*self.exclude} & {*(self.fixed.molecules if self.fixed else [])})
            if twice:
                raise ValueError(f"'{twice[0]}' stands under 'exclude' and under 'fixed'")
            shared = {one.molecules for one in self.several.values()}
            for key, names in (("exclude", {*self.exclude}), ("whole", {*self.whole}), ("owners", {*self.owners}),
                               ("fixed", {*(self.fixed.molecules if self.fixed else [])})):
                if shared & names:
                    raise ValueError(f"'{min(shared & names)}' stands under '{key}' and under 'several'")
            both = sorted({*self.whole} & {*self.owners})
            if both:
                raise ValueError(f"'{both[0]}' stands under 'whole' and under 'owners'")
            return self

    options: Options
    present: Particles | None = None

    def start(self, state: State) -> None:
        options = self.options
        told = handed.topology(options.atoms)
        topology = self.understood(told)
        blocks = blocks_of(topology, options.molecules)
        for name, kind in topology.types.items():
            if kind is not told.types[name] and name in dict(blocks):
                state.log(f"{name}: its atoms are taken for beads without elements (beads: in topology says otherwise)")
        for what, names in (("owners", options.owners), ("whole", options.whole), ("exclude", options.exclude),
                            ("several", dict.fromkeys(one.molecules for one in options.several.values())),
                            ("fixed", options.fixed.molecules if options.fixed else [])):
            for name in names:
                _expect_known(topology, name, what, options.owners[name] if what == "owners" else self.where)
        owners = {name: read_owners(path, len(topology.types[name].atom_names))
                  for name, path in options.owners.items()}
        beads = mapped_once(options.mapping, topology, self.where)
        beads |= {name: owned_by_one(beads[name], topology.types[name]) for name in options.whole if name in beads}
        several = self._several(blocks, beads)
        remarks = [remark for name in dict(blocks) if name in beads for remark in beads[name].remarks]
        for _, remark in told_once(remarks, topology.types):
            state.log(remark)
        excluded = {name: self._excluded(topology.types[name], patterns, blocks)
                    for name, patterns in options.exclude.items()}
        fixed = self._fixed(blocks, beads)
        own = [] if options.mapping else [name for name in dict(blocks) if name not in {*excluded, *fixed, *several}]
        if all(name in {*excluded, *fixed} for name in dict(blocks)):
            raise BackmapError("no molecule is left to be backmapped", where=self.where,
                               hint="Take those out of 'exclude' that have a mapping.")
        system = assemble(topology, beads, constraints=options.constraints, molecules=options.molecules, owners=owners,
                          given={*own, *fixed, *(name for name, one in excluded.items() if one.placed)},
                          left_out={name for name, one in excluded.items() if not one.placed}, untied=several)
        found = Contents(system, [(name, count, len(topology.types[name].atom_names)) for name, count in blocks],
                         excluded, fixed, options.ignore, options.fixed.atoms if options.fixed else None, state.log,
                         {pattern: Shared(one.molecules, one.count) for pattern, one in options.several.items()},
                         state.seed)
        system = without_slips(system) if options.isomers is None else system
        if options.stereo is not None:
            system, lines = told_by(system, options.stereo, found, options.isomers, f"{self.where}.stereo")
            for line in lines:
                state.log(line)
            for name, count in unsigned_centres(system).items() if isinstance(options.stereo, Path) else ():
                state.log(f"{name}: {count} stereocentres are flat in {options.stereo.name} and are left open")
            for name, count in chirality_patterns(system).items():
                state.log(f"{name}: its molecules differ in handedness, in {count} ways")
        system = told_by_sequences(system, options.tacticity, f"{self.where}.tacticity")
        system = told_by_nature(system, options.cis_peptides, f"{self.where}.cis_peptides")
        for _, line in told_once(list(isomer_lines(system)), topology.types):
            state.log(line)
        if state.system is not None:
            self._continue(state, system, found)
        state.system, state.given["contents"] = system, found
        state.log(summary(system))

    def understood(self, topology: AtomTopology) -> AtomTopology:
        """The topology with molecule types of beads that have no elements; ``check`` asks for it as well."""
        said = self.options.beads
        if isinstance(said, list):
            for name in said:
                _expect_known(topology, name, "beads", self.where)
        coarse = [name for name, kind in topology.types.items()
                  if (looks_coarse(kind) if said is None else said if isinstance(said, bool) else name in said)]
        return topology if not coarse else replace(topology, types=topology.types | {
            name: as_beads(topology.types[name]) for name in coarse})

    def _continue(self, state: State, system: System, found: Contents) -> None:
        """Put ``system`` in the place of what there is: the particles so far are its beads."""
        if "beads" not in self.there:
            raise BackmapError("an earlier step says what there is, and nothing is read yet that could be put into it",
                               where=self.where, hint="Leave one of them out, or put read between them.")
        self.present = Particles(self, state)
        self.beads = found.beads(self.present)
        self.present.expect_molecules(system.blocks)
        state.change(system)
        state.reference, self.level = None, state.level

    def frames(self, window: Window, state: State) -> Window:
        if self.present is None:
            return window
        return Window.joined([self._frame(window.take([k]), state.systems[self.level]) for k in range(window.size)])

    def _frame(self, window: Window, system: System) -> Window:
        self.present.show(window)
        info = self.beads.frame(int(window.frames[0]))
        return window.with_beads(system.whole_beads(info.positions, window.box(0))[None], system)

    def _excluded(self, molecule: AtomMolecule, patterns: list[str], blocks: list[tuple[str, int]]) -> Excluded:
        single = len(molecule.atom_names) == 1
        own = (molecule.name, *dict.fromkeys(molecule.residue_names), *(molecule.atom_names if single else ()))
        return Excluded(tuple(patterns) or tuple(dict.fromkeys(own)),
                      sum(count for name, count in blocks if name == molecule.name),
                      single and self.options.place_ions)

    def _several(self, blocks: list[tuple[str, int]], beads: dict[str, BeadModel]) -> list[str]:
        """Molecule types of which a bead is several."""
        names = list(dict.fromkeys(one.molecules for one in self.options.several.values()))
        for name in names:
            if name in beads:
                raise BackmapError(f"molecule type '{name}' has a mapping and stands under 'several'", where=self.where,
                                   hint="Take it out of one of them: a mapping is for one molecule at a bead or more "
                                        "beads a molecule.")
            if name not in dict(blocks):
                raise BackmapError(f"'{name}' stands under 'several', but the topology has none of these molecules",
                                   where=self.where, hint=f"Write {name} and their number under [ molecules ], or all "
                                                          "counts under 'molecules'.")
        return names

    def _fixed(self, blocks: list[tuple[str, int]], beads: dict[str, BeadModel]) -> list[str]:
        """Molecule types whose atoms are read."""
        if self.options.fixed is None:
            return []
        names = dict.fromkeys(name for name, _ in blocks)
        aside = {*self.options.exclude, *(one.molecules for one in self.options.several.values())}
        fixed = self.options.fixed.molecules or [name for name in names if name not in {*beads, *aside}]
        missing = [name for name in fixed if name not in names]
        if missing or not fixed:
            problem = f"there are no molecules of '{missing[0]}' to be fixed" if missing else "every molecule is mapped"
            raise BackmapError(problem, where=f"{self.where}.fixed",
                               hint="Name them, as in 'fixed: {molecules: [Protein], atoms: {gromacs: protein.gro}}'.")
        if not any(name in beads and name not in {*fixed, *self.options.exclude} for name in names):
            raise BackmapError("no molecule is left to be backmapped", where=self.where)
        return fixed


def _expect_known(topology: AtomTopology, name: str, what: str, where: str | Path) -> None:
    if name not in topology.types:
        verb = {"owners": "owners are given for '{}', which", "exclude": "'{}' under 'exclude'",
                "whole": "'{}' under 'whole'", "beads": "'{}' under 'beads'",
                "fixed": "'{}' under 'fixed'", "several": "'{}' under 'several'"}[what].format(name)
        raise BackmapError(f"{verb} is no molecule type of {topology.where}", where=where,
                           hint=f"Known: {', '.join(topology.types)}.")


def summary(system: System) -> str:
    """One line for the user."""
    return f"{system.listed}: {'' if system.only_beads else f'{system.n_atoms} atoms, '}{system.n_beads} beads"
