"""The time step: from the share that is accepted to the one that is wanted."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import erfc

from backmap.engine.hamiltonian.timestep import (
    LONGEST,
    NEAR,
    SHORTEST,
    TRAJECTORY,
    WANTED,
    better,
    first_guess,
    mistaken,
    near_enough,
    steps_of,
)
from tests import scenes


def accepted(timestep: float, stiffness: float) -> float:
    """What moves with an error of second order in the time step have accepted."""
    return float(erfc(stiffness * timestep**2))


@pytest.mark.parametrize("stiffness", [0.01, 0.05, 0.2, 1.0, 5.0])
@pytest.mark.parametrize("guess", [1.0, 2.0])
def test_a_few_trials_lead_to_the_wanted_share(stiffness: float, guess: float) -> None:
    timestep, trials = guess, 0
    while not near_enough(share := accepted(timestep, stiffness), share):
        timestep, trials = better(timestep, share, share), trials + 1
        assert trials < 6
    assert abs(accepted(timestep, stiffness) - WANTED) <= NEAR


def test_the_stiffest_kind_of_block_keeps_it_short() -> None:
    timestep, soft, stiff = 2.0, 0.005, 0.2
    for _ in range(6):
        shares = accepted(timestep, soft), accepted(timestep, stiff)
        both = 0.9 * shares[0] + 0.1 * shares[1]
        if near_enough(both, shares[1]):
            break
        timestep = better(timestep, both, shares[1])
    assert accepted(timestep, stiff) == pytest.approx(0.5, abs=0.05)
    assert both > WANTED


def test_steps_are_bounded_and_have_two_digits() -> None:
    assert better(1.0, 1.0, 1.0) == 2.0
    assert better(1.0, 0.0, 0.0) == 0.5
    assert better(LONGEST, 1.0, 1.0) == LONGEST
    assert better(SHORTEST, 0.0, 0.0) == SHORTEST
    for share in np.linspace(0.05, 0.99, 20):
        timestep = better(1.37, share, share)
        assert float(f"{timestep:.2g}") == timestep


def test_guesses_and_the_length_of_trajectories() -> None:
    (rigid,) = scenes.octane_system().types
    hydrogens = ~rigid.chemistry.heavy[rigid.bonds].all(axis=1)
    springs, held = (replace(rigid, bond_length=np.where(some, np.nan, rigid.bond_length))
                     for some in (hydrogens, ~hydrogens))
    assert first_guess([rigid]) == 2.0
    assert first_guess([rigid, held]) == 2.0  # springs between heavy atoms are slow
    assert first_guess([rigid, springs]) == 1.0
    assert first_guess([rigid], heavy=True) > 3.0
    for timestep in (0.5, 1.0, 1.6, 2.3, 10.0):
        assert steps_of(timestep) * timestep == pytest.approx(TRAJECTORY, rel=0.1)


def test_time_steps_in_picoseconds_are_told() -> None:
    assert mistaken(0.002) == ("a time step of 0.002 fs is shorter than any vibration asks for: recipes count in fs, "
                               "and 0.002 ps are 2 fs")
    assert not mistaken(0.5)
