"""Beads sampled in tables against closed forms and quadrature, with mass centres held, soft and free."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from backmap.engine.tabulated import loops
from backmap.engine.tabulated.forces import TabulatedForces
from backmap.engine.tabulated.sampler import BeadSampler, Held
from backmap.errors import BackmapError
from backmap.model.parameters import BOLTZMANN
from backmap.model.tabulated import Potential, even_grid
from tests import tabulated

KT = BOLTZMANN * 300.0
BOX = np.array([[2.3, 0, 0], [0.4, 2.2, 0], [-0.3, 0.5, 2.4]])
WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])


def table(kind: str, energy, low: float = 0.0, high: float = 1.0, points: int = 800) -> Potential:
    """A potential of a function of the coordinate, in kT."""
    grid = even_grid(kind, low, high, points)
    values = KT * energy(grid)
    return Potential(kind, grid, values, -np.gradient(values, grid))


BONDS = table("bond", lambda r: 0.5 * ((r - 0.3) / 0.03)**2)
BENDS = table("angle", lambda theta: 3.0 * np.cos(theta))
TURNS = table("dihedral", lambda phi: np.cos(phi))


def chains(number: int, box: float = 10.0) -> np.ndarray:
    """Chains of four beads far from each other, of no particular shape, (4 n, 3)."""
    rng = np.random.default_rng(4)
    starts = rng.random((number, 1, 3)) * box
    return (starts + np.cumsum(rng.normal(0.0, 0.2, (number, 4, 3)), axis=1)).reshape(-1, 3)


def quadrature(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Points and cumulative distribution of the coordinate of a chain that nothing holds but its mass centre."""
    x = {"bond": np.linspace(0.1, 0.5, 4001), "angle": np.linspace(0, np.pi, 4001),
         "dihedral": np.linspace(-np.pi, np.pi, 4001)}[kind]
    density = {"bond": x**2 * np.exp(-0.5 * ((x - 0.3) / 0.03)**2), "angle": np.sin(x) * np.exp(-3.0 * np.cos(x)),
               "dihedral": np.exp(-np.cos(x))}[kind]
    return x, np.cumsum(density) / density.sum()


def groups(number: int, sigma: float = 0.0) -> Held:
    return Held(list(np.arange(4 * number).reshape(number, 4)), [WEIGHTS] * number, sigma)


@pytest.mark.parametrize("sigma", [pytest.param(0.0, marks=pytest.mark.slow), 0.05])
def test_chains_about_their_mass_centre_have_the_law_of_their_tables(sigma: float) -> None:
    """400 chains, no pairs: bonds, angles and dihedrals are independent. 3 % of a distribution would be found."""
    system, beads, held = tabulated.system(400, named=True), chains(400), groups(400, sigma)
    home = held.centres(beads)
    sampler = BeadSampler(system, {"bond": BONDS, "angle": BENDS, "dihedral": TURNS}, held, 300.0)
    made, counts = sampler.sample(beads, home, None, 400, (1, "here"))
    found = {"bond": [], "angle": [], "dihedral": []}
    drifts = []
    for look in range(10):
        made, counts = sampler.sample(made, home, None, 60, (2, "here", look))
        for name, met in sampler_values(system, made):
            found[name].append(met)
        drifts.append(held.centres(made) - home)
    for name, values in found.items():
        x, below = quadrature(name)
        values = np.concatenate(values)
        assert kstest(values, lambda v, x=x, below=below: np.interp(v, x, below)).statistic < 0.035, name
    if sigma:
        assert np.std(drifts) == pytest.approx(sigma, rel=0.04)
        assert counts[:, 0, 1].sum() > 0
    else:
        assert np.abs(drifts).max() < 1e-12
        assert counts[:, 0].sum() == 0


def sampler_values(system, beads):
    """Coordinates of all chains by the name of their interaction."""
    terms = {"bond": BONDS, "angle": BENDS, "dihedral": TURNS}
    return [(name, met.values) for name, met in TabulatedForces(system, terms).geometry.of(beads, None)]


