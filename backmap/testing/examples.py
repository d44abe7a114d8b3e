"""Small systems to try plugins on."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..engine.random import Stream
from ..engine.sites.contracts import LocalEnvironment, View
from ..engine.sites.environment import Scene
from ..engine.sites.fragments import FragmentTable, resting_order
from ..engine.sites.schedule import gibbs_schedule
from ..model.inputs import AtomMolecule, AtomTopology
from ..model.isomers import handedness
from ..model.mapping import Mapping
from ..model.molecule import Chemistry, MoleculeType, graph_of
from ..model.parameters import Bonded, ForceField, MoleculeParameters
from ..model.system import System, Window

#: Two batches of different size may round differently; nm.
SAME = 1e-4


def molecule_type(name: str, element: Sequence[int], bonds: Sequence[tuple[int, int]],
                  beads: Sequence[Sequence[int]], positions: np.ndarray | None = None,
                  centres: Sequence[Sequence[int]] = ()) -> MoleculeType:
    """A molecule type without rings or charges, whose beads are centres of mass.

    Args:
        name: Of the type and its residue.
        element: Atomic numbers, (A,).
        bonds: Pairs of atoms, smaller index first.
        beads: Atoms of each bead; every atom in one bead.
        positions: Of one molecule, (A, 3), nm: they say the handedness of ``centres``.
        centres: A stereocentre and three of its neighbours each.
    """
    numbers, pairs = np.asarray(element), np.asarray(bonds, dtype=np.int64).reshape(-1, 2)
    quads = np.asarray(centres, dtype=np.int64).reshape(-1, 4)
    none = np.zeros(len(numbers), dtype=np.int64)
    mass = np.where(numbers == 1, 1.008, 2.0 * numbers)
    graph = graph_of(len(numbers), pairs)
    mapping = Mapping.from_rows([(list(atoms), [mass[a] for a in atoms]) for atoms in beads], graph, numbers != 1)
    owner = mapping.owner
    between = sorted({tuple(sorted((int(owner[i]), int(owner[j])))) for i, j in pairs if owner[i] != owner[j]})
    sign = handedness(positions, quads) if positions is not None else np.zeros(len(quads), dtype=np.int64)
    n_beads, hydrogen = len(beads), (numbers[pairs] == 1).any(axis=1)
    return MoleculeType(
        name=name, atom_names=[f"X{a + 1}" for a in range(len(numbers))], atom_types=[f"X{z}" for z in numbers],
        residue_names=[name] * len(numbers), residues=none + 1, mass=mass, partial_charge=none.astype(float),
        bonds=pairs, chemistry=Chemistry(numbers, none.astype(bool), none, none.astype(float), np.ones(len(pairs)),
                                         quads, sign),
        bead_names=[f"B{b + 1}" for b in range(n_beads)], bead_types=["B"] * n_beads,
        bead_residue_names=[name] * n_beads, bead_residues=np.ones(n_beads, dtype=np.int64),
        bead_bonds=np.array(between, dtype=np.int64).reshape(-1, 2), mapping=mapping,
        bond_length=np.where(hydrogen, 0.109, np.nan))


def fluorohexane() -> tuple[MoleculeType, np.ndarray]:
    """2-fluorohexane in three beads of two carbons, with a stereocentre and rigid C-H bonds.

    Returns:
        The type, and stretched positions of its 20 atoms, (20, 3), nm.
    """
    carbon = np.array([[0.127 * k, 0.0445 * (-1) ** k, 0.0] for k in range(6)])
    element, positions, owner = [6] * 6, list(carbon), list(range(6))
    for k, at in enumerate(carbon):
        out = 0.063 * (-1) ** k
        arms = [(0.0, out, 0.089), (0.0, out, -0.089)]
        if k in (0, 5):
            arms.append((-0.103 if k == 0 else 0.103, -0.036 * (-1) ** k, 0.0))
        for number, arm in enumerate(arms):
            fluorine = k == 1 and number == 0
            element.append(9 if fluorine else 1)
            positions.append(at + np.multiply(arm, 1.25 if fluorine else 1.0))
            owner.append(k)
    bonds = [(k, k + 1) for k in range(5)] + [(owner[a], a) for a in range(6, len(element))]
    beads = [[a for a, k in enumerate(owner) if k // 2 == bead] for bead in range(3)]
    fluorine = element.index(9)
    whole = np.array(positions)
    return molecule_type("FHX", element, bonds, beads, whole, [(1, 0, 2, fluorine)]), whole


def example(n_frames: int = 2, seed: int = 0) -> tuple[System, Window]:
    """48 molecules of 2-fluorohexane in a box, all atoms placed."""
    kind, positions = fluorohexane()
    kind = replace(kind, limits={"bonds": [["X6", "X6", 0.13, 0.136]], "angles": [["X6", "X6", "X6", 2.0, 2.5]],
                                 "contacts": [["X6", "X6", 0.35]]})  # as training frames of beads would tell
    rng = np.random.default_rng(seed)
    cell = np.array([0.9, 0.5, 0.5])
    grid = np.stack(np.meshgrid(range(3), range(4), range(4), indexing="ij"), axis=-1).reshape(-1, 3) * cell
    turn = rng.uniform(0, 2 * np.pi, (n_frames, len(grid)))
    about_x = np.zeros((*turn.shape, 3, 3))
    about_x[..., 0, 0] = 1
    about_x[..., 1, 1] = about_x[..., 2, 2] = np.cos(turn)
    about_x[..., 1, 2], about_x[..., 2, 1] = -np.sin(turn), np.sin(turn)
    atoms = np.einsum("wmij,aj->wmai", about_x, positions) + grid[None, :, None]
    atoms = (atoms + rng.normal(0, 0.003, atoms.shape)).reshape(n_frames, -1, 3)
    system = System(((kind, len(grid)),))
    boxes = np.broadcast_to(np.diag(cell * [3, 4, 4]), (n_frames, 3, 3)).copy()
    numbers = np.arange(n_frames)
    window = Window(numbers, numbers.astype(float), boxes, system.map(atoms), system=system)
    return system, window.with_atoms(atoms)


def example_beads(n_frames: int = 3, seed: int = 0) -> tuple[System, Window]:
    """24 stretched chains of four beads and 12 single beads in a box; nothing is finer than a bead."""
    chain = molecule_type("CHAIN", [6] * 4, [(0, 1), (1, 2), (2, 3)], [[0], [1], [2], [3]])
    system = System(((chain, 24), (molecule_type("ION", [11], [], [[0]]), 12))).as_beads
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(range(3), range(4), range(3), indexing="ij"), axis=-1).reshape(-1, 3) * [2.0, 0.8, 0.8]
    chains = grid[:24, None] + np.arange(4)[:, None] * [0.4, 0.0, 0.0]
    beads = np.concatenate([chains.reshape(-1, 3), grid[24:]])
    beads = beads + rng.normal(0, 0.02, (n_frames, *beads.shape))
    boxes = np.broadcast_to(np.diag([6.0, 3.2, 2.4]), (n_frames, 3, 3)).copy()
    numbers = np.arange(n_frames)
    return system, Window(numbers, numbers.astype(float), boxes, beads, system=system).as_beads()


def example_topology() -> AtomTopology:
    """The molecules of ``example`` as a topology knows them: no beads yet."""
    kind, _ = fluorohexane()
    bonds = np.array(sorted(kind.bonds.tolist()))
    molecule = AtomMolecule(
        kind.name, kind.atom_names, kind.atom_types, kind.residue_names, kind.residues, kind.chemistry.element,
        kind.mass, kind.partial_charge, bonds, np.full(len(bonds), np.nan), np.zeros(len(bonds), dtype=bool))
    return AtomTopology({kind.name: molecule}, [(kind.name, 48)], "example")


def example_forcefield(system: System) -> ForceField:
    """Harmonic bonds, one Lennard-Jones type and no charges: enough for what needs a force field at all."""
    molecules = {}
    for kind in system.types:
        lengths = np.where(np.isnan(kind.bond_length), 0.13, kind.bond_length)
        bonded = Bonded("harmonic_bond", kind.bonds, np.column_stack([lengths, np.full(len(lengths), 2e5)]))
        near = np.argwhere(np.triu(kind.distance <= 3, 1))
        molecules[kind.name] = MoleculeParameters(
            kind.name, (bonded,), np.zeros(kind.n_atoms, dtype=np.int64), np.zeros(kind.n_atoms), near,
            np.empty((0, 2), dtype=np.int64), np.empty((0, 3)))
    return ForceField(molecules, ["X"], np.array([[1e-3]]), np.array([[1e-6]]), cutoff=0.6, where="example")


class Sites:
    """Sites of one batch: none of them sees another."""

    def __init__(self, system: System, window: Window, view: View, sites: int = 24) -> None:
        tables = FragmentTable.build(system.types, view, [resting_order(kind) for kind in system.types])
        self.scene = Scene.of(window, system, tables, view)
        schedule = gibbs_schedule(self.scene.surroundings, system, np.random.default_rng(0))
        batch = next(schedule[0][0].chunks(sites))
        self.frame, self.bead = torch.as_tensor(batch.frame), torch.as_tensor(batch.bead)

    def environment(self, chosen: Tensor | slice = slice(None)) -> LocalEnvironment:
        """What the chosen sites see."""
        return self.scene.gather(self.frame[chosen], self.bead[chosen])

    def stream(self, chosen: Tensor | slice = slice(None)) -> Stream:
        """The random numbers of the chosen sites."""
        return Stream.of(7, self.frame[chosen], self.bead[chosen])

    def present(self) -> Tensor:
        """Present positions of the blocks, (S, F, 3)."""
        return self.scene.own(self.frame, self.bead)

    def scramble(self) -> None:
        """Move the atoms of the blocks to where they should not be."""
        env = self.environment()
        self.scene.scatter(self.frame, self.bead, env.block, torch.randn(*env.block.shape, 3, dtype=torch.float64))


def turned(env: LocalEnvironment, rotation: Tensor) -> LocalEnvironment:
    """The environment with everything in it turned by ``rotation`` (3, 3)."""
    names = ("given", "context", "beads", "neighbours", "neighbour_beads")
    return replace(env, **{name: getattr(env, name) @ rotation.to(getattr(env, name)).T for name in names})
