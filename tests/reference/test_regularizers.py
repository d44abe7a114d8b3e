"""The energy regularizer on the published polystyrene melt: rings with exclusions, impropers, rigid bonds."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules.assemble import assemble, rigid_lengths
from backmap_plugins.regularizers.energy import EnergyOptions, ForceFieldEnergy
from backmap_plugins.traversals import DepthFirst, Rooted

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.sites.contracts import View
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window
from tests import forcefields, scenes

ONE_CHAIN = 20  #: sites, one for each bead of a chain


@pytest.fixture(scope="module")
def melt(reference_data: Path) -> tuple[System, Window, ForceField]:
    """One true frame, every bond rigid at the length that it has there."""
    data = reference_data / "polystyrene"
    topology = Gromacs(Gromacs.Options(file=data / "topol.top")).read()
    system = assemble(topology, Votca(Votca.Options(files=data / "PS1.xml")).read(topology))
    info = GromacsFrames([data / "test_568K" / "aa.gro"]).frame(0)
    atoms = system.whole_atoms(info.positions, info.box)[None]
    system = rigid_lengths(system, atoms)
    window = Window(np.zeros(1, dtype=int), np.zeros(1), info.box[None], system.map(atoms)).with_atoms(atoms)
    return system, window, forcefields.read(data / "topol.top", system)


def test_differences_are_those_of_whole_frames(melt: tuple[System, Window, ForceField]) -> None:
    system, window, field = melt
    scene = scenes.scene_of(system, window, View(cutoff=1.7))
    frame, bead = torch.zeros(ONE_CHAIN, dtype=torch.long), torch.arange(ONE_CHAIN) + 5 * ONE_CHAIN
    env, own = scene.gather(frame, bead), scene.own(frame, bead).double()[:, None]
    moved = own + torch.as_tensor(np.random.default_rng(0).normal(0, 0.01, own.shape))
    energy = ForceFieldEnergy(EnergyOptions(cap=1e12))
    energy.use(field)
    before, after = energy.terms(env, own), energy.terms(env, moved)
    whole = FrameEnergy(system, field)
    start = whole.of(window.atoms[0], window.box(0))
    for s in range(0, ONE_CHAIN, 3):
        atoms, rows = scene.atoms[0].clone(), scene.layout.owned[bead[s]]
        atoms[rows[rows >= 0]] = (moved[s, 0] + scene.beads[0, bead[s]])[rows >= 0]
        end = whole.of(atoms.numpy(), window.box(0))
        expected = {"angle": ("angle",), "dihedral": ("proper", "improper"), "lennard_jones": ("lj", "lj_14")}
        for name, parts in expected.items():
            change = sum(end[part] - start[part] for part in parts)
            assert (after[name][s] - before[name][s]).item() == pytest.approx(change, rel=1e-4, abs=5e-3), name


def test_true_frames_are_low_in_energy(melt: tuple[System, Window, ForceField]) -> None:
    """Rigid bonds to the rounding of the file; flat bottoms cost little; forward sampling sees fewer atoms."""
    system, window, field = melt
    scene = scenes.scene_of(system, window)
    frame, bead = scenes.every_site(scene)
    env, own = scene.gather(frame, bead, temperature=568.0), scene.own(frame, bead)[:, None]
    plain, flat = (ForceFieldEnergy(EnergyOptions(form=form)) for form in ("force_field", "flat_bottom"))
    for each in (plain, flat):
        each.use(field)
    terms, flattened = plain.terms(env, own), flat.terms(env, own)
    assert terms["bond"].mean() < 0.5
    assert -200 < terms["lennard_jones"].mean() < 0
    assert flattened["bond"].mean() < 0.01
    assert flattened["angle"].mean() < 0.15 * terms["angle"].mean()
    orders = [DepthFirst(Rooted()).order(kind, np.random.default_rng(0)) for kind in system.types]
    ahead = FragmentTable.build(system.types, View(), orders, sequential=True)
    half = Scene.of(window, system, ahead, View())
    half.placed[:, 81:] = False
    alone = plain.terms(half.gather(frame, bead), own)
    assert all(bool(value.isfinite().all()) for value in alone.values())
    assert alone["angle"][0, 0].item() == pytest.approx(terms["angle"][0, 0].item(), rel=1e-4)
    assert alone["lennard_jones"].mean() > terms["lennard_jones"].mean()
