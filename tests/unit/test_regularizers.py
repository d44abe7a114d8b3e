"""The steric energy by hand, and candidates chosen by Boltzmann's law."""
from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from backmap_plugins.regularizers.steric import CONTACT, COVALENT, NEAR, STRETCH, Steric, StericOptions
from scipy import stats

from backmap import testing
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.repair import overlaps
from backmap.engine.sites.schedule import parallel_schedule
from backmap.engine.sites.sweep import Sweeper
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import BOLTZMANN
from backmap.model.system import System, Window
from tests import scenes

K = StericOptions().stiffness
KT = BOLTZMANN * 300.0


def scene(atoms: list[list[float]], *blocks: tuple[MoleculeType, int]) -> Scene:
    """Atoms of a few molecules without a box."""
    system, positions = System(blocks), np.array([atoms])
    window = Window(np.zeros(1, dtype=int), np.zeros(1), np.zeros((1, 3, 3)), system.map(positions))
    return scenes.scene_of(system, window.with_atoms(positions))


def energies(stage: Scene, **options: float) -> list[float]:
    """Of every fragment where it is, kJ/mol."""
    frame, bead = scenes.every_site(stage)
    steric = Steric(StericOptions(**options))
    return steric.energy(stage.gather(frame, bead), stage.own(frame, bead)[:, None])[:, 0].tolist()


def atom(element: int) -> MoleculeType:
    return testing.molecule_type(f"A{element}", [element], [], [[0]])


def chain(n: int, beads: list[list[int]]) -> MoleculeType:
    """Carbons in a row."""
    return testing.molecule_type("CHN", [6] * n, [(k, k + 1) for k in range(n - 1)], beads)


@pytest.mark.parametrize(("elements", "distance"), [((6, 6), 0.25), ((6, 1), 0.2), ((1, 1), 0.1), ((8, 9), 0.24)])
def test_two_atoms_of_two_molecules(elements: tuple[int, int], distance: float) -> None:
    """E = k/2 (r1 + r2 - d)^2, seen from both sides."""
    stage = scene([[0, 0, 0], [distance, 0, 0]], *((atom(z), 1) for z in elements))
    expected = 0.5 * K * (CONTACT[elements[0]] + CONTACT[elements[1]] - distance) ** 2
    assert energies(stage) == pytest.approx([expected] * 2, rel=1e-4)


def test_atoms_that_do_not_touch_cost_nothing() -> None:
    assert energies(scene([[0, 0, 0], [0.2901, 0, 0]], (atom(6), 2))) == [0, 0]


def test_options() -> None:
    stage = scene([[0, 0, 0], [0.29, 0, 0]], (atom(6), 2))
    assert energies(stage, scale=1.5, stiffness=100.0) == pytest.approx([50 * 0.145**2] * 2, rel=1e-4)


def test_atoms_that_are_not_placed_do_not_count() -> None:
    stage = scene([[0, 0, 0], [0.2, 0, 0]], (atom(6), 2))
    stage.placed[0, 1] = False
    assert energies(stage)[0] == 0


@pytest.mark.parametrize("bonds", [2, 3, 4])
def test_atoms_of_one_molecule_count_by_the_bonds_between_them(bonds: int) -> None:
    """The ends of a folded chain; what is between them is out of the way. Once in one fragment, twice in two."""
    ends, between = [[0, 0, 0], [0.2, 0, 0]], [[0.05 + 0.05 * k, 0.14, 0.0] for k in range(bonds - 1)]
    contact = 0.29 * NEAR.get(bonds, 1.0)
    pair = 0.5 * K * max(0.0, contact - 0.2) ** 2
    every = list(range(bonds + 1))
    atoms = [ends[0], *between, ends[1]]
    (together,) = energies(scene(atoms, (chain(bonds + 1, [every]), 1)))
    torn, overlapping = _by_hand(np.array(atoms))
    assert together == pytest.approx(torn + overlapping, rel=1e-3)
    assert overlapping >= pair * 0.999
    apart = energies(scene(atoms, (chain(bonds + 1, [[0], *[[k] for k in every[1:]]]), 1)))
    assert sum(apart) == pytest.approx(2 * together, rel=1e-3)


def _by_hand(atoms: np.ndarray) -> tuple[float, float]:
    """Energy of torn bonds and of overlaps in a chain of carbons."""
    torn = overlapping = 0.0
    for i in range(len(atoms)):
        for j in range(i):
            distance = np.linalg.norm(atoms[i] - atoms[j])
            if i - j == 1:
                torn += 0.5 * K * max(0.0, distance - 2 * COVALENT[6] * STRETCH) ** 2
            overlapping += 0.5 * K * max(0.0, 0.29 * NEAR.get(i - j, 1.0) - distance) ** 2
    return torn, overlapping


def test_a_bond_that_is_torn_costs_on_both_sides() -> None:
    stage = scene([[0, 0, 0], [0.25, 0, 0]], (chain(2, [[0], [1]]), 1))
    expected = 0.5 * K * (0.25 - 2 * COVALENT[6] * STRETCH) ** 2
    assert energies(stage) == pytest.approx([expected] * 2, rel=1e-4)


def test_overlaps_are_the_fragments_above_the_threshold() -> None:
    stage = scene([[0, 0, 0], [0.25, 0, 0], [0, 5.0, 0], [0.28, 5.0, 0]], (atom(6), 4))
    assert energies(stage) == pytest.approx([32.0, 32.0, 2.0, 2.0], rel=1e-3)
    steric = Steric(StericOptions())
    assert overlaps(stage, steric, 20.0, chunk=3).tolist() == [[True, True, False, False]]
    assert overlaps(stage, steric, 1.0, chunk=1).all()


