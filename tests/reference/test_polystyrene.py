"""The published polystyrene melt through the benchmark recipe, one frame."""
from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules.assemble import assemble, signed, unsigned_centres
from MDAnalysis.lib.mdamath import triclinic_box

from backmap.model import box as periodic
from backmap.model.system import System
from tests import command

RECIPE = Path(__file__).parents[2] / "recipes" / "polystyrene_published" / "benchmark.yaml"
#: Not among the training snapshots.
FRAME = 0
LENGTHS = {("C", "C"): 0.153, ("C", "C_AR"): 0.151, ("C_AR", "C_AR"): 0.139, ("C", "H"): 0.110,
           ("C_AR", "H_AR"): 0.108}
#: As the reference was simulated: rigid bonds, unshifted Lennard-Jones, reaction field.
MDP = """\
integrator = md
nsteps = 0
constraints = all-bonds
coulombtype = Reaction-Field
rcoulomb = 1.0
epsilon-rf = 2.5
vdw-modifier = None
rvdw = 1.0
tcoupl = v-rescale
tc-grps = System
tau-t = 0.2
ref-t = 568
gen-vel = yes
gen-temp = 568
"""


@pytest.fixture(scope="module")
def data(reference_data: Path) -> Path:
    return reference_data / "polystyrene"


