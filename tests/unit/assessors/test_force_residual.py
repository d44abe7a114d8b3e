"""The ``force_residual`` assessor: chi2 of tables against forces that are known, and its noise floor by replicas."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.assessors.forces.residual import SECTION, ForceResidual
from backmap_plugins.files.tables import write_votca
from numpy.typing import NDArray

from backmap import testing
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.errors import BackmapError
from backmap.model.tally import Tally
from backmap.testing.examples import example_forcefield
from tests import tabulated

from .scene import values

Array = NDArray[np.float64]
BOX = np.array([[2.3, 0, 0], [0.4, 2.2, 0], [-0.3, 0.5, 2.4]])
SYSTEM = tabulated.system(6, named=True)


def write(folder: Path, scale: float = 1.0) -> Path:
    for name, one in tabulated.field().items():
        write_votca(folder / f"{name}.pot", replace(one, energy=scale * one.energy))
    return folder


def begun(folder: Path, **options: object) -> ForceResidual:
    assessor = ForceResidual(ForceResidual.Options(tables=[folder], forces="file", **options))
    assessor.begin(SYSTEM, example_forcefield(SYSTEM))
    return assessor


def frames(assessor: ForceResidual, n: int, noise: float = 0.0, replicas: int = 1, shift: float = 0.0) -> Tally:
    """Frames whose forces are those of the tables, plus noise: each atom is a bead."""
    tally, where = Tally(), AtomIndex(SYSTEM)
    tally.period = n
    for k in range(n):
        beads = tabulated.chains(6, BOX, seed=k)
        exact = assessor.tables.of(beads, BOX) + shift
        for replica in range(replicas):
            index = replica * n + k
            forces = exact + noise * np.random.default_rng(1000 + index).normal(size=beads.shape)
            assessor.measure(Snapshot(SYSTEM, where, k, index, BOX, beads, beads, forces=forces), tally)
    return tally


def said(assessor: ForceResidual, tally: Tally, reference: Tally | None = None) -> dict[tuple[str, str], float]:
    return {key[1:]: value for key, value in values(assessor.conclude(tally, reference)).items()}


def test_the_right_tables_leave_nothing(tmp_path: Path) -> None:
    assessor = begun(write(tmp_path))
    found = said(assessor, frames(assessor, 3))
    assert found["all", "chi2"] < 1e-12 * found["all", "mean squared force"]
    assert found["bead M", "correlation"] == pytest.approx(1)


def test_chi2_by_hand(tmp_path: Path) -> None:
    """Every component off by 7: chi2 = 49, of beads of both types; noise of 30 adds 900."""
    assessor = begun(write(tmp_path))
    found = said(assessor, frames(assessor, 3, shift=7.0))
    assert found["all", "chi2"] == pytest.approx(49)
    assert found["bead E", "chi2"] == pytest.approx(49)
    assert said(assessor, frames(assessor, 40, noise=30.0))["all", "chi2"] == pytest.approx(900, rel=0.1)


def test_replicas_tell_the_noise_floor(tmp_path: Path) -> None:
    """Noise of 30 and an error of 7: four draws give both back, within three standard errors."""
    assessor = begun(write(tmp_path))
    made = assessor.conclude(frames(assessor, 20, noise=30.0, replicas=4, shift=7.0), None)
    by = {figure.key[1:]: figure for figure in made.figures}
    n = 20 * SYSTEM.n_beads * 3  # numbers of which each is the mean of K squares
    assert by["all", "noise floor"].value == pytest.approx(900, rel=3 * np.sqrt(2 / 3 / n))
    error = 900 / 4 * np.sqrt(2 / n * 4 / 3) + 2 * 7 * 30 / 2 / np.sqrt(n)
    assert by["all", "chi2 without noise"].value == pytest.approx(49, abs=3 * error)
    assert by["all", "chi2"].value == pytest.approx(
        by["all", "noise floor"].value + by["all", "chi2 without noise"].value)
    assert 0 < by["all", "noise floor"].error < 60


def test_some_beads_are_enough_for_the_floor(tmp_path: Path) -> None:
    assessor = begun(write(tmp_path), noise_beads=8)
    tally = frames(assessor, 30, noise=30.0, replicas=4)
    assert tally.rows("difference").shape == (120, 8, 3)
    assert said(assessor, tally)["all", "noise floor"] == pytest.approx(900, rel=0.15)


def test_chi2_bm_is_the_sum(tmp_path: Path) -> None:
    """The reference's chi2, and that of backmapped frames without their noise."""
    assessor = begun(write(tmp_path))
    reference, made = frames(assessor, 5, shift=3.0), frames(assessor, 5, noise=20.0, replicas=3, shift=4.0)
    found = said(assessor, made, reference)
    assert found["all", "chi2_BM"] == pytest.approx(9 + found["all", "chi2 without noise"])


