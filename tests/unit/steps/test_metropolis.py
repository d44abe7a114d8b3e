"""The step metropolis: options, what it needs, and what comes out of it."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydantic
import pytest
from backmap_plugins.generators.template.generator import Template
from backmap_plugins.steps.metropolis import Metropolis, MetropolisOptions

from backmap import testing
from backmap.api import State
from backmap.errors import BackmapError
from backmap.model.system import System, Window
from tests import forcefields, scenes

HOT = {"temperature": 1e6, "beads": {"sigma": 0.03, "proposal_sigma": 1.0}}


def state_of(system: System) -> State:
    field = forcefields.everything(system, cutoff=0.5)
    field = replace(field, molecules={k: replace(m, bonded=()) for k, m in field.molecules.items()})
    lines: list[str] = []
    return State(Path(), Path(), 3, "cpu", log=lines.append, system=system, forcefield=field, given={"log": lines})


def crowd() -> tuple[System, Window]:
    return scenes.crowd((scenes.octane_system("none").types[0], 3), (scenes.phenyl(), 4), box=1.6 * scenes.SMALL)


def started(system: System, **options: object) -> tuple[Metropolis, State]:
    """A step whose beads flagged as ``chosen`` are to be redrawn, if options say so."""
    state = state_of(system)
    state.generator = scenes.tiny()
    step = Metropolis(MetropolisOptions(sweeps=2, **{**HOT, **options}))
    step.where, step.index = "here", 2
    step.start(state)
    return step, state


def swept(system: System, window: Window, chosen: np.ndarray | None = None, **options: object) -> tuple[Window, State]:
    step, state = started(system, **options, **({"only": ["chosen"]} if chosen is not None else {}))
    made = step.frames(window if chosen is None else replace(window, flags={"chosen": chosen}), state)
    step.finish(state)
    return made, state


@pytest.mark.parametrize(("options", "message"), [
    ({"neighbours": True}, "'neighbours' widens what 'only' chooses"), ({"blocks": []}, "at least 1 item"),
    ({"beads": {"sigma": 0.2}}, "less than or equal to 0.1"), ({"repair": 2}, "Extra inputs are not permitted")])
def test_options_that_mean_nothing_are_refused(options: dict, message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        MetropolisOptions(**options)


def test_it_needs_a_force_field() -> None:
    assert Metropolis.needs == {"system", "beads", "atoms", "forcefield"}


def test_a_generator_without_a_density_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    system, _ = crowd()
    monkeypatch.setattr("backmap_plugins.steps.metropolis.Proposer", Template)
    with pytest.raises(BackmapError, match=r"no density, so its draws cannot be accepted or rejected. Choose one"):
        started(system)


def test_a_grip_is_wanted_for_every_bead_type() -> None:
    system, window = crowd()
    with pytest.raises(BackmapError, match="'grip' has no value for beads of type"):
        swept(system, window, beads={"sigma": 0.01, "proposal_sigma": {"M": 0.001}})


def test_frames_meet_bonds_and_beads_and_the_log_says_what_happened() -> None:
    system, window = crowd()
    made, state = swept(system, window, candidates=2, free_energies=True)
    bonds = scenes.phenyl().bonds
    group = system.groups[1]
    atoms = made.atoms[:, group.atoms]
    lengths = np.linalg.norm(atoms[..., bonds[:, 0], :] - atoms[..., bonds[:, 1], :], axis=-1)
    stiff = ~made.flags["infeasible"][:, group.beads].any(axis=2)
    np.testing.assert_allclose(lengths[stiff], np.broadcast_to(group.type.bond_length, lengths.shape)[stiff], atol=1e-5)
    assert np.abs(made.residual[~made.flags["infeasible"]]).max() < 1e-3
    assert made.flags["never_accepted"].shape == window.beads.shape[:2]
    text = "\n".join(state.given["log"])
    assert "accepted of" in text
    assert "hydrogens of" in text
    assert "projecting onto the beads changed the energy" in text
    assert "free energy of" in text
    (sampling,) = state.sampling
    assert sampling.step == "steps[2].metropolis"
    assert {row["block"] for row in sampling.free_energies} == {"fragment", "hydrogens"}
    assert all(row["lower"] <= row["median"] <= row["upper"] for row in sampling.free_energies)
    assert sampling.notes[-1] in text


def test_frames_and_counts_do_not_depend_on_how_frames_are_shared_out() -> None:
    system, window = crowd()
    step, state = started(system, candidates=2)
    testing.check_step(step, state, window)
    assert set(step.memory) == {"trials", "stiffness"}


def test_only_chosen_beads_move_before_the_projection() -> None:
    system, window = crowd()
    chosen = np.zeros(window.beads.shape[:2], dtype=bool)
    chosen[0, :5] = True
    made, _ = swept(system, window, chosen)
    assert np.array_equal(made.atoms[1], window.atoms[1])
    assert not made.flags["never_accepted"][~chosen].any()


def test_sweeps_begin_at_beads_as_soft_as_the_targets() -> None:
    """In the cold nothing but the start moves atoms: chosen beads are off by sigma, others are not."""
    system, window = crowd()
    chosen = np.zeros(window.beads.shape[:2], dtype=bool)
    chosen[:, :-6] = True
    soft = {"beads": {"sigma": 0.002, "proposal_sigma": 0.002}, "temperature": 1e-3, "project": False}
    made, _ = swept(system, window, chosen, **soft)
    away = system.map(made.atoms) - made.beads
    assert np.std(away[chosen]) == pytest.approx(0.002, rel=0.25)
    assert np.abs(away[~chosen]).max() < 1e-6


def test_an_atom_beyond_reach_is_an_error() -> None:
    system, window = crowd()
    with pytest.raises(BackmapError, match=r"farther than it should reach"):
        swept(system, window, reach=0.05)
