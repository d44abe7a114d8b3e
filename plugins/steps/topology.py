"""What is there: molecule types, how many of each, and how beads are made of atoms."""
from __future__ import annotations

from pathlib import Path

from pydantic import Field

from backmap import api
from backmap.api import AtomMolecule, AtomTopology, InputPath, MappingReader, Nested, State, TopologyReader
from backmap.errors import BackmapError
from backmap.model.system import System

from ..common.assemble import Constraints, assemble, signed, unsigned_centres
from ..common.dbm_map import read_owners
from ..common.gro import GroFile


class Topology(api.Step):
    """Reads the atomistic topology and the mapping, and says what the system is made of."""

    gives = frozenset({"system"})

    class Options(api.Options):
        atoms: Nested[TopologyReader] = Field(description="The atomistic topology.")
        mapping: Nested[MappingReader] = Field(description="How beads are made of atoms.")
        owners: dict[str, InputPath] = Field(
            default={}, description="Molecule type: a DeepBackmap .map that says which bead places each atom. By "
                                    "default the bead in which the atom weighs most.")
        molecules: dict[str, int] | None = Field(
            None, description="Molecule type: how many, in order; where the topology has no [ molecules ], or instead "
                              "of it.")
        constraints: Constraints = Field(
            "reference", description="Bonds of fixed length. reference: those that do not vary in the atomistic "
                                     "frames, as the trained generator remembers them; h-bonds, all-bonds: at the "
                                     "topology's lengths; none: only those that the topology itself constrains.")
        stereo: InputPath | None = Field(
            None, description="A .gro with true atoms, from which the handedness of stereocentres is taken.")

    options: Options

    def start(self, state: State) -> None:
        options = self.options
        topology = options.atoms.read()
        owners = {name: read_owners(path, len(_molecule(topology, name, path).atom_names))
                  for name, path in options.owners.items()}
        system = assemble(topology, options.mapping.read(topology), constraints=options.constraints,
                          molecules=options.molecules, owners=owners)
        if options.stereo is not None:
            system = _signed_by(system, options.stereo)
            for name, count in unsigned_centres(system).items():
                state.log(f"{name}: {count} stereocentres differ between molecules of {options.stereo.name} and are "
                          "left open")
        state.system = system
        state.log(summary(system))


def _molecule(topology: AtomTopology, name: str, path: Path) -> AtomMolecule:
    if name not in topology.types:
        raise BackmapError(f"owners are given for '{name}', which is no molecule type of {topology.where}", where=path,
                           hint=f"Known: {', '.join(topology.types)}.")
    return topology.types[name]


def _signed_by(system: System, path: Path) -> System:
    """The system with handedness as in the first frame of a .gro of true atoms."""
    file = GroFile(path)
    system.expect(file.n_points, "atoms", path)
    frame = file.frame(0)
    return signed(system, system.whole_atoms(frame.positions, frame.box)[None])


def summary(system: System) -> str:
    """One line for the user."""
    listed = ", ".join(f"{count} {kind.name}" for kind, count in system.blocks)
    return f"{listed}: {system.n_atoms} atoms, {system.n_beads} beads"
