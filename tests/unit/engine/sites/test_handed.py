"""What plugins hand over is looked at: kinds, shapes and numbers."""
from __future__ import annotations

import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from backmap.engine.sites import handed
from backmap.engine.sites.contracts import Draw, Order
from backmap.errors import BackmapError
from tests.toy_plugin import diatomic

BLOCK = torch.tensor([[True, True, False], [True, False, False]])
ENV = SimpleNamespace(size=2, block=BLOCK, fragments=SimpleNamespace(followers=SimpleNamespace(rows=())))


def label(site: int) -> str:
    return f"frame 0, TOY {site + 1} A"


def drawing(positions: object, density: torch.Tensor | None = None) -> SimpleNamespace:
    return SimpleNamespace(name="cloud", draw=lambda env, rng, candidates: Draw(positions, density))


def said(problem: str) -> object:
    return pytest.raises(BackmapError, match="^" + re.escape(problem))


def test_draws_are_looked_at_where_they_are_drawn() -> None:
    positions = torch.zeros(2, 4, 3, 3)
    positions[1, :, 1] = torch.nan  # is not drawn
    assert handed.draw(drawing(positions), ENV, None, 4, label).positions is positions
    positions[1, 2, 0, 0] = -torch.inf
    with said("the generator 'cloud' drew positions that are not numbers, at 1 of 2 sites (first: frame 0, TOY 2 A)"):
        handed.draw(drawing(positions), ENV, None, 4, label)
    with said("the generator 'cloud' drew positions of shape (2, 4, 3, 3), expected (2, 1, 3, 3). This is a fault"):
        handed.draw(drawing(positions), ENV, None, 1, label)
    with said("the generator 'cloud' drew positions as a list, expected a Tensor"):
        handed.draw(drawing([1.0]), ENV, None, 1, label)


def test_densities_may_be_zero_but_are_there() -> None:
    positions = torch.zeros(2, 1, 3, 3)
    draw = Draw(positions, torch.tensor([[-torch.inf], [1.0]]))
    assert handed.log_density(drawing(positions), draw, label).dtype == torch.float64
    with said("the generator 'cloud' drew log-densities that are not numbers, at 1 of 2 sites (first: frame 0, TOY 1"):
        handed.log_density(drawing(positions), Draw(positions, torch.tensor([[torch.nan], [1.0]])), label)
    with said("the generator 'cloud' drew log-densities of shape (2,), expected (2, 1)"):
        handed.log_density(drawing(positions), Draw(positions, torch.zeros(2)), label)
    with said("the generator 'cloud' drew positions without their log-density"):
        handed.log_density(drawing(positions), Draw(positions), label)


@pytest.mark.parametrize(("energy", "problem"), [
    (torch.tensor([[1.0], [torch.inf]]), None),
    (torch.tensor([[1.0], [torch.nan]]), "gave energies that are not numbers, at 1 of 2 sites (first: frame 0, TOY 2"),
    (torch.tensor([[-torch.inf], [0.0]]), "gave energies that are not numbers, at 1 of 2 sites (first: frame 0, TOY 1"),
    (torch.zeros(2), "gave energies of shape (2,), expected (2, 1)"),
    (0.0, "gave as energies a float, expected a Tensor"),
])
def test_energies_may_be_infinite_but_no_less(energy: object, problem: str | None) -> None:
    worker = SimpleNamespace(name="soft", energy=lambda env, positions: energy)
    positions = torch.zeros(2, 1, 3, 3)
    if problem is None:
        assert handed.energy(worker, ENV, positions, label) is energy
        return
    with said(f"the regularizer 'soft' {problem}"):
        handed.energy(worker, ENV, positions, label)


@pytest.mark.parametrize(("ranks", "parents", "problem"), [
    ([0], [-1], None), ([0, 0], [-1], "gave ranks of TOY of shape (2,), expected (1,)"),
    ([0], [[-1]], "gave parents of TOY of shape (1, 1), expected (1,)"),
    ([1], [-1], "gave ranks of TOY that are not 0"),
    ([0.0], [-1], "gave ranks of TOY that are no whole numbers"), ([-1], [-1], "gave ranks of TOY that are not 0"),
    ([0], [1], "gave bead A of TOY a parent that does not come before it"),
    ([0], [0], "gave bead A of TOY a parent that does not come before it"), ([0], [-2], "gave bead A of TOY a parent"),
])
def test_orders(ranks: list, parents: list, problem: str | None) -> None:
    worker = SimpleNamespace(name="random", order=lambda molecule, rng: Order(np.array(ranks), np.array(parents)))
    if problem is None:
        assert handed.order(worker, diatomic(), None).ranks.tolist() == ranks
        return
    with said(f"the traversal 'random' {problem}"):
        handed.order(worker, diatomic(), None)


def test_an_error_comes_back_from_another_process_as_it_was() -> None:
    error = pickle.loads(pickle.dumps(handed.fault("the assessor 'x' gave nothing").at("run.yaml: steps[3].assess")))
    assert str(error) == str(handed.fault("the assessor 'x' gave nothing").at("run.yaml: steps[3].assess"))
    assert error.where == "run.yaml: steps[3].assess"
