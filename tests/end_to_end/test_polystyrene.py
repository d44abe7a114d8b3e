"""The polystyrene demo: its model beside the published one, its data, and what its recipe makes of them."""
from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules.assemble import assemble
from numpy.typing import NDArray

from backmap.model import box as periodic
from backmap.model.system import System
from tests import command, gmx, scenes

DEMO = scenes.RECIPE.parent / "polystyrene"
CHAINS, MONOMERS, ATOMS, BEADS = 12, 10, 162, 20
#: One frame and few sweeps, and nothing beside it.
SHORT = ("--frames", "0", "--set", "steps.gibbs.sweeps=2", "--set", "steps.gibbs.repair=2",
         "--set", "steps.hamiltonian.sweeps=2", "--set", "steps.assess.compare_with={}")
needs_gmx = pytest.mark.skipif(shutil.which("gmx") is None, reason="GROMACS' gmx is not on the PATH")
needs_csg = pytest.mark.skipif(shutil.which("csg_map") is None, reason="VOTCA's csg_map is not on the PATH")


@pytest.fixture(scope="module")
def scripts() -> tuple[ModuleType, ModuleType]:
    """``model.py`` and ``analyse.py`` of the demo."""
    sys.path.insert(0, str(DEMO))
    try:
        import analyse
        import model
    finally:
        sys.path.remove(str(DEMO))
    return model, analyse


@pytest.fixture(scope="module")
def system() -> System:
    topology = Gromacs(Gromacs.Options(file=DEMO / "polystyrene.top")).read()
    return assemble(topology, Votca(Votca.Options(files=DEMO / "polystyrene.xml")).read(topology))


