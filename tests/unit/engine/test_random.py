"""Random numbers that depend on their names alone, and are distributed as they should be."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backmap.engine.random import _GOLDEN, Stream, mix, numpy_generator

N = 200_000  #: numbers in a test of a distribution; the streams are fixed, so that a test that passes stays so
_seeds = st.integers(0, 2**62)


def sites(n: int, seed: int = 0) -> Stream:
    return Stream.of(seed, "sweep", 3, torch.arange(n) // 7, torch.arange(n))


@given(_seeds, st.lists(st.integers(0, 99), min_size=1, max_size=30))
@settings(deadline=None, max_examples=50)
def test_a_row_is_the_same_in_any_subset_and_order(seed: int, chosen: list[int]) -> None:
    frame, bead = torch.arange(100) // 10, torch.arange(100) % 10
    whole = Stream.of(seed, 4, frame, bead)
    part = Stream.of(seed, 4, frame[chosen], bead[chosen])
    for shape in ((3,), (2, 2), ()):
        assert torch.equal(whole.uniform(*shape)[chosen], part.uniform(*shape))
    assert torch.equal(whole.child("choice").normal(2)[chosen], part.child("choice").normal(2))
    assert torch.equal(whole.rotation()[chosen], part.rotation())


def test_numbers_go_on_where_they_stopped() -> None:
    once, twice = sites(5), sites(5)
    assert torch.equal(once.uniform(7), torch.cat([twice.uniform(3), twice.uniform(2, 2).flatten(1)], dim=1))


def test_the_first_candidate_is_the_same_however_many_there_are() -> None:
    assert torch.equal(sites(4).uniform(8, 6, 5)[:, :1], sites(4).uniform(1, 6, 5))


def test_a_child_does_not_depend_on_what_its_parent_has_used() -> None:
    fresh, used = sites(5), sites(5)
    used.uniform(11)
    assert torch.equal(fresh.child("a", 1).uniform(4), used.child("a", 1).uniform(4))


def test_other_names_give_other_numbers() -> None:
    one = torch.arange(1)
    streams = [Stream.of(1, 2, one), Stream.of(2, 1, one), Stream.of(1, 2, one + 1), Stream.of(1, "2", one),
               Stream.of(1, 2, 0, one), Stream.of(-1, 2, one), Stream.of(1, 2, one).child("a"),
               Stream.of(1, 2, one).child("b"), Stream.of(1, 2, one).child("a", "b"),
               Stream.of(1, 2, one).child("b", "a")]
    assert len({float(stream.uniform()) for stream in streams}) == len(streams)


def test_every_row_of_a_large_batch_is_different() -> None:
    assert len(torch.unique(sites(N).key)) == N


@pytest.mark.parametrize("other", [
    lambda n: sites(n).child("choice").uniform(), lambda n: sites(n, seed=1).uniform(),
    lambda n: sites(n).uniform(2)[:, 1], lambda n: sites(n + 1).uniform()[1:]])
def test_related_streams_are_uncorrelated(other) -> None:
    a, b = sites(N).uniform(), other(N)
    for power_a, power_b in ((1, 1), (2, 1), (1, 2)):
        correlation = np.corrcoef((a**power_a).numpy(), (b**power_b).numpy())[0, 1]
        assert abs(correlation) < 4 / N**0.5


def test_uniform_numbers_are_uniform() -> None:
    values = sites(N // 4).uniform(4).flatten().numpy()
    assert stats.kstest(values, "uniform").pvalue > 1e-3
    for power in (1, 2, 3, 4):
        spread = (1 / (2 * power + 1) - 1 / (power + 1) ** 2) ** 0.5
        assert abs((values**power).mean() - 1 / (power + 1)) < 4 * spread / len(values) ** 0.5
    grid = np.histogram2d(values[::2], values[1::2], bins=16, range=[[0, 1], [0, 1]])[0]
    assert stats.chisquare(grid.ravel()).pvalue > 1e-3


@pytest.mark.parametrize("bits", [0, -1])
def test_uniform_numbers_are_never_zero_or_one(bits: int) -> None:
    """Keys are made for the two extreme values of the hash."""
    value = float(Stream(torch.tensor([_unmix(bits) - _GOLDEN])).uniform())
    assert 0 < value < 1
    assert np.isfinite(float(Stream(torch.tensor([_unmix(bits) - _GOLDEN])).normal()))


def test_normal_numbers_are_normal() -> None:
    values = sites(N).normal().numpy()
    assert stats.kstest(values, "norm").pvalue > 1e-3


def test_rotations_are_rotations() -> None:
    turn = sites(1000).rotation()
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3, dtype=torch.float64).expand(1000, 3, 3))
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(1000, dtype=torch.float64))


def test_rotations_are_uniform() -> None:
    turn = sites(N).rotation()
    entries = turn.reshape(-1, 9)
    assert float(entries.mean(0).abs().max()) < 4 * 3**-0.5 / N**0.5
    # Orthogonality of the matrix elements of a rotation: E[R_ij R_kl] = delta_ik delta_jl / 3.
    second = entries.T @ entries / N
    torch.testing.assert_close(second, torch.eye(9, dtype=torch.float64) / 3, atol=0.005, rtol=0)
    # The angle of a uniform rotation has the density (1 - cos) / pi.
    angle = torch.acos(((turn.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1)).numpy()
    assert stats.kstest(angle, lambda x: (x - np.sin(x)) / np.pi).pvalue > 1e-3
    image = turn[:, :, 0].numpy()
    assert stats.kstest(image[:, 2], "uniform", args=(-1, 2)).pvalue > 1e-3


def test_numpy_generators_are_named_too() -> None:
    assert numpy_generator(7, "batch", 3).random() == numpy_generator(7, "batch", 3).random()
    names = [(7, "batch", 3), (7, "batch", 4), (7, "other", 3), (8, "batch", 3), (-7, "batch", 3)]
    assert len({numpy_generator(*name).random() for name in names}) == len(names)


def _unmix(value: int) -> int:
    """The word that ``mix`` turns into ``value``."""
    mask = (1 << 64) - 1

    def unshift(x: int, bits: int) -> int:
        y = x
        for _ in range(64 // bits + 1):
            y = x ^ (y >> bits)
        return y

    x = unshift(value & mask, 31)
    x = unshift(x * pow(0x94D049BB133111EB, -1, 1 << 64) & mask, 27)
    x = unshift(x * pow(0xBF58476D1CE4E5B9, -1, 1 << 64) & mask, 30)
    x = x - (1 << 64) if x >= 1 << 63 else x
    assert int(mix(torch.tensor(x))) == value
    return x
