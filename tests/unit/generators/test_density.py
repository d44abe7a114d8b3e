"""Densities of internal coordinates: normalised, sampled as they say, and in the right measure."""
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from backmap_plugins.generators.equivariant.density import (
    SHORTEST,
    Angles,
    Distances,
    LocalFrame,
    Torsions,
    closing_angle,
)
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.transform import Rotation
from torch import Tensor

from backmap.engine.random import Stream

N = 20_000  #: samples of a Kolmogorov-Smirnov test: it sees a shift of the distribution function by 0.014
PI = math.pi
_seeds = st.integers(0, 2**32 - 1)


def rows(seed: int, *shape: int) -> Tensor:
    return torch.as_tensor(np.random.default_rng(seed).normal(size=shape))


def uniform(seed: int, *shape: int) -> Tensor:
    return Stream.of(seed).uniform(*shape)[0]


def mixture(seed: int, n: int = 4) -> Angles:
    """Angles such as the network gives, wide and narrow ones."""
    spread = torch.as_tensor(np.random.default_rng(seed).uniform(-4, 1, (n, 3)))
    return Angles(1.5 + 0.6 * rows(seed, n, 3), spread, torch.log_softmax(rows(seed + 1, n, 3), dim=1))


def torsions(seed: int, n: int = 4, height: float = 4.0, nodes: int = 108) -> Torsions:
    return Torsions(height * rows(seed, n, nodes))


def repeated(row: Tensor, n: int) -> Tensor:
    return row[None].expand(n, *row.shape)


def assert_follows(samples: Tensor, grid: Tensor, density: Tensor) -> None:
    """Samples (n,) follow a density on a fine grid."""
    cumulative = torch.cat([torch.zeros(1), torch.cumulative_trapezoid(density, grid)])
    result = stats.kstest(samples.numpy(), lambda x: np.interp(x, grid, cumulative / cumulative[-1]))
    assert result.pvalue > 1e-3


class TestAngles:
    @given(_seeds)
    @example(18419)  # means far beyond 0
    @settings(deadline=None, max_examples=10)
    def test_integral_is_one(self, seed: int) -> None:
        edge = torch.logspace(-9, -1, 1_000, dtype=torch.float64)  # where Gaussians from beyond 0 or pi end
        grid = torch.cat([torch.linspace(0, PI, 4_001, dtype=torch.float64), edge, PI - edge]).sort().values
        for k in range(4):
            one = mixture(seed)
            same = Angles(*(repeated(x[k], len(grid)) for x in (one.mean, one.log_sd, one.log_weight)))
            assert float(torch.trapezoid(same.log_density(grid).exp(), grid)) == pytest.approx(1, abs=1e-4)

    @pytest.mark.parametrize("seed", range(3))
    def test_samples_follow_the_density(self, seed: int) -> None:
        one = mixture(seed, 1)
        grid = torch.linspace(0, PI, 20_001, dtype=torch.float64)
        many, fine = (Angles(*(x.expand(n, -1) for x in (one.mean, one.log_sd, one.log_weight)))
                      for n in (N, len(grid)))
        assert_follows(many.sample(uniform(seed, N, 2)), grid, fine.log_density(grid).exp())

    @pytest.mark.parametrize(("mean", "sd"), [(2.6, 0.7), (-0.5, 0.05), (3.6, 0.03), (1.6, 0.02), (-1.0, 0.05)])
    def test_one_component_is_a_truncated_gaussian(self, mean: float, sd: float) -> None:
        one = Angles(*(torch.full((50, 1), x, dtype=torch.float64) for x in (mean, math.log(sd), 0.0)))
        angle = torch.linspace(0.01, 3.13, 50, dtype=torch.float64)
        expected = stats.truncnorm.logpdf(angle, -mean / sd, (PI - mean) / sd, mean, sd)
        np.testing.assert_allclose(one.log_density(angle), expected, rtol=1e-9)
        many = Angles(*(x[:1].expand(N, -1) for x in (one.mean, one.log_sd, one.log_weight)))
        samples = many.sample(uniform(7, N, 2)).numpy()
        inside = samples[(samples > 1.01e-4) & (samples < PI - 1.01e-4)]  # the rest stands at the very end
        edge = stats.truncnorm(-mean / sd, (PI - mean) / sd, mean, sd)
        low, high = edge.cdf([1.01e-4, PI - 1.01e-4])
        assert len(inside) / N == pytest.approx(high - low, abs=0.01)
        assert stats.kstest(inside, lambda x: (edge.cdf(x) - low) / (high - low)).pvalue > 1e-3

    @given(_seeds)
    @settings(deadline=None, max_examples=20)
    def test_samples_are_angles_with_a_finite_density(self, seed: int) -> None:
        angle = mixture(seed, 200).sample(uniform(seed, 200, 2))
        assert bool(((angle > 0) & (angle < PI)).all())
        assert bool(mixture(seed, 200).log_density(angle).isfinite().all())


