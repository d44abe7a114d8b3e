"""Makes melts of polystyrene of known tacticity, whose beads are then looked at as if it were not known.

The force field, chains of ten monomers and the mapping are those of recipes/polystyrene; each chain has a sequence of
its own. Writes, for a melt, atoms.top and atoms.xml, atoms.xtc (frames of the production run), atoms.gro (the last of
them), beads.gro (what the mapping makes of that) and sequences.txt: a line for each chain, m and r of its dyads.

    python melts.py --meso 0.5 --folder runs/atactic
    python melts.py --meso 1 --folder runs/isotactic
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "polystyrene"))
import model
import simulate
from rdkit import Chem
from rdkit.Chem import AllChem
from scipy.spatial.transform import Rotation

TEMPERATURE = 496.0  # K


def sequences(meso: float, n_chains: int, seed: int) -> list[str]:
    """Dyads of each chain, m with the probability ``meso``; the last monomer has no stereocentre."""
    rng = np.random.default_rng([seed, 21])
    return ["".join(np.where(row < meso, "m", "r")) for row in rng.random((n_chains, model.MONOMERS - 2))]


def smiles(dyads: str) -> str:
    """A chain: handedness, as written along the chain, stays the same over m and changes over r."""
    hands = ["@@"]
    for dyad in dyads:
        hands.append(hands[-1] if dyad == "m" else {"@": "@@", "@@": "@"}[hands[-1]])
    return "".join(f"C[C{hand}H](c1ccccc1)" for hand in hands) + "CCc1ccccc1"


def conformer(dyads: str, seed: int) -> np.ndarray:
    """Atoms of a chain in the order of model.py, nm, about their centre."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles(dyads)))
    if AllChem.EmbedMolecule(molecule, randomSeed=seed, useRandomCoords=True):
        raise SystemExit(f"RDKit found no conformer of {dyads}")
    order = []
    for carbon in (atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 6):
        order += [carbon.GetIdx(), *(a.GetIdx() for a in carbon.GetNeighbors() if a.GetAtomicNum() == 1)]
    positions = molecule.GetConformer().GetPositions()[order] / 10.0
    return positions - positions.mean(axis=0)


def start_frame(dyads: list[str], seed: int) -> simulate.Frame:
    """Chains with random orientations on random sites of a wide cubic lattice."""
    conformers = np.array([conformer(one, seed * 1000 + number) for number, one in enumerate(dyads, 1)])
    rng = np.random.default_rng(seed)
    orientations = Rotation.random(len(dyads), rng=rng).as_matrix()
    spacing = 2.0 * np.linalg.norm(conformers, axis=2).max() + 0.2  # so that nothing overlaps
    edge = int(np.ceil(len(dyads) ** (1 / 3) - 1e-9))
    sites = rng.permutation(np.argwhere(np.ones((edge, edge, edge))))[:len(dyads)]
    placed = np.einsum("mij,maj->mai", orientations, conformers) + (sites[:, None] + 0.5) * spacing
    return simulate.Frame(placed.reshape(-1, 3), np.eye(3) * edge * spacing, 0.0)


def main() -> None:
    """Simulate one melt and write what the docstring says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meso", type=float, required=True, help="probability of a meso dyad")
    parser.add_argument("--chains", type=int, default=16)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--relaxation", type=float, default=100.0, help="ps of isolated chains")
    parser.add_argument("--compression", type=float, default=40.0, help="ps at 2000 bar, from gas to melt")
    parser.add_argument("--equilibration", type=float, default=100.0, help="ps, not kept")
    parser.add_argument("--spacing", type=float, default=20.0, help="ps between frames")
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--folder", type=Path, required=True, help="where to write")
    options = parser.parse_args()
    model.CHAINS, simulate.TEMPERATURE = options.chains, TEMPERATURE
    dyads = sequences(options.meso, options.chains, options.seed)
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sequences.txt").write_text("\n".join([*dyads, ""]))
    (folder / "atoms.top").write_text(model.topology().replace("yndiotactic polystyrene", "Polystyrene").replace(
        "SPolystyrene", "Polystyrene"))
    (folder / "atoms.xml").write_text(model.mapping())
    simulate.start_frame = lambda seed: start_frame(dyads, seed)
    frames = simulate.melt(options, folder / "work", options.seed, options.spacing * options.frames)
    beads = [simulate.coarsen(frame) for frame in frames]
    names = [(int(name[1:]), name) for name in model.beads()]
    simulate.write_gro(folder / "atoms.gro", model.atoms(), frames[-1])
    simulate.write_xtc(folder / "atoms.xtc", frames)
    simulate.write_gro(folder / "beads.gro", names, beads[-1])


if __name__ == "__main__":
    main()
