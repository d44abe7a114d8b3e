"""Both sides of the identity for chains that are drawn exactly, and for what is not a sample."""
from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from backmap.engine.identities import fields
from backmap.engine.identities.balance import Balance
from backmap.engine.identities.beads import BeadBalance, BeadSums
from backmap.engine.identities.ratios import Ratio, ratio
from backmap.engine.identities.slopes import CLASSES, EnergySlopes
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.parameters import BOLTZMANN
from tests import forcefields, scenes
from tests.exact_chains import ExactChain

Array = NDArray[np.float64]

ONE = ExactChain(5, (dict.fromkeys(range(5), 1.0),))
TWO = ExactChain(6, ({0: 1, 1: 1, 2: 1, 3: 0.5}, {3: 0.5, 4: 1, 5: 1}), stiffness=60.0,
                 masses=(14, 1, 14, 1, 14, 14))
STIFF = replace(TWO, measured=False)
COUNT = 6000


@cache
def states(chain: ExactChain) -> Array:
    return chain.states(COUNT)


def ratios(chain: ExactChain, atoms: Array, measured: bool | None = None,
           temperature: float = 300.0) -> dict[str, Ratio]:
    """Angles and torsions of states of a chain."""
    snapshot = chain.snapshot(atoms)
    rigid = chain.measured if measured is None else measured
    sums, = Balance(snapshot.system, chain.field, rigid).of(snapshot).values()
    return {name: ratio(sums[None, :, k, 0], BOLTZMANN * temperature * sums[None, :, k, 1])
            for k, name in enumerate(CLASSES) if name in ("angles", "torsions")}


def off(one: Ratio) -> float:
    """In standard errors."""
    return abs(one.value - 1) / one.error


@pytest.mark.parametrize("chain", [ONE, TWO, STIFF], ids=["one bead", "two beads", "stiff springs"])
def test_exact_samples_have_a_ratio_of_one(chain: ExactChain) -> None:
    for name, one in ratios(chain, states(chain)).items():
        assert one.error < (0.02 if name == "angles" else 0.06)
        assert off(one) < 3.5, name


def test_a_wrong_temperature_is_the_ratio() -> None:
    right, wrong = (ratios(TWO, states(TWO), temperature=t)["angles"] for t in (300.0, 330.0))
    assert wrong.value == pytest.approx(right.value / 1.1)
    assert off(wrong) > 4


def test_another_measure_is_seen() -> None:
    """A light atom between heavy ones on a soft angle: bonds that are very stiff springs are not rigid ones."""
    bent = ExactChain(3, (dict.fromkeys(range(3), 1.0),), stiffness=25.0, masses=(14, 1, 14), measured=False)
    assert off(ratios(bent, states(bent))["angles"]) < 2
    assert off(ratios(bent, states(bent), measured=True)["angles"]) > 3


def test_a_missing_term_of_the_divergence_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(fields.MoveFields):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            self.shift = 0 * self.shift

    monkeypatch.setattr("backmap.engine.identities.balance.MoveFields", Broken)
    assert max(off(one) for one in ratios(TWO, states(TWO)).values()) > 5


def test_another_force_field_is_seen() -> None:
    soft = replace(TWO, stiffness=50.0)
    assert ratios(soft, states(TWO))["angles"].value == pytest.approx(50 / 60, abs=0.06)
    flat = replace(TWO, barrier=3.0)
    assert off(ratios(flat, states(TWO))["torsions"]) > 4


ENDINGS = pytest.mark.parametrize(("coulomb", "tail"), [
    ("reaction_field", "none"), ("cutoff", "shift"), ("none", "force_switch"), ("reaction_field", "potential_switch")])


