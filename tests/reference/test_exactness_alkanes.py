"""Metropolis sweeps and Hamiltonian moves of alkanes on soft beads, against constrained dynamics by OpenMM.

A sample is the mean over some hundred molecules that do not see each other; a molecule's mean over its own states is
one independent datum, so that Hotelling's test holds however slowly states change. Compared are shares of torsions,
means and mean squares of angles and of the energy, and how far beads stray: right samples fail at 1e-4. ``POWERS``
are the least probabilities with which what is named would be refused; every comparison asserts its own.
"""
from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from backmap_plugins.generators.force_field.generator import ForceFieldOptions, FromForceField
from torch import Tensor

from backmap.api import Generator
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment
from tests.alkanes import SOFT, STIFF, Alkane, Sample, by_both, by_moves, by_openmm, by_sweeps

RIGHT, WRONG = 1e-4, 1e-6  #: p-values above and below which samples count as the same and as different

GAUCHE = np.radians(80.0)
#: Soft angles show errors of the measure best.
BUTANE = Alkane(4, ({0: 1, 1: 1}, {2: 1, 3: 1}), SOFT, (GAUCHE,))
SHARED = Alkane(4, ({0: 1, 1: 1, 2: 0.5}, {1: 0.5, 2: 1, 3: 1}), STIFF, (GAUCHE,))
HEXANE = Alkane(6, ({0: 1, 1: 1, 2: 1}, {3: 1, 4: 1, 5: 1}), STIFF, (np.pi, GAUCHE, np.pi))
THREE = Alkane(6, ({0: 1, 1: 1}, {2: 1, 3: 1}, {4: 1, 5: 1}), STIFF, (np.pi, GAUCHE, np.pi))


class Hot(FromForceField):
    """A bad generator on purpose: it draws as if at three times the temperature, and knows that density."""

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        return super().draw(self.warmed(env), rng, candidates)

    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        return super().log_density(self.warmed(env), positions)

    def warmed(self, env: LocalEnvironment) -> LocalEnvironment:
        return replace(env, temperature=3 * env.temperature)


def generator(alkane: Alkane, kind: type[FromForceField] = FromForceField) -> Generator:
    made = kind(ForceFieldOptions(bead_width=alkane.sigma, cutoff=0.3, nodes=48, angle_nodes=6))
    made.use(alkane.field)
    return made


class Flat(FromForceField):
    """Says that everything is as likely as everything else: 1/q is left out."""

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        draw = super().draw(env, rng, candidates)
        return Draw(draw.positions, torch.zeros_like(draw.log_density))

    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        return torch.zeros_like(super().log_density(env, positions))


class Leaking(FromForceField):
    """Aims at where the bead of the atoms is now, not at where it is given: the present state leaks."""

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        return super().draw(self.peeped(env), rng, candidates)

    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        return super().log_density(self.peeped(env), positions)

    def peeped(self, env: LocalEnvironment) -> LocalEnvironment:
        atoms = self.scene.atoms.reshape(env.size, -1, 3)  # a batch is one bead of every molecule
        bead, matrix = int(env.row[0]), env.fragments.types[0].mapping.matrix
        given = self.scene.beads.reshape(env.size, -1, 3)[:, bead]
        beads = env.beads.clone()
        beads[:, 0] += (torch.as_tensor(matrix[bead]) @ atoms - given).to(beads)
        return replace(env, beads=beads)


@cache
def reference(alkane: Alkane, count: int = 400, production: float = 20.0) -> Sample:
    return Sample(alkane, by_openmm(alkane, count, 6.0, production))


def agrees(found: np.ndarray, truth: Sample, *seen: str) -> None:
    """Compare states; with any of the errors ``seen`` they would be refused in nine of ten cases or more."""
    sample = Sample(truth.alkane, found)
    assert truth.p_value(sample) > RIGHT
    powers = truth.powers(sample, RIGHT)
    assert min(powers[error] for error in seen) > 0.9, powers


