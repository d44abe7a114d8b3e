"""A box that holds more than what is backmapped: fixed molecules, ions, water, sites without atoms."""
from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames

from backmap.commands import cli
from backmap.model import box as periodic
from tests import scenes

DEMO = scenes.RECIPE
#: Octane, four molecules of it that are fixed, octane again; the last one makes room for water and ions.
BEFORE, KEPT, AFTER, WATERS, IONS = 30, 4, 29, 2, 2
N_OCTANE = 26
EXTRA = """
[ moleculetype ]
  SOL   2
[ atoms ]
  1  OW  1  SOL  OW   1  -0.8  16.0
  2  HW  1  SOL  HW1  1   0.4   1.008
  3  HW  1  SOL  HW2  1   0.4   1.008
[ settles ]
  1  1  0.1  0.16333

[ moleculetype ]
  NA    1
[ atoms ]
  1  NA  1  NA   NA   1   1.0  22.99
"""
ATOM_TYPES = """
  OW    8       16.0     -0.80   A      0.316  0.65
  HW    1        1.008    0.40   A      0.0    0.0
  NA    11      22.99     1.00   A      0.25   0.1
"""
RECIPE = """\
recipe: 1
seed: 3
steps:
  - topology:
      atoms: {{gromacs: mixture.top}}
      mapping: {{votca: octane.xml}}
      exclude: {{SOL: W, NA: "NA*"}}
      fixed: {{gromacs: fixed.gro}}
      ignore: ["VS*"]
  - forcefield: {{gromacs: mixture.top}}
  - read: {{beads: {{gromacs: [cg.gro]}}}}
  - forward: {{generator: {{equivariant: octane_350K.safetensors}}, start: {start}}}
  - gibbs: {{sweeps: 1, temperature: 350, regularizer: steric, repair: 1}}
{more}  - write: {{atoms: {{gromacs: {{files: [atoms.gro, atoms.xtc], decimals: 6}}}}}}
"""


@dataclass
class Points:
    """A .gro in the making."""

    rows: list[tuple[str, str, np.ndarray]] = field(default_factory=list)

    def add(self, residue: str, name: str, position: np.ndarray) -> None:
        self.rows.append((residue, name, position))

    def write(self, path: Path, box: np.ndarray) -> None:
        lines = [f"{1:5d}{residue:<5}{name:>5}{k % 99999:5d}" + "".join(f"{x:11.6f}" for x in position)
                 for k, (residue, name, position) in enumerate(self.rows, 1)]
        edges = "".join(f"{x:12.6f}" for x in np.diag(box))
        path.write_text("\n".join(["mixture", str(len(lines)), *lines, edges, ""]))


@dataclass
class Mixture:
    """Files of a mixture in a folder, and what they hold.

    Attributes:
        fixed: Atoms of the molecules that are fixed, (4 * 26, 3), nm.
        ions: Beads of the ions, (2, 3), nm.
        beads: Of the molecules that are backmapped, (59, 4, 3), nm.
    """

    folder: Path
    fixed: np.ndarray
    ions: np.ndarray
    beads: np.ndarray
    box: np.ndarray

    def run(self, recipe: str, *arguments: str) -> int:
        (self.folder / "run.yaml").write_text(recipe)
        with pytest.raises(SystemExit) as stop:
            cli.main(["run", str(self.folder / "run.yaml"), "--output", str(self.folder / "out"), "--force",
                      *arguments])
        return stop.value.code or 0


def mixture(folder: Path, names: Sequence[str] = ("VS1", "W", "NA+")) -> Mixture:
    """The demo's first frame as a mixture; ``names`` are those of sites, water and ions among the beads."""
    site, water, ion = names
    for name in ("octane.xml", "octane_350K.safetensors"):
        shutil.copyfile(DEMO / name, folder / name)
    octane = (DEMO / "octane.top").read_text()
    head, rest = octane.split("[ moleculetype ]")
    molecule, _ = rest.split("[ system ]")
    head = head.replace("[ bondtypes ]", ATOM_TYPES + "\n[ bondtypes ]")
    other = re.sub(r"\bOCT\b", "OCK", molecule)
    counts = f"OCT {BEFORE}\nOCK {KEPT}\nSOL {WATERS}\nOCT {AFTER}\nNA {IONS}\n"
    (folder / "mixture.top").write_text(f"{head}[ moleculetype ]{molecule}[ moleculetype ]{other}{EXTRA}"
                                        f"[ system ]\nmixture\n[ molecules ]\n{counts}")
    system = scenes.octane_system()
    atoms, boxes = scenes.octane_atoms(1)
    beads, box = system.map(atoms)[0].reshape(64, 4, 3), boxes[0]
    fixed, cg = Points(), Points()
    for position in beads[63, 2:]:
        cg.add("ION", ion, position)  # before all others, though last in the topology
    for number, four in enumerate(beads):
        if number < BEFORE or BEFORE + KEPT <= number < 63:
            for k, position in enumerate(four):
                cg.add("OCT", f"B{k + 1}", position)
                if k == 1:
                    cg.add("OCT", site, position + 0.01)
    for position in beads[63, :2]:
        cg.add(water, water, position)
    for number in range(BEFORE, BEFORE + KEPT):
        for name, position in zip(system.types[0].atom_names, atoms[0].reshape(64, N_OCTANE, 3)[number], strict=True):
            fixed.add("OCK", name, position)
    cg.write(folder / "cg.gro", box)
    fixed.write(folder / "fixed.gro", box)
    mapped = np.concatenate([beads[:BEFORE], beads[BEFORE + KEPT:63]])
    return Mixture(folder, np.array([row[2] for row in fixed.rows]), beads[63, 2:], mapped, box)


