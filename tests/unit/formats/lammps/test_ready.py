"""What LAMMPS makes of a folder that is written for it."""
from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.lammps.data import DataFile
from backmap_plugins.formats.lammps.ready import LammpsReady
from backmap_plugins.formats.lammps.writers import Lammps

from backmap.errors import BackmapError
from backmap.model.system import Window
from tests import builders, lmp

BOX = np.array([[2.4, 0.0, 0.0], [0.7, 2.2, 0.0], [-0.5, 0.9, 2.0]])
MIXTURE = builders.system()
PEPTIDE = Path("/usr/share/lammps/examples/peptide")  #: of Debian's package lammps-examples
SETTINGS = ("variable reach index 8.0\n" + lmp.HEAD + "velocity all create 300 7\n"
            + lmp.FORCES.replace("8.0", "${reach}"))


def written(folder: Path, window: Window, **options: object) -> Path:
    writer = LammpsReady(LammpsReady.Options(folder="ready", **options))
    (folder / "ready").mkdir()
    for path, data in zip(writer.paths(), writer.encode(window, MIXTURE, True), strict=True):
        (folder / path).write_bytes(data)
    assert set(writer.encode(window, MIXTURE, False)) == {b""}
    return folder / "ready"


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Path]:
    """A data file of the mixture and a script, of other atoms in another box."""
    window = builders.window(MIXTURE, np.diag([3.0, 3.0, 3.0]), n_frames=1)
    writer = Lammps(Lammps.Options(units="real", data="data.lmp"))
    (tmp_path / "own.data").write_bytes(*writer.encode(window, MIXTURE, True))
    (tmp_path / "in.own").write_text(SETTINGS + "fix 1 all nve\nfix 2 all shake 0.0001 20 0 b 1\nrun 10\n")
    return {"data": tmp_path / "own.data", "script": tmp_path / "in.own"}


def test_atoms_box_and_settings(own: dict[str, Path], tmp_path: Path) -> None:
    window = builders.window(MIXTURE, BOX, n_frames=1, seed=3)
    folder = written(tmp_path, window, temperature=310, **own)
    made, before = DataFile(folder / "data.lmp"), DataFile(own["data"])
    np.testing.assert_allclose(made.positions, window.atoms[0] * 10, atol=1e-6)
    np.testing.assert_allclose(made.box, BOX * 10, atol=1e-7)
    assert made.types == before.types
    np.testing.assert_array_equal(made.bonds[0], before.bonds[0])
    settings = (folder / "in.settings").read_text()
    assert "pair_style zero 8.0 nocoeff\nread_data data.lmp\npair_coeff * *\n" in settings
    assert not re.search("velocity|fix|run", settings)
    start = (folder / "in.start").read_text()
    assert "fix 2 all shake 0.0001 20 0 b 1\ntimestep 1\n" in start
    assert "nvt temp 310 310" in start
    said = lmp.run(start.replace("run 20000", "run 5").replace("fix 2 all shake", "#"), folder)
    assert "Total wall time" in said


def test_other_atoms_are_refused(own: dict[str, Path], tmp_path: Path) -> None:
    window = builders.window(MIXTURE, BOX, n_frames=1)
    with pytest.raises(BackmapError, match=r"own\.data: holds \d+ atoms, but 3 were made"):
        written(tmp_path, replace(window, atoms=window.atoms[:, :3]), temperature=300, **own)


@pytest.mark.skipif(not PEPTIDE.is_dir(), reason="LAMMPS' examples are not installed (lammps-examples)")
def test_the_energy_is_that_of_the_users_script(tmp_path: Path) -> None:
    """LAMMPS' own peptide in water, moved by hand, from what is written and from the script it comes from."""
    data, script = PEPTIDE / "data.peptide", PEPTIDE / "in.peptide"
    file = DataFile(data)
    atoms = file.positions / 10 + np.random.default_rng(1).normal(scale=0.001, size=file.positions.shape)
    window = replace(builders.window(MIXTURE, file.box / 10, n_frames=1), atoms=atoms[None])
    folder = written(tmp_path, window, temperature=275, data=data, script=script)
    energy = 'thermo_style custom pe\nthermo_modify format float "%.9g"\nrun 0\n'
    ours = lmp.run((folder / "in.settings").read_text() + energy, folder)
    text = script.read_text().split("timestep")[0].replace("data.peptide", str(data))
    moved = "".join(f"set atom {number} x {x:.6f} y {y:.6f} z {z:.6f}\n"
                    for number, (x, y, z) in zip(file.ids.tolist(), (atoms * 10).tolist(), strict=True))
    theirs = lmp.run(text + moved + energy, folder)
    found = [float(re.search(r"PotEng\s+(\S+)", said)[1]) for said in (ours, theirs)]
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    assert "fix 2 all shake" in (folder / "in.start").read_text()