def test_worse_tables_are_worse(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    good, bad = begun(write(tmp_path / "good")), begun(write(tmp_path / "bad", 1.3))
    tally = Tally()
    for k in range(3):
        beads = tabulated.chains(6, BOX, seed=k)
        forces = good.tables.of(beads, BOX)
        bad.measure(Snapshot(SYSTEM, AtomIndex(SYSTEM), k, k, BOX, beads, beads, forces=forces), tally)
    found = said(bad, tally)
    assert found["all", "chi2"] == pytest.approx(0.09 * found["all", "mean squared force"], rel=1e-6)


def test_it_keeps_the_promises_of_assessors(tmp_path: Path) -> None:
    system, window = testing.example(4)
    for name, kind in {"bond-B-B": "bond", "B-B-B": "angle"}.items():
        write_votca(tmp_path / f"{name}.pot", tabulated.potential(kind))
    assessor = ForceResidual(ForceResidual.Options(tables=[tmp_path]))
    testing.check_assessor(assessor, system, replace(window, reference=window.atoms[::-1].copy()))
    tally = Tally()
    for frame in Snapshot.all_of(window, system, AtomIndex(system), np.arange(4)):
        assessor.measure(frame, tally)
    found = assessor.conclude(tally, None)
    assert {figure.section for figure in found.figures} == {SECTION}
    assert found.notes[0] == "without a table, and so without a force: B-B"
    assert "replicas: 4" in found.notes[1]


def test_rigid_bonds_from_bead_to_bead_are_told(tmp_path: Path) -> None:
    write(tmp_path)
    kind = SYSTEM.types[0]
    rigid = replace(SYSTEM, blocks=((replace(kind, bond_length=np.full(3, 0.25)), 6),))
    assessor = ForceResidual(ForceResidual.Options(tables=[tmp_path], forces="file"))
    assessor.begin(rigid, example_forcefield(rigid))
    assert assessor.projection.notes() == ["CHN: 3 rigid bonds lead from bead to bead, so that forces on its beads are "
                                           "not mean forces. 'constraints: h-bonds' in topology makes them so."]


@pytest.mark.parametrize(("name", "said"), [
    ("bonds.pot", "'bonds' is no interaction of these beads. Interactions are: bond, angle, dihedral, E-E, E-M, M-M."),
    ("", "this folder has no table (*.pot)"),
])
def test_tables_that_are_none(name: str, said: str, tmp_path: Path) -> None:
    if name:
        write_votca(tmp_path / name, tabulated.potential("bond"))
    with pytest.raises(BackmapError) as caught:
        begun(tmp_path)
    assert said in str(caught.value)


def test_two_tables_of_one_interaction(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(BackmapError, match="is a second table of 'bond'"):
        ForceResidual(ForceResidual.Options(tables=[tmp_path, tmp_path / "bond.pot"])).begin(
            SYSTEM, example_forcefield(SYSTEM))