@ENDINGS
def test_slopes_are_the_forces_of_the_frame(coulomb: str, tail: str) -> None:
    system, window = scenes.octane_window()
    field = replace(forcefields.everything(system, coulomb, cutoff=0.7), tail=tail, switch=0.4)
    frame = next(Snapshot.all_of(window, system, AtomIndex(system), window.place))
    slopes = EnergySlopes(system, field)
    forces, contacts = slopes.energy.forces(frame.atoms, frame.box), slopes.contacts(frame)
    group, every = system.groups[0], np.arange(len(system.groups[0].atom_offset))
    for part, found in slopes.of(frame, contacts, 0, every):
        expected = forces[group.atoms[every[part]]]
        np.testing.assert_allclose(-found.gradient, expected, atol=1e-9 * np.abs(expected).max())


@ENDINGS
def test_curvature_of_contacts_is_that_of_finite_differences(coulomb: str, tail: str) -> None:
    system, window = scenes.octane_window()
    field = replace(forcefields.everything(system, coulomb, cutoff=0.7), tail=tail, switch=0.4)
    frame = next(Snapshot.all_of(window, system, AtomIndex(system), window.place))
    slopes, atom, step = EnergySlopes(system, field), 100, 1e-6
    gradients = []
    for sign in (1, -1):
        atoms = frame.atoms.copy()
        atoms[atom, 1] += sign * step
        gradients.append(slopes.contacts(replace_atoms(frame, atoms)).gradient[atom])
    found = slopes.contacts(frame).hessian[atom, :, 1]
    expected = (gradients[0] - gradients[1]) / (2 * step)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4 * np.abs(found).max())


def test_what_both_balances_need_of_a_frame_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, searches = TWO.snapshot(states(TWO)[:50]), []
    search = EnergySlopes._contacts
    monkeypatch.setattr(EnergySlopes, "_contacts", lambda self, frame: searches.append(1) or search(self, frame))
    held = Balance(snapshot.system, TWO.field, TWO.measured).of(snapshot)
    beads = BeadBalance(snapshot.system, TWO.field, TWO.measured)
    beads.along(snapshot)
    assert len(searches) == 1
    assert beads.of(snapshot) is held
    assert Balance(snapshot.system, TWO.field, not TWO.measured).of(snapshot) is not held


def replace_atoms(frame: Snapshot, atoms: Array) -> Snapshot:
    return Snapshot(frame.system, frame.where, frame.number, frame.index, frame.box, atoms, frame.beads)


def along(chain: ExactChain, atoms: Array) -> BeadSums:
    """Of the distance of the two beads."""
    snapshot = chain.snapshot(atoms)
    (by_name, _), = BeadBalance(snapshot.system, chain.field, chain.measured).along(snapshot).values()
    return BeadSums(*by_name[:, 0].T)


def test_beads_of_exact_samples_balance_and_others_do_not() -> None:
    sums, heat = along(TWO, states(TWO)), BOLTZMANN * 300.0
    part = sums.work - heat * sums.divergence
    assert abs(part.sum()) < 3.5 * np.sqrt((part**2).sum())
    centre = sums.value.sum() / sums.size.sum()
    spread = ratio((sums.value_work - centre * sums.work)[None],
                   heat * (sums.value_divergence - centre * sums.divergence)[None])
    assert off(spread) < 3.5


def test_beads_that_are_too_long_pull() -> None:
    """Some states more often than others, by their bead distance alone: atoms given beads are as they should be."""
    atoms, heat = states(TWO), BOLTZMANN * 300.0
    beads = TWO.kind.mapping.apply(atoms)
    apart = np.linalg.norm(beads[:, 0] - beads[:, 1], axis=1)
    weight = np.exp((apart - apart.mean()) / apart.std())
    chosen = np.random.default_rng(0).choice(len(atoms), len(atoms), p=weight / weight.sum())
    sums = along(TWO, atoms[chosen])
    part = sums.work - heat * sums.divergence
    assert part.sum() > 8 * np.sqrt((part**2).sum())
    for one in ratios(TWO, atoms[chosen]).values():
        assert off(one) < 4
