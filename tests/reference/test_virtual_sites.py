"""Virtual sites of every kind: where they are, energies and forces, as GROMACS and OpenMM have them."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.forcefields.gromacs.reader import Gromacs as Parameters
from backmap_plugins.formats.gromacs.topology import Gromacs as Topology
from backmap_plugins.molecules.assemble import molecule_type
from backmap_plugins.openmm_bridge.system import Energies
from numpy.typing import NDArray

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.geometry.dependents import all_placed
from backmap.model.inputs import BeadModel
from backmap.model.mapping import Mapping
from backmap.model.parameters import ForceField
from backmap.model.system import System
from tests import gmx

Array = NDArray[np.float64]

#: Section, parents, function and parameters of sites of five atoms: 2, 2fd, 3, 3fd, 3fad, 3out, 4fdn, n three times.
SITES = [("2", "1 2", "1 0.3"), ("2", "1 2", "2 0.07"), ("3", "1 2 3", "1 0.2 0.5"), ("3", "1 2 3", "2 0.4 0.06"),
         ("3", "2 1 3", "3 70 0.08"), ("3", "1 2 3", "4 -0.3 -0.2 -5.1"), ("4", "2 1 3 5", "2 0.7 0.9 0.05"),
         ("n", "1 3 4 5", "1"), ("n", "1 2 3", "2"), ("n", "1 0.2 3 0.3 5 0.7", "3")]
TOP = """\
[ defaults ]
1 2 no 1.0 1.0
[ atomtypes ]
A 6 12.0 0.0 A 0.3 0.4
V 0 0.0 0.0 V 0.0 0.0
[ moleculetype ]
M 1
[ atoms ]
1 A 1 M A1 1 -0.2 12.0
2 A 1 M A2 1 0.1 14.0
3 A 1 M A3 1 0.3 16.0
4 A 1 M A4 1 0.2 12.0
5 A 1 M A5 1 0.1 19.0
{atoms}
[ bonds ]
1 2 1 0.15 3000
2 3 1 0.15 3000
3 4 1 0.15 3000
4 5 1 0.15 3000
{sites}
[ exclusions ]
{exclusions}
[ system ]
x
[ molecules ]
M 4
"""
BOX = np.diag([2.5, 2.6, 2.7])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, System, ForceField, Array]:
    """A topology of four molecules with ten charged sites each, and their atoms, (A, 3)."""
    n = 5 + len(SITES)
    lines = []
    for number, (section, parents, rest) in enumerate(SITES, 6):
        function, _, values = rest.partition(" ")
        listed = f"{number} {function} {parents}" if section == "n" else f"{number} {parents} {function} {values}"
        lines.append(f"[ virtual_sites{section} ]\n{listed}")
    text = TOP.format(atoms="\n".join(f"{k} V 1 M V{k} 1 {0.05 * (k - 10):.2f} 0" for k in range(6, n + 1)),
                      sites="\n".join(lines),
                      exclusions="\n".join(" ".join(map(str, range(k, n + 1))) for k in range(1, n)))
    path = tmp_path_factory.mktemp("sites") / "topol.top"
    path.write_text(text)
    topology = Topology(Topology.Options(file=path)).read()
    atoms = topology.types["M"]
    mapping = Mapping.from_rows([(list(range(5)), [12.0, 14.0, 16.0, 12.0, 19.0])], atoms.joined, atoms.element != 1)
    beads = BeadModel(["B"], ["B"], ["M"], np.array([1]), None, mapping)
    system = System(((molecule_type(atoms, beads), 4),))
    field = Parameters(Parameters.Options(file=path)).read(system)
    rng = np.random.default_rng(4)
    chain = np.array([[0, 0, 0], [0.12, 0.09, 0], [0.25, 0.01, 0.05], [0.33, 0.09, -0.1], [0.45, 0.02, -0.08]])
    corner = np.array([[0.3, 0.3, 0.4], [0.9, 0.8, 0.5], [0.4, 0.9, 1.0], [1.0, 0.4, 1.2]])
    shapes = np.zeros((4, n, 3))
    shapes[:, :5] = chain + rng.normal(0, 0.02, (4, 5, 3)) + corner[:, None]
    return path, system, field, shapes.reshape(-1, 3)


def _positions(path: Path) -> Array:
    """Of a .g96 file, nm, (A, 3)."""
    block = path.read_text().split("POSITION\n")[1].split("END")[0]
    return np.array([line.split()[-3:] for line in block.splitlines() if not line.startswith("#")], dtype=float)


def test_places_energies_and_forces_are_those_of_gromacs(scene: tuple[Path, System, ForceField, Array],
                                                         tmp_path: Path) -> None:
    """A run of no steps puts the sites where they belong; it begins with sites that are off."""
    path, system, field, atoms = scene
    own = FrameEnergy(system, field)
    placed = all_placed(system, atoms)
    expected = gmx.by_term(gmx.rerun(path, placed[None], BOX[None], tmp_path, {"epsilon-rf": 0}))
    off = placed + np.random.default_rng(2).normal(0, 0.02, placed.shape) * (atoms == 0)
    gmx.write_gro(tmp_path / "off.gro", off[None], BOX[None])
    gmx.run("grompp", "-f", "rerun.mdp", "-c", "off.gro", "-p", str(path), "-o", "off.tpr", "-maxwarn", "20",
            folder=tmp_path)
    gmx.run("mdrun", "-s", "off.tpr", "-deffnm", "off", "-c", "off.g96", "-nt", "1", folder=tmp_path)
    np.testing.assert_allclose(system.whole_atoms(_positions(tmp_path / "off.g96"), BOX), placed, atol=2e-9)
    found = own.of(placed, BOX)
    for term in ("bond", "lj", "coulomb", "total"):
        value = found.total if term == "total" else found[term]
        assert abs(value - expected[term][0]) < 1e-5 * sum(abs(v[0]) for v in expected.values()), term
    forces = gmx.forces(tmp_path)[0]
    assert np.abs(own.forces(placed, BOX) - forces).max() < 1e-5 * np.abs(forces).max()
    assert not own.forces(placed, BOX).reshape(4, -1, 3)[:, 5:].any()


def test_forces_are_the_slope_of_the_energy(scene: tuple[Path, System, ForceField, Array]) -> None:
    _, system, field, atoms = scene
    own, direction = FrameEnergy(system, field), np.random.default_rng(1).normal(size=atoms.shape)
    ends = [own.of(all_placed(system, atoms + step * direction), BOX).total for step in (1e-5, -1e-5)]
    slope = (ends[0] - ends[1]) / 2e-5
    forces = own.forces(all_placed(system, atoms), BOX)
    assert -(forces * direction).sum() == pytest.approx(slope, rel=1e-6)


def test_openmm_has_the_same_sites(scene: tuple[Path, System, ForceField, Array]) -> None:
    _, system, field, atoms = scene
    own, other = FrameEnergy(system, field), Energies(field, system, BOX)
    placed = all_placed(system, atoms)
    other.of(atoms, BOX)
    at = other.context.getState(getPositions=True).getPositions(asNumpy=True)._value
    np.testing.assert_allclose(at, placed, atol=1e-6)
    assert other.of(atoms, BOX)["total"] == pytest.approx(own.of(placed, BOX).total, rel=1e-6)
    mine, theirs = own.forces(placed, BOX), other.forces(atoms, BOX)
    free = np.tile(np.arange(len(atoms) // 4) < 5, 4)
    assert np.abs(mine - theirs)[free].max() < 1e-5 * np.abs(mine).max()
