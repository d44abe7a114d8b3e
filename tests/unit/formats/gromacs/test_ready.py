"""A folder from which GROMACS goes on: which files, with which counts, and what the runs are told."""
from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.mdp import RunFile
from backmap_plugins.formats.gromacs import run_files
from backmap_plugins.formats.gromacs.ready import GromacsReady, own_files

from tests import builders

TOP = """\
#include "./own/types.itp"
#ifdef POSRES
#include "oplsaa.ff/none.itp"
#include "posre.itp"
#endif
#include "../elsewhere.itp"
[ moleculetype ]
SOL 2
[ atoms ]
1 OW 1 SOL O1 1 -0.8 16
2 HW 1 SOL H1 1 0.4 1
3 HW 1 SOL H2 1 0.4 1
[ settles ]
1 1 0.1 0.16
[ system ]
mine
[ molecules ]
SOL 7
"""
TYPES = """\
#include "more.itp"
[ atomtypes ]
OW 8 16 0 A 0.31 0.6
HW 1 1 0 A 0 0
"""


def written(folder: Path, n_waters: int, **options: object) -> dict[str, str]:
    """The files of a box of waters, by name."""
    (folder / "in" / "own").mkdir(parents=True)
    for name, text in (("in/topol.top", TOP), ("in/own/types.itp", TYPES), ("in/posre.itp", "; none\n"),
                       ("in/own/more.itp", "[ defaults ]\n1 2 no 1 1\n"), ("elsewhere.itp", "; else\n")):
        (folder / name).write_text(text)
    system = builders.system((builders.water(), n_waters))
    window = builders.window(system, np.eye(3) * 1.9)
    writer = GromacsReady(GromacsReady.Options(folder="gromacs", of=folder / "in" / "topol.top", temperature=310,
                                               **options))
    texts = [data.decode() for data in writer.encode(window, system, True)]
    assert list(writer.encode(window, system, False)) == [b""] * len(texts)
    return {path.relative_to("gromacs").as_posix(): text for path, text in zip(writer.paths(), texts, strict=True)}


def test_files(tmp_path: Path) -> None:
    found = written(tmp_path, 8)
    assert list(found) == ["conf.gro", "topol.top", "em.mdp", "nvt.mdp", "npt.mdp", "README.md", "own/types.itp",
                           "posre.itp", "own/more.itp"]
    assert '#include "./own/types.itp"' in found["topol.top"]
    assert f'#include "{tmp_path / "elsewhere.itp"}"' in found["topol.top"]
    assert "SOL             8" in found["topol.top"]
    assert found["own/types.itp"] == TYPES
    assert "gmx grompp -f em.mdp -c conf.gro -p topol.top -o em.tpr\n    gmx mdrun -deffnm em" in found["README.md"]
    assert "\ngen-temp              = 310\n" in found["nvt.mdp"]


@pytest.mark.skipif(shutil.which("gmx") is None, reason="gmx is not installed")
def test_grompp_takes_all_three(tmp_path: Path) -> None:
    """With cut-offs that fit the box, which is smaller than twice the usual ones."""
    for name, text in written(tmp_path, 512, coupling="semiisotropic").items():
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in ("em", "nvt", "npt"):
        done = subprocess.run(["gmx", "grompp", "-f", f"{name}.mdp", "-c", "conf.gro", "-p", "topol.top", "-o",
                               f"{name}.tpr"], cwd=tmp_path / "out", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-1500:]


def test_treatment(tmp_path: Path) -> None:
    """CHARMM's if a file is called so; the user's own otherwise; cut-offs within half the box."""
    (tmp_path / "a.top").write_text('#include "charmm36.ff/forcefield.itp"\n')
    assert run_files.is_called(tmp_path / "a.top", "charmm")
    assert not run_files.is_called(tmp_path / "a.top", "gromos")
    commands = [line for line in run_files.readme("1 SOL", "none.", gromos=True).splitlines() if "gmx grompp" in line]
    assert [line.endswith(" -maxwarn 1") for line in commands] == [True] * 3
    assert "maxwarn" not in run_files.readme("1 SOL", "none.", charge=0.001)
    assert run_files.readme("1 P", "none.", gromos=True, charge=-2.0).count(" -maxwarn 2\n") == 3
    assert "net charge of -2 e" in run_files.readme("1 P", "none.", charge=-2.0)
    assert run_files.treatment(None, True, np.inf)["vdw-modifier"] == "force-switch"
    small = run_files.treatment(None, True, 1.0)
    assert (small["rvdw"], small["rcoulomb"], small["rvdw-switch"]) == ("0.9", "0.9", "0.72")
    (tmp_path / "a.mdp").write_text("rvdw = 1.1\nVdW_type = cutoff\nnsteps = 5\nconstraints = all-bonds\n"
                                    "define = -DX\n")
    told = run_files.treatment(RunFile.read(tmp_path / "a.mdp"), True, np.inf)
    assert told == {"rvdw": "1.1", "vdwtype": "cutoff", "constraints": "all-bonds", "define": "-DX"}
    em, nvt, npt = run_files.runs(told, 300, "isotropic")
    assert re.search(r"^dt +=(.*)\nnsteps +=(.*)", npt, re.MULTILINE).groups() == (" 0.002", " 50000")
    *_, springs = run_files.runs({"constraints": "none"}, 300, "isotropic")
    assert re.search(r"^dt +=(.*)\nnsteps +=(.*)", springs, re.MULTILINE).groups() == (" 0.001", " 100000")
    assert ("= -DX\n" in em, "= none" in em, "all-bonds" in em, "all-bonds" in nvt) == (True, True, False, True)


@pytest.mark.parametrize(("folder", "said"), [("/a", "'/a' is not inside the output folder"),
                                              ("a.gro", "'a.gro' should be the name of a folder")])
def test_folders(folder: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "topol.top").write_text(TOP)
    with pytest.raises(ValueError, match=said):
        GromacsReady.Options(folder=folder, of=tmp_path / "topol.top", temperature=300)
    (tmp_path / "conf.gro").write_text("")
    (tmp_path / "topol.top").write_text(f'#include "conf.gro"\n{TOP}')
    assert list(own_files(tmp_path / "topol.top")) == ["conf.gro"]
    with pytest.raises(ValueError, match=r"includes 'conf\.gro', which is the name of a file that is written"):
        GromacsReady.Options(folder="a", of=tmp_path / "topol.top", temperature=300)
