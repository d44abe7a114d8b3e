"""Measures the polystyrene data of this folder: `python analyse.py`. Nothing is taken from backmap itself."""

from __future__ import annotations

import argparse
from pathlib import Path

import model
import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from simulate import HERE, Frame, coarsen, read_frames

#: Farthest that the middle of a bond is looked for from the middle of a ring, nm.
REACH = 0.25


def columns(names: tuple[str, ...], monomers: range) -> np.ndarray:
    """Numbers in a chain of the atoms with these names, (monomers, names)."""
    number = {atom: index for index, atom in enumerate(model.atoms())}
    return np.array([[number[monomer, name] for name in names] for monomer in monomers])


def chains_of(frames: list[Frame]) -> np.ndarray:
    """Positions (frames, chains, atoms, 3)."""
    return np.array([frame.positions.reshape(model.CHAINS, -1, 3) for frame in frames])


def handedness(chains: np.ndarray) -> np.ndarray:
    """Sign of every stereocentre seen along the chain, (frames, chains, centres): equal signs are a meso dyad."""
    inner = range(1, model.MONOMERS)
    centre, before, ring = (chains[..., i, :] for i in columns(("C2", "C1", "CI"), inner).T)
    after = chains[..., columns(("C1",), range(2, model.MONOMERS + 1))[:, 0], :]
    return np.sign(np.sum((before - centre) * np.cross(ring - centre, after - centre), axis=-1))


def torsion_angles(chains: np.ndarray) -> np.ndarray:
    """Backbone torsions in degrees, (frames, chains, torsions)."""
    line = columns(("C1", "C2"), range(1, model.MONOMERS + 1)).ravel()
    bonds = np.diff(chains[..., line, :], axis=-2)
    first, axis, last = bonds[..., :-2, :], bonds[..., 1:-1, :], bonds[..., 2:, :]
    left, right = np.cross(first, axis), np.cross(axis, last)
    sine = np.sum(first * right, axis=-1) * np.linalg.norm(axis, axis=-1)
    return np.degrees(np.arctan2(sine, np.sum(left * right, axis=-1)))


def bonds_through_rings(frame: Frame) -> int:
    """Bonds that go through a ring, any periodic image of it."""
    edges, chains = np.diag(frame.box), chains_of([frame])[0]
    bonds = bonds_by_kind()
    starts, ends = (chains[:, np.concatenate([*bonds.values()])[:, side]].reshape(-1, 3) for side in (0, 1))
    rings = chains[:, columns(model.RING, range(1, model.MONOMERS + 1))].reshape(-1, 6, 3)
    count = 0
    for ring in rings:
        corners = ring - ring.mean(axis=0)
        middles = (starts + ends) / 2 - ring.mean(axis=0)
        shift = ring.mean(axis=0) + np.round(middles / edges) * edges
        near = np.linalg.norm(middles - np.round(middles / edges) * edges, axis=1) < REACH
        count += int(pierced(corners, (starts - shift)[near], (ends - shift)[near]).sum())
    return count


