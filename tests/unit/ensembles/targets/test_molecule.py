"""A molecule against OpenMM, MDAnalysis, automatic derivatives and the exact angle density of a rigid trimer."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from backmap_plugins.ensembles.targets.molecule import Molecule
from MDAnalysis.lib import distances
from openmm import app

from backmap.errors import BackmapError

WATER = """ATOM      1  O   HOH A   1       0.000   0.000   0.000  1.00  0.00           O
ATOM      2  H1  HOH A   1       0.957   0.000   0.000  1.00  0.00           H
ATOM      3  H2  HOH A   1      -0.240   0.926   0.000  1.00  0.00           H
END
"""
TORSIONS = {"phi": (5, 7, 9, 15), "psi": (7, 9, 15, 17)}


@pytest.fixture
def pdb() -> Path:
    return Path(__file__).parents[4] / "recipes" / "alanine_dipeptide" / "alanine_dipeptide.pdb"


@pytest.fixture
def dipeptide(pdb: Path) -> Molecule:
    return Molecule(Molecule.Options(pdb=pdb, torsions=TORSIONS, basin=("phi", 0, 150)))


def spread_out(target: Molecule, n: int) -> torch.Tensor:
    noise = torch.as_tensor(np.random.default_rng(1).normal(size=(n, target.size)))
    scale = torch.tensor([{"bond": 0.003, "angle": 0.06, "torsion": 0.3}[kind] for kind in target.internal.kinds])
    return target.start(n, np.random.default_rng(0)) + scale * noise


def test_coordinates_are_bonds_angles_and_torsions(dipeptide: Molecule) -> None:
    assert dipeptide.size == 48  # 3 x 22 - 6, less 12 rigid bonds
    x = spread_out(dipeptide, 30)
    atoms = dipeptide.positions(x)
    again = (dipeptide.coordinates(atoms) - x + np.pi) % (2 * np.pi) - np.pi
    assert again.abs().max() < 1e-9
    points = [np.ascontiguousarray(each, dtype=np.float32) for each in atoms.numpy().transpose(1, 0, 2)]
    measured = {"bond": distances.calc_bonds, "angle": distances.calc_angles}
    for kind, corners, column in zip(dipeptide.internal.kinds, dipeptide.internal.atoms, x.T.numpy()):
        if kind in measured:
            assert measured[kind](*(points[a] for a in corners)) == pytest.approx(column, abs=2e-4)
    seen = dipeptide.observables(x)
    for name, numbers in TORSIONS.items():
        expected = np.degrees(distances.calc_dihedrals(*(points[a - 1] for a in numbers)))
        assert np.abs((seen[name] - expected + 180) % 360 - 180).max() < 0.05
    assert (dipeptide.basins(x) == ((seen["phi"] > 0) & (seen["phi"] < 150))).all()


def test_energy_is_that_of_openmm(dipeptide: Molecule, pdb: Path) -> None:
    system = app.ForceField("amber99sb.xml").createSystem(app.PDBFile(str(pdb)).topology, constraints=None)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    atoms = dipeptide.positions(spread_out(dipeptide, 10))
    for energy, each in zip(dipeptide.energy(atoms).tolist(), atoms.numpy()):
        context.setPositions(each)
        assert energy == pytest.approx(context.getState(energy=True).getPotentialEnergy()._value, abs=1e-5)


def test_jacobian_is_that_of_the_transformation(pdb: Path) -> None:
    """The volume of positions, less the outer six directions, by automatic derivatives; no rigid bonds."""
    target = Molecule(Molecule.Options(pdb=pdb, rigid="none"))
    x = spread_out(target, 2)

    def volume(row: torch.Tensor) -> torch.Tensor:
        moved = torch.autograd.functional.jacobian(lambda y: target.internal.positions(y[None])[0].reshape(-1), row)
        atoms = target.positions(row[None])[0]
        eye = torch.eye(3, dtype=torch.float64)
        turns = torch.stack([torch.linalg.cross(axis.expand_as(atoms), atoms).reshape(-1) for axis in eye], dim=1)
        shifts = eye.repeat(len(atoms), 1)
        return torch.linalg.det(torch.cat([moved, turns, shifts], dim=1)).abs().log()

    exact = volume(x[0]) - volume(x[1])
    claimed = target.internal.log_jacobian(x)
    assert (claimed[0] - claimed[1]).item() == pytest.approx(exact.item(), abs=1e-8)


def test_methyl_hydrogens_are_alike(dipeptide: Molecule) -> None:
    x = spread_out(dipeptide, 20)
    image = dipeptide.augment(x, np.random.default_rng(2))
    assert (image - x).abs().max() > 1
    assert torch.allclose(dipeptide.log_density(image), dipeptide.log_density(x), atol=1e-6)


def test_starts_are_in_both_basins(dipeptide: Molecule) -> None:
    x = dipeptide.start(40, np.random.default_rng(4))
    assert dipeptide.basins(x).tolist() == [0, 1] * 20
    assert dipeptide.energy(dipeptide.positions(x)).max() < 500
    assert np.std(dipeptide.observables(x)["psi"]) > 10


def test_methyl_hydrogens_are_labelled_one_way(dipeptide: Molecule, pdb: Path, tmp_path: Path) -> None:
    """A file in which two of them are exchanged gives the same start, and training data of either sense one sense."""
    lines = pdb.read_text().splitlines()
    second, third = (next(k for k, line in enumerate(lines) if f" {name}  ACE " in line) for name in ("H2", "H3"))
    lines[second], lines[third] = (lines[a][:30] + lines[b][30:] for a, b in ((second, third), (third, second)))
    (tmp_path / "exchanged.pdb").write_text("\n".join(lines))
    other = Molecule(dipeptide.options.model_copy(update={"pdb": tmp_path / "exchanged.pdb"}))
    rng = np.random.default_rng(5)
    start = dipeptide.start(1, rng)
    atoms = dipeptide.positions(start)
    rows = [int(lines[k][6:11]) - 1 for k in (second, third)]
    atoms[:, rows] = atoms[:, rows[::-1]]
    given = dipeptide.coordinates(atoms)
    assert (given - start).abs().max() > 1  # 120 degrees one way, or the other
    image, made = dipeptide.augment(given, rng), other.start(1, rng)
    reach = [d for d, corners in enumerate(dipeptide.internal.atoms) if corners[0] in (rows[0], rows[1])
             and d not in dipeptide.internal.leading and dipeptide.internal.kinds[d] == "torsion"]
    for x in (image, made):
        assert torch.allclose(torch.cos(x[:, reach] - start[:, reach]), torch.ones(1, dtype=torch.float64), atol=0.1)


def test_a_file_is_opened_when_it_is_needed(tmp_path: Path) -> None:
    target = Molecule(Molecule.Options(pdb=tmp_path / "missing.pdb"))
    with pytest.raises(BackmapError, match="missing"):
        target.start(1, np.random.default_rng(0))


@pytest.mark.parametrize("fixman_potential", [False, True])
def test_measure_of_a_rigid_trimer(fixman_potential: bool, tmp_path: Path) -> None:
    """Water with rigid bonds: p(theta) ~ sin(theta) exp(-U) [sqrt(det G)], G of two bonds that share the oxygen."""
    (tmp_path / "water.pdb").write_text(WATER)
    (tmp_path / "field.xml").write_text("""<ForceField>
     <AtomTypes><Type name="O" class="O" element="O" mass="15.999"/><Type name="H" class="H" element="H" mass="1.008"/>
     </AtomTypes><Residues><Residue name="HOH"><Atom name="O" type="O"/><Atom name="H1" type="H"/>
     <Atom name="H2" type="H"/><Bond atomName1="O" atomName2="H1"/><Bond atomName1="O" atomName2="H2"/></Residue>
     </Residues><HarmonicBondForce><Bond class1="O" class2="H" length="0.1" k="400000"/></HarmonicBondForce>
     <HarmonicAngleForce><Angle class1="H" class2="O" class3="H" angle="1.9" k="9.0"/></HarmonicAngleForce>
    </ForceField>""")
    target = Molecule(Molecule.Options(pdb=tmp_path / "water.pdb", forcefield=[str(tmp_path / "field.xml")],
                                       fixman_potential=fixman_potential))
    theta = torch.linspace(0.4, 3.0, 30, dtype=torch.float64)
    oxygen, hydrogen = (next(a.element.mass._value for a in app.PDBFile(str(tmp_path / "water.pdb")).topology.atoms()
                             if a.element.symbol == symbol) for symbol in "OH")
    exact = theta.sin().log() - 4.5 * (theta - 1.9)**2 / (8.31446261815324e-3 * 300)
    if not fixman_potential:
        exact = exact + 0.5 * torch.log((1 / oxygen + 1 / hydrogen)**2 - (theta.cos() / oxygen)**2)
    found = target.log_density(theta[:, None])
    assert torch.allclose(found - found[0], exact - exact[0], atol=1e-7)


def test_local_moves_sample_it(tmp_path: Path) -> None:
    """The same trimer without measure of its own: mean and width of the angle by quadrature."""
    (tmp_path / "water.pdb").write_text(WATER)
    target = Molecule(Molecule.Options(pdb=tmp_path / "water.pdb", forcefield=["tip3p.xml"], rigid="none"))
    rng = np.random.default_rng(3)
    x = target.local(target.start(400, rng), 60, rng)[0]
    rows = []
    for _ in range(40):
        x = target.local(x, 4, rng)[0]
        rows.append(x[:, target.internal.kinds.index("angle")].numpy())
    grid = np.linspace(0.5, 3.0, 4001)
    density = np.sin(grid) * np.exp(-0.5 * 836.8 / (8.31446261815324e-3 * 300) * (grid - 1.82421813418)**2)
    mean = (grid * density).sum() / density.sum()
    assert np.mean(rows) == pytest.approx(mean, abs=4 * 0.055 / np.sqrt(400 * 10))


def test_dynamics_sample_it(dipeptide: Molecule, tmp_path: Path) -> None:
    """The rigid trimer with flexible bonds, by dynamics: mean and width of the angle by quadrature."""
    (tmp_path / "water.pdb").write_text(WATER)
    target = Molecule(Molecule.Options(pdb=tmp_path / "water.pdb", forcefield=["tip3p.xml"], rigid="none"))
    rng = np.random.default_rng(3)
    x, rows = target.collective(target.start(60, rng), 3, rng), []
    for _ in range(20):
        x = target.collective(x, 1, rng)
        rows.append(x[:, target.internal.kinds.index("angle")].numpy())
    grid = np.linspace(0.5, 3.0, 4001)
    density = np.sin(grid) * np.exp(-0.5 * 836.8 / (8.31446261815324e-3 * 300) * (grid - 1.82421813418)**2)
    mean = (grid * density).sum() / density.sum()
    width = ((grid - mean)**2 * density).sum() / density.sum()
    assert np.mean(rows) == pytest.approx(mean, abs=4 * width**0.5 / np.sqrt(400))
    assert np.var(rows) == pytest.approx(width, rel=0.3)


def test_dynamics_begin_in_the_basin_of_their_start(dipeptide: Molecule) -> None:
    """Rigid bonds stay rigid, hands are kept, and strained starts do not leave basin 1 while they are hot."""
    rng = np.random.default_rng(4)
    start = dipeptide.start(8, rng)
    x = dipeptide.collective(start, 10, rng)
    assert dipeptide.basins(x).tolist() == dipeptide.basins(start).tolist() == [0, 1] * 4
    assert (dipeptide.energy(dipeptide.positions(x)) < 150).all()
    assert torch.isfinite(dipeptide.log_density(x)).all()


def test_what_it_cannot_take(pdb: Path, tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match="names an atom"):
        _ = Molecule(Molecule.Options(pdb=pdb, torsions={"phi": (1, 2, 3, 99)})).size
    with pytest.raises(BackmapError, match="'psi' is not among the torsions"):
        Molecule(Molecule.Options(pdb=pdb, basin=("psi", 0, 1)))
    with pytest.raises(BackmapError, match="OpenMM cannot read it"):
        _ = Molecule(Molecule.Options(pdb=pdb, forcefield="no_such_file.xml")).size
    (tmp_path / "two.pdb").write_text(WATER.replace("END\n", "") + WATER.replace(" 1    ", " 2    "))
    with pytest.raises(BackmapError, match="does not hold one molecule"):
        _ = Molecule(Molecule.Options(pdb=tmp_path / "two.pdb", forcefield="tip3p.xml")).size