class TestDistances:
    def test_density_and_samples_are_gaussian(self) -> None:
        bond = Distances(*(torch.full((N,), x, dtype=torch.float64) for x in (0.15, math.log(0.004))))
        samples = bond.sample(uniform(0, N))
        assert stats.kstest(samples.numpy(), "norm", args=(0.15, 0.004)).pvalue > 1e-3
        np.testing.assert_allclose(bond.log_density(samples), stats.norm.logpdf(samples, 0.15, 0.004), atol=1e-10)

    @pytest.mark.parametrize("mean", [-50.0, -1.0, 0.0])
    def test_no_distance_is_below_the_shortest_however_far_the_mean(self, mean: float) -> None:
        """A first atom may stand nearer to its bead than any is drawn: its density must not grow without end."""
        bond = Distances(*(torch.full((N,), x, dtype=torch.float64) for x in (mean, math.log(0.01))))
        assert float(bond.sample(uniform(0, N)).min()) >= SHORTEST
        near, edge = (bond.log_density(torch.full((N,), d, dtype=torch.float64)) for d in (0.006, SHORTEST))
        assert torch.equal(near, edge)
        assert float(edge.max()) < 20


class TestTorsions:
    @given(_seeds, st.floats(0, 40), st.sampled_from([2, 7, 36, 108]))
    @settings(deadline=None, max_examples=15)
    def test_integral_is_one(self, seed: int, height: float, nodes: int) -> None:
        """Gauss-Legendre between the nodes, where the density is an exponential."""
        density = torsions(seed, 1, height, nodes)
        x, w = np.polynomial.legendre.leggauss(60)
        width = 2 * PI / nodes
        at = torch.as_tensor((-PI + width * (np.arange(nodes)[:, None] + (x + 1) / 2)).ravel())
        value = Torsions(density.logits.expand(len(at), -1)).log_density(at).exp()
        total = (value * torch.as_tensor(np.tile(w, nodes)) * width / 2).sum()
        assert float(total) == pytest.approx(1, abs=1e-7)

    @pytest.mark.parametrize("height", [0.0, 1.0, 6.0])
    def test_samples_follow_the_density(self, height: float) -> None:
        one = torsions(5, 1, height, 36)
        grid = torch.linspace(-PI, PI, 36 * 400 + 1, dtype=torch.float64)
        samples = Torsions(one.logits.expand(N, -1)).sample(uniform(1, N, 2))
        assert bool((samples.abs() <= PI).all())
        inside = Torsions(one.logits.expand(len(grid) - 1, -1)).log_density((grid[1:] + grid[:-1]) / 2).exp()
        cumulative = torch.cat([torch.zeros(1), (inside * (2 * PI / len(inside))).cumsum(0)])
        assert stats.kstest(samples.numpy(), lambda x: np.interp(x, grid, cumulative)).pvalue > 1e-3

    def test_the_logarithm_is_linear_between_nodes(self) -> None:
        one = torsions(3, 1, 2.0, 12)
        nodes = torch.arange(12, dtype=torch.float64) * (2 * PI / 12) - PI
        same = Torsions(one.logits.expand(12, -1))
        at = same.log_density(nodes)
        torch.testing.assert_close(at - at[0], one.logits[0] - one.logits[0, 0])
        middle = same.log_density(nodes + PI / 12)
        torch.testing.assert_close(middle, (at + at.roll(-1)) / 2)

    def test_a_turn_changes_nothing(self) -> None:
        angle = torch.linspace(-3, 3, 4, dtype=torch.float64)
        torch.testing.assert_close(torsions(0).log_density(angle), torsions(0).log_density(angle + 2 * PI))

    def test_cliffs_do_not_overflow(self) -> None:
        cliff = Torsions(torch.tensor([[0.0, 800.0, -800.0, 3.0]], dtype=torch.float64).expand(500, -1))
        samples = cliff.sample(uniform(0, 500, 2))
        assert bool(samples.isfinite().all())
        assert bool(cliff.log_density(samples).isfinite().all())
        assert float((samples + PI / 2).abs().max()) < 0.05  # all near the peak


