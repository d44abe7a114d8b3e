"""Force fields from OpenMM's XML files."""
from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import openmm
import pydantic
from numpy.typing import NDArray
from openmm import app, unit

from backmap.api import ForceFieldReader, InputPath, Options, also_read
from backmap.errors import BackmapError
from backmap.model.parameters import ForceField
from backmap.model.system import System

from ..files.reading import as_list
from ..openmm_bridge.implicit import taken
from ..openmm_bridge.molecule import OpenMMMolecule
from ..openmm_bridge.parameters import translate
from .matching import molecules_of, read_by_openmm

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_SHIPPED = Path(app.__file__).parent / "data"  #: force fields that come with OpenMM
_INCLUDE = re.compile(r"""<Include\s[^>]*file\s*=\s*["']([^"']+)""")


class OpenMM(ForceFieldReader):
    """OpenMM force-field XML applied to the molecules of a PDB file, or one serialised System.

    A file of an implicit solvent beside the others (amber96_obc.xml, implicit/obc2.xml) takes molecules that stand by
    themselves out of the vacuum: generalised Born, with its surface term. That goes with ``coulomb: cutoff``.
    """

    class Options(Options):
        xml: Annotated[list[Annotated[InputPath | str, pydantic.Field(union_mode="left_to_right")]],
                       pydantic.BeforeValidator(as_list), pydantic.Field(
            min_length=1, description="Force-field XML files, or names of those that OpenMM ships, e.g. amber99sb.xml; "
                                      "or one serialised System.")]
        pdb: InputPath = pydantic.Field(description="A PDB file with at least one molecule of each type, hydrogens "
                                                    "and CONECT records of unusual residues included; for a "
                                                    "serialised System, with all its atoms.")

    options: Options

    def read(self, system: System) -> ForceField:
        files = [self._found(entry) for entry in self.options.xml]
        where = ", ".join(map(str, self.options.xml))
        pdb = read_by_openmm(lambda: app.PDBFile(str(self.options.pdb)), self.options.pdb)
        topology, positions = pdb.topology, pdb.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        molecules = molecules_of(topology, system, self.options.pdb)
        if len(files) == 1 and _is_system(files[0]):
            made = read_by_openmm(lambda: openmm.XmlSerializer.deserialize(files[0].read_text()), where)
            if made.getNumParticles() != topology.getNumAtoms():
                raise BackmapError(f"holds {made.getNumParticles()} particles, but {self.options.pdb} "
                                   f"{topology.getNumAtoms()} atoms", where=where,
                                   hint="Give the PDB file it was made of.")
            if made.getNumConstraints():
                raise BackmapError("is a System with constraints, whose bonds have no parameters", where=where,
                                   hint="Make it with constraints=None and rigidWater=False.")
            return _translated(made, molecules, positions, where)
        field = read_by_openmm(lambda: app.ForceField(*map(str, files)), where)
        part, molecules, atoms = _part(topology, molecules)
        made = read_by_openmm(lambda: field.createSystem(
            part, nonbondedMethod=app.NoCutoff, constraints=None, rigidWater=False, removeCMMotion=False), where)
        return _translated(made, molecules, positions[atoms], where)

    def _found(self, entry: Path | str) -> Path:
        path = Path(entry)
        for candidate in (path, _SHIPPED / path):
            if candidate.is_file():
                _note_includes(candidate, {candidate})
                return candidate
        raise BackmapError(f"there is no file '{entry}', and OpenMM ships no force field of that name", where="xml",
                           hint="Paths are relative to the recipe's folder.")


def _translated(made: openmm.System, molecules: dict[str, OpenMMMolecule], positions: Array,
                where: str) -> ForceField:
    """Parameters of molecules, each in its share of the implicit solvent, if there is one."""
    solvent = read_by_openmm(lambda: taken(made, positions, where), where)
    field = translate(made, molecules, where)
    if solvent is None:
        return field
    return replace(field, molecules={name: replace(known, solvent=solvent.of_atoms(molecules[name].atoms))
                                     for name, known in field.molecules.items()})


def _note_includes(path: Path, seen: set[Path]) -> None:
    """Say which files OpenMM will read with this one; those ``seen`` are said already."""
    for name in _INCLUDE.findall(path.read_text(errors="replace")):
        included = path.parent / name
        if included.is_file() and included not in seen:
            also_read(included)
            _note_includes(included, seen | {included})


def _is_system(path: Path) -> bool:
    """Whether an XML file holds a serialised System rather than a force field."""
    return "<System" in path.read_text(errors="replace")[:2000]


def _part(topology: app.Topology,
          molecules: dict[str, OpenMMMolecule]) -> tuple[app.Topology, dict[str, OpenMMMolecule], Index]:
    """A topology of the chosen molecules alone, so that a big system costs nothing; which atoms are in it, (n,)."""
    chosen = {int(atom) for molecule in molecules.values() for atom in molecule.atoms}
    part, new = app.Topology(), {}
    for chain in topology.chains():
        added = None
        for residue in chain.residues():
            atoms = [atom for atom in residue.atoms() if atom.index in chosen]
            if not atoms:
                continue
            added = added or part.addChain(chain.id)
            copy = part.addResidue(residue.name, added, residue.id, residue.insertionCode)
            for atom in atoms:
                new[atom.index] = part.addAtom(atom.name, atom.element, copy, atom.id)
    for bond in topology.bonds():
        if bond[0].index in chosen:
            part.addBond(new[bond[0].index], new[bond[1].index], bond.type, bond.order)
    moved = {name: OpenMMMolecule(np.array([new[int(atom)].index for atom in molecule.atoms]), molecule.bonds)
             for name, molecule in molecules.items()}
    return part, moved, np.array(list(new))