def check(made: Mixture) -> np.ndarray:
    """What every output must hold; returns its atoms, (A, 3), nm."""
    universe = MDAnalysis.Universe(str(made.folder / "out" / "atoms.gro"))
    assert len(universe.atoms) == (BEFORE + KEPT + AFTER) * N_OCTANE + IONS
    residues = [residue.resname for residue in universe.residues]
    assert residues == ["OCT"] * BEFORE + ["OCK"] * KEPT + ["OCT"] * AFTER + ["NA"] * IONS
    atoms = next(iter(GromacsFrames([made.folder / "out" / "atoms.gro"]))).positions
    fixed = slice(BEFORE * N_OCTANE, (BEFORE + KEPT) * N_OCTANE)
    assert np.abs(periodic.minimum_image(atoms[fixed] - made.fixed, made.box)).max() < 2e-6
    assert np.abs(periodic.minimum_image(atoms[-IONS:] - made.ions, made.box)).max() < 2e-6
    octane = np.concatenate([atoms[:fixed.start], atoms[fixed.stop:-IONS]]).reshape(-1, N_OCTANE, 3)
    (kind,) = scenes.octane_system().types
    assert np.abs(periodic.minimum_image(kind.mapping.apply(octane) - made.beads, made.box)).max() < 1e-5
    return atoms


@pytest.mark.parametrize("start", ["parallel", pytest.param("sequential", marks=pytest.mark.slow)])
def test_everything_comes_out_in_the_order_of_the_topology(start: str, tmp_path: Path,
                                                           capsys: pytest.CaptureFixture[str]) -> None:
    made = mixture(tmp_path)
    assert made.run(RECIPE.format(start=start, more="")) == 0
    said = capsys.readouterr()
    said = said.out + said.err
    assert "SOL: 2 molecules and 2 beads left out" in said
    assert "NA: 2 atoms placed on their beads" in said
    assert "VS*: 59 sites without atoms left out" in said
    assert "4 OCK: 104 atoms fixed as they are" in said
    assert "30 OCT, 4 OCK, 29 OCT, 2 NA: 1640 atoms, 342 beads" in said
    atoms = check(made)
    # Drawn atoms keep off those that are fixed.
    drawn = np.r_[0:BEFORE * N_OCTANE, (BEFORE + KEPT) * N_OCTANE:len(atoms) - IONS]
    apart = np.linalg.norm(periodic.minimum_image(atoms[drawn][:, None] - made.fixed, made.box), axis=-1)
    assert apart.min() > 0.15
    if shutil.which("gmx"):
        grompp(tmp_path)


def grompp(folder: Path) -> None:
    """GROMACS takes the topology without the water, whose atoms were left out."""
    text = (folder / "mixture.top").read_text()
    (folder / "written.top").write_text(re.sub(r"^SOL 2\n", "", text, flags=re.MULTILINE))
    (folder / "run.mdp").write_text("integrator = md\nnsteps = 0\nrcoulomb = 1.0\nrvdw = 1.0\n")
    done = subprocess.run(["gmx", "grompp", "-f", "run.mdp", "-c", "out/atoms.gro", "-p", "written.top", "-o",
                           "run.tpr", "-maxwarn", "1"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "non-matching atom names" not in done.stdout + done.stderr


@pytest.mark.parametrize(("old", "new", "message"), [
    ('      ignore: ["VS*"]\n', "", "run.yaml: steps[2].read: .*cg.gro: holds beads that no mapping names: 59 VS1. "
                                    "Declare sites without atoms in topology as 'ignore: [VS1]'"),
    ("{{SOL: W, NA", "{{NA", "cg.gro: holds beads that no mapping names: 2 W. Declare .* 'exclude: {MOLECULE: W}'"),
    ('"NA*"', "NA", "cg.gro: 0 beads are NA, but the topology has 2 NA to be placed on them. Say what they are called"),
    ("exclude:", "exlude:", "steps[0].topology: no option is called 'exlude'. Did you mean 'exclude'?")])
def test_what_is_not_declared_is_said_in_one_line(old: str, new: str, message: str, tmp_path: Path,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    made = mixture(tmp_path)
    assert old in RECIPE
    assert made.run(RECIPE.replace(old, new).format(start="parallel", more="")) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert re.search(re.escape(message).replace(r"\.\*", ".*"), line), line
