"""Ends of chains in a wrong fold are folded anew; side groups of unknown hand are mirrored onto their beads."""
from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
from scipy.spatial.transform import Rotation

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.engine.mending import MISSED, Mending
from backmap.engine.refolding import Refolding, reflected, swap_of
from backmap.model.isomers import handedness
from backmap.model.system import System
from tests.polystyrene import TEMPERATURE, Melt, melt

SIGMA = 0.02  #: nm


def unknown(known: Melt) -> Melt:
    """The same melt, of whose centres nothing says which hand they have."""
    (kind, count), = known.system.blocks
    chemistry = replace(kind.chemistry, sign=np.zeros_like(kind.chemistry.sign))
    return replace(known, system=System(((replace(kind, chemistry=chemistry), count),)))


def moves_of(known: Melt) -> HamiltonianMoves:
    return HamiltonianMoves(known.system, known.field, TEMPERATURE, 20, 2.0, 8, SIGMA)


def test_a_mirror_turns_a_centre_over_and_keeps_bonds_and_angles() -> None:
    known = unknown(melt())
    kind, atoms = known.system.types[0], melt().atoms[0][:melt().system.types[0].n_atoms].copy()
    for centre in kind.chemistry.centres:
        corners, side = swap_of(kind, int(centre[0]))
        other = atoms.copy()
        other[side] = reflected(atoms[side], atoms[corners])
        assert handedness(other, centre[None])[0] == -handedness(atoms, centre[None])[0]
        for one in kind.graph:
            near = [one, *kind.graph[one]]
            before, after = (np.linalg.norm(x[near][:, None] - x[near][None], axis=-1) for x in (atoms, other))
            assert np.allclose(before, after, atol=1e-9)


def test_rings_and_known_hands_are_not_mirrored() -> None:
    kind = melt().system.types[0]  # its hands are known
    ring = next(atom for atom in kind.graph if kind.chemistry.aromatic[atom] and len(kind.graph[atom]) == 3)
    assert swap_of(kind, ring) is None
    above = next(iter(kind.chemistry.centres[:, 0].tolist()))
    assert swap_of(kind, above) is None or not set(swap_of(kind, above)[1]) & set(kind.chemistry.centres[:, 0])


def test_side_groups_across_from_their_beads_are_mirrored_onto_them() -> None:
    known = unknown(melt())
    kind, atoms = known.system.types[0], melt().atoms[0].copy()
    centre = kind.chemistry.centres[len(kind.chemistry.centres) // 2]
    corners, side = swap_of(kind, int(centre[0]))
    atoms[side] = reflected(atoms[side], atoms[corners])  # beads stay where they were
    moves = moves_of(known)
    frame = moves.frame(atoms, known.beads[0], known.boxes[0])
    wrong = np.linalg.norm(frame.residual, axis=1) > 6 * SIGMA
    assert wrong.any()
    made = Refolding(moves, TEMPERATURE, 8).mirrored(frame, wrong)
    assert np.allclose(made, melt().atoms[0], atol=1e-9)
    assert np.array_equal(Refolding(moves_of(melt()), TEMPERATURE, 8).mirrored(frame, wrong), atoms)  # hands are known


def swung(known: Melt, size: int) -> np.ndarray:
    """Atoms of the first frame of which the end of the first chain, of about that size, is turned half a turn about a
    bond: neighbours are in its way back."""
    graph, atoms = known.system.types[0].graph, known.atoms[0].copy()
    found = []
    for first, second in nx.bridges(graph):
        rest = graph.copy()
        rest.remove_edge(first, second)
        part = min(nx.connected_components(rest), key=len)
        found.append((abs(len(part) - size), *((first, second) if second in part else (second, first)), sorted(part)))
    _, first, second, part = min(found)
    axis = atoms[second] - atoms[first]
    turn = Rotation.from_rotvec(np.pi * axis / np.linalg.norm(axis))
    atoms[part] = turn.apply(atoms[part] - atoms[first]) + atoms[first]
    return atoms


def test_an_end_of_a_chain_that_lies_elsewhere_finds_its_beads() -> None:
    known, moves = melt(), moves_of(melt())
    mending = Mending(moves, FrameEnergy(known.system, known.field), 10)
    for size in (48, 64, 80, 96):  # which of them have no way back downhill, the last digit of the processor may tell
        frame = moves.frame(swung(known, size), known.beads[0], known.boxes[0])
        left = mending.mend(frame, known.boxes[0], (1, 0, 0)).left
        if left[MISSED].any():
            break
    assert left[MISSED].any()
    moved = Refolding(moves, TEMPERATURE, 8).refold(frame, known.boxes[0], (1, 0, 0, "refold"), left[MISSED])
    assert moved[left[MISSED]].all()
    assert not moved.all()
    left = mending.mend(frame, known.boxes[0], (1, 0, 0, "refolded")).left
    assert not any(each.any() for each in left.values())
    kind = known.system.types[0]
    assert np.array_equal(handedness(frame.atoms[:kind.n_atoms], kind.chemistry.centres), kind.chemistry.sign)