def pierced(corners: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether each bond goes through the flat, convex ring of these corners around 0; its own bonds do not."""
    normal = np.linalg.svd(corners)[2][2]
    below, above = starts @ normal, ends @ normal
    crosses = below * above < 0
    at = starts + (below / np.where(crosses, below - above, 1.0))[:, None] * (ends - starts)
    turns = np.cross(np.roll(corners, -1, axis=0) - corners, at[:, None] - corners) @ normal
    gaps = np.linalg.norm(np.stack([starts, ends], axis=1)[:, :, None] - corners, axis=-1).min(axis=(1, 2), initial=1.0)
    return crosses & (gaps > 1e-4) & (np.abs(np.sign(turns).sum(axis=1)) == len(corners))


def bonds_by_kind() -> dict[str, np.ndarray]:
    """Bonds of a chain, pairs of atoms (n, 2), by their two types."""
    number = {atom: index for index, atom in enumerate(model.atoms())}
    kinds: dict[str, list[list[int]]] = {}
    for bond in model.chain().edges:
        kinds.setdefault("-".join(sorted(map(model.atom_type, bond))), []).append([number[atom] for atom in bond])
    return {kind: np.array(bonds) for kind, bonds in sorted(kinds.items())}


def correlation(values: np.ndarray, lag: int) -> float:
    """Normalised autocorrelation over frames, averaged over everything else; the mean over frames is subtracted."""
    values = values - values.mean(axis=(0, 1))
    return float(np.mean(values[lag:] * values[:-lag]) / np.mean(values**2))


def report_log(path: Path) -> None:
    """Means of the production run with the standard errors from ten blocks, and the drift of the energy."""
    log = np.loadtxt(path, delimiter=",")
    for column, name in enumerate(("potential energy, kJ/mol", "temperature, K", "density, kg/m3"), start=1):
        blocks = np.array([block.mean() for block in np.array_split(log[:, column], 10)])
        error = blocks.std(ddof=1) / 10**0.5
        print(f"{name}: {blocks.mean():.2f} +- {error:.2f}; in ten blocks {np.round(blocks, 1)}")
    times, energies = ([block.mean() for block in np.array_split(log[:, column], 10)] for column in (0, 1))
    slope, covariance = np.polyfit(times, energies, 1, cov=True)
    print(f"drift of the potential energy, kJ/mol per ps: {slope[0]:.3f} +- {covariance[0, 0] ** 0.5:.3f}")


def report_structure(frames: list[Frame]) -> None:
    """What the training frames hold: box, rigid bonds, tacticity, rings, torsions, and how fast they change."""
    chains, spacing = chains_of(frames), frames[1].time - frames[0].time
    smallest = min(np.diag(frame.box).min() for frame in frames)
    print(f"{len(frames)} frames, {spacing:.0f} ps apart; smallest box edge, nm: {smallest:.3f}")
    for kind, bonds in bonds_by_kind().items():
        lengths = np.linalg.norm(chains[:, :, bonds[:, 0]] - chains[:, :, bonds[:, 1]], axis=-1)
        print(f"bond {kind}, nm: {lengths.mean():.5f}, standard deviation {lengths.std():.5f}")
    signs = handedness(chains)
    print(f"racemo dyads: {(signs[..., 1:] != signs[..., :-1]).mean():.4f}; signs of the first chain {signs[0, 0]}")
    print(f"stereocentres that change their sign: {int((signs != signs[:1]).any(axis=0).sum())}")
    print(f"bonds through rings: {sum(map(bonds_through_rings, frames))}")
    trans = np.abs(torsion_angles(chains)) > 120.0
    quarters = [round(float(part.mean()), 3) for part in np.array_split(trans, 4)]
    print(f"trans fraction of the backbone: {trans.mean():.3f} +- {of_chains(trans):.3f}; in quarters {quarters}")
    report_chains(chains, trans, spacing)


def of_chains(trans: np.ndarray) -> float:
    """Standard error of a mean over (frames, chains, torsions), from chains: frames of one melt are alike."""
    means = trans.mean(axis=(0, 2))
    return float(means.std(ddof=1) / len(means) ** 0.5)


def order(ends: np.ndarray) -> float:
    """How far chains lie along one direction, mean over frames: largest eigenvalue of <3/2 u u - 1/2>; 1 if all do.

    Directions (frames, chains, 3) that know nothing of each other have 0.24 for 12 chains, 0.14 for 36.
    """
    along = ends / np.linalg.norm(ends, axis=-1, keepdims=True)
    tensors = 1.5 * np.einsum("fci,fcj->fij", along, along) / along.shape[1] - 0.5 * np.eye(3)
    return float(np.linalg.eigvalsh(tensors)[:, -1].mean())


def report_chains(chains: np.ndarray, trans: np.ndarray, spacing: float) -> None:
    """How large the chains are, and for how long they remember."""
    line = columns(("C1", "C2"), range(1, model.MONOMERS + 1)).ravel()
    ends = chains[:, :, line[-1]] - chains[:, :, line[0]]
    gyration = ((chains - chains.mean(axis=2, keepdims=True)) ** 2).sum(axis=-1).mean(axis=-1)
    sizes = np.mean((ends**2).sum(axis=-1)) ** 0.5, np.mean(gyration) ** 0.5
    print("root mean square end-to-end distance {:.3f} nm, radius of gyration {:.3f} nm".format(*sizes))
    print(f"order of the chains' directions: {order(ends):.2f}")
    lengths = np.linalg.norm(ends, axis=-1)
    remembered = {
        "end-to-end direction": ends / lengths[..., None],
        "its length": lengths,
        "trans or gauche": trans.astype(float),
    }
    for lag in (1, 2, 4, 10, 20):
        told = ", ".join(f"{word} {correlation(values, lag):.2f}" for word, values in remembered.items())
        print(f"correlation after {lag * spacing:.0f} ps: {told}")


def report_beads(output: Path) -> None:
    """How far the beads of cg.xtc are from the mapped atoms of test_aa.xtc."""
    with XTCFile(str(output / "cg.xtc")) as file:
        beads = [(frame.x, np.diag(frame.box)) for frame in file]
    largest = 0.0
    for (positions, edges), atoms in zip(beads, read_frames(output / "test_aa.xtc"), strict=True):
        shift = positions - coarsen(atoms).positions
        largest = max(largest, float(np.abs(shift - np.round(shift / edges) * edges).max()))
    print(f"largest difference between {len(beads)} frames of beads and their mapped atoms, nm: {largest:.5f}")


def report(output: Path) -> None:
    """Prints everything."""
    report_log(output / "log.csv")
    report_structure(read_frames(output / "train.xtc"))
    test = read_frames(output / "test_aa.xtc")
    trans = np.abs(torsion_angles(chains_of(test))) > 120.0
    rings = sum(map(bonds_through_rings, test))
    print(f"test frames: bonds through rings {rings}, trans fraction {trans.mean():.3f} +- {of_chains(trans):.3f}")
    report_beads(output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=HERE, help="the folder to look into")
    report(parser.parse_args().output)