@pytest.fixture(scope="module")
def written(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("polystyrene")
    run(data, RECIPE, "--frames", str(FRAME), "--set", "steps.assess.compare_with={}", "--output", str(folder))
    return folder


def run(data: Path, recipe: Path, *options: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKMAP_REFERENCE_DATA", str(data.parent))
        command.succeed("run", recipe, *options)


@pytest.fixture(scope="module")
def system(data: Path) -> System:
    topology = Gromacs(Gromacs.Options(file=data / "topol.top")).read()
    return assemble(topology, Votca(Votca.Options(files=data / "PS1.xml")).read(topology))


@pytest.fixture(scope="module")
def atoms(written: Path) -> np.ndarray:
    """All atoms, (A, 3), nm; molecules are written whole."""
    return GromacsFrames([written / "atoms.xtc"]).frame(0).positions


def test_bonds_are_those_of_the_reference(atoms: np.ndarray, system: System) -> None:
    (kind,) = system.types
    chains = atoms.reshape(-1, kind.n_atoms, 3)
    length = np.linalg.norm(chains[:, kind.bonds[:, 0]] - chains[:, kind.bonds[:, 1]], axis=-1)
    types = [tuple(sorted((kind.atom_types[i], kind.atom_types[j]))) for i, j in kind.bonds]
    assert set(types) == set(LENGTHS)
    for pair, expected in LENGTHS.items():
        found = length[:, [k for k, other in enumerate(types) if other == pair]]
        assert found.mean() == pytest.approx(expected, abs=0.0005), pair
        assert found.std() <= 0.001, pair


def test_every_stereocentre_has_the_hand_of_the_reference(atoms: np.ndarray, system: System, data: Path) -> None:
    found = signed(system, atoms[None])
    truth = GromacsFrames([data / "test_568K" / "aa.xtc"]).frame(FRAME)
    expected = signed(system, system.whole_atoms(truth.positions, truth.box)[None])
    assert unsigned_centres(found) == unsigned_centres(expected) == {}  # all chains agree in every centre
    assert expected.types[0].chemistry.sign.tolist() == [1, -1] * 4 + [1]
    assert found.types[0].chemistry.sign.tolist() == expected.types[0].chemistry.sign.tolist()


def test_atoms_map_onto_the_beads(atoms: np.ndarray, system: System, data: Path) -> None:
    beads = GromacsFrames([data / "test_568K" / "cg.xtc"]).frame(FRAME)
    away = periodic.minimum_image(system.map(atoms[None])[0] - beads.positions, beads.box)
    assert np.sqrt((away**2).sum(axis=1).mean()) <= 0.0006


@pytest.mark.slow
def test_a_metropolis_sweep_leaves_the_reference_as_it_is(data: Path, tmp_path: Path) -> None:
    """Where sweeps begin at beads exactly in place, a rare state, too many are drawn instead: +10 kJ/mol a chain."""
    begin = RECIPE.read_text().partition("  - gibbs:")[0].replace("ps_568K", str(RECIPE.parent / "ps_568K"))
    recipe = tmp_path / "accepted.yaml"
    recipe.write_text(begin + f"""\
  - read_atoms: {{gromacs: {data / "test_568K" / "aa.xtc"}}}
  - metropolis: {{sweeps: 1, temperature: 568, beads: {{sigma: 0.001, proposal_sigma: 0.001}}}}
  - assess: {{assessors: [energy], view: false}}
  - write: {{report: [report.json]}}
""")
    run(data, recipe, "--frames", "0,32,50", "--output", str(tmp_path / "out"))
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    shares = {(row["block"], row["bead_type"]): row["all"] for row in report["sampling"][0]["acceptance"]}
    assert shares["fragment", "B"] > 0.25
    assert min(shares["hydrogens", "A"], shares["hydrogens", "B"]) > 0.5
    (energy,) = (figure["values"] for figure in report["figures"]
                 if (figure["name"], figure["quantity"]) == ("Lennard-Jones per molecule, sum", "mean"))
    assert abs(energy["backmap"]["value"] - energy["reference"]["value"]) < 5.0


@pytest.mark.skipif(shutil.which("gmx") is None, reason="GROMACS' gmx is not on the PATH")
def test_grompp_takes_it_with_the_topology_of_the_reference(written: Path, data: Path, tmp_path: Path) -> None:
    for name in ("topol.top", "topol_PS1.itp"):
        shutil.copyfile(data / name, tmp_path / name)
    (tmp_path / "run.mdp").write_text(MDP)
    done = subprocess.run(["gmx", "grompp", "-f", "run.mdp", "-c", str(written / "atoms.gro"), "-p", "topol.top", "-o",
                           "run.tpr"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "non-matching atom names" not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gmx") is None, reason="GROMACS' gmx is not on the PATH")
def test_dynamics_start_without_minimisation(written: Path, data: Path, tmp_path: Path) -> None:
    """A picosecond from the atoms as they are, beside one from the reference frame."""
    truth = MDAnalysis.Universe(str(data / "test_568K" / "aa.gro"))
    frame = GromacsFrames([data / "test_568K" / "aa.xtc"]).frame(FRAME)
    truth.atoms.positions, truth.dimensions = frame.positions * 10, triclinic_box(*frame.box * 10)
    truth.atoms.write(str(tmp_path / "reference.gro"))
    shutil.copyfile(written / "atoms.gro", tmp_path / "ours.gro")
    found = {name: dynamics(tmp_path, name, data) for name in ("ours", "reference")}
    for name, (said, potential, temperature) in found.items():
        assert "LINCS WARNING" not in said, name
        assert temperature.max() < 1.1 * 568, name
        late = found["reference"][1][10:]
        assert abs(potential[10:].mean() - late.mean()) < 3 * late.std(), name


def dynamics(folder: Path, name: str, data: Path) -> tuple[str, np.ndarray, np.ndarray]:
    """What gmx mdrun says in 1 ps of 1 fs steps; potential energy (kJ/mol) and temperature (K) every 50 fs."""
    for file in ("topol.top", "topol_PS1.itp"):
        shutil.copyfile(data / file, folder / file)
    mdp = MDP.replace("nsteps = 0", "nsteps = 1000\ndt = 0.001\nnstenergy = 50\ngen-seed = 7")
    (folder / "run.mdp").write_text(mdp)
    said = ""
    for words in (["grompp", "-f", "run.mdp", "-c", f"{name}.gro", "-p", "topol.top", "-o", f"{name}.tpr"],
                  ["mdrun", "-deffnm", name, "-nt", "1"]):
        done = subprocess.run(["gmx", *words], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        said += done.stdout + done.stderr
    subprocess.run(["gmx", "energy", "-f", f"{name}.edr", "-o", f"{name}.xvg", "-xvg", "none"], cwd=folder,
                   input="Potential\nTemperature\n\n", capture_output=True, text=True, check=True)
    _, potential, temperature = np.loadtxt(folder / f"{name}.xvg").T
    return said, potential, temperature
