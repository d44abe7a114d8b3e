"""What is said of whether moves are relaxed, of series whose answers are known."""
from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from backmap_plugins.steps.relaxing import TRAPPED, Relaxation, evenly, starting_twice
from numpy.typing import NDArray

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.hamiltonian.following import BLOCKS, PIECES, Followed, Following, stretches
from backmap.engine.hamiltonian.outcomes import SweepOutcome
from backmap.model.assessment import CARE, GOOD, UNUSABLE
from backmap.model.parameters import BOLTZMANN
from backmap.model.system import System
from backmap.model.tally import Tally
from tests import forcefields, scenes

Array = NDArray[np.float64]

TEMPERATURE, SWEEPS, FRAMES = 300.0, 24, 3
HEAT = BOLTZMANN * TEMPERATURE


@cache
def following() -> Following:
    system, _ = scenes.octane_window(1)
    return Following(FrameEnergy(system, forcefields.everything(system, cutoff=0.9)), 8, SWEEPS, True)


def relaxation(rng: np.random.Generator, beads: tuple[int, int, int] = (100, 0, 0), frames: int = FRAMES,
               twice: bool = False, forget: float = 0.0, crossing: bool = True, apart: float = 1.0,
               **add: Array) -> Relaxation:
    """Noise of the size that harmonic energies have; ``add`` (R,) is added to a series of a frame, by name.

    ``apart`` is the noise of what is compared of two starts.
    """
    of, tally = following(), Tally()
    decay = np.exp(-1 / forget) if forget else 0.0
    for frame in range(frames):
        state = rng.normal(size=(len(of.names), of.n_pieces))
        rows = np.empty((*state.shape, len(of.often)))
        for k in range(len(of.often)):
            state = decay * state + np.sqrt(1 - decay**2) * rng.normal(size=state.shape)
            rows[..., k] = state
        size = np.array([np.sqrt(of.freedom[name] / of.n_pieces / 2) * HEAT if isinstance(name, str) else 0.1
                         for name in of.names])
        rows *= size[:, None, None]
        for name, course in add.items():
            rows[of.names.index(name)] += course / of.n_pieces
        tally.row("often", frame, rows)
        tally.row("pairs", frame, HEAT * rng.normal(size=(len(of.pairs), of.n_pieces, len(of.rarely))))
    if twice:
        for start in ("first", "second"):
            tally.row(start, 0, apart * rng.normal(size=(len(of.twice), 32)))
        tally.row("heated", 0, tally.rows("first")[0, :len(of.bonded)] + 20.0)
        tally.row("part", 0, [0.5])
    tally.count("beads", 0, beads)
    return Relaxation(of, tally, TEMPERATURE, 0.8, crossing)


def test_pieces_are_alike() -> None:
    system, _ = scenes.octane_window(1)
    (kind,) = system.types
    piece, count = stretches(system, 8, PIECES)
    assert count == min(PIECES, system.n_molecules)
    assert set(np.bincount(piece)) <= {4, 8}
    both, count = stretches(System(((kind, 10), (replace(kind, name="OTHER"), 3))), 8, 10)
    assert count == 10
    assert len(set(both[:40])) == 10
    assert len(set(both[40:])) == 3
    small, count = stretches(System(((kind, 2),)), 2, PIECES)
    assert count == 4
    assert small.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert stretches(System(((replace(kind, given=True), 2),)), 2, PIECES)[1] == 0


def test_frames_are_spread_over_the_run() -> None:
    assert evenly(3, 8) == {0, 1, 2}
    assert evenly(100, 4) == {0, 25, 50, 75}
    assert starting_twice(1, 0.1) == ({0}, 0.1)
    assert starting_twice(5, 0.1) == ({0}, 0.5)
    assert starting_twice(40, 0.1) == ({0, 10, 20, 30}, 1.0)
    assert starting_twice(40, 0.0) == (set(), 0.0)


def test_noise_is_relaxed() -> None:
    (finding,) = relaxation(np.random.default_rng(1)).findings()
    assert finding.level == GOOD
    assert finding.basis == "force field"
    assert "second start" not in finding.text
    (finding,) = relaxation(np.random.default_rng(2), twice=True).findings()
    assert finding.level == GOOD
    assert "A second start met the first" in finding.text


def test_false_alarms_are_rare() -> None:
    levels = [max(finding.level for finding in relaxation(np.random.default_rng(k)).findings()) for k in range(60)]
    assert np.mean(np.array(levels) > GOOD) < 0.1


