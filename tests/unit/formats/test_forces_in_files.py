"""Forces in frames: what files hold is read in our units, what is computed is written."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.writers import Gromacs
from backmap_plugins.formats.lammps.frames import Lammps
from backmap_plugins.steps.forces import Forces

from backmap.api import FrameInfo, State
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.forces.multipliers import BondForces
from backmap.model.parameters import BOLTZMANN
from tests import forcefields, scenes

DUMP = """\
ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
0 30
0 30
0 30
ITEM: ATOMS id type x y z{columns}
2 1 4.0 5.0 6.0{second}
1 1 1.0 2.0 3.0{first}
"""


def test_some_points() -> None:
    info = FrameInfo(np.eye(3), None, 0.0, 2 * np.eye(3))
    assert info.at(np.array([2, 0])).forces.tolist() == [[0, 0, 2], [2, 0, 0]]
    assert replace(info, forces=None).at(np.array([1])).forces is None


@pytest.mark.parametrize(("units", "unit"), [("real", 41.84), ("metal", 964.8533)])
def test_a_dump_of_lammps(units: str, unit: float, tmp_path: Path) -> None:
    """kcal/mol and eV per Angstrom in kJ/mol/nm, in the order of the numbers of atoms."""
    path = tmp_path / "a.dump"
    path.write_text(DUMP.format(columns=" fx fy fz", first=" 1 0 0.5", second=" -1 0 -0.5"))
    found = Lammps(Lammps.Options(dump=[path], units=units)).open().frame(0)
    np.testing.assert_allclose(found.positions, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    np.testing.assert_allclose(found.forces, [[unit, 0, unit / 2], [-unit, 0, -unit / 2]], rtol=1e-6)
    path.write_text(DUMP.format(columns="", first="", second=""))
    assert Lammps(Lammps.Options(dump=[path], units=units)).open().frame(0).forces is None


def computed(rigid_bonds: bool) -> tuple[np.ndarray, np.ndarray]:
    """Forces that the step gives, and those of the potential, (A, 3)."""
    system, window = scenes.octane_window()
    field = forcefields.read(scenes.RECIPE / "octane.top", system)
    state = State(folder=Path(), output=Path(), seed=0, device="cpu", system=system, forcefield=field)
    step = Forces(Forces.Options(rigid_bonds=rigid_bonds, temperature=350))
    step.start(state)
    return step.frames(window, state).forces[0], FrameEnergy(system, field).forces(window.atoms[0], window.box(0))


def test_the_step_computes_them() -> None:
    alone, potential = computed(rigid_bonds=False)
    np.testing.assert_array_equal(alone, potential)
    system, window = scenes.octane_window()
    (group,) = system.groups
    whole, _ = computed(rigid_bonds=True)
    bonds = BondForces(group.type).of(window.atoms[0][group.atoms], potential[group.atoms], BOLTZMANN * 350)
    np.testing.assert_allclose(whole[group.atoms], potential[group.atoms] + bonds)
    assert np.abs(bonds).max() > 100


def test_a_trr_holds_them(tmp_path: Path) -> None:
    system, window = scenes.octane_window()
    forces, _ = computed(rigid_bonds=True)
    for name, held in (("with.trr", forces[None]), ("without.trr", None)):
        writer = Gromacs(Gromacs.Options(files=[Path(name)]))
        (data,) = writer.encode(replace(window, forces=held), system, True)
        (tmp_path / name).write_bytes(data)
        found = GromacsFrames([tmp_path / name]).frame(0).forces
        if held is None:
            assert found is None
        else:
            np.testing.assert_allclose(found, forces, rtol=1e-6, atol=1e-4)
    assert window.with_atoms(window.atoms).forces is None  # other atoms, other forces
