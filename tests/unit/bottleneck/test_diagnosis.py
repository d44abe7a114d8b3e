"""Where two models agree: chains whose coarsened laws are known in closed form.

Mass centres of s successive beads of an ideal chain are (2 s^2 + 1) / (3 s) sigma^2 apart, in every component, so that
their distances follow Maxwell's law, and divergences of two chains of different sigma are those of two such laws.
"""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.bottleneck import diagnosis as diagnoses
from backmap_plugins.bottleneck.beads import BeadFrames
from backmap_plugins.bottleneck.coarse import CoarseFrames
from backmap_plugins.bottleneck.diagnosis import Asked, SizeFound, coarsened, diagnose
from backmap_plugins.bottleneck.telling import plain, said
from scipy.integrate import quad
from scipy.special import polygamma
from scipy.stats import maxwell

from tests import melts


def _bond(found: SizeFound) -> diagnoses.Distance:
    return next(each for each in found.distances if each.kind == "bond")


def _divergence(a: float, b: float) -> float:
    """Jensen-Shannon divergence of Maxwell's laws of two scales, by quadrature."""
    def integrand(r: float) -> float:
        p, q = maxwell.pdf(r, scale=a), maxwell.pdf(r, scale=b)
        middle = (p + q) / 2
        return sum(each * np.log(each / middle) / 2 for each in (p, q) if each > 0)

    return quad(integrand, 0, 12 * max(a, b), limit=200)[0]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_divergences_of_ideal_chains(size: int) -> None:
    rng = np.random.default_rng(size)
    x, y = (melts.frames(melts.gaussian(rng, 20, 40, 12, sigma)) for sigma in (0.30, 0.36))
    found = _bond(diagnose(x, y, Asked([size], environments=False)).sizes[0])
    expected = _divergence(0.30, 0.36)
    assert expected == pytest.approx(0.0239, abs=0.0001)
    noise = found.floor / 4  # halves hold twice the noise of each, and both are halved
    assert abs(found.value - noise - expected) < 4 * found.error + 0.001
    assert 0 < found.error < 0.3 * expected
    assert found.floor < 0.5 * expected
    assert found.own < 0.5 * expected


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_distances_of_mass_centres(size: int) -> None:
    frames = melts.frames(melts.gaussian(np.random.default_rng(0), 10, 60, 15, 0.3))
    coarse = coarsened(list(frames.rows), size, "last")
    (each,) = coarse.values()
    centres = np.stack([CoarseFrames(frames, coarse).of_type("KG", k) for k in range(10)])
    bonds = (centres[:, :, each.bonds[:, 1]] - centres[:, :, each.bonds[:, 0]])[:, :, :15 // size - 1]
    assert bonds.var() == pytest.approx(0.09 * (2 * size**2 + 1) / (3 * size), rel=0.05)


def test_the_smallest_size_that_matches() -> None:
    """Pairs of beads at other distances about the same centres: what differs is gone at s = 2, and not at s = 1."""
    rng = np.random.default_rng(1)
    x, y = (melts.frames(melts.paired(rng, 12, 16, 8, width)) for width in (0.15, 0.35))
    found = diagnose(x, y, Asked([1, 2, 4], environments=False))
    assert found.recommended == 2
    assert found.scale.since == 2
    assert found.scale.by_size[1] < 0.7
    assert not found.scale.off
    assert _bond(found.sizes[0]).verdict == "differs"
    assert said(found)[0] == "s = 2 is the smallest size that matches."


def test_environments_see_what_differs_and_not_what_is_the_same() -> None:
    pytest.importorskip("featomic")
    rng = np.random.default_rng(2)
    x, y = (melts.frames(melts.paired(rng, 10, 12, 6, width)) for width in (0.15, 0.35))
    x, y = (replace(each, boxes=[np.eye(3) * 2.5] * 10) for each in (x, y))  # of another gas, as dense as a liquid
    one, two = diagnose(x, y, Asked([1, 2])).sizes
    first, second = (each.worst("environments") for each in (one, two))
    assert first.verdict == "differs"
    assert first.p < 0.01
    assert second.verdict == "same"
    assert second.p > 0.01


def test_how_often_the_same_law_is_said_to_differ() -> None:
    """Of 120 distances of g(r), 3 percent at most; so few frames hide divergences of bonds, which are not held to be
    different."""
    rng = np.random.default_rng(3)
    verdicts = []
    for _ in range(40):
        x, y = (melts.frames(melts.gaussian(rng, 6, 12, 8, 0.3)) for _ in range(2))
        for found in diagnose(x, y, Asked([1, 2, 4], environments=False)).sizes:
            verdicts += [each.verdict for each in found.distances]
    assert verdicts.count("differs") <= 0.03 * len(verdicts)


def test_molecules_that_do_not_move_are_not_taken_for_many() -> None:
    """Ten times the same frame: halves of frames have no noise in bonds and angles, those of molecules have."""
    rng = np.random.default_rng(4)
    differing = 0
    for _ in range(20):
        x, y = (melts.frames(np.repeat(melts.gaussian(rng, 1, 12, 6, 0.3), 10, axis=0)) for _ in range(2))
        found = diagnose(x, y, Asked([1], environments=False)).sizes[0]
        differing += any(each.verdict == "differs" for each in found.distances if each.kind != "g(r)")
        assert found.worst("angle").floor > 0.01
    assert differing <= 2


def test_another_unit_is_told_with_its_factor() -> None:
    """Lengths 1.1 times as long; the error of the factor is that of the mean of ln r under Maxwell's law.

    Bonds are so broad that their divergence is negligible: the factor is told all the same.
    """
    rng = np.random.default_rng(5)
    x, y = (melts.frames(melts.gaussian(rng, 16, 16, 16, 0.3)) for _ in range(2))
    found = diagnose(x.scaled(1.1), y, Asked([1], environments=False))
    expected = 1.1 * np.sqrt(polygamma(1, 1.5) / 4 * 2 / (16 * 16 * 15))
    assert abs(found.scale.factor - 1.1) < 3 * expected
    assert found.scale.error == pytest.approx(expected, rel=0.5)
    assert found.scale.off
    assert found.after_scaling == 1
    assert not diagnose(x, y, Asked([1], environments=False)).scale.off


def test_sharp_bonds_in_another_unit_match_after_scaling() -> None:
    rng = np.random.default_rng(6)

    def rods(factor: float) -> BeadFrames:
        steps = rng.normal(size=(10, 16, 12, 3))
        steps *= rng.normal(0.5, 0.02, size=(10, 16, 12, 1)) / np.linalg.norm(steps, axis=-1, keepdims=True)
        steps[:, :, 0] = rng.uniform(0, melts.BOX, size=(10, 16, 3))
        return melts.frames(steps.cumsum(axis=2)).scaled(factor)

    found = diagnose(rods(1.1), rods(1.0), Asked([1, 2], environments=False))
    assert _bond(found.sizes[0]).verdict == "differs"
    assert found.recommended != 1
    assert found.after_scaling == 1
    assert abs(found.scale.factor - 1.1) < 3 * found.scale.error < 0.02
    lines = said(found)
    assert any("X is in another unit" in line for line in lines)
    assert not any("temperature" in line for line in lines)


def test_another_density_is_told() -> None:
    rng = np.random.default_rng(7)
    positions = melts.gaussian(rng, 8, 30, 4, 0.3)
    y = melts.frames(positions)
    x = melts.frames(melts.gaussian(rng, 8, 30, 4, 0.3)).spread(0.9)
    found = diagnose(x, y, Asked([1], environments=False))
    assert found.densities[0] / found.densities[1] == pytest.approx(0.9**-3)
    assert found.stretch == pytest.approx(1 / 0.9)
    assert any("1.372 times the bead density" in line for line in said(found))
    np.testing.assert_allclose(x.spread(1 / 0.9).boxes[0], y.boxes[0])


def test_no_size_that_matches_is_said_with_what_is_left() -> None:
    rng = np.random.default_rng(8)
    stiff = melts.gaussian(rng, 8, 12, 8, 0.3)
    stiff[:, :, 1:] = stiff[:, :, :1] + np.arange(1, 8)[:, None] * np.array([0.5, 0, 0])
    stiff += rng.normal(scale=0.02, size=stiff.shape)
    found = diagnose(melts.frames(stiff), melts.frames(melts.gaussian(rng, 8, 12, 8, 0.3)),
                     Asked([1, 2], environments=False))
    lines = said(found)
    assert lines[0].startswith("No size from 1 to 2 matches. Nearest is s = ")
    assert any("a unit is not what is between them" in line for line in lines)
    assert "another temperature" in lines[-1]
    assert plain(found)["scale"]["recommended"] is None


def test_frames_without_a_box_have_no_surroundings() -> None:
    rng = np.random.default_rng(9)
    x, y = (melts.frames(melts.gaussian(rng, 6, 8, 6, 0.3)) for _ in range(2))
    bare = BeadFrames("bare", x.blocks, x.positions, [None] * 6)
    found = diagnose(bare, y, Asked([2], environments=False))
    assert {each.kind for each in found.sizes[0].distances} == {"bond", "angle"}
    assert "X has no box" in " ".join(said(found))


def test_one_molecule_type_beside_another() -> None:
    """Terms of each type by themselves; a type that is the same hides no other."""
    rng = np.random.default_rng(10)
    solvent = melts.chain(2)
    object.__setattr__(solvent, "name", "SOL")

    def mixed(sigma: float) -> BeadFrames:
        long, short = melts.gaussian(rng, 8, 10, 8, sigma), melts.gaussian(rng, 8, 20, 2, 0.3)
        both = [np.concatenate([a.reshape(-1, 3), b.reshape(-1, 3)]) for a, b in zip(long, short)]
        return BeadFrames("mixed", [(chain, 10), (solvent, 20)], both, [np.eye(3) * melts.BOX] * 8)

    chain = melts.chain(8)
    found = diagnose(mixed(0.3), mixed(0.9), Asked([1], environments=False)).sizes[0]
    verdicts = {each.name: each.verdict for each in found.distances if each.kind == "bond"}
    assert verdicts == {"KG T1-T1": "differs", "SOL T1-T1": "same"}
    assert found.worst("bond").name == "KG T1-T1"
