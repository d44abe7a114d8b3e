"""The whole system for OpenMM: every function against its formula, rigid bonds, and cut-offs."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import openmm
import pytest
from backmap_plugins.openmm_bridge.nonbonded import lorentz_berthelot
from backmap_plugins.openmm_bridge.system import GROUP, Energies, build, energies, reduced

from backmap import testing
from backmap.engine.energy.frame import FrameEnergy
from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.model.parameters import COULOMB, FUNCTIONS, Bonded, ForceField, MoleculeParameters
from backmap.model.system import System

BOX = np.array([[2.6, 0.0, 0.0], [0.9, 2.5, 0.0], [-0.9, 0.9, 2.4]])
KIND = testing.molecule_type("MOL", [6, 6, 6, 6], [(0, 1), (1, 2), (2, 3)], [[0, 1], [2, 3]])
SYSTEM = System(((KIND, 7),))
#: Parameters of each function.
VALUES = {"harmonic_bond": [0.15, 2e5], "quartic_bond": [0.153, 7e6], "harmonic_angle": [1.9, 400.0],
          "cosine_angle": [1.9, 500.0], "urey_bradley": [1.9, 300.0, 0.26, 9e3], "periodic_proper": [0.3, 5.0, 3.0],
          "periodic_improper": [3.0, 6.0, 2.0], "ryckaert_bellemans": [1.0, -2.0, 0.5, 3.0, -0.4, 0.2],
          "harmonic_improper": [2.9, 50.0]}


def _atoms(seed: int = 1) -> np.ndarray:
    """Chains on a lattice, broken over the boundary, (A, 3), nm."""
    rng = np.random.default_rng(seed)
    chain = np.array([[0, 0, 0], [0.12, 0.09, 0], [0.25, 0.01, 0.05], [0.33, 0.09, -0.1]])
    sites = np.stack(np.meshgrid(*[np.arange(2) / 2 + 0.9] * 3, indexing="ij"), -1).reshape(-1, 3)[:7] @ BOX
    return periodic.wrap(np.concatenate([chain + rng.normal(0, 0.02, (4, 3)) + site for site in sites]), BOX)


def _field(bonded: tuple[Bonded, ...] = (), rule: str = "mean", **kwargs: object) -> ForceField:
    sigma, epsilon = np.array([0.3, 0.22]), np.array([0.4, 0.2])
    mean = (sigma[:, None] + sigma) / 2 if rule == "mean" else np.sqrt(np.outer(sigma, sigma))
    depth = np.sqrt(np.outer(epsilon, epsilon))
    c6, c12 = 4 * depth * mean**6, 4 * depth * mean**12
    if rule == "table":
        c6[0, 1] = c6[1, 0] = c6[0, 1] * 1.3
    nothing = MoleculeParameters(
        "MOL", bonded, np.array([0, 1, 1, 0]), np.array([-0.3, 0.2, 0.4, -0.3]),
        np.array([[0, 1], [1, 2], [2, 3], [0, 2]]), np.array([[0, 3]]), np.array([[1e-4, 2e-7, -0.05]]))
    return ForceField({"MOL": nothing}, ["A", "B"], c6, c12, **kwargs)


def _nonbonded(field: ForceField, atoms: np.ndarray) -> dict[str, float]:
    """All pairs and images by a plain loop."""
    known, (k, c) = field.molecules["MOL"], field.reaction_field
    kind, charge = np.tile(known.kind, 7), np.tile(known.charge, 7)
    cells = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3, indexing="ij"), -1).reshape(-1, 3) @ BOX
    out = np.kron(np.eye(7, dtype=bool), known.excluded_table)
    image = periodic.minimum_image(atoms[None] - atoms[:, None], BOX)
    r = np.linalg.norm(image[:, :, None] + cells, axis=-1)
    nearest = (np.abs(cells).sum(axis=1) < 1e-9)[None, None]
    inside, excluded = (r < field.cutoff) & (r > 1e-6), out[:, :, None] & nearest
    r = np.where(r > 1e-6, r, 1.0)
    lj = field.c12[kind][:, kind][..., None] / r**12 - field.c6[kind][:, kind][..., None] / r**6
    qq = COULOMB * np.outer(charge, charge)[..., None]
    if field.coulomb == "reaction_field":
        coulomb = qq * (np.where(excluded, 0.0, 1 / r) + k * r**2 - c)
        own = -0.5 * c * COULOMB * (charge**2).sum()
    else:
        coulomb, own = np.where(excluded, 0.0, qq / r), 0.0
    return {"lj": float((lj * inside * ~excluded).sum() / 2), "coulomb": float((coulomb * inside).sum() / 2 + own)}


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "cmap"])
def test_bonded_functions_are_their_formulas(function: str) -> None:
    term, n, _ = FUNCTIONS[function]
    bonded = Bonded(function, np.arange(n)[None], np.array([VALUES[function]]))
    atoms = _atoms()
    found = energies(_field((bonded,)), SYSTEM, atoms, BOX)[term]
    whole = SYSTEM.whole_atoms(atoms, BOX).reshape(7, 4, 3)
    assert found == pytest.approx(_formula(function, whole, VALUES[function]), rel=1e-6)


def _formula(function: str, x: np.ndarray, v: list[float]) -> float:
    bond = np.linalg.norm(x[:, 1] - x[:, 0], axis=-1)
    a, b, c = x[:, 0] - x[:, 1], x[:, 2] - x[:, 1], x[:, 3] - x[:, 2]
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    m, n = np.cross(-a, b), np.cross(b, c)
    p = np.arctan2((np.linalg.norm(b, axis=-1)[:, None] * -a * n).sum(-1), (m * n).sum(-1))
    turned = p - v[0] - 2 * np.pi * np.round((p - v[0]) / (2 * np.pi))
    return float({
        "harmonic_bond": lambda: v[1] / 2 * (bond - v[0])**2,
        "quartic_bond": lambda: v[1] / 4 * (bond**2 - v[0]**2)**2,
        "harmonic_angle": lambda: v[1] / 2 * (np.arccos(cosine) - v[0])**2,
        "cosine_angle": lambda: v[1] / 2 * (cosine - np.cos(v[0]))**2,
        "urey_bradley": lambda: v[1] / 2 * (np.arccos(cosine) - v[0])**2
        + v[3] / 2 * (np.linalg.norm(x[:, 2] - x[:, 0], axis=-1) - v[2])**2,
        "periodic_proper": lambda: v[1] * (1 + np.cos(v[2] * p - v[0])),
        "periodic_improper": lambda: v[1] * (1 + np.cos(v[2] * p - v[0])),
        "ryckaert_bellemans": lambda: sum(k * np.cos(p - np.pi)**power for power, k in enumerate(v)),
        "harmonic_improper": lambda: v[1] / 2 * turned**2,
    }[function]().sum())


def test_torsions_without_whole_multiplicity() -> None:
    bonded = Bonded("periodic_proper", np.array([[0, 1, 2, 3]] * 2), np.array([[0.5, 2.0, 0.0], [0.1, 3.0, 2.0]]))
    atoms = _atoms()
    whole = SYSTEM.whole_atoms(atoms, BOX).reshape(7, 4, 3)
    expected = sum(_formula("periodic_proper", whole, row.tolist()) for row in bonded.parameters)
    assert energies(_field((bonded,)), SYSTEM, atoms, BOX)["proper"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("rule", ["mean", "geometric", "table"])
@pytest.mark.parametrize("coulomb", ["reaction_field", "cutoff", "none"])
def test_non_bonded_terms_in_a_triclinic_box(rule: str, coulomb: str) -> None:
    field = _field(rule=rule, coulomb=coulomb, epsilon_rf=4.0, cutoff=1.1)
    assert (lorentz_berthelot(field) is not None) == (rule == "mean")
    atoms = _atoms()
    found, expected = energies(field, SYSTEM, atoms, BOX), _nonbonded(field, atoms)
    assert found["lj"] == pytest.approx(expected["lj"], rel=1e-5)
    if coulomb == "none":
        assert "coulomb" not in found
    else:
        assert found["coulomb"] == pytest.approx(expected["coulomb"], abs=2e-3)
    assert found["total"] == pytest.approx(sum(value for term, value in found.items() if term != "total"))


@pytest.mark.parametrize("rule", ["mean", "table"])
@pytest.mark.parametrize("tail", ["shift", "force_switch", "potential_switch"])
def test_lennard_jones_ends_as_in_our_own_energies(rule: str, tail: str) -> None:
    field, atoms = replace(_field(rule=rule, cutoff=1.1), tail=tail, switch=0.8), _atoms()
    found, own = energies(field, SYSTEM, atoms, BOX)["lj"], FrameEnergy(SYSTEM, field).of(atoms, BOX)["lj"]
    assert abs(own - FrameEnergy(SYSTEM, replace(field, tail="none")).of(atoms, BOX)["lj"]) > 1e-4 * abs(own)
    assert found == pytest.approx(own, rel=1e-5)


def test_pairs_count_at_any_distance() -> None:
    field, atoms = replace(_field(), cutoff=0.2), _atoms()
    found = energies(field, SYSTEM, atoms, BOX)
    ends = SYSTEM.whole_atoms(atoms, BOX).reshape(7, 4, 3)
    r = np.linalg.norm(ends[:, 3] - ends[:, 0], axis=-1)
    assert found["lj_14"] == pytest.approx((2e-7 / r**12 - 1e-4 / r**6).sum(), rel=1e-6)
    assert found["coulomb_14"] == pytest.approx((-0.05 * COULOMB / r).sum(), rel=1e-6)


def test_energies_of_a_frame_do_not_depend_on_the_frames_before() -> None:
    """Nor does the mesh of Ewald's sum: one that was made for another box is coarser or finer."""
    field, atoms, wide = _field(coulomb="pme"), _atoms(), 1.2 * BOX
    after = Energies(field, SYSTEM, wide)
    after.of(atoms, wide)
    assert after.of(atoms, BOX) == energies(field, SYSTEM, atoms, BOX)


