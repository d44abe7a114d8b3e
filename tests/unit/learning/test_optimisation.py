"""What trainings share: averages against a sum by hand, the learning rate's ends, an optimiser there and back."""
from __future__ import annotations

import pytest
import torch
from backmap_plugins.learning.optimisation import LAST, Average, pace, packed, resting, under, unpack
from torch import nn


def test_an_average_forgets_as_it_says() -> None:
    network = nn.Linear(1, 1, bias=False)
    average, decay, expected = Average(network, 0.9), 0.9, float(network.weight.detach())
    for step in range(1, 400):
        with torch.no_grad():
            network.weight.fill_(float(step % 7))
        average.update(step)
        share = min(decay, step / (step + 20))
        expected = share * expected + (1 - share) * (step % 7)
    assert float(average.weights["weight"]) == pytest.approx(expected, rel=1e-4)


def test_what_is_no_real_number_is_copied() -> None:
    network = nn.BatchNorm1d(2)
    average = Average(network, 0.9)
    network(torch.randn(4, 2))
    average.update(1)
    assert int(average.weights["num_batches_tracked"]) == 1


def test_a_worn_average_is_taken_off_even_after_an_error() -> None:
    network = nn.Linear(2, 2)
    average, own = Average(network, 0.5), network.weight.detach().clone()
    with torch.no_grad():
        average.weights["weight"].fill_(3.0)
    worn: list[bool] = []

    def failing() -> None:
        with average.worn():
            worn.extend([bool((network.weight == 3.0).all()), not network.training])
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert worn == [True, True]
    assert torch.equal(network.weight, own)
    assert network.training


@pytest.mark.parametrize("training", [True, False])
def test_resting_leaves_a_network_as_it_was(training: bool) -> None:
    network = nn.Dropout().train(training)
    with resting(network):
        assert not network.training
    assert network.training is training


def test_the_learning_rate_rises_and_falls() -> None:
    assert pace(0, 100, 0.0) == pytest.approx(0.01)
    assert pace(99, 100, 0.0) == pytest.approx(1.0)
    assert pace(1000, 100, 0.5) == pytest.approx((1 + LAST) / 2)
    assert pace(1000, 100, 1.0) == pytest.approx(LAST)


def test_an_optimiser_goes_on_from_tensors_as_if_never_stopped() -> None:
    def trained(network: nn.Module, optimiser: torch.optim.Optimizer, steps: range) -> None:
        for step in steps:
            optimiser.zero_grad()
            (network(torch.full((1, 3), float(step))) ** 2).sum().backward()
            optimiser.step()

    torch.manual_seed(3)
    network = nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.1)
    trained(network, optimiser, range(5))
    state = {f"net.{k}": v.clone() for k, v in network.state_dict().items()}
    state |= {k: v.clone() for k, v in packed(optimiser, "adam.").items()}
    again = nn.Linear(3, 2)
    again.load_state_dict(under(state, "net."))
    other = torch.optim.AdamW(again.parameters(), lr=0.1)
    unpack(other, state, "adam.")
    trained(network, optimiser, range(5, 9))
    trained(again, other, range(5, 9))
    assert torch.equal(network.weight, again.weight)
