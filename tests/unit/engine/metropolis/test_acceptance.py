"""Acceptance: the multiple-try rule, which blocks can be met, shells, colours, and energies that add up."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy import stats

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.energy.site import SiteEnergy
from backmap.engine.geometry.measure import BondGram
from backmap.engine.metropolis.acceptance import Acceptance, Distribution, Outcome, multiple_try, reach_error
from backmap.engine.metropolis.blocks import BlockTable
from backmap.engine.metropolis.shells import Shells, reach
from backmap.engine.metropolis.trials import Trials
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import View
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.schedule import batches_of, per_bead
from backmap.engine.sites.sweep import projection
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window
from backmap.model.tally import Tally
from tests import forcefields, scenes

INF = float("inf")
CUTOFF = 0.5


@pytest.mark.parametrize("candidates", [1, 2, 5])
def test_a_move_leaves_the_target_as_it_is(candidates: int) -> None:
    """200,000 states from a discrete target, moved once: a relative error of 1 % in any of them would show."""
    rng, n = np.random.default_rng(candidates), 200_000
    target, proposal = np.array([0.05, 0.15, 0.3, 0.5]), np.array([0.4, 0.3, 0.2, 0.1])
    weight = np.log(7.0 * target / proposal)
    old = rng.choice(4, n, p=target)
    new = rng.choice(4, (n, candidates), p=proposal)
    pick, accepted = multiple_try(*(torch.as_tensor(x) for x in (weight[new], weight[old], rng.random((n, 2)))))
    state = np.where(accepted, new[np.arange(n), pick], old)
    assert (state != old).mean() > 0.2
    assert stats.chisquare(np.bincount(state), n * target).pvalue > 1e-3


@pytest.mark.parametrize(("new", "old", "accepted"), [
    ([-INF, -INF], 0.0, False), ([-INF, -INF], -INF, False), ([0.0, -INF], -INF, True), ([0.0, 3.0], INF, False),
    ([4000.0, -4000.0], 0.0, True), ([-4000.0, -4000.0], 4000.0, False)])
def test_extreme_weights(new: list[float], old: float, accepted: bool) -> None:
    pick, taken = multiple_try(torch.tensor([new], dtype=torch.float64), torch.tensor([old], dtype=torch.float64),
                               torch.tensor([[0.5, 0.5]], dtype=torch.float64))
    assert bool(taken) is accepted
    if accepted:
        assert int(pick) == int(np.argmax(new))


def test_blocks_are_those_whose_rigid_bonds_a_draw_meets() -> None:
    system, _ = scenes.crowd((scenes.phenyl(), 1), box=2 * scenes.SMALL)
    tables = scenes.tables_of(system)
    blocks = BlockTable.of(tables).blocks(["fragment", "hydrogens"])
    drawn = {kind: [int(n) for n in block.sum(dim=1)] for kind, block in blocks.items()}
    # A pinned methyl has its hydrogens alone; the stereocentre hangs between two fragments; the ring closes in itself.
    assert drawn == {"fragment": [0, 0, 11], "hydrogens": [3, 1, 5]}
    assert [int(n) for n in BlockTable.of(tables).blocks(["fragment"])["fragment"].sum(dim=1)] == [3, 0, 11]


def test_flexible_bonds_ask_for_nothing() -> None:
    system = System(((scenes.octane_system("none").types[0], 1),))
    block = BlockTable.of(scenes.tables_of(system)).blocks(["fragment"])["fragment"]
    assert bool(block.any(dim=1).all())


def test_fragments_stay_within_reach() -> None:
    system, window = scenes.octane_window(2)
    scene = scenes.scene_of(system, window)
    reaches = torch.as_tensor(per_bead(system, [reach(kind, 0.001) for kind in system.types]))
    assert reach_error(scene, system, reaches) is None
    found = reach_error(scene, system, 0 * reaches)
    assert found is not None
    assert float(reaches.min()) / 2 < found[1] < float(reaches.max())


@dataclass
class Sweeps:
    """Everything that Metropolis sweeps of a window need, at a temperature at which much is accepted."""

    system: System
    window: Window
    field: ForceField
    candidates: int = 2
    draws: int = 64

    def __post_init__(self) -> None:
        generator = scenes.tiny()
        tables = scenes.tables_of(self.system)
        self.scene = Scene.of(self.window, self.system, tables, generator.view)
        projection(self.system)(self.scene)
        reaches = per_bead(self.system, [reach(kind, 0.05) for kind in self.system.types])
        self.shells = Shells.of(self.window, self.scene, self.system, reaches, CUTOFF, generator.view.cutoff)
        table = BlockTable.of(tables)
        self.view = View(max(0.8, CUTOFF + 2 * float(reaches.max())))
        energy = SiteEnergy(self.system, self.field, tables, self.view)
        self.target = Distribution(self.system, energy, table, [BondGram(kind) for kind in self.system.types],
                             torch.as_tensor(reaches), 1e6, 0.05, torch.full((self.system.n_beads,), 0.05))
        self.acceptance = Acceptance(generator, self.target, self.candidates, draws=self.draws)
        self.blocks = table.blocks(["fragment", "hydrogens"])

    def run(self, kinds: Sequence[str] = ("fragment", "hydrogens")) -> list[Outcome]:
        found = []
        for kind in kinds:
            members = self.blocks[kind].any(dim=1)[self.scene.layout.row].numpy()
            batches = batches_of(self.shells.conflicts, np.broadcast_to(members, self.scene.beads.shape[:2]))
            found += self.acceptance.sweep(self.scene, self.shells, batches, self.blocks[kind], (1, kind),
                                           self.window.frames)
        return found

    def energies(self) -> np.ndarray:
        whole = FrameEnergy(self.system, self.field)
        return np.array([whole.of(atoms, box).total for atoms, box in zip(self.scene.atoms.numpy(), self.window.boxes,
                                                                          strict=True)])


def crowd(n_frames: int = 2) -> tuple[System, Window, ForceField]:
    system, window = scenes.crowd((scenes.octane_system("none").types[0], 6), (scenes.phenyl(), 10),
                                  box=1.6 * scenes.SMALL, n_frames=n_frames)
    field = forcefields.everything(system, cutoff=CUTOFF)
    # Terms between any atoms would reach beyond what a fragment sees.
    near = {name: replace(molecule, bonded=()) for name, molecule in field.molecules.items()}
    return system, window, replace(field, molecules=near)


def test_accepted_changes_add_up_to_that_of_the_frame() -> None:
    sweeps = Sweeps(*crowd())
    before = sweeps.energies()
    outcomes = sweeps.run()
    summed = np.zeros(2)
    for outcome in outcomes:
        np.add.at(summed, outcome.frame, outcome.change)
    accepted = np.concatenate([outcome.accepted for outcome in outcomes])
    assert accepted.sum() > 10
    change = sweeps.energies() - before
    np.testing.assert_allclose(summed, change, rtol=1e-9, atol=1e-9 * np.abs(before).max())


def test_blocks_of_one_colour_do_not_meet() -> None:
    sweeps = Sweeps(*crowd())
    members = np.ones(sweeps.scene.beads.shape[:2], dtype=bool)
    owned = sweeps.scene.layout.owned.numpy()
    for batch in batches_of(sweeps.shells.conflicts, members):
        assert len(batch.bead)
        for w in range(2):
            beads = batch.bead[batch.frame == w]
            molecule = sweeps.scene.layout.molecule.numpy()[beads]
            for a, b in np.argwhere(np.tril(molecule[:, None] == molecule, -1)):
                local = [owned[beads[k]][owned[beads[k]] >= 0] for k in (a, b)]
                group = next(g for g in sweeps.system.groups if beads[a] in g.beads)
                first = group.atoms[np.argmax((group.beads == beads[a]).any(axis=1))][0]
                assert group.type.distance[np.ix_(local[0] - first, local[1] - first)].min() > 4


def test_shells_give_the_energies_of_a_scene_that_sees_everything() -> None:
    sweeps = Sweeps(*crowd())
    frame, bead = scenes.every_site(sweeps.scene)
    wide = Scene.of(sweeps.window, sweeps.system, sweeps.scene.fragments, sweeps.view)
    wide.atoms.copy_(sweeps.scene.atoms)
    found = sweeps.target.energy.present(sweeps.shells.seen(sweeps.scene), frame, bead)
    expected = sweeps.target.energy.present(wide, frame, bead)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-7)


def test_results_do_not_depend_on_chunks_or_windows() -> None:
    system, window, field = crowd()
    whole, pieces = Sweeps(system, window, field), Sweeps(system, window, field, draws=10)
    alone = Sweeps(system, scenes.part_of(window, [1]), field)
    for sweeps in (whole, pieces, alone):
        sweeps.run()
    torch.testing.assert_close(pieces.scene.atoms, whole.scene.atoms, atol=1e-6, rtol=0)
    torch.testing.assert_close(alone.scene.atoms[0], whole.scene.atoms[1], atol=1e-6, rtol=0)


def test_shown_beads_are_normal_about_the_given_ones_when_atoms_are() -> None:
    sweeps = Sweeps(*crowd())
    target = replace(sweeps.target, proposal_sigmas=torch.full((sweeps.system.n_beads,), 0.03))
    frame, bead = scenes.every_site(sweeps.scene)
    shown = target.show(sweeps.scene, Stream.of(5, frame, bead))
    free = ~sweeps.scene.fragments.pinned.any(dim=1)[sweeps.scene.layout.row]
    # Atoms meet the beads exactly after the projection: what is left is noise of this width.
    expected = 0.03 * np.sqrt(1 - (0.03 / 0.05)**2)
    assert float(shown[:, free].std()) == pytest.approx(expected, rel=0.1)
    assert not shown[:, ~free].any()
    assert not sweeps.target.show(sweeps.scene, Stream.of(5, frame, bead)).any()


def test_trials_count_and_remember() -> None:
    tally = Tally()
    trials = Trials(tally, 300.0)
    outcome = Outcome(np.zeros(3, int), np.arange(3), np.array([True, False, True]), np.array([-2.0, 0.0, 1.0]),
                      np.array([[0.0, 0.0], [-INF, -INF], [1.0, -INF]]))
    trials.add(0, "fragment", np.array(["A", "A", "B"]), [outcome, outcome])
    for place, change in enumerate((2.0, 4.0)):
        trials.projected(place, change)
    lines = list(Trials(Tally.from_arrays(tally.to_arrays()), 300.0).table())
    assert lines == list(trials.table())
    assert "50.0%" in lines[1]
    assert lines[1].endswith("-2.00")  # of each of two blocks, in both sweeps together
    assert "+3.0 +- 1.0" in lines[-1]
    first, second = trials.free_energies()
    assert first == {"block": "fragment", "bead_type": "A", "median": 0.0, "lower": 0.0, "upper": 0.0, "mean": 0.0,
                     "error": 0.0, "sites": 1, "impossible": 1}
    kt = 0.0083144626 * 300
    assert second["mean"] == pytest.approx(-kt * (1 - np.log(2)))
    assert second["median"] == pytest.approx(-kt * (1 - np.log(2)), abs=0.026)
    assert trials.acceptance()[0] == {"block": "fragment", "bead_type": "A", "first": 0.5, "last": 0.5, "all": 0.5,
                                      "tried": 4, "energy": -2.0}


def test_quartiles_of_free_energies_do_not_mind_a_crowded_site() -> None:
    """Eight sites in two frames, and one whose atoms overlap: its energy makes the mean, and not the median."""
    kt = 0.0083144626 * 300
    energies = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 1e5])
    trials = Trials(Tally(), 300.0)
    for place, part in enumerate((energies[:5], energies[5:])):
        n = len(part)
        outcome = Outcome(np.zeros(n, int), np.arange(n), np.zeros(n, bool), np.zeros(n), -part[:, None] / kt)
        trials.add(place, "fragment", np.array(["A"] * n), [outcome])
    (row,) = trials.free_energies()
    assert (row["lower"], row["median"], row["upper"]) == pytest.approx((3.0, 5.0, 7.0))
    assert row["mean"] > 1e4
