"""Force matching of synthetic forces: what was put in comes back, noise averages out, order does not matter."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backmap.engine.tabulated.basis import SplineBasis
from backmap.engine.tabulated.fitted import table_of
from backmap.engine.tabulated.forces import TabulatedForces
from backmap.engine.tabulated.matching import Splines, Sums, count, solved
from backmap.errors import BackmapError
from backmap.model.tabulated import KINDS, Kind
from backmap.model.tally import Tally
from tests import tabulated

Array = np.ndarray
BOX = np.array([[2.3, 0, 0], [0.4, 2.2, 0], [-0.3, 0.5, 2.4]])
CHAINS = 12
SYSTEM = tabulated.system(CHAINS, named=True)
RANGES = {"bond": (0.18, 0.32), "angle": (0.3, np.pi), "dihedral": (-np.pi, np.pi), "pair": (0.02, 1.0)}
GROUPS = 4


def splines(n: int = 30) -> Splines:
    made = TabulatedForces(SYSTEM, tabulated.field())
    return Splines(made.geometry, {name: SplineBasis(one.kind, *RANGES[one.kind], n)
                                   for name, one in made.potentials.items()})


def matched(frames: int, noise: float = 0.0, n: int = 30, seed: int = 0, order: int = 1,
            smoothness: float = 1e-6) -> tuple[Splines, Array, Sums, dict[str, Array]]:
    """Splines, coefficients, sums and visits of frames of random chains whose forces are those of tables."""
    fit, exact, tally, squares, visits = splines(n), TabulatedForces(SYSTEM, tabulated.field()), Tally(), [], {}
    for k in list(range(frames))[::order]:
        beads = tabulated.chains(CHAINS, BOX, seed=k + 1000 * seed)
        forces = exact.of(beads, BOX) + noise * np.random.default_rng([k, seed]).normal(size=beads.shape)
        design, met = fit.design(beads, BOX)
        count(tally, k % GROUPS, design, forces)
        squares.append([k % GROUPS, (forces**2).sum()])
        for name, (bins, _) in met.items():
            visits[name] = visits.get(name, 0) + bins
    sums = Sums.of(tally, GROUPS, fit.n, np.array(sorted(squares)), beads.size, 1.0)
    return fit, solved(fit, [sums], np.ones(GROUPS, bool), smoothness), sums, visits


def errors(fit: Splines, coefficients: Array, visits: dict[str, Array]) -> dict[str, float]:
    """Root mean square error of -dU/dx of each interaction where values were met, relative to that of the force."""
    found = {}
    for name, exact in tabulated.field().items():
        basis = fit.bases[name]
        bins = np.linspace(basis.low, basis.high, basis.n_bins)
        weights = visits[name]
        true = -np.array([tabulated.curve(exact)(x, 1) for x in bins])
        ours = basis.force(coefficients[fit.columns[name]], bins)
        found[name] = float(np.sqrt((weights * (ours - true)**2).sum() / (weights * true**2).sum()))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_splines_are_their_own_derivatives(kind: Kind) -> None:
    basis = SplineBasis(kind, *RANGES[kind], 12)
    a = basis.free() @ np.random.default_rng(0).normal(size=basis.free().shape[1])
    x = np.linspace(basis.low, basis.high, 502)[1:-1]
    slope = (basis.energy(a, x + 1e-6) - basis.energy(a, x - 1e-6)) / 2e-6
    np.testing.assert_allclose(basis.force(a, x), -slope, atol=1e-5)
    assert basis.values(x)[1].sum(axis=1) == pytest.approx(1)
    first, last = np.array([basis.low]), np.array([basis.high])
    if kind == "pair":
        assert abs(basis.energy(a, last)[0]) < 1e-12
        assert abs(basis.force(a, last)[0]) < 1e-12
    if kind == "dihedral":
        assert basis.force(a, first) == pytest.approx(basis.force(a, last))


def test_a_force_field_comes_back() -> None:
    """All six tables at once from 60 frames, each within 0.5 % of its force (found: 0.3 %)."""
    fit, coefficients, sums, visits = matched(60)
    found = errors(fit, coefficients, visits)
    assert max(found.values()) < 0.005, found
    everything = np.ones(GROUPS, bool)
    assert sums.residual(coefficients, everything) < 1e-4 * sums.residual(0 * coefficients, everything)


def test_noise_averages_out() -> None:
    """16 times as many frames, a quarter of the error of the coefficients."""
    sizes = []
    for frames in (12, 192):
        errors_of = []
        for seed in range(2):
            fit, noisy, _, _ = matched(frames, noise=200.0, n=12, seed=seed)
            clean = matched(frames, n=12, seed=seed)[1]
            own = fit.columns["E-M"]
            basis, bins = fit.bases["E-M"], np.linspace(0.3, 0.9, 100)
            errors_of.append(basis.force((noisy - clean)[own], bins))
        sizes.append(np.sqrt(np.mean(np.square(errors_of))))
    assert sizes[0] / sizes[1] == pytest.approx(4, rel=0.35)


def test_the_order_of_frames_does_not_matter() -> None:
    assert (matched(8, noise=50)[1] == matched(8, noise=50, order=-1)[1]).all()


def test_left_out_frames_have_a_larger_residual() -> None:
    """Of noise of 200 and p coefficients, the residual is (1 - p/n) of the noise in frames that were fitted."""
    fit, coefficients, sums, _ = matched(8, noise=200.0, n=12)
    everything = np.ones(GROUPS, bool)
    p, components = sum(basis.free().shape[1] for basis in fit.bases.values()), 8 * sums.components
    assert sums.residual(coefficients, everything) == pytest.approx(200**2 * (1 - p / components), rel=0.1)
    held = []
    for group in range(GROUPS):
        one = np.arange(GROUPS) == group
        held.append(sums.residual(solved(fit, [sums], ~one, 1e-6), one))
    assert np.mean(held) > sums.residual(coefficients, everything)


def test_weights_of_two_ensembles() -> None:
    """Two ensembles whose forces differ: the fit goes to the one that weighs more, and lies between them."""
    fit, one, first, _ = matched(6, n=12)
    _, other, second, _ = matched(6, noise=100, n=12, seed=1)
    everything = np.ones(GROUPS, bool)

    def weighted(a: float, b: float) -> Array:
        return solved(fit, [replace(first, weight=a), replace(second, weight=b)], everything, 1e-6)

    both = [weighted(1, 1e-6), weighted(1, 1), weighted(1e-6, 1)]
    distance = [np.linalg.norm(each - one) for each in both]
    assert distance[0] < distance[1] < distance[2]
    assert np.linalg.norm(both[2] - other) < 0.1 * np.linalg.norm(other - one)
    residuals = [[sums.residual(each, everything) for each in both] for sums in (first, second)]
    assert residuals[0] == sorted(residuals[0])
    assert residuals[1] == sorted(residuals[1], reverse=True)


def test_where_nothing_was_met_walls_drive_back() -> None:
    fit, coefficients, _, visits = matched(20)
    for name, basis in fit.bases.items():
        made = table_of(basis, coefficients[fit.columns[name]], visits[name])
        np.testing.assert_allclose(made.force, -np.gradient(made.energy, made.grid), atol=0.05 * np.ptp(made.force))
        at = np.flatnonzero(made.known)
        assert len(at) > 50
        if basis.kind in ("bond", "pair"):
            assert (np.diff(made.force[:at[0]]) < 0).all()
            assert made.force[0] > made.force[at[0]]
        if basis.kind == "bond":
            assert made.force[-1] < 0
            assert not made.known[-1]
        assert made.energy[-1] == 0 if basis.kind == "pair" else made.energy[made.known].min() == 0


@pytest.mark.parametrize("force", [np.nan, 1e18])
def test_forces_that_nothing_can_match(force: float) -> None:
    fit, beads = splines(), tabulated.chains(CHAINS, BOX)
    with pytest.raises(BackmapError, match="with which nothing can be matched"):
        count(Tally(), 0, fit.design(beads, BOX)[0], np.full(beads.shape, force))
