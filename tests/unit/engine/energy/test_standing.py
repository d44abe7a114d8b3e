"""Molecules that stand still and are bonded across the box: no bond is torn, and no pair that is excluded counts."""
from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.rings import SmallRings
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.parameters import Bonded, ForceField, MoleculeParameters
from backmap.model.system import System
from tests import builders, sheets

Array = np.ndarray
C6, C12, CUTOFF = 2e-3, 2e-6, 0.9


def field_of(system: System) -> ForceField:
    """Lennard-Jones of carbon, and bonds that would be torn."""
    (kind,) = system.types
    near = [(i, j) for i, reached in nx.all_pairs_shortest_path_length(kind.graph, cutoff=3) for j in reached if i < j]
    none = np.empty((0, 2), dtype=np.int64)
    known = MoleculeParameters("GRA", (), np.zeros(kind.n_atoms, dtype=np.int64), np.zeros(kind.n_atoms),
                               np.array(near), none, np.empty((0, 3)))
    return ForceField({"GRA": known}, ["C"], np.full((1, 1), C6), np.full((1, 1), C12), CUTOFF, "none", 1.0, "made up")


def lennard_jones(system: System, atoms: Array, box: Array) -> float:
    """All pairs more than three bonds apart, nearest images alone: the box is wider than two cut-offs."""
    apart = np.array([[nx.shortest_path_length(system.types[0].graph, i, j) for j in range(system.n_atoms)]
                      for i in range(system.n_atoms)])
    vector = atoms[:, None] - atoms
    vector -= np.round(vector / box.diagonal()) * box.diagonal()
    r = np.linalg.norm(vector, axis=2)
    counted = np.triu((apart > 3) & (r < CUTOFF), 1)
    return float((C12 * r[counted]**-12 - C6 * r[counted]**-6).sum())


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.8, 1.1, 0.3)])
def test_a_sheet_across_the_box_has_the_energy_of_its_pairs(shift: tuple[float, ...]) -> None:
    sheet, atoms, box = sheets.graphene()
    system = sheets.system_of(sheet)
    atoms = (atoms + shift) % box.diagonal()
    energy = FrameEnergy(system, field_of(system))
    expected = lennard_jones(system, atoms, box)
    assert energy.of(atoms, box)["lj"] == pytest.approx(expected, rel=1e-9)
    assert energy.differentiable(energy._tensor(atoms), box)["lj"].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.8, 1.1, 0.3)])
def test_bonds_and_pairs_across_the_box_are_as_long_as_all_others(shift: tuple[float, ...]) -> None:
    sheet, atoms, box = sheets.graphene()
    system = sheets.system_of(sheet)
    field, n = field_of(system), len(sheet.bonds)
    springs = Bonded("harmonic_bond", system.types[0].bonds, np.tile([sheets.BOND + 0.01, 1e5], (n, 1)))
    known = replace(field.molecules["GRA"], bonded=(springs,), pairs=system.types[0].bonds,
                    pair_parameters=np.tile([C6, C12, 0.0], (n, 1)))
    energy = FrameEnergy(system, replace(field, molecules={"GRA": known}))
    atoms = (atoms + shift) % box.diagonal()
    pairs = C12 * sheets.BOND**-12 - C6 * sheets.BOND**-6
    for found in (energy.of(atoms, box), energy.differentiable(energy._tensor(atoms), box)):
        assert float(found["bond"]) == pytest.approx(n * 0.5 * 1e5 * 0.01**2, rel=1e-9)
        assert float(found["lj_14"]) == pytest.approx(n * pairs, rel=1e-9)


def test_pairs_know_bonds_across_the_box() -> None:
    sheet, atoms, box = sheets.graphene()
    system = sheets.system_of(sheet)
    frame = Snapshot(system, AtomIndex(system), 0, 0, box, atoms, atoms)
    pairs = frame.pairs(0.3)
    near = {k: (pairs.bonds == k).sum() for k in (1, 2, 3)}
    assert len(pairs.i) == sum(near.values())
    assert near[1] == len(sheet.bonds)


def test_rings_across_the_box_are_none_that_bonds_go_through() -> None:
    sheet, atoms, box = sheets.graphene()
    system = sheets.system_of(sheet, 1)
    rings, butane = SmallRings(system), system.types[1]
    assert len(rings.rings) >= len(sheet.atom_names) // 2 - 1  # the last is the sum of all others
    apart = np.concatenate([atoms + np.array([0, 0, 1.5]), builders.conformation(butane)])
    assert len(rings.threads(apart, box)) == 0
    centres = rings.centres(apart)
    ring = np.linalg.norm(centres[:, :2] - box.diagonal()[:2] / 2, axis=1).argmin()
    bond = butane.bonds[0] + len(atoms)
    through = apart.copy()
    through[bond] = centres[ring] + [[0, 0, -0.07], [0, 0, 0.07]]
    threads = rings.threads(through, box)
    assert ring in threads.ring[(rings.bonds[threads.bond] == bond).all(axis=1)]