@pytest.mark.parametrize(("kind", "count", "sweeps", "share"), [
    pytest.param(FromForceField, 150, 40, 0.5, id="good", marks=pytest.mark.slow),
    pytest.param(Hot, 150, 50, 0.3, id="bad")])
def test_accepted_sweeps_of_butane(kind: type[FromForceField], count: int, sweeps: int, share: float) -> None:
    found, accepted = by_sweeps(BUTANE, generator(BUTANE, kind), count, 10, sweeps)
    agrees(found, reference(BUTANE), "no sines", "beads 5 % wider")
    assert share < accepted < share + 0.2


def test_moves_of_whole_butane() -> None:
    found, accepted = by_moves(BUTANE, 400, 20, 60, 2, 20.0)
    agrees(found, reference(BUTANE), "no sines", "beads 5 % wider")
    assert 0.8 < accepted < 1


@pytest.mark.parametrize("broken", [Flat, pytest.param(Leaking, marks=pytest.mark.slow)])
def test_broken_sweeps_are_seen(broken: type[FromForceField]) -> None:
    found, _ = by_sweeps(BUTANE, generator(BUTANE, broken), 100, 5, 15)
    assert reference(BUTANE).p_value(Sample(BUTANE, found)) < WRONG


@pytest.mark.slow
@pytest.mark.parametrize("powers", [None, (1.0, 0.0), (1.0, 1.0), (-1.0, -1.0)],
                         ids=["right", "without block", "sign of block", "sign of molecule"])
def test_moves_of_parts_of_butane(powers: tuple[float, float] | None) -> None:
    """Moves of one fragment while the other stands: what is wrong with the weight of a state shows here."""
    found, _ = by_moves(BUTANE, 1000, 20, 80 if powers else 160, 1, 25.0, powers=powers)
    truth = reference(BUTANE, 1000, 40.0)
    if powers is None:
        agrees(found, truth, "no sines", "no Fixman term", "5 % hotter", "beads 5 % wider")
    else:
        assert truth.p_value(Sample(BUTANE, found)) < WRONG


@pytest.mark.slow
def test_accepted_sweeps_have_the_fixman_term() -> None:
    found, _ = by_sweeps(BUTANE, generator(BUTANE), 1000, 10, 140)
    agrees(found, reference(BUTANE, 1000, 40.0), "no sines", "no Fixman term", "5 % hotter", "beads 5 % wider")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "alkane", "candidates", "shares"), [
    (FromForceField, SHARED, 1, (0.6, 0.75)), (Hot, SHARED, 1, (0.3, 0.45)),
    (FromForceField, HEXANE, 1, (0.4, 0.6)), (Hot, HEXANE, 4, (0.1, 0.6))],
    ids=["good, shared atoms", "bad, shared atoms", "good, hexane", "bad, hexane"])
def test_accepted_sweeps_of_stiff_alkanes(kind: type[FromForceField], alkane: Alkane, candidates: int,
                                          shares: tuple[float, float]) -> None:
    sweeps = 120 if kind is FromForceField or candidates > 1 else 240
    found, accepted = by_sweeps(alkane, generator(alkane, kind), 300, 20, sweeps, candidates)
    agrees(found, reference(alkane, 600, 60.0), "5 % hotter", "beads 5 % wider")
    assert shares[0] < accepted < shares[1]


@pytest.mark.slow
@pytest.mark.parametrize("alkane", [SHARED, HEXANE, THREE], ids=["shared atoms", "hexane", "hexane of three beads"])
def test_moves_of_stiff_alkanes(alkane: Alkane) -> None:
    found, accepted = by_moves(alkane, 300, 100, 150, len(alkane.beads), 12.0, steps=25)
    agrees(found, reference(alkane, 600, 60.0), "5 % hotter", "beads 5 % wider")
    assert accepted > 0.8


@pytest.mark.slow
def test_sweeps_and_moves_in_turn() -> None:
    """Only the ends of a hexane of three beads can be drawn alone; moves of its middle do the rest."""
    found = by_both(THREE, generator(THREE), 300, 60, 100, 2, 12.0, 25)
    agrees(found, reference(THREE, 600, 60.0), "5 % hotter", "beads 5 % wider")
