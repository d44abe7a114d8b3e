"""Hamiltonian moves in a liquid: from a start that was heated, energies return to those of constrained dynamics."""
from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules.assemble import assemble
from numpy.typing import NDArray

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.model.parameters import ForceField
from backmap.model.system import System
from tests import forcefields, scenes

Array = NDArray[np.float64]

TERMS = ("angle", "proper", "lj", "lj_14", "coulomb", "coulomb_14")


@cache
def octane() -> tuple[System, ForceField, list[tuple[Array, Array, Array]]]:
    """The recipe's liquid; atoms, beads and box of the frames that were kept for tests."""
    system = scenes.octane_window()[0]
    field = forcefields.read(scenes.RECIPE / "octane.top", system, 1.0, "reaction_field", 1.9)
    source = GromacsFrames([scenes.RECIPE / "aa.gro", scenes.RECIPE / "test_aa.xtc"])
    frames = []
    for number in range(5):
        info = source.frame(number)
        beads = system.map(system.whole_atoms(info.positions, info.box))
        atoms, _ = SystemProjector(system).project(system.whole_atoms(info.positions, info.box)[None], beads[None])
        frames.append((atoms[0], beads, info.box))
    return system, field, frames


@pytest.mark.slow
def test_liquid_octane_returns_from_900_kelvin() -> None:
    """Each reference frame is one draw of p(r | R) for its beads; moves at 350 K from a hot start draw others.

    The mean over frames of (mean of the sampled energy - that of the reference frame) is normal with the conditional
    standard deviation / sqrt(frames), plus what 60 sweeps leave of the means; four of these are allowed.
    """
    system, field, frames = octane()
    energy = FrameEnergy(system, field)
    hot = HamiltonianMoves(system, field, 900.0, steps=10, timestep=1.5)
    cold = HamiltonianMoves(system, field, 350.0, steps=15, timestep=2.0)
    off, spread, heated = [], [], []
    for number, (atoms, beads, box) in enumerate(frames):
        truth = energy.of(atoms, box)
        frame = hot.frame(atoms, beads, box)
        for sweep in range(30):
            hot.sweep(frame, (1, 0, number, sweep))
        warm = energy.of(frame.atoms, box)
        rows = []
        for sweep in range(140):
            assert cold.sweep(frame, (2, 0, number, sweep)).accepted.mean() > 0.7
            if sweep >= 80:
                found = energy.of(frame.atoms, box)
                rows.append([found[term] for term in TERMS])
        reference = np.array([truth[term] for term in TERMS])
        off.append(np.mean(rows, axis=0) - reference)
        heated.append(np.array([warm[term] for term in TERMS]) - reference)
        spread.append(np.std(rows, axis=0))
        np.testing.assert_allclose(system.map(frame.atoms), beads, atol=2e-6)
    error = np.mean(spread, axis=0) * np.sqrt(1 / len(frames) + 1 / (3 * len(frames)))
    assert (np.abs(np.mean(off, axis=0)) < 4 * error).all(), dict(zip(TERMS, np.mean(off, axis=0) / error))
    bent, twisted = np.mean(heated, axis=0)[:2] / error[:2]
    assert bent > 50
    assert twisted > 20


@pytest.mark.slow
def test_polystyrene_stays_where_it_is(reference_data: Path) -> None:
    """A melt of chains on its beads: Lennard-Jones and angle energies of a reference frame, before and after."""
    folder = reference_data / "polystyrene"
    topology = Gromacs(Gromacs.Options(file=folder / "topol.top")).read()
    system = assemble(topology, Votca(Votca.Options(files=folder / "PS1.xml")).read(topology), constraints="all-bonds")
    field = forcefields.read(folder / "topol.top", system, 1.0, "reaction_field", 2.5)
    info = GromacsFrames([folder / "validation" / "aa_100.gro"]).frame(0)
    whole = system.whole_atoms(info.positions, info.box)
    beads = system.map(whole)
    atoms, _ = SystemProjector(system).project(whole[None], beads[None])
    energy = FrameEnergy(system, field)
    moves = HamiltonianMoves(system, field, 568.0, timestep=2.0)
    frame, before = moves.frame(atoms[0], beads, info.box), energy.of(atoms[0], info.box)
    changes = []
    for sweep in range(10):
        outcome = moves.sweep(frame, (3, 0, 0, sweep))
        assert 0.75 < outcome.accepted.mean() < 0.95
        changes.append(outcome.change.sum())
    after = energy.of(frame.atoms, info.box)
    assert sum(changes) == pytest.approx(after.total - before.total, abs=0.02)  # ends are in single precision
    chains = (before.intra + before.inter, after.intra + after.inter)
    assert chains[1].mean() == pytest.approx(chains[0].mean(), abs=4 * chains[0].std() / 6)
    assert after["angle"] == pytest.approx(before["angle"], rel=0.05)