@given(_seeds)
@settings(deadline=None, max_examples=40)
def test_place_and_coordinates_are_inverse(seed: int) -> None:
    frame = LocalFrame.of(*(rows(seed + k, 6, 3) for k in range(3)))
    rng = np.random.default_rng(seed)
    limits = (0.05, 0.4), (0.01, 3.13), (-3.14, 3.14)
    distance, angle, torsion = (torch.as_tensor(rng.uniform(low, high, 6)) for low, high in limits)
    again = frame.coordinates(frame.place(distance, angle, torsion))
    for found, expected in zip(again, (distance, angle, torsion)):
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)
    points = rows(seed + 9, 6, 3)
    torch.testing.assert_close(frame.place(*frame.coordinates(points)), points)


def test_angle_and_torsion_mean_what_chemists_mean() -> None:
    """The angle at the origin, and the torsion about the bond to the axis atom, zero where it is cis."""
    first, second, third = (torch.tensor([x], dtype=torch.float64) for x in ([0.0, 0, 0], [0.15, 0, 0], [0.2, 0.1, 0]))
    frame = LocalFrame.of(first, second, third)
    cis = frame.place(*(torch.tensor([x], dtype=torch.float64) for x in (0.11, 2.0, 0.0)))[0]
    assert float(cis[1]) > 0
    assert float(cis[2]) == pytest.approx(0)
    assert math.acos(float(cis[0]) / 0.11) == pytest.approx(2.0)
    turned = frame.place(*(torch.tensor([x], dtype=torch.float64) for x in (0.11, 2.0, PI / 2)))[0]
    assert float(turned[2]) > 0


@pytest.mark.parametrize("points", [
    [[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 0, 0], [0, 0, 1], [0, 0, -3]], [[1, 1, 1], [1, 1, 1], [2, 0, 0]],
    [[1, 1, 1], [1, 1, 1], [1, 1, 1]], [[0, 0, 0], [1, 1, 1], [0, 0, 0]], [[1, 1, 1], [1, 1, 1], [1, 1, 3]]])
def test_collinear_and_coincident_points_still_make_a_frame(points: list[list[float]]) -> None:
    frame = LocalFrame.of(*torch.tensor(points, dtype=torch.float64)[:, None].unbind(0))
    torch.testing.assert_close(frame.axes @ frame.axes.mT, torch.eye(3, dtype=torch.float64)[None])
    assert float(torch.linalg.det(frame.axes)) == pytest.approx(1)
    internal = [torch.tensor([x], dtype=torch.float64) for x in (0.12, 1.1, 2.2)]
    for found, expected in zip(frame.coordinates(frame.place(*internal)), internal):
        torch.testing.assert_close(found, expected)


@given(_seeds)
@settings(deadline=None, max_examples=20)
def test_frames_turn_with_their_points(seed: int) -> None:
    points = [rows(seed + k, 5, 3) for k in range(3)]
    turn = torch.as_tensor(Rotation.random(rng=np.random.default_rng(seed)).as_matrix())
    here, there = LocalFrame.of(*points), LocalFrame.of(*(p @ turn.T for p in points))
    torch.testing.assert_close(there.axes, here.axes @ turn.T)


@given(st.floats(0.1, 0.3), st.floats(0.1, 0.2), st.floats(0.1, 0.2))
@settings(deadline=None, max_examples=60)
def test_closing_angle_solves_the_triangle(reach: float, to_origin: float, to_axis: float) -> None:
    shortest, longest = abs(reach - to_origin), reach + to_origin
    assume(min(abs(to_axis - shortest), abs(to_axis - longest)) > 1e-12)  # flat ones are either, by rounding
    angle, feasible = closing_angle(*(torch.tensor([x], dtype=torch.float64) for x in (reach, to_origin, to_axis)))
    third = math.sqrt(max(0.0, reach**2 + to_origin**2 - 2 * reach * to_origin * math.cos(float(angle))))
    possible = shortest < to_axis < longest
    assert bool(feasible) == possible
    if possible:
        assert third == pytest.approx(to_axis, abs=1e-6)
    else:
        assert float(angle) == pytest.approx(PI if to_axis > third else 0.0, abs=1e-4)


