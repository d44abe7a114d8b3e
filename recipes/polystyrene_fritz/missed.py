"""Whether atoms could lie on the beads that are missed, by code that has nothing in common with the package.

For the six beads about each one that is missed: how near come the three sets of mapped atoms, of the same hand and from
elsewhere, that are most like them, and how near those of the other hand; beside as many sound places.

    python missed.py --folder runs/fritz --atoms runs/fritz/atoms/atoms.gro --sigma 0.0275 0.0307
"""
from __future__ import annotations

import argparse
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

FAR = 6.0  #: sigma
OFFSETS = np.arange(-2, 4)  #: of beads of a place, from the backbone bead of its monomer
SOUND, NEAREST = 150, 3
MIRROR = np.array([-1.0, 1.0, 1.0])


def read(path: Path) -> tuple[list[tuple[int, str]], np.ndarray, np.ndarray]:
    """Residue and name of each row of a .gro, positions (n, 3) and edges of the box (3,), nm."""
    rows = path.read_text().splitlines()
    rows, box = rows[2:2 + int(rows[1])], np.array([float(word) for word in rows[2 + int(rows[1])].split()[:3]])
    at = np.array([[float(row[20 + 8 * k:28 + 8 * k]) for k in range(3)] for row in rows])
    return [(int(row[:5]), row[10:15].strip()) for row in rows], at, box


def weights(path: Path, names: list[tuple[int, str]]) -> np.ndarray:
    """Weights of the atoms (A) of a molecule in each of its beads (B), (B, A)."""
    root, place = ET.parse(path).getroot(), {name: k for k, name in enumerate(names)}
    known = {each.find("name").text: [float(word) for word in each.find("weights").text.split()]
             for each in root.find("maps")}
    beads = root.find("topology").find("cg_beads").findall("cg_bead")
    found = np.zeros((len(beads), len(names)))
    for row, bead in zip(found, beads):
        atoms = [word.split(":") for word in bead.find("beads").text.split()]
        row[[place[int(residue), name] for residue, _, name in atoms]] = known[bead.find("mapping").text]
    return found / found.sum(axis=1, keepdims=True)


def places(chains: np.ndarray, monomers: range, box: np.ndarray) -> np.ndarray:
    """The beads about each monomer, of chains (C, B, 3), mirrored at every second one, (C, n, 6, 3)."""
    found = np.stack([chains[:, 2 * monomer + OFFSETS] * MIRROR**(monomer % 2) for monomer in monomers], axis=1)
    found -= found[:, :, :1]
    found -= box * np.round(found / box)
    return found - found.mean(axis=2, keepdims=True)


def nearest(one: np.ndarray, others: np.ndarray) -> float:
    """Root mean square distance of those of others (n, 6, 3) that can be turned nearest to one (6, 3), nm."""
    u, s, v = np.linalg.svd(np.einsum("bi,nbj->nij", one, others))
    overlap = s[:, 0] + s[:, 1] + np.sign(np.linalg.det(u) * np.linalg.det(v)) * s[:, 2]
    squares = np.maximum((one**2).sum() + (others**2).sum((1, 2)) - 2 * overlap, 0) / len(one)
    return float(np.sqrt(np.sort(squares)[:NEAREST]).mean())


def main() -> None:
    """Print a row for each bead that is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="of beads.gro and atoms.xml")
    parser.add_argument("--atoms", type=Path, required=True, help="what the run wrote")
    parser.add_argument("--sigma", type=float, nargs=2, required=True, help="of A and B, nm")
    options = parser.parse_args()
    _, beads, box = read(options.folder / "beads.gro")
    names, atoms, _ = read(options.atoms)
    chains = len(beads) // (2 * max(residue for residue, _ in names))
    size = len(names) // chains
    beads = beads.reshape(chains, -1, 3)
    mapped = np.einsum("ba,cax->cbx", weights(options.folder / "atoms.xml", names[:size]),
                       atoms.reshape(chains, size, 3))
    off = mapped - beads
    off = np.linalg.norm(off - box * np.round(off / box), axis=2)
    missed = np.argwhere(off > FAR * np.tile(options.sigma, beads.shape[1] // 2))
    monomers = range(1, beads.shape[1] // 2 - 2)
    given, made = places(beads, monomers, box), places(mapped, monomers, box)
    sound = np.ones(given.shape[:2], dtype=bool)
    for chain, bead in missed:
        sound[chain, max(0, bead // 2 - 4):bead // 2 + 3] = False
    apart = np.abs(np.arange(len(monomers))[:, None] - np.arange(len(monomers))) > 2

    def both(chain: int, row: int) -> tuple[float, float]:
        kept = sound.copy()
        kept[chain] &= apart[row]
        return tuple(nearest(given[chain, row] * turn, made[kept]) for turn in (1.0, MIRROR))

    chosen = np.random.default_rng(1).choice(np.argwhere(sound), SOUND, replace=False)
    usual = np.array([both(*each) for each in chosen])
    print(f"sound places: {usual[:, 0].mean():.3f} nm (99 % below {np.quantile(usual[:, 0], 0.99):.3f}), "
          f"of the other hand {usual[:, 1].mean():.3f}")
    for chain, bead in missed:
        if bead // 2 in monomers:
            same, other = both(chain, bead // 2 - 1)
            print(f"chain {chain + 1} {'AB'[bead % 2]}{bead // 2 + 1}, missed by {off[chain, bead]:.3f}: {same:.3f}, "
                  f"of the other hand {other:.3f}")


if __name__ == "__main__":
    main()
