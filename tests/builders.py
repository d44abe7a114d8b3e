"""Small molecules and systems in memory, for everyone's tests.

``butane`` has beads that share atoms, ``chiral`` has one stereocentre, ``water`` is one rigid bead.
``system`` puts them together, ``place`` and ``window`` give them positions in a box.
"""
from __future__ import annotations

from functools import cache

import numpy as np
from backmap_plugins.molecules.assemble import molecule_type, signed
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import AllChem
from scipy.spatial.transform import Rotation

from backmap.api import AtomMolecule, BeadModel
from backmap.model.mapping import Mapping
from backmap.model.molecule import MoleculeType, graph_of
from backmap.model.system import System, Window

Array = NDArray[np.float64]

#: A triclinic box that is wider than any of the molecules, nm.
TRICLINIC = np.array([[2.4, 0.0, 0.0], [0.7, 2.2, 0.0], [-0.5, 0.9, 2.0]])

#: A VOTCA mapping of ``butane`` by its carbons alone; both inner ones are shared.
BUTANE_XML = """\
<cg_molecule>
  <name>BUTCG</name> <!-- the name of the coarse molecule -->
  <ident>BUT</ident>
  <topology>
    <cg_beads>
      <cg_bead><name>E1</name><type>E</type><symmetry>1</symmetry><mapping>end</mapping>
        <beads>1:BUT:C1 1:BUT:C2
               1:BUT:C3</beads></cg_bead>
      <cg_bead><name>E2</name><type>E</type><mapping>end</mapping>
        <beads>1:BUT:C4 1:BUT:C3 1:BUT:C2</beads></cg_bead>
    </cg_beads>
    <cg_bonded>
      <bond><name>bond</name><beads>E2 E1</beads></bond>
    </cg_bonded>
  </topology>
  <maps>
    <map><name>end</name><weights>15 14 7</weights><d>15 14 7</d></map>
  </maps>
</cg_molecule>
"""


@cache
def atoms_of(smiles: str, name: str, constrained: bool = False) -> tuple[AtomMolecule, Array]:
    """A molecule and positions of its atoms, (A, 3), nm; heavy atoms first, named C1, C2, H1, ..."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(molecule, randomSeed=7)
    positions = molecule.GetConformer().GetPositions() * 0.1
    symbols = [atom.GetSymbol() for atom in molecule.GetAtoms()]
    bonds = np.array(sorted(tuple(sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())))
                            for bond in molecule.GetBonds()), dtype=np.int64).reshape(-1, 2)
    return AtomMolecule(
        name=name, atom_names=[f"{symbol}{symbols[:k + 1].count(symbol)}" for k, symbol in enumerate(symbols)],
        atom_types=symbols, residue_names=[name] * len(symbols), residues=np.ones(len(symbols), dtype=np.int64),
        element=np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()]),
        mass=np.array([atom.GetMass() for atom in molecule.GetAtoms()]), partial_charge=np.zeros(len(symbols)),
        bonds=bonds, bond_length=np.linalg.norm(positions[bonds[:, 0]] - positions[bonds[:, 1]], axis=1),
        constrained=np.full(len(bonds), constrained)), positions


def beads_of(atoms: AtomMolecule, rows: dict[str, dict[str, float]]) -> BeadModel:
    """A bead model from ``{bead: {atom name: weight}}``; the bead's type is its name without digits."""
    index = {name: k for k, name in enumerate(atoms.atom_names)}
    listed = [([index[atom] for atom in weights], list(weights.values())) for weights in rows.values()]
    mapping = Mapping.from_rows(listed, graph_of(len(index), atoms.bonds), atoms.element != 1)
    return BeadModel(
        bead_names=list(rows), bead_types=[name.rstrip("0123456789") for name in rows],
        bead_residue_names=[atoms.name] * len(rows), bead_residues=np.ones(len(rows), dtype=np.int64),
        bead_bonds=None, mapping=mapping)


@cache
def butane() -> MoleculeType:
    """Butane of two beads that share both inner carbons; the outer hydrogens are in their bead."""
    atoms, _ = atoms_of("CCCC", "BUT")
    return molecule_type(atoms, beads_of(atoms, {
        "E1": {"C1": 12, "C2": 12, "C3": 6, "H1": 1, "H2": 1, "H3": 1},
        "E2": {"C4": 12, "C3": 12, "C2": 6, "H8": 1, "H9": 1, "H10": 1}}))


@cache
def chiral() -> MoleculeType:
    """Bromochlorofluoromethane: one stereocentre, whose sign is known; beads CFH and ClBr."""
    atoms, positions = atoms_of("F[C@H](Cl)Br", "CHI")
    kind = molecule_type(atoms, beads_of(atoms, {"A1": {"C1": 12, "F1": 19, "H1": 1}, "B1": {"Cl1": 35, "Br1": 80}}))
    return signed(System(((kind, 1),)), positions[None]).types[0]


@cache
def water() -> MoleculeType:
    """Water of one bead at its centre of mass; both bonds are rigid."""
    atoms, _ = atoms_of("O", "SOL", constrained=True)
    return molecule_type(atoms, beads_of(atoms, {"W1": {"O1": 16, "H1": 1, "H2": 1}}))


def conformation(kind: MoleculeType) -> Array:
    """Positions of one molecule of ``butane``, ``chiral`` or ``water``, (A, 3), nm."""
    smiles = {"BUT": "CCCC", "CHI": "F[C@H](Cl)Br", "SOL": "O"}[kind.name]
    return atoms_of(smiles, kind.name, kind.name == "SOL")[1]


def system(*blocks: tuple[MoleculeType, int]) -> System:
    """A system of ``blocks``; by default 2 butane, 3 water, 2 chiral and 1 butane again."""
    return System(blocks or ((butane(), 2), (water(), 3), (chiral(), 2), (butane(), 1)))


def place(what: System, box: Array, seed: int = 0) -> Array:
    """Whole molecules at random in the box, turned at random, (A, 3), nm; they may overlap."""
    rng = np.random.default_rng(seed)
    atoms = np.empty((what.n_atoms, 3))
    for group in what.groups:
        shape = conformation(group.type) - conformation(group.type).mean(axis=0)
        for rows in group.atoms:
            atoms[rows] = Rotation.random(rng=rng).apply(shape) + rng.random(3) @ box
    return atoms


def window(what: System, box: Array = TRICLINIC, n_frames: int = 2, seed: int = 0) -> Window:
    """A window of random frames with beads, atoms all placed, and the same atoms as reference."""
    atoms = np.stack([place(what, box, seed + k) for k in range(n_frames)])
    return Window(frames=np.arange(n_frames), time=np.arange(n_frames) * 10.0, boxes=np.tile(box, (n_frames, 1, 1)),
                  beads=what.map(atoms), atoms=atoms, placed=np.ones(atoms.shape[:2], dtype=bool), reference=atoms,
                  system=what)