def frames(*files: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions (W, n, 3) and boxes (W, 3, 3) of a trajectory."""
    infos = list(GromacsFrames(files))
    return np.stack([info.positions for info in infos]), np.stack([info.box for info in infos])


def published_order() -> list[int]:
    """For each atom of a chain here, its number in a published chain, from 0."""
    order: list[int] = []
    for monomer in range(MONOMERS):
        start = 16 * monomer  # H C H, H C, ring; the two hydrogens of the ends come last
        order += [start + 1, start, start + 2, *[160] * (monomer == 0), start + 4, start + 3]
        order += [*[161] * (monomer == MONOMERS - 1), *range(start + 5, start + 16)]
    return order


def published(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first published frame: atoms (chains, 162, 3), and its box."""
    atoms, boxes = frames(folder / "aa.gro", folder / "aa.xtc")
    return atoms[0].reshape(-1, ATOMS, 3), boxes[0]


def test_files_are_what_the_script_writes(scripts: tuple[ModuleType, ModuleType]) -> None:
    model, _ = scripts
    assert (DEMO / "polystyrene.top").read_text() == model.topology()
    assert (DEMO / "polystyrene.xml").read_text() == model.mapping()


def test_model_has_the_energy_of_the_published_one(reference_data: Path, tmp_path: Path) -> None:
    gmx.required()
    atoms, box = published(reference_data / "polystyrene" / "test_568K")
    theirs = gmx.rerun(reference_data / "polystyrene" / "topol.top", atoms.reshape(1, -1, 3), box[None],
                       tmp_path / "published")
    text = (DEMO / "polystyrene.top").read_text().replace(f"PS  {CHAINS}\n", f"PS  {len(atoms)}\n")
    (tmp_path / "ours.top").write_text(text)
    ours = gmx.rerun(tmp_path / "ours.top", atoms[:, published_order()].reshape(1, -1, 3), box[None],
                     tmp_path / "ours")
    for term in ("Angle", "Proper Dih.", "Improper Dih.", "LJ (SR)", "Coulomb (SR)"):
        np.testing.assert_allclose(ours[term], theirs[term], rtol=1e-9, err_msg=term)


def test_mapping_makes_the_published_beads(reference_data: Path, system: System) -> None:
    folder = reference_data / "polystyrene" / "test_568K"
    atoms, box = published(folder)
    (beads, *_), _ = frames(folder / "cg.gro", folder / "cg.xtc")
    chains, beads = atoms[:CHAINS, published_order()].reshape(-1, 3), beads.reshape(-1, BEADS, 3)[:CHAINS]
    found = system.map(system.whole_atoms(chains, box)[None])[0]
    assert np.abs(periodic.minimum_image(found - beads.reshape(-1, 3), box)).max() < 0.0012  # rounded twice


@needs_gmx
@needs_csg
def test_csg_map_makes_the_beads_of_the_demo(tmp_path: Path) -> None:
    grompp(DEMO / "aa.gro", tmp_path)
    done = subprocess.run(["csg_map", "--top", "run.tpr", "--trj", str(DEMO / "test_aa.xtc"), "--cg",
                           str(DEMO / "polystyrene.xml"), "--out", "cg.gro"], cwd=tmp_path, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found, boxes), (expected, _) = frames(tmp_path / "cg.gro"), frames(DEMO / "cg.gro", DEMO / "cg.xtc")
    assert found.shape == expected.shape == (3, CHAINS * BEADS, 3)
    for ours, theirs, box in zip(expected, found, boxes, strict=True):
        assert np.abs(periodic.minimum_image(ours - theirs, box)).max() < 0.0008  # a .gro has three decimals


def test_data_are_a_syndiotactic_melt(scripts: tuple[ModuleType, ModuleType]) -> None:
    _, analyse = scripts
    train, held, test = (analyse.read_frames(DEMO / name) for name in ("train.xtc", "validation.xtc", "test_aa.xtc"))
    assert (len(train), len(held), len(test)) == (60, 3, 3)
    signs = analyse.handedness(analyse.chains_of(train + held + test))
    assert (signs[..., 1:] == -signs[..., :-1]).all()
    assert (signs == signs[:1, :1]).all()
    assert [analyse.bonds_through_rings(frame) for frame in [train[0], train[-1], *test]] == [0] * 5
    mass = CHAINS * (80 * 12.011 + 82 * 1.008)
    density = [mass / (6.02214076e23 * np.prod(np.diag(frame.box).astype(float)) * 1e-24) for frame in train]
    assert np.mean(density) == pytest.approx(920.0, abs=15.0)  # kg/m^3; 919.6 in the published frames


def test_rings_are_seen_to_be_pierced(scripts: tuple[ModuleType, ModuleType]) -> None:
    _, analyse = scripts
    turns = np.radians(60.0 * np.arange(6))
    ring = 0.139 * np.column_stack([np.cos(turns), np.sin(turns), np.zeros(6)])
    ends = np.array([[0.02, 0.03, 0.06], [0.2, 0.0, 0.06], [0.05, 0.0, 0.2], ring[0] + [0.0, 0.0, 0.1]])
    starts = np.array([[0.0, 0.0, -0.06], [0.2, 0.0, -0.06], [0.05, 0.0, 0.1], ring[0]])
    assert analyse.pierced(ring, starts, ends).tolist() == [True, False, False, False]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, run on its first frame."""
    folder = tmp_path_factory.mktemp("polystyrene") / "out"
    command.succeed("run", DEMO / "run.yaml", "--output", folder, *SHORT)
    return folder


def test_atoms_are_on_rigid_bonds_at_their_beads(written: Path, system: System) -> None:
    atoms, boxes = frames(written / "atoms.gro", written / "atoms.xtc")
    beads, _ = frames(DEMO / "cg.gro", DEMO / "cg.xtc")
    (kind,) = system.types
    i, j = kind.bonds.T
    chains = atoms[0].reshape(CHAINS, ATOMS, 3)
    expected = {"CC": 0.153, "CH": 0.110, "CC_AR": 0.151, "C_ARC_AR": 0.139, "C_ARH_AR": 0.108}
    lengths = [expected["".join(sorted((kind.atom_types[a], kind.atom_types[b])))] for a, b in kind.bonds]
    assert np.abs(np.linalg.norm(chains[:, i] - chains[:, j], axis=-1) - lengths).max() < 0.0015
    shift = periodic.minimum_image(system.map(atoms[:1])[0] - beads[0], boxes[0])
    assert np.abs(shift).max() < 0.0007


def test_chains_are_syndiotactic_and_no_ring_is_pierced(written: Path, scripts: tuple[ModuleType, ModuleType]) -> None:
    _, analyse = scripts
    (found,), (expected, *_) = (analyse.read_frames(path) for path in (written / "atoms.xtc", DEMO / "test_aa.xtc"))
    signs = analyse.handedness(analyse.chains_of([found, expected]))
    np.testing.assert_array_equal(signs[0], signs[1])
    assert analyse.bonds_through_rings(found) == 0
    report = json.loads((written / "report.json").read_text())
    assert report["n_frames"] == {"reference": 1, "backmap": 1}


@needs_gmx
def test_grompp_takes_it_with_the_topology_of_the_demo(written: Path, tmp_path: Path) -> None:
    assert "non-matching atom names" not in grompp(written / "atoms.gro", tmp_path)


def grompp(atoms: Path, folder: Path) -> str:
    """What ``gmx grompp`` says of the demo's topology with these atoms, once it is content; leaves ``run.tpr``."""
    shutil.copyfile(DEMO / "polystyrene.top", folder / "polystyrene.top")
    (folder / "run.mdp").write_text("integrator = md\nnsteps = 0\nrcoulomb = 1.0\nrvdw = 1.0\n")
    done = subprocess.run(["gmx", "grompp", "-f", "run.mdp", "-c", str(atoms), "-p", "polystyrene.top", "-o", "run.tpr",
                           "-maxwarn", "0"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def first_frame(folder: Path, steps: str) -> str:
    """Run steps on the first frame of the demo's melt, with its force field; what they say."""
    recipe = folder / "run.yaml"
    recipe.write_text(f"""\
recipe: 1
seed: 5
output: out
steps:
  - topology: {{atoms: {{gromacs: {DEMO}/polystyrene.top}}, mapping: {{votca: {DEMO}/polystyrene.xml}}}}
  - forcefield: {{gromacs: {DEMO}/polystyrene.top, cutoff: 1.0, coulomb: reaction_field, epsilon_rf: 2.5}}
{steps}""")
    return command.succeed("run", recipe, "--frames", "0")


def test_draws_are_accepted_at_the_true_atoms(tmp_path: Path) -> None:
    """A sweep with nothing but defaults, from the reference, under the full force field: one candidate a block."""
    said = first_frame(tmp_path, f"""\
  - read: {{beads: {{gromacs: [{DEMO}/cg.gro, {DEMO}/cg.xtc]}}}}
  - forward: {{generator: {{equivariant: {DEMO}/polystyrene_568K.safetensors}}}}
  - read_atoms: {{atoms: {{gromacs: [{DEMO}/aa.gro, {DEMO}/test_aa.xtc]}}}}
  - metropolis: {{sweeps: 1, temperature: 568}}
  - assess: [consistency]
  - write: {{report: report.json}}
""").split("\n")
    told = [line for line in said if line.startswith(("fragment of", "hydrogens of"))]
    shares = {line[:24].strip(): float(line[24:].split()[0].rstrip("%")) for line in told}
    assert shares.keys() == {"fragment of B", "hydrogens of A", "hydrogens of B"}
    assert shares["fragment of B"] > 20
    assert min(shares["hydrogens of A"], shares["hydrogens of B"]) > 40


def test_weights_of_the_voxel_gan_are_as_good_as_their_card_says(tmp_path: Path) -> None:
    """Angles and planes of what the network alone draws, of one frame: templates have 0.23 and 0.12."""
    first_frame(tmp_path, f"""\
  - read:
      beads: {{gromacs: [{DEMO}/cg.gro, {DEMO}/cg.xtc]}}
      reference: {{gromacs: [{DEMO}/aa.gro, {DEMO}/test_aa.xtc]}}
  - forward: {{generator: {{voxel_gan: {DEMO}/voxel_gan_568K.safetensors}}, start: sequential}}
  - gibbs: {{sweeps: 2, noise_schedule: [0.25, 0.0], temperature: 568}}
  - assess: [structure]
  - write: {{report: report.json}}
""")
    figures = json.loads((tmp_path / "out" / "report.json").read_text())["figures"]
    found: dict[str, list[float]] = {}
    for figure in figures:
        if figure["quantity"] == "JSD":
            found.setdefault(figure["section"], []).append(figure["values"]["backmap"]["value"])
    assert np.mean(found["angles"]) < 0.13
    assert np.mean(found["impropers"]) < 0.06
