"""Temperatures of steps, from the simulation whose force field they use."""
from __future__ import annotations

import pytest
from backmap_plugins.steps.hamiltonian import Hamiltonian

from backmap.errors import BackmapError
from backmap.model.run_parameters import RunParameters

RUN = RunParameters("run.mdp", {}, temperature=350.0, places={"temperature": "run.mdp:4: ref-t = 350"})


def test_a_temperature_that_is_not_given_is_that_of_the_simulation() -> None:
    step = Hamiltonian(Hamiltonian.Options(sweeps=2))
    step.settle(None)
    assert step.options.temperature == 300.0
    step.settle(RUN)
    assert (step.options.temperature, step.options.sweeps) == (350.0, 2)
    step.settle(RUN)


def test_another_temperature_is_a_contradiction() -> None:
    step = Hamiltonian(Hamiltonian.Options(temperature=300.0))
    with pytest.raises(BackmapError, match=r"is 300 K, but run.mdp:4: ref-t = 350. Leave one of them out."):
        step.settle(RUN)
