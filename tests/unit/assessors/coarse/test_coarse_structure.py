"""Beads against formulas: freely rotating chains, lattices, rings; and against scipy."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from backmap.errors import BackmapError
from backmap.model.assessment import CARE, GOOD, Assessment, Figure
from backmap.model.system import System
from tests.polymer import SECTION, Array, kind_of, line, measured, ring, rotating, snapshot

LENGTH, COSINE, N = 0.7, 0.4, 33


def figures(assessment: Assessment) -> dict[tuple[str, str], Figure]:
    return {(figure.name, figure.quantity): figure for figure in assessment.figures}


def chains(seed: int, frames: int, count: int = 200) -> tuple[System, list[Array]]:
    """Frames of freely rotating chains."""
    rng = np.random.default_rng(seed)
    return System(((line(N), count),)), [rotating(rng, count, N, LENGTH, COSINE).reshape(-1, 3) for _ in range(frames)]


def expected(n: int) -> float:
    """<R^2(n)>/n of a freely rotating chain (P. J. Flory, Statistical Mechanics of Chain Molecules, 1969)."""
    return LENGTH**2 * ((1 + COSINE) / (1 - COSINE) - 2 * COSINE * (1 - COSINE**n) / (n * (1 - COSINE)**2))


def test_a_freely_rotating_chain() -> None:
    """4000 chains know <R^2> to 1.3 %, and the errors of blocks say so."""
    system, frames = chains(0, 20)
    box = np.eye(3) * 20.0
    assessor, tally = measured(system, [snapshot(system, x, box, k) for k, x in enumerate(frames)])
    found = assessor.conclude(tally, None)
    curve = next(curve for curve in found.curves if curve.name == "⟨R²(n)⟩/n of KG")
    np.testing.assert_allclose(curve.edges, np.arange(N) + 0.5)
    np.testing.assert_allclose(curve.values, [expected(n) for n in range(1, N)], rtol=0.05)
    np.testing.assert_allclose(curve.values[:2], [expected(1), expected(2)], rtol=1e-12)
    by = figures(found)
    kuhn, contour = expected(N - 1) / LENGTH, (N - 1) * LENGTH
    end = by["end-to-end distance of KG", "root mean square"]
    assert abs(end.value - np.sqrt(expected(N - 1) * (N - 1))) < 4 * end.error
    assert end.error == pytest.approx(end.value * 0.0065, rel=0.6)
    length = by["Kuhn length of KG", "⟨R²⟩/L"]
    assert abs(length.value - kuhn) < 4 * length.error
    number = by["Kuhn number of KG", "beads of a molecule type alone"]
    density = 200 * N / 20.0**3 * LENGTH / length.value
    assert number.value == pytest.approx(density * length.value**3, rel=1e-9)
    assert by["contour length of KG", "mean"].value == pytest.approx(contour)
    assert by["bond K-K", "mean"].value == pytest.approx(LENGTH)
    assert by["angle K-K-K", "mean"].value == pytest.approx(180 - np.degrees(np.arccos(COSINE)))
    gyration = np.mean([x.reshape(-1, N, 3).var(axis=1).sum(axis=-1).mean() for x in frames])
    assert by["radius of gyration of KG", "root mean square"].value == pytest.approx(np.sqrt(gyration))


def test_a_lattice_has_its_shells() -> None:
    """A simple cubic lattice: 6 neighbours at a, 12 at a sqrt 2, 8 at a sqrt 3; bonded ones are left out on demand."""
    a, m, width = 0.5, 8, 0.02
    grid = np.stack(np.meshgrid(*[np.arange(m) * a] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    system, box = System(((line(m), m * m),)), np.eye(3) * a * m  # rows along z are chains
    pairs = {}
    for apart in (1, 2):
        assessor, tally = measured(system, [snapshot(system, grid, box)], apart=apart, rdf_bin=width, rdf_cutoff=1.0)
        curve = next(curve for curve in assessor.conclude(tally, None).curves if curve.name == "g(r)")
        volume = 4 / 3 * np.pi * np.diff(curve.edges**3)
        n = len(grid)
        pairs[apart] = curve.values * volume * n * (n - 1) / 2 / (a * m)**3
    for r, neighbours in ((a, 6), (a * 2**0.5, 12), (a * 3**0.5, 8)):
        near = slice(int(r / width - 0.5), int(r / width - 0.5) + 2)
        assert pairs[1][near].sum() == pytest.approx(len(grid) * neighbours / 2)
    assert pairs[1].sum() - pairs[2].sum() == pytest.approx(m * m * (m - 1))  # the bonds


def test_distances_are_scipys_with_floors() -> None:
    system, ours = chains(1, 6, 30)
    _, theirs = chains(2, 6, 30)
    theirs = [x * 1.05 for x in theirs]
    box = np.eye(3) * 12.0
    assessor, tally = measured(system, [snapshot(system, x, box, k) for k, x in enumerate(ours)])
    _, reference = measured(system, [snapshot(system, x, box, k) for k, x in enumerate(theirs)])
    by = figures(assessor.conclude(tally, reference))
    edges = np.arange(-180, 181, 4.0)
    counts = [np.histogram(torsions(np.array(each).reshape(-1, N, 3)), edges)[0] for each in (ours, theirs)]
    distance = by["torsion K-K-K-K", "JSD"]
    assert distance.value == pytest.approx(jensenshannon(*counts)**2, rel=1e-9)
    assert distance.distance
    assert 0 < distance.error < distance.value
    p, q = (np.maximum(each / each.sum(), 1e-6) for each in counts)
    assert by["torsion K-K-K-K", "Jeffreys"].value == pytest.approx(((p - q) * np.log(p / q)).sum(), rel=1e-9)
    assert by["bond K-K", "JSD"].value == pytest.approx(np.log(2))  # two sharp lengths
    assert by["contour length of KG", "relative deviation"].value == pytest.approx(1 - 1 / 1.05)
    assert all(figure.section == SECTION for figure in by.values())
    assert assessor.distances(tally, tally) == dict.fromkeys(assessor.distances(tally, tally), 0.0)


def torsions(x: Array) -> Array:
    """By the angle between planes, its sign by the triple product; not the formula of the engine."""
    step = np.diff(x, axis=1)
    normal = np.cross(step[:, :-1], step[:, 1:])
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    first, second = normal[:, :-1], normal[:, 1:]
    angle = np.degrees(np.arccos(np.clip((first * second).sum(axis=-1), -1, 1)))
    return (angle * np.sign((first * step[:, 2:]).sum(axis=-1))).ravel()


def test_rings_and_branches_have_what_is_defined() -> None:
    """A regular hexagon: pairs 1, 2 and 3 bonds apart are 1, sqrt 3 and 2 sides away, and the radius is one side."""
    turn = np.radians(60 * np.arange(6))
    hexagon = np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)
    star = kind_of([(0, 1), (0, 2), (0, 3)], list("ABBB"), "STAR")
    system = System(((ring(6), 2), (star, 1), (kind_of([], ["W"], "W"), 1), (kind_of([(0, 1)], ["K"] * 3, "TORN"), 1)))
    atoms = np.concatenate([hexagon, hexagon * 2, hexagon[:4], hexagon[:4]])
    assessor, tally = measured(system, [snapshot(system, atoms)])
    found = assessor.conclude(tally, None)
    by = figures(found)
    assert by["radius of gyration of RING", "root mean square"].value == pytest.approx(np.sqrt(2.5))
    assert by["contour length of RING", "mean"].value == pytest.approx(9.0)
    assert {name for name, _ in by if "RING" in name} == {"radius of gyration of RING", "contour length of RING"}
    assert {name for name, _ in by if "STAR" in name} == {"radius of gyration of STAR"}
    curve = next(curve for curve in found.curves if curve.name == "⟨R²(n)⟩/n of RING")
    np.testing.assert_allclose(curve.values, [2.5, 2.5 * 3 / 2, 2.5 * 4 / 3])
    assert found.notes == [
        "There is no g(r), because the frames have no box.",
        "RING is a ring: it has no end-to-end distance, no Kuhn length, no Kuhn number.",
        "STAR is branched: it has no end-to-end distance, no contour length, no Kuhn length, no Kuhn number.",
        "TORN is not held together by its bonds, and has no size."]


def test_pairs_of_types_have_a_function_each() -> None:
    system = System(((kind_of([(0, 1)], ["A", "B"], "AB"), 40),))
    atoms = np.random.default_rng(4).random((80, 3)) * 3
    assessor, tally = measured(system, [snapshot(system, atoms, np.eye(3) * 3.0)], rdf_cutoff=1.4)
    curves = {curve.name: curve.values for curve in assessor.conclude(tally, None).curves}
    every, weights = curves["g(r)"], {"A-A": 40 * 39 / 2, "A-B": 1600, "B-B": 40 * 39 / 2}
    np.testing.assert_allclose(sum(curves[f"g(r) {name}"] * n for name, n in weights.items()), every * 80 * 79 / 2)


def test_what_a_step_has_moved() -> None:
    """Chains twice as large about their first beads."""
    system, frames = chains(5, 3, 10)
    assessor, tally = measured(system, [snapshot(system, 2 * x, None, k, before=x) for k, x in enumerate(frames)])
    by = figures(assessor.conclude(tally, None))
    moved = np.sqrt(np.mean([(x**2).sum(axis=-1).mean() for x in frames]))
    assert by["beads", "moved by, root mean square"].value == pytest.approx(moved)
    for name in ("end-to-end distance", "radius of gyration", "contour length"):
        for quantity in ("mean", "root mean square over frames"):
            assert by[f"{name} of KG", f"change by the step, {quantity}"].value == pytest.approx(1.0)
    _, still = measured(system, [snapshot(system, frames[0])])
    assert ("beads", "moved by, root mean square") not in figures(assessor.conclude(still, None))


def test_a_system_without_molecules_is_one_line() -> None:
    with pytest.raises(BackmapError, match="there are no molecules to measure"):
        measured(System(()), [])


def test_the_verdict_is_that_of_three_floors() -> None:
    """Chains of the same law are as in the reference; bonds of 10 % more are not, and what moved them says so."""
    system, theirs = chains(7, 8, 40)
    _, ours = chains(8, 8, 40)
    theirs, ours = (jittered(each, seed) for seed, each in enumerate((theirs, ours)))
    assessor, reference = measured(system, [snapshot(system, x, None, k) for k, x in enumerate(theirs)])
    _, alike = measured(system, [snapshot(system, x, None, k) for k, x in enumerate(ours)])
    _, apart = measured(system, [snapshot(system, 1.1 * x, None, k, before=x) for k, x in enumerate(ours)])
    good = assessor.conclude(alike, reference).findings
    assert [(aspect.topic, aspect.level) for aspect in good] == [("bead geometry", GOOD)]
    assert "are as in the reference" in good[0].text
    kept, geometry = assessor.conclude(apart, reference).findings
    assert (kept.topic, kept.level, geometry.level) == ("chain sizes", CARE, CARE)
    assert "by 10.00% a frame" in kept.text
    assert "1 of 3, most of all bond K-K (divergence" in geometry.text


def jittered(frames: list[Array], seed: int) -> list[Array]:
    """Beads moved at random, so that bonds have a width."""
    rng = np.random.default_rng(100 + seed)
    return [x + rng.normal(0, 0.02, x.shape) for x in frames]
