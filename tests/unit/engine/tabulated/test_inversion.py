"""Boltzmann inversion: potentials from which samples were drawn come back, and VOTCA's csg_boltzmann agrees."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from backmap.engine.tabulated.inversion import boltzmann_inverse
from backmap.errors import BackmapError
from backmap.model.parameters import BOLTZMANN
from backmap.model.tabulated import Kind, even_grid

Array = np.ndarray
HEAT = BOLTZMANN * 300
OCTANE = Path(__file__).parents[4] / "recipes" / "octane"


def energy(kind: Kind, x: Array) -> Array:
    """A well, a double well and a threefold barrier."""
    return {"bond": 10000 * (x - 0.25)**2, "angle": 60 * (x - 2.2)**2 + 4 * np.cos(9 * x),
            "dihedral": 3 * (1 + np.cos(3 * x)) + 2 * np.cos(x - 1)}[kind]


def samples(kind: Kind, n: int, seed: int = 0) -> Array:
    """Drawn by inverting the cumulative distribution on a very fine grid."""
    low, high = {"bond": (0.1, 0.4), "angle": (0, np.pi), "dihedral": (-np.pi, np.pi)}[kind]
    x = np.linspace(low, high, 200001)
    jacobian = {"bond": x**2, "angle": np.sin(x), "dihedral": np.ones_like(x)}[kind]
    cumulative = np.cumsum(jacobian * np.exp(-energy(kind, x) / HEAT))
    return np.interp(np.random.default_rng(seed).random(n), cumulative / cumulative[-1], x)


@pytest.mark.parametrize("kind", ["bond", "angle", "dihedral"])
def test_the_potential_of_samples(kind: Kind) -> None:
    grid = even_grid(kind, 0.1, 0.4, {"bond": 301}.get(kind, 181))
    found = boltzmann_inverse(samples(kind, 400_000), kind, 300, grid)
    exact = energy(kind, grid)
    often = found.known & (exact < exact.min() + 3 * HEAT)
    error = (found.energy - exact)[often]
    assert often.sum() > 40
    assert (error - error.mean()).std() < 0.02 * HEAT
    slope = (energy(kind, grid + 1e-5) - energy(kind, grid - 1e-5)) / 2e-5
    assert (found.force + slope)[often].std() < 0.2 * slope[often].std()


def test_walls_continue_the_well() -> None:
    grid = even_grid("bond", 0.15, 0.35, 201)
    found = boltzmann_inverse(samples("bond", 20_000), "bond", 300, grid)
    beyond = ~found.known
    assert 50 < beyond.sum() < 150
    assert (found.force[beyond & (grid < 0.25)] > 0).all()
    assert (found.force[beyond & (grid > 0.25)] < 0).all()
    assert found.energy[[0, -1]] == pytest.approx(energy("bond", grid[[0, -1]]), rel=0.5)  # 4 times beyond the data


def test_gaps_are_no_wells() -> None:
    two = np.concatenate([np.random.default_rng(0).normal(m, 0.05, 5000) for m in (-1.5, 1.5)])
    found = boltzmann_inverse(two, "dihedral", 300, even_grid("dihedral", 0, 0, 181))
    gap = ~found.known
    assert gap.sum() > 100
    assert (found.energy[gap] > HEAT * 3).all()
    assert found.energy[0] == found.energy[-1]


def test_dihedrals_go_round() -> None:
    grid = even_grid("dihedral", 0, 0, 121)
    plain, shifted = (boltzmann_inverse(samples("dihedral", 50_000) + turn, "dihedral", 300, grid)
                      for turn in (0, 4 * np.pi))
    assert np.allclose(plain.energy, shifted.energy, atol=0.2)
    assert plain.force[0] == pytest.approx(plain.force[-1], abs=1e-9)


def test_more_samples_less_error() -> None:
    """The statistical error, without smoothing, falls as one over the root of the number of samples."""
    grid, errors = even_grid("dihedral", 0, 0, 61), []
    for n in (4_000, 64_000):
        found = [boltzmann_inverse(samples("dihedral", n, seed), "dihedral", 300, grid, smooth=0) for seed in range(8)]
        known = np.all([one.known for one in found], axis=0) & (energy("dihedral", grid) < 6)
        errors.append(np.std([one.energy[known] - one.energy[known].mean() for one in found], axis=0).mean())
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.2)


def test_too_few_samples() -> None:
    with pytest.raises(BackmapError, match="only 0 of 101 points"):
        boltzmann_inverse([0.25, 0.26], "bond", 300, even_grid("bond", 0.1, 0.4, 101))


COMMANDS = """\
tab set T 350
tab set n 61
tab set auto 0
tab set scale angle
tab set min 1.2
tab set max 3.0
tab angle.pot *:bend:*
vals angle.vals *:bend:*
tab set scale bond
tab set min 0.2
tab set max 0.3
tab bond.pot *:end-middle:*
vals bond.vals *:end-middle:*
tab set scale no
tab set periodic 1
tab set min -3.14159265359
tab set max 3.14159265359
tab dihedral.pot *:twist:*
vals dihedral.vals *:twist:*
q
"""


def test_csg_boltzmann_finds_the_same(tmp_path: Path) -> None:
    """Its energies have six digits; bins, Jacobians and the treatment of both ends of dihedrals are independent."""
    if shutil.which("csg_boltzmann") is None:
        pytest.skip("VOTCA's csg_boltzmann is not on the PATH")
    (tmp_path / "top.xml").write_text(f'<topology base="{OCTANE}/aa.gro"><molecules><define name="OCT" first="1" '
                                      'nbeads="26" nmols="64"/></molecules></topology>')
    subprocess.run(["csg_boltzmann", "--top", "top.xml", "--trj", str(OCTANE / "train.xtc"), "--cg",
                    str(OCTANE / "octane.xml")], cwd=tmp_path, input=COMMANDS, text=True, check=True,
                   capture_output=True)
    for kind in ("bond", "angle", "dihedral"):
        theirs = np.loadtxt(tmp_path / f"{kind}.pot")
        values = np.loadtxt(tmp_path / f"{kind}.vals")[:, 1:]
        ours = boltzmann_inverse(values, kind, 350, theirs[:, 0], smooth=0)
        error = (ours.energy - theirs[:, 1])[ours.known]
        assert ours.known.sum() > 30
        assert np.ptp(error) < 1e-3


def test_few_samples_with_gaps_have_walls_too() -> None:
    """Between known points at either end there are only gaps: their slope tells nothing, and there is a parabola."""
    grid = even_grid("bond", 0.2, 0.4, 40)
    few = np.repeat(grid[[10, 20, 28, 29]], [6, 5, 5, 8])
    found = boltzmann_inverse(few, "bond", 300, grid, fewest=5)
    assert np.isfinite(found.energy).all()
    assert (np.diff(found.energy[:10]) < 0).all()
    assert (np.diff(found.energy[30:]) > 0).all()


def test_walls_of_two_wells_let_nothing_through() -> None:
    """The width of both together says nothing of where they end: samplers would fold angles that are never folded."""
    rng = np.random.default_rng(1)
    grid = even_grid("angle", 0, 0, 181)
    two = np.concatenate([rng.normal(1.7, 0.12, 7000), rng.normal(2.6, 0.12, 6000), rng.uniform(1.1, 1.4, 200)])
    found = boltzmann_inverse(two, "angle", 300, grid, fewest=5)
    weight = np.sin(grid) * np.exp(-found.energy / HEAT)
    weight *= len(two) / weight.sum()
    first = np.flatnonzero(found.known)[0]
    assert weight[:first].sum() < 2 * (two < grid[first] - 0.5 * (grid[1] - grid[0])).sum() + 5
    assert found.energy[first] + 20 * HEAT < found.energy[first - 30]