def test_a_term_that_falls_is_named_with_the_sweeps_it_takes() -> None:
    of = following()
    course = 0.6 * HEAT * of.freedom["proper"] * np.exp(-of.often / 20)
    found = relaxation(np.random.default_rng(3), proper=course)
    (finding,) = found.findings()
    assert finding.level == CARE
    assert "the energy of torsions falls by" in finding.text
    assert found.moving[0] == "proper"
    assert SWEEPS < found.slopes["proper"].needed <= 10 * SWEEPS
    row = next(row for row in found.rows() if row["name"] == "torsions")
    assert row["change"] == pytest.approx(course[-1] - course[-1 - SWEEPS // 3], rel=0.5)
    assert not row["relaxed"]


def test_energies_that_crash_are_unusable() -> None:
    of = following()
    falling = {BLOCKS: -2.0 * HEAT * of.system.n_atoms * of.often / (SWEEPS / 3)}
    assert max(finding.level for finding in relaxation(np.random.default_rng(4), **falling).findings()) == UNUSABLE
    nothing = {BLOCKS: np.full(len(of.often), np.nan)}
    (finding,) = relaxation(np.random.default_rng(5), **nothing).findings()
    assert finding.level == UNUSABLE
    assert "not finite" in finding.text


def test_sweeps_that_do_not_forget_are_told() -> None:
    found = relaxation(np.random.default_rng(6), forget=5.0 * SWEEPS)
    assert set(found.remembered) & set(found.following.bonded)
    findings = list(found.findings())
    assert findings[0].level == CARE
    assert any("too few to forget" in finding.text for finding in findings)


def test_second_starts_that_stay_apart_are_told() -> None:
    found = relaxation(np.random.default_rng(7), twice=True)
    rows = found.tally.rows("second")[0]
    rows[found.following.twice.index("proper")] += 10.0
    found.tally.row("second", 0, rows)
    (finding,) = Relaxation(found.following, found.tally, TEMPERATURE, 0.8).findings()
    assert finding.level == CARE
    assert "does not meet" in finding.text
    assert "torsions" in finding.text
    assert "higher" in finding.text


@pytest.mark.parametrize(("share", "told"), [(0.0, False), (0.01, False), (0.15, True), (1.0, True)])
def test_torsions_that_remember_where_they_were_are_told(share: float, told: bool) -> None:
    """Of wells that are filled by .6, .2 and .2, and were by 1/3 each, as many are kept as are remembered."""
    rng = np.random.default_rng(3)
    found = relaxation(rng, twice=True)
    begun = rng.choice(3, (32, 200))
    second, new = rng.choice(3, (2, 32, 200), p=[0.6, 0.2, 0.2])
    first = np.where(rng.random(begun.shape) < share, begun, new)
    found.tally.row("kept", 0, [np.full(32, 200), (first == begun).sum(axis=1), (second == begun).sum(axis=1)])
    assert found.memory.value == pytest.approx(share * (1 - 1 / 3), abs=4 * found.memory.error)
    assert found.memory.error < 0.015
    (finding,) = found.findings()
    assert finding.level == (CARE if told else GOOD)
    assert ("are where they were before the sweeps" in finding.text) == told


@pytest.mark.parametrize(("gained", "noise", "word"), [
    (0.0, 1.0, "Relaxed"), (0.01, 1.0, "Relaxed"), (0.1, 1.0, " kT an atom less energy. More"),
    (0.1, 80.0, "cannot be told"), (0.0, 80.0, "cannot be told")])
def test_second_starts_that_were_cooled_more_slowly_tell_whether_that_gains(gained: float, noise: float,
                                                                            word: str) -> None:
    """In kT an atom; 0.02 may be gained, and it is said if 0.05 may be."""
    of, found = following(), relaxation(np.random.default_rng(4), twice=True, apart=noise)
    second, energy = found.tally.rows("second")[0].copy(), of.twice.index("lj")
    second[energy] -= gained * HEAT * of.system.n_atoms * 0.5 / second.shape[1]
    tally = Tally()
    for name in ("often", "pairs"):
        for frame, rows in enumerate(found.tally.rows(name)):
            tally.row(name, frame, rows)
    for name in ("first", "heated", "part"):
        tally.row(name, 0, found.tally.rows(name)[0])
    tally.row("second", 0, second)
    tally.count("beads", 0, (100, 0, 0))
    one = Relaxation(of, tally, TEMPERATURE, 0.8, crossing=True, slower=2)
    assert one.cooling.value == pytest.approx(-gained, abs=4 * one.cooling.error)
    findings = list(one.findings())
    assert word in findings[-1].text
    assert {finding.level for finding in findings} == {GOOD if word == "Relaxed" else CARE}
    unasked = replace(one, slower=0)
    assert unasked.cooling is None
    assert all("cooled" not in finding.text for finding in unasked.findings())


@pytest.mark.parametrize("share", [0.0, 0.15])
def test_torsions_that_forget_where_they_began_are_not_trapped(share: float) -> None:
    rng = np.random.default_rng(5)
    found = relaxation(rng, twice=True, crossing=False, apart=10.0)
    begun, second, new = rng.choice(3, (3, 32, 200))
    first = np.where(rng.random(begun.shape) < share, begun, new)
    found.tally.row("kept", 0, [np.full(32, 200), (first == begun).sum(axis=1), (second == begun).sum(axis=1)])
    (finding,) = found.findings()
    assert found.forgotten == (share == 0.0)
    assert finding.level == (GOOD if found.forgotten else CARE)


@pytest.mark.parametrize(("apart", "told"), [(0.1, True), (10.0, False)])
def test_torsions_that_nothing_moves_between_wells_are_told_where_two_starts_would_not_differ(apart: float,
                                                                                             told: bool) -> None:
    found = relaxation(np.random.default_rng(2), twice=True, crossing=False, apart=apart)
    (finding,) = found.findings()
    assert finding.level == (GOOD if told else CARE)
    assert ("whether torsions are trapped in wells cannot be told" in finding.text) != told
    assert (found.parted < TRAPPED) == told
    (finding,) = relaxation(np.random.default_rng(1), crossing=False).findings()
    assert "there was no second start" in finding.text


def test_wells_matter_where_bonds_turn_alone() -> None:
    """Methyl groups have torsions, but whichever of their hydrogens lies where, they are the same."""
    of, found = following(), relaxation(np.random.default_rng(1), crossing=False)
    wells, of.wells = of.wells, []
    try:
        (finding,) = found.findings()
    finally:
        of.wells = wells
    assert finding.level == GOOD


def test_stuck_beads_and_too_little_are_told() -> None:
    (finding,) = relaxation(np.random.default_rng(8), beads=(100, 5, 0)).findings()
    assert finding.level == CARE
    assert "5%" in finding.text
    assert "5.00% of the beads stuck" in next(relaxation(np.random.default_rng(8), beads=(100, 5, 0)).notes())
    assert not list(Relaxation(following(), Tally(), TEMPERATURE, 0.8).findings())


def test_starts_are_no_samples() -> None:
    """However calm they look; unless they are far from rest."""
    calm = replace(relaxation(np.random.default_rng(1)), starts=True)
    (said,) = calm.findings()
    assert (said.level, said.topic) == (CARE, "relaxation")
    assert said.text.startswith("These are starts for simulations")
    of = following()
    falls = -2.0 * HEAT * of.system.n_atoms * of.often / (SWEEPS / 3)
    falling = relaxation(np.random.default_rng(4), **{BLOCKS: falls})
    assert UNUSABLE in [each.level for each in replace(falling, starts=True).findings()]


def test_energies_of_two_starts_are_means_over_the_last_third() -> None:
    """Of pairs, too, which one frame says badly."""
    of = following()
    _, window = scenes.octane_window(1)
    one = Followed(of, window.box(0), of.part(1.0, (1, 2)))
    frames = window.atoms[0] + 0.001 * np.random.default_rng(6).normal(size=(SWEEPS + 1, *window.atoms[0].shape))
    for sweep, atoms in enumerate(frames):
        one.after(sweep, atoms)
    mean = np.mean([of.beads.pairs(frames[sweep], window.box(0))[0].sum(axis=1) for sweep in of.late], axis=0)
    assert len(of.late) > 4
    np.testing.assert_allclose(one.arrays["first pairs"].sum(axis=1), mean)
    assert abs(mean - one.arrays[f"pairs {SWEEPS}"].sum(axis=1)).max() > 1e-6


def test_of_trajectories_that_broke_off_where_they_began_the_last_known_energy_counts() -> None:
    """They have none, which does not make the energy of a frame no number."""
    of = following()
    _, window = scenes.octane_window(1)
    one, blocks = Followed(of, window.box(0)), np.arange(of.system.n_beads).reshape(-1, 4)
    n, course = len(blocks), []
    for sweep in range(SWEEPS + 1):
        energy = np.full(n, 4.0 * sweep)
        energy[0] = energy[0] if sweep < 20 else np.nan
        outcome = SweepOutcome(blocks[:, 0], blocks, np.ones(n, bool), np.zeros(n), np.zeros(n), energy)
        one.after(sweep, window.atoms[0], outcome if sweep else None)
        course.append(4.0 * ((n - 1) * sweep + min(sweep, 19)))
    felt = one.rows()["often"][of.names.index(BLOCKS)].sum(axis=0)
    np.testing.assert_allclose(felt, np.array(course)[of.often])
