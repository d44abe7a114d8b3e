"""Metropolis sweeps by way of latents, against closed forms and against constrained dynamics by OpenMM.

Weights of pairs of atoms and latents are random numbers; the atoms must follow the target all the same, with decoders
that listen to latents of which the encoder knows nothing, with several candidates, and with training that hardly began.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pytest
import torch
from backmap_plugins.generators.vae.generator import Vae

from backmap.model.molecule import MoleculeType
from tests.acceptance import TEMPERATURE, World, angle_field, angles, chain, p_value
from tests.alkanes import SOFT, STIFF, Alkane, Sample, by_openmm, by_sweeps
from tests.latents import as_one, broad, taught

from .test_acceptance import BENT, RIGHT, STIFFNESS, WRONG, fixman, potential

GAUCHE = np.radians(80.0)


def pinned(k: float = STIFFNESS) -> World:
    """Trimers whose middle atom is the bead."""
    kind = chain(3, [([1], [1.0])])
    return World(kind, BENT, np.zeros((1, 3)), angle_field(kind, k))


@pytest.mark.slow
@pytest.mark.parametrize("candidates", [1, 4])
def test_angles_of_trimers_have_their_density(candidates: int) -> None:
    atoms, share = pinned().sample(broad(), 4000, 40 if candidates == 1 else 16, candidates)
    assert p_value(angles(atoms), lambda t: fixman(t) * potential(t), 0.0, np.pi) > RIGHT, share
    assert share > 0.1


def test_a_weight_without_its_encoder_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if latents came for free, and acceptance were for P(z) P(x|z) alone."""
    monkeypatch.setattr("backmap_plugins.generators.vae.generator.log_normal",
                        lambda z, mean, log_sd: torch.zeros(len(z), dtype=torch.float64))
    atoms, _ = pinned().sample(broad(), 2000, 20)
    assert p_value(angles(atoms), lambda t: fixman(t) * potential(t), 0.0, np.pi) < WRONG


@dataclass(frozen=True, eq=False)
class OneBlock(Alkane):
    """An alkane that is drawn whole."""

    @cached_property
    def kind(self) -> MoleculeType:
        return as_one(super().kind)


#: Two beads of two atoms; soft angles show errors of the measure best.
BUTANE = OneBlock(4, ({0: 1, 1: 1}, {2: 1, 3: 1}), SOFT, (GAUCHE,))
#: Three atoms a bead: the chain is drawn from its fourth atom on, in both directions.
HEXANE = OneBlock(6, ({0: 1, 1: 1, 2: 1}, {3: 1, 4: 1, 5: 1}), STIFF, (np.pi, GAUCHE, np.pi))


@cache
def reference(alkane: Alkane, count: int = 400, production: float = 20.0) -> Sample:
    return Sample(alkane, by_openmm(alkane, count, 6.0, production))


@cache
def learner(alkane: Alkane, steps: int) -> Vae:
    """It learns from other states of the same dynamics than those that it is compared with."""
    states = by_openmm(alkane, 200, 6.0, 2.0, seed=11).reshape(-1, alkane.n, 3)
    return taught(alkane.kind, states, alkane.world.beads, TEMPERATURE, steps)


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "sweeps", "candidates", "least"), [
    pytest.param(400, 40, 1, 0.25, id="good"), pytest.param(60, 150, 1, 0.02, id="bad"),
    pytest.param(60, 60, 4, 0.05, id="bad, four candidates")])
def test_whole_butane(steps: int, sweeps: int, candidates: int, least: float) -> None:
    truth = reference(BUTANE)
    found, accepted = by_sweeps(BUTANE, learner(BUTANE, steps), 200, sweeps // 3, sweeps, candidates)
    sample = Sample(BUTANE, found)
    assert accepted > least
    assert truth.p_value(sample) > 1e-4, accepted
    powers = truth.powers(sample, 1e-4)
    assert powers["no sines"] > 0.9, powers


@pytest.mark.slow
def test_whole_hexane() -> None:
    truth = reference(HEXANE)
    found, accepted = by_sweeps(HEXANE, learner(HEXANE, 800), 200, 60, 160, 4)
    assert accepted > 0.1
    assert truth.p_value(Sample(HEXANE, found)) > 1e-4, accepted