class Numbered:
    """Candidate k stands at x = k; its energy is the k-th of three."""

    energies = torch.tensor([0.0, 1.5, 4.0], dtype=torch.float64)

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        numbers = torch.arange(candidates, dtype=torch.float64)[None, :, None, None]
        return Draw(numbers.expand(env.size, candidates, env.block.shape[1], 3))

    def energy(self, env: LocalEnvironment, positions: torch.Tensor) -> torch.Tensor:
        return self.energies[positions[:, :, 0, 0].long()]


@pytest.mark.parametrize("temperature", [150.0, 400.0])
def test_candidates_are_chosen_by_boltzmann_weights(temperature: float) -> None:
    """A chi-square test of 8400 choices: a weight that is off by a tenth would be seen."""
    system, window = scenes.crowd()
    stage, counts = scenes.scene_of(system, window), np.zeros(3)
    sweeper = Sweeper(Numbered(), Numbered(), candidates=3, temperature=temperature)
    for number in range(150):
        sweeper.sweep(stage, parallel_schedule(stage.surroundings), (1, number), window.frames)
        picked = stage.own(*scenes.every_site(stage))[:, 0, 0].round().long()
        counts += np.bincount(picked, minlength=3)
    weight = np.exp(-Numbered.energies.numpy() / (BOLTZMANN * temperature))
    assert stats.chisquare(counts, counts.sum() * weight / weight.sum()).pvalue > 1e-3


def choices(probability: np.ndarray, energies: np.ndarray, candidates: int, select: str) -> np.ndarray:
    """Exact probability that each state is kept, by going through all that can be drawn: (n,)."""
    kept = np.zeros(len(energies))
    for drawn in itertools.product(range(len(energies)), repeat=candidates):
        states = np.array(drawn)
        if select == "boltzmann":
            share = np.exp(-energies[states] / KT)
        elif select == "lowest_energy":
            share = (np.arange(candidates) == energies[states].argmin()).astype(float)
        else:
            share = (np.arange(candidates) == 0).astype(float)
        np.add.at(kept, states, probability[states].prod() * share / share.sum())
    return kept


@pytest.mark.parametrize("learned", [False, True])
def test_the_lowest_energy_is_below_the_ensemble(learned: bool) -> None:
    """Three states, six candidates, drawn evenly or as the ensemble has them; what is kept is known exactly.

    Evenly drawn candidates are right on average if they are weighted, and come to it from above. Candidates that
    are the ensemble's already are right as they come. The lowest energy is too low in both cases.
    """
    energies, n = Numbered.energies.numpy(), 6
    weight = np.exp(-energies / KT)
    ensemble = weight / weight.sum()
    probability = ensemble if learned else np.full(3, 1 / 3)

    class Drawn(Numbered):
        def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
            numbers = torch.searchsorted(torch.as_tensor(probability.cumsum()), rng.uniform(candidates).double())
            return Draw(numbers.clamp_max(2).double()[:, :, None, None].expand(-1, -1, env.block.shape[1], 3))

    system, window = scenes.crowd()
    stage, mean = scenes.scene_of(system, window), {}
    for select in ("boltzmann", "lowest_energy", "first"):
        counts, sweeper = np.zeros(3), Sweeper(Drawn(), Drawn(), n, temperature=300.0, select=select)
        for number in range(100):
            sweeper.sweep(stage, parallel_schedule(stage.surroundings), (2, number), window.frames)
            counts += np.bincount(stage.own(*scenes.every_site(stage))[:, 0, 0].round().long(), minlength=3)
        expected = choices(probability, energies, n, select)
        assert stats.chisquare(counts, counts.sum() * expected).pvalue > 1e-3
        mean[select] = counts @ energies / counts.sum()
    right, error = ensemble @ energies, energies.std() / np.sqrt(counts.sum())
    assert mean["lowest_energy"] < right - 10 * error
    if learned:
        assert mean["first"] == pytest.approx(right, abs=4 * error)
        assert mean["lowest_energy"] < mean["boltzmann"] < mean["first"]
    else:
        assert choices(probability, energies, n, "boltzmann") @ energies == pytest.approx(right, rel=0.25)
        assert right < mean["boltzmann"] < mean["first"]


def test_evenly_drawn_candidates_come_to_the_ensemble_from_above() -> None:
    energies = Numbered.energies.numpy()
    weight = np.exp(-energies / KT)
    away = [choices(np.full(3, 1 / 3), energies, n, "boltzmann") @ energies - weight @ energies / weight.sum()
            for n in (2, 4, 8)]
    assert away[0] > away[1] > away[2] > 0
    assert away[2] < 0.25 * away[0]


def test_a_second_choice_is_for_sites_above_the_limit() -> None:
    """The first draw costs 0, 1.5 or 4 kJ/mol; only those of 4 are drawn again, with others to choose from."""

    class Shuffled(Numbered):
        def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
            numbers = (3 * rng.uniform(candidates)).floor()[:, :, None, None]
            return Draw(numbers.expand(env.size, candidates, env.block.shape[1], 3))

    system, window = scenes.crowd()
    found = []
    for second in (0, 30):
        stage = scenes.scene_of(system, window)
        sweeper = Sweeper(Shuffled(), Shuffled(), second=second, limit=3.0, temperature=1.0)
        sweeper.sweep(stage, parallel_schedule(stage.surroundings), (1,), window.frames)
        found.append(stage.own(*scenes.every_site(stage))[:, 0, 0].round().long())
    once, twice = found
    assert set(once.tolist()) == {0, 1, 2}
    assert torch.equal(once[once < 2], twice[once < 2])
    assert (twice[once == 2] == 0).all()
