"""The step hamiltonian: what it needs, changes, flags and says."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.steps import stages
from backmap_plugins.steps.hamiltonian import FOLLOWED, Hamiltonian
from backmap_plugins.steps.mended import LEFT, UNMENDED, judged

from backmap import api, testing
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.hamiltonian.following import Followed
from backmap.engine.hamiltonian.moves import Frame, SweepOutcome
from backmap.engine.mending import STRAINED, TROUBLES, Mended
from backmap.errors import BackmapError
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window
from tests import forcefields, scenes


def melt(n_frames: int = 2) -> tuple[System, Window, ForceField]:
    system, window = scenes.octane_window(n_frames)
    field = forcefields.everything(system, cutoff=0.9)
    return system, window, replace(field, c6=1e-3 * field.c6, c12=1e-1 * field.c12)


def started(system: System, field: ForceField, **options: object) -> tuple[Hamiltonian, api.State, list[str]]:
    step = Hamiltonian(Hamiltonian.Options(**{"sweeps": 2, "steps": 5, "timestep": 0.5} | options))
    step.where = "run.yaml: steps[3].hamiltonian"
    said: list[str] = []
    state = api.State(Path(), Path(), seed=5, device="cpu", system=system, forcefield=field, log=said.append)
    step.start(state)
    return step, state, said


def run(system: System, window: Window, field: ForceField, **options: object) -> tuple[Window, list[str]]:
    step, state, said = started(system, field, **options)
    done = step.frames(window, state)
    step.finish(state)
    return done, said


def test_atoms_move_and_beads_stay() -> None:
    system, window, field = melt()
    before = window.atoms.copy()
    done, said = run(system, window, field, temperature=350, mend=0)
    assert np.array_equal(window.atoms, before)
    np.testing.assert_allclose(system.map(done.atoms), window.beads, atol=2e-6)
    assert np.abs(done.residual).max() < 2e-6
    assert np.abs(done.atoms - before).max() > 0.005
    assert not done.flags["never_accepted"].any()
    assert any("moves accepted" in line for line in said)
    assert any("energy" in line for line in said)


def test_steps_downhill_take_energy_away_before_sweeps_that_count() -> None:
    """The same moves, of one time step: with steps downhill before them frames end lower, on the same beads."""
    system, window, field = melt(1)
    energy = FrameEnergy(system, field)
    found = {}
    for downhill in (0, 1, 5):
        done, _ = run(system, window, field, temperature=350, mend=0, sweeps=1, steps=1, downhill=downhill)
        np.testing.assert_allclose(system.map(done.atoms), window.beads, atol=2e-6)
        found[downhill] = float(energy.of(done.atoms[0], window.box(0)).total)
    assert found[5] < found[1] < found[0]


def test_long_time_steps_on_bonds_that_are_springs_are_told() -> None:
    system, window, field = melt(1)
    assert not any("springs" in line for line in run(system, window, field, timestep=4)[1])
    (kind,) = system.types
    loose = replace(kind, bond_length=np.where(np.arange(len(kind.bonds)) < 3, np.nan, kind.bond_length))
    loose_system = System(((loose, system.n_molecules),))
    for timestep, told in ((2, False), (4, True)):
        said = run(loose_system, window, field, timestep=timestep)[1]
        assert any("3 of its bonds are springs" in line for line in said) is told


def test_frames_and_counts_do_not_depend_on_how_frames_are_shared_out() -> None:
    system, window, field = melt()
    window.flags["clash"] = np.array([[True], [False]]) & np.ones(window.beads.shape[:2], dtype=bool)
    for options in ({}, {"only": ["clash"]}):
        step, state, said = started(system, field, **options)
        testing.check_step(step, state, window)
        step.finish(state)
        tried = step.memory["moves"].counts("tried").sum()
        assert any(f"of {tried} moves accepted" in line for line in said)


def test_the_energy_of_the_first_frames_of_the_run_is_followed() -> None:
    system, window, field = melt()
    step, state, said = started(system, field, sweeps=1)
    step.frames(replace(window, place=np.array([FOLLOWED - 1, FOLLOWED])), state)
    assert len(step.memory["moves"].rows("energy")) == 1
    step.memory = api.Memory()
    step.frames(replace(window, place=np.array([FOLLOWED, FOLLOWED + 1])), state)
    step.finish(state)
    assert next(line for line in said if line.split()[0] == "1").split()[-1] == "-"


def test_tempered_sweeps_count_in_energies_and_have_shares_of_their_own() -> None:
    system, window, field = melt(1)
    step, state, said = started(system, field, sweeps=4, tempering={"peak": 3, "time": 100, "every": 2}, mend=0)
    done = step.frames(window, state)
    step.finish(state)
    tally = step.memory["moves"]
    tried, accepted = tally.counts("crossing")
    assert 0 < accepted < tried == tally.counts("tried").sum() / 2
    assert any(f"{accepted / tried:.3f} of {tried} tempered ones" in line for line in said)
    energy = step.energy.of(done.atoms[0], window.box(0)).total
    assert tally.rows("energy")[0, -1] == pytest.approx(energy, abs=1e-5 * abs(energy))
    step, state, _ = started(system, field, sweeps=4, mend=0)
    step.frames(window, state)
    assert "crossing" not in step.memory["moves"]


def test_memory_is_of_where_torsions_were_before_annealing() -> None:
    """What comes after it would be remembered only since then; and a second start is seen hot, before it is cooled."""
    system, window, field = melt(1)
    step, state, _ = started(system, field, sweeps=2, annealing_sweeps=4, hottest=3000, steps=40,
                             beads={"sigma": 0.1}, temperature=350, mend=0, second_start=1.0)
    seen: dict[str, list[np.ndarray]] = {"anneal": [], "hamiltonian": [], "cooled": []}
    sweep = step.moves.sweep

    def noted(frame: Frame, name: tuple, *more: object, **settings: object) -> SweepOutcome:
        if name[2] in seen:
            seen[name[2]].append(frame.atoms.copy())
        return sweep(frame, name, *more, **settings)

    step.moves.sweep = noted
    followed: list[Followed] = []
    kept = step._followed
    step._followed = lambda *given: followed.append(kept(*given)) or followed[-1]
    step.frames(window, state)
    (one,), beads = followed, step.following.beads
    wells = one.arrays["begun wells"].argmax(axis=1)
    np.testing.assert_array_equal(wells, beads.well(seen["anneal"][0]))
    assert (wells != beads.well(seen["hamiltonian"][0])).any()
    assert one.arrays["heated"].sum() == pytest.approx(beads.bonded(seen["cooled"][0]).sum())


def test_second_starts_are_tempered() -> None:
    system, _, field = melt(1)
    step, *_ = started(system, field, sweeps=9)
    names = [name for name, *_ in stages.sweeps(step.options, twice=True)]
    assert names.count("crossing") == 3
    assert "tempered" not in names
    assert [name for name, *_ in stages.one_round(8, "again", "crossing", stages.SECOND)] == ["crossing", "again"]


def test_soft_beads_stray_by_sigma() -> None:
    system, window, field = melt(1)
    done, _ = run(system, window, field, beads={"sigma": 0.002}, sweeps=20, steps=10)
    assert 0.0015 < done.residual.std() < 0.003


def test_only_flagged_places_move() -> None:
    system, window, field = melt()
    window.flags["clash"] = np.zeros(window.beads.shape[:2], dtype=bool)
    window.flags["clash"][1, 3] = True
    done, _ = run(system, window, field, only=["clash"])
    assert np.array_equal(done.atoms[0], window.atoms[0])
    moved = np.abs(done.atoms[1] - window.atoms[1]).max(axis=1) > 1e-3
    assert 0 < moved.sum() <= 2 * 26
    with pytest.raises(BackmapError, match="no earlier step looks for 'ring'"):
        run(system, window, field, only=["ring"])


def test_beads_without_an_accepted_move_are_flagged() -> None:
    system, window, field = melt(1)
    done, said = run(system, window, field, timestep=10.0, steps=40, mend=0)
    assert done.flags["never_accepted"].mean() > 0.5
    np.testing.assert_allclose(done.atoms, window.atoms, atol=2e-3)
    assert any("broke off" in line for line in said)


def test_softened_sweeps_come_first_and_do_not_count() -> None:
    system, window, field = melt(1)
    plain, _ = run(system, window, field)
    soft, said = run(system, window, field, soft_core_sweeps=2)
    assert not np.array_equal(plain.atoms, soft.atoms)
    assert len([line for line in said if line.split()[0].isdigit()]) == 2  # one line for each of the two sweeps
    np.testing.assert_allclose(system.map(soft.atoms), window.beads, atol=2e-6)


def test_what_mending_makes_another_isomer_is_turned_over_and_mended_again(monkeypatch: pytest.MonkeyPatch) -> None:
    system, window, field = melt(1)
    step, state, _ = started(system, field, temperature=350, mend=2)
    frame, _ = step._entered(window, state)
    names, turned = [], iter([True, True, False])
    mend = step.mending.mend
    monkeypatch.setattr(step.mending, "mend", lambda frame, box, words, *more: names.append(words) or mend(
        frame, box, words, *more))
    monkeypatch.setattr(step.leading, "turn_over", lambda *_, **__: next(turned))
    found = step.leading.mend(frame, window.box(0), (5, 1, "mend", 0, 0))
    assert found.shape == (system.n_beads,)
    assert [words[-2:] for words in names] == [(0, 0), ("again", 0), ("again", 1)]
    assert next(turned, None) is None


SETTLED = ["settle", "mend"]


def test_what_was_mended_and_does_not_move_takes_shorter_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 10 fs, of which no move is accepted, everything; what nobody mended keeps its time step."""
    system, window, field = melt(1)
    never = {}
    for mended in (False, True):
        step, state, _ = started(system, field, temperature=350, timestep=10.0, steps=40, sweeps=4, mend=1)
        monkeypatch.setattr(step.leading, "mend", lambda frame, *_: np.full(len(frame.residual), mended))  # noqa: B023
        never[mended] = step.frames(window, state).flags["never_accepted"].mean()
        assert (step.moves.places.pace < 1).all() if mended else (step.moves.places.pace == 1).all()
    assert never[False] > 0.9
    assert never[True] < 0.1