def test_one_force_for_both_gives_the_same_forces() -> None:
    field, atoms = _field(), _atoms()
    apart = Energies(field, SYSTEM, BOX, platform="CPU").forces(atoms, BOX)
    context = openmm.Context(build(field, SYSTEM, BOX), openmm.VerletIntegrator(0.001),
                             openmm.Platform.getPlatformByName("CPU"))
    context.setPositions(atoms)
    together = context.getState(getForces=True).getForces(asNumpy=True)._value
    np.testing.assert_allclose(together, apart, atol=2e-4 * np.abs(apart).max())


def test_rigid_bonds_are_constraints_without_energy() -> None:
    kind = replace(KIND, bond_length=np.array([0.15, np.nan, 0.14]))
    bonded = Bonded("harmonic_bond", np.array([[1, 0], [1, 2], [2, 3]]), np.array([[0.15, 1e5]] * 3))
    made = build(_field((bonded,)), System(((kind, 7),)), BOX, rigid=True)
    assert made.getNumConstraints() == 14
    assert made.getConstraintParameters(1)[:2] == [2, 3]
    bonds = next(force for force in made.getForces() if force.getForceGroup() == GROUP["bond"])
    assert [bonds.getBondParameters(k)[:2] for k in range(bonds.getNumBonds())] == [[4 * m + 1, 4 * m + 2]
                                                                                   for m in range(7)]


def test_ewald_sums_do_not_depend_on_how_the_box_is_given() -> None:
    field, atoms = replace(_field(), coulomb="pme"), _atoms()
    one = energies(field, SYSTEM, atoms, BOX)["coulomb"]
    leaning = BOX + np.outer([0, 1, 0], BOX[0])
    assert energies(field, SYSTEM, atoms, leaning)["coulomb"] == pytest.approx(one, rel=1e-4)
    np.testing.assert_allclose(reduced(leaning), BOX)
    assert np.isfinite(one)


def test_a_cutoff_that_the_box_does_not_hold_is_one_line() -> None:
    with pytest.raises(BackmapError, match=r"the cut-off of 1\.5 nm is more than half of the box, 2\.400 nm wide"):
        build(_field(cutoff=1.5), SYSTEM, BOX)
    with pytest.raises(BackmapError, match="PME needs a periodic box"):
        build(_field(coulomb="pme"), SYSTEM, None)