def test_pairs_against_quadrature() -> None:
    """Two beads of a group beside one that stays: length and direction by quadrature on a grid of both."""
    kind = tabulated.system(1, named=False)
    beads = np.array([[0.0, 0, 0], [0.3, 0, 0], [5.0, 0, 0], [0.4, 0.1, 0]])  # of a chain E M M E; only pairs act
    repel = table("pair", lambda r: 4.0 * np.clip(1 - r / 0.6, 0, None)**2 / 0.3, high=0.6)
    tie = table("bond", lambda r: 0.5 * ((r - 0.3) / 0.05)**2)
    held = Held([np.array([0, 1])], [np.array([0.5, 0.5])])
    sampler = BeadSampler(kind, {"bond-E-M": tie, "E-E": repel, "E-M": repel}, held, 300.0, excluded=0)
    # The second bond-E-M, from the third bead to the last, does not change: both stay.
    home, lengths, cosines = held.centres(beads), [], []
    towards = beads[3] - home[0]
    apart = np.linalg.norm(towards)
    for look in range(3000):
        beads, _ = sampler.sample(beads, home, None, 10, (3, "pairs", look))
        way = beads[1] - beads[0]
        lengths.append(np.linalg.norm(way))
        cosines.append(way @ towards / lengths[-1] / apart)
    r, c = (axis[:, None] if k == 0 else axis for k, axis in enumerate((np.linspace(0.05, 0.6, 400),
                                                                      np.linspace(-1, 1, 401))))
    far = [np.sqrt(apart**2 + r**2 / 4 + sign * r * c * apart) for sign in (1, -1)]
    between = 4.0 / 0.3 * sum(np.clip(1 - d / 0.6, 0, None)**2 for d in (far[0], far[1], r + 0 * c))
    density = r**2 * np.exp(-0.5 * ((r - 0.3) / 0.05)**2 - between)
    density /= density.sum()
    for values, axis, marginal in ((lengths, r[:, 0], density.sum(1)), (np.abs(cosines), c, density.sum(0))):
        mean = (np.abs(axis) * marginal).sum()
        spread = np.sqrt((axis**2 * marginal).sum() - mean**2)
        assert np.mean(values) == pytest.approx(mean, abs=6 * spread / np.sqrt(3000 / 2))


def test_energies_are_those_of_the_tables() -> None:
    """The loop's energy of everything, in a triclinic box, beside ``TabulatedForces``."""
    terms, beads, system = tabulated.field(), tabulated.chains(6, BOX, seed=1), tabulated.system(6, named=True)
    sampler = BeadSampler(system, terms, Held.free(system), 300.0)
    near, count = sampler._near(beads, BOX), system.n_beads
    found = loops._energy(sampler.curves, sampler.acting, near, beads, np.arange(count), count,
                          np.zeros(count, dtype=bool))
    assert found == pytest.approx(sum(TabulatedForces(system, terms).energy(beads, BOX).values()), rel=1e-9)


def test_the_same_name_gives_the_same_beads() -> None:
    system, beads, held = tabulated.system(20, named=True), chains(20), groups(20)
    sampler = BeadSampler(system, {"bond": BONDS}, held, 300.0)
    one, again, other = (sampler.sample(beads, held.centres(beads), None, 3, name)[0] for name in ((1,), (1,), (2,)))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_nothing_that_can_move_is_refused() -> None:
    system = tabulated.system(1, named=True)
    single = Held(list(np.arange(4)[:, None]), list(np.ones((4, 1))))
    with pytest.raises(BackmapError, match="no bead can move"):
        BeadSampler(system, {"bond": BONDS}, single, 300.0)
    with pytest.raises(BackmapError, match="there are no tables"):
        BeadSampler(system, {}, groups(1), 300.0)