@pytest.mark.parametrize(("options", "names"), [
    ({"mend": 2}, ["mend", "loosen", *SETTLED]), ({"mend": 0, "annealing_sweeps": 1}, ["anneal"]),
    ({"mend": 2, "annealing_sweeps": 1, "soft_core_sweeps": 1},
     ["soften", "mend", "loosen", "anneal", "mend", *SETTLED])])
def test_what_annealing_bends_is_mended_behind_it(options: dict[str, int], names: list[str]) -> None:
    system, _, field = melt(1)
    step, _, _ = started(system, field, temperature=350, **options)
    before = stages.before(step.options)
    assert [name for name, *_ in before] == names
    assert len({(name, number) for name, number, _ in before}) == len(before)  # each has random numbers of its own


BENT = 5  #: molecule of which a test brings two hydrogens together


def bent() -> tuple[System, Window, ForceField]:
    """A frame of which one molecule has two hydrogens next to each other."""
    system, window, field = melt(1)
    atoms = window.atoms.copy()
    first, second = hydrogens(system)
    atoms[0, first[BENT]] = atoms[0, second[BENT]] + 0.02
    return system, window.with_atoms(atoms), field


def hydrogens(system: System) -> tuple[np.ndarray, np.ndarray]:
    """The first two hydrogens of one carbon in every molecule, (m,) each."""
    group = system.groups[0]
    elements = group.type.chemistry.element
    carbon = int(np.flatnonzero(elements == 6)[0])
    first, second, *_ = (n for n in group.type.graph[carbon] if elements[n] == 1)
    return group.atoms[:, first], group.atoms[:, second]


