"""Forces of tables against a slow twin, in boxes narrower than twice the cut-off, too; and what tables do not cover."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backmap.engine.tabulated.forces import TabulatedForces
from backmap.errors import BackmapError
from tests import tabulated

WIDE = np.array([[2.3, 0, 0], [0.4, 2.2, 0], [-0.3, 0.5, 2.4]])
NARROW = np.array([[1.6, 0, 0], [0.3, 1.7, 0], [-0.2, 0.4, 1.65]])


@pytest.mark.parametrize("box", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("excluded", [1, 2, 3])
def test_forces_and_energies_of_the_twin(box: np.ndarray, excluded: int) -> None:
    terms, beads = tabulated.field(), tabulated.chains(3, box, seed=5)
    made = TabulatedForces(tabulated.system(3, named=True), terms, excluded)
    expected = tabulated.forces(beads, box, terms, excluded=excluded)
    np.testing.assert_allclose(made.of(beads, box), expected, rtol=0, atol=2e-5 * np.abs(expected).max())
    assert sum(made.energy(beads, box).values()) == pytest.approx(
        tabulated.energy(beads, box, terms, excluded=excluded), rel=1e-9)


def test_where_beads_lie_does_not_matter() -> None:
    """Molecules in other cells, and the same interactions named by types, which take the same tables."""
    terms, beads = tabulated.field(), tabulated.chains(6, WIDE, seed=1)
    made = TabulatedForces(tabulated.system(6, named=True), terms).of(beads, WIDE)
    moved = beads + np.repeat(np.random.default_rng(0).integers(-2, 3, (6, 3)), 4, axis=0) @ WIDE
    np.testing.assert_allclose(TabulatedForces(tabulated.system(6, named=True), terms).of(moved, WIDE), made, atol=1e-6)
    typed = {"bond-E-M": terms["bond"], "bond-M-M": terms["bond"], "E-M-M": terms["angle"],
             "E-M-M-E": terms["dihedral"]} | {name: terms[name] for name in ("E-E", "E-M", "M-M")}
    np.testing.assert_allclose(TabulatedForces(tabulated.system(6), typed).of(beads, WIDE), made, atol=1e-9)
    assert np.abs(made.sum(axis=0)).max() < 1e-9 * np.abs(made).sum()


def test_interactions_without_a_table_do_not_act() -> None:
    beads, bond = tabulated.chains(4, WIDE), tabulated.potential("bond")
    made = TabulatedForces(tabulated.system(4, named=True), {"bond": bond})
    assert made.missing == ["angle", "dihedral", "E-E", "E-M", "M-M"]
    np.testing.assert_allclose(made.of(beads, WIDE), tabulated.forces(beads, WIDE, {"bond": bond}), atol=1e-4)


def test_straight_chains_have_finite_forces() -> None:
    beads = np.array([[0.25 * k, 0.0, 0.0] for k in range(4)])
    made = TabulatedForces(tabulated.system(1, named=True), {k: tabulated.potential(k) for k in ("angle", "dihedral")})
    assert np.isfinite(made.of(beads, None)).all()


def test_a_table_that_is_too_short() -> None:
    bond = tabulated.potential("bond")
    short = replace(bond, grid=bond.grid[:150], energy=bond.energy[:150], force=bond.force[:150],
                    known=bond.known[:150], where="bond.pot")
    made = TabulatedForces(tabulated.system(4, named=True), {"bond": short})
    with pytest.raises(BackmapError) as caught:
        made.of(tabulated.chains(4, WIDE), WIDE)
    said = str(caught.value)
    assert said.startswith("bond.pot: the table of 'bond' goes from 0.1 to 0.2304 nm, but 0.2")
    assert "is met (CHN " in said


@pytest.mark.parametrize(("name", "kind", "said"), [
    ("bonds", "bond", "'bonds' is no interaction of these beads. Interactions are: bond, angle, dihedral, E-E, E-M"),
    ("angle", "bond", "is a table of the kind bond, but 'angle' is of the kind angle"),
])
def test_tables_that_act_on_nothing(name: str, kind: str, said: str) -> None:
    with pytest.raises(BackmapError) as caught:
        TabulatedForces(tabulated.system(1, named=True), {name: tabulated.potential(kind)})
    assert said in str(caught.value)