class TestMeasure:
    """Averages of 1 / density over samples are volumes: a lost Jacobian would change them."""

    n = 50_000

    def sampled(self, sd: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Internal coordinates of many atoms from wide densities, and their log-density without a Jacobian."""
        bond = Distances(*(torch.full((self.n,), x, dtype=torch.float64) for x in (0.15, math.log(sd))))
        bend = Angles(*(torch.full((self.n, 1), x, dtype=torch.float64) for x in (1.2, 0.0, 0.0)))
        turn = Torsions(torsions(2, 1, 0.5, 12).logits.expand(self.n, -1))
        u = uniform(3, self.n, 5)
        r, theta, phi = bond.sample(u[:, 0]), bend.sample(u[:, 1:3]), turn.sample(u[:, 3:])
        return r, theta, phi, bond.log_density(r) + bend.log_density(theta) + turn.log_density(phi)

    def assert_is(self, weight: Tensor, expected: float) -> None:
        error = float(weight.std()) / self.n**0.5
        assert error < 0.04 * expected
        assert abs(float(weight.mean()) - expected) < 4 * error

    def test_a_free_atom(self) -> None:
        """q(r, theta, phi) / (r^2 sin theta) is a density per volume."""
        r, theta, phi, log_q = self.sampled(0.03)
        frame = LocalFrame.of(*(rows(k, 1, 3).expand(self.n, -1) for k in range(3)))
        x = frame.place(r, theta, phi)
        centre = frame.place(*(torch.full((self.n,), v, dtype=torch.float64) for v in (0.15, 1.2, 0.3)))
        inside = (x - centre).norm(dim=1) < 0.06
        self.assert_is(inside * (r**2 * theta.sin()) * (-log_q).exp(), 4 / 3 * PI * 0.06**3)

    def test_an_atom_on_a_rigid_bond(self) -> None:
        """q(theta, phi) / (d^2 sin theta) is a density per area of the sphere: here of a cap, 2 pi d^2 (1 - cos)."""
        _, theta, phi, _ = self.sampled(0.03)
        d = 0.11
        bend = Angles(*(torch.full((self.n, 1), x, dtype=torch.float64) for x in (1.2, 0.0, 0.0)))
        log_q = bend.log_density(theta) + Torsions(torsions(2, 1, 0.5, 12).logits.expand(self.n, -1)).log_density(phi)
        frame = LocalFrame.of(*(rows(k, 1, 3).expand(self.n, -1) for k in range(3)))
        x = frame.place(torch.full_like(theta, d), theta, phi) - frame.origin
        cap = x @ torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64) > d * math.cos(0.9)
        self.assert_is(cap * d**2 * theta.sin() * (-log_q).exp(), 2 * PI * d**2 * (1 - math.cos(0.9)))

    def test_an_atom_at_two_rigid_distances(self) -> None:
        """delta(|x - a| - d1) delta(|x - b| - d2) dx = d1 d2 / D dphi, from the Jacobian of the two distances."""
        def measure(place: Tensor) -> Tensor:
            return torch.stack([place.norm(), (place - torch.tensor([reach, 0.0])).norm()])

        reach = 0.2
        for seed in range(20):
            along, across = (float(x) for x in uniform(seed, 2) * 0.2 + 0.01)
            place = torch.tensor([along, across], dtype=torch.float64)  # in a plane through both atoms
            d1, d2 = measure(place)
            volume = across / torch.linalg.det(torch.autograd.functional.jacobian(measure, place)).abs()
            assert float(volume) == pytest.approx(float(d1 * d2 / reach))

    def test_the_volume_element_of_internal_coordinates(self) -> None:
        frame = LocalFrame.of(*(rows(k, 1, 3) for k in range(3)))
        for r, theta, phi in ((0.1, 0.7, -2.0), (0.15, 2.9, 0.1), (0.3, 1.6, 3.0)):
            internal = torch.tensor([r, theta, phi], dtype=torch.float64)
            jacobian = torch.autograd.functional.jacobian(lambda x: frame.place(*x[:, None])[0], internal)
            assert float(torch.linalg.det(jacobian).abs()) == pytest.approx(r**2 * math.sin(theta))