def looking(step: Hamiltonian, system: System) -> Hamiltonian:
    """The step, which says that beads are strained where these hydrogens are close, and nothing else."""
    first, second = hydrogens(system)

    def troubles(frame: Frame, box: np.ndarray | None) -> dict[str, np.ndarray]:
        found = {name: np.zeros(system.n_beads, dtype=bool) for name in TROUBLES}
        close = np.linalg.norm(frame.atoms[first] - frame.atoms[second], axis=1) < 0.1
        found[STRAINED][system.groups[0].beads[close, 0]] = True
        return found

    step.mending.troubles = troubles
    step.mending.mend = lambda *args: Mended(np.zeros(system.n_beads, dtype=bool))
    return step


STILL = {"temperature": 350, "sweeps": 1, "steps": 1, "timestep": 1e-3, "second_start": 0}


def judging(system: System, field: ForceField, window: Window) -> tuple[Window, Hamiltonian, api.State, list[str]]:
    """A frame that a first step has looked at, and left as it was but for next to nothing."""
    judge, state, said = started(system, field, **STILL)
    looking(judge, system)
    return judge.frames(window, state), judge, state, said


@pytest.mark.parametrize("sound", [True, False])
def test_flags_are_those_of_atoms_that_are_handed_on(sound: bool) -> None:
    """What later moves undo is no longer flagged nor said at the end; what they leave is."""
    system, window, field = bent()
    window, judge, state, said = judging(system, field, window)
    assert np.flatnonzero(window.flags[UNMENDED][0]).tolist() == [system.groups[0].beads[BENT, 0]]
    if sound:
        window = replace(melt(1)[1], flags=window.flags)
    later = Hamiltonian(Hamiltonian.Options(**STILL, mend=0))
    later.index = 1
    later.start(state)
    done = looking(later, system).frames(window, state)
    assert done.flags[UNMENDED].any() == (not sound)
    judge.finish(state)
    wrong = [line for line in said if "Something is wrong" in line]
    assert len(wrong) == (not sound)
    assert all(f"1 of {system.n_beads} beads" in line for line in wrong)


def test_steps_that_do_not_mend_look_only_where_something_was_wrong() -> None:
    system, window, field = bent()
    done, _ = run(system, window, field, **STILL, mend=0)
    assert UNMENDED not in done.flags


@pytest.mark.parametrize("sound", [True, False])
def test_steps_that_know_no_troubles_ask_the_one_that_does(sound: bool) -> None:
    system, window, field = bent()
    window, judge, state, _ = judging(system, field, window)
    moved = replace(melt(1)[1], flags=window.flags, system=system) if sound else window
    done = judged(moved, state)
    assert done.flags[UNMENDED].any() == (not sound)
    assert judge.memory[LEFT].rows("wrong")[0, 0] == done.flags[UNMENDED].sum()
    assert judged(replace(moved, flags={}), state).flags == {}
