"""The energy engine against GROMACS in double precision, term by term, and against an independent yardstick."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.assessors.energy import Energy
from backmap_plugins.files.mdp import bare
from backmap_plugins.forcefields.gromacs.reader import Gromacs as Parameters
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.dbm import Dbm
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules.assemble import assemble
from backmap_plugins.steps.forcefield import Forcefield

from backmap.api import State
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.energy.site import SiteEnergy
from backmap.engine.sites.contracts import View
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.parameters import COULOMB, ForceField
from backmap.model.system import System, Window
from backmap.model.tally import Tally
from tests import forcefields, gmx, scenes

#: GROMACS' names of our terms.
GROMACS = {"bond": ("Bond", "G96Bond"), "angle": ("Angle", "G96Angle"), "proper": ("Proper Dih.", "Ryckaert-Bell."),
           "improper": ("Improper Dih.",), "lj": ("LJ (SR)",), "lj_14": ("LJ-14",), "coulomb": ("Coulomb (SR)",),
           "coulomb_14": ("Coulomb-14",)}
#: Frames of the published backmapping of the 568 K melt: mean and spread of the energy per atom, kJ/mol.
PUBLISHED = {"bond": (0.154, 0.013), "angle": (1.485, 0.108), "proper": (0.213, 0.013), "improper": (0.359, 0.010),
             "Lennard-Jones": (-1.133, 0.224), "Coulomb": (-0.009, 0.005), "total": (1.068, 0.324)}
#: The Lennard-Jones energy per chain: mean, spread and median.
PUBLISHED_CHAIN = {"intra": (6.2, 176.0, -15.6), "inter": (-379.6, 79.0, -387.6), "sum": (-373.3, 194.9, -398.5)}


@pytest.fixture(scope="module")
def data(reference_data: Path) -> Path:
    return reference_data / "polystyrene"


@pytest.fixture(scope="module")
def polystyrene(data: Path) -> tuple[System, ForceField]:
    topology = Gromacs(Gromacs.Options(file=data / "topol.top")).read()
    system = assemble(topology, Votca(Votca.Options(files=data / "PS1.xml")).read(topology))
    return system, forcefields.read(data / "topol.top", system)


def frames_of(files: list[Path], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Atoms as they stand in the file, and boxes."""
    source = GromacsFrames(files)
    infos = [source.frame(number) for number in range(n)]
    return np.stack([info.positions for info in infos]), np.stack([info.box for info in infos])


def compare(system: System, field: ForceField, top: Path, frames: np.ndarray, boxes: np.ndarray, folder: Path,
            **changes: object) -> None:
    """Every term within 1e-7 of the sum of what it adds up, and forces, against ``gmx_d mdrun -rerun``."""
    expected = gmx.rerun(top, frames, boxes, folder, mdp=changes)
    forces, energy = gmx.forces(folder), FrameEnergy(system, field)
    assert energy.layout.present
    for w, (atoms, box) in enumerate(zip(frames, boxes, strict=True)):
        found = energy.of(atoms, box)
        for term, names in GROMACS.items():
            theirs = sum(float(expected[name][w]) for name in names if name in expected)
            assert found[term] == pytest.approx(theirs, abs=1e-7 * size_of(energy, term, atoms, box)), term
        assert found.total == pytest.approx(float(expected["Potential"][w]), rel=1e-6)
        ours = energy.forces(atoms, box)
        # GROMACS prints six digits of each component.
        np.testing.assert_allclose(ours, forces[w], rtol=2e-5, atol=1e-5 * np.abs(forces[w]).max())


def size_of(energy: FrameEnergy, term: str, atoms: np.ndarray, box: np.ndarray) -> float:
    """Sum of absolute values of a term, roughly: charges cancel, so their sum is not its measure."""
    found = energy.of(atoms, box)
    if not term.startswith("coulomb"):
        return abs(found[term])
    charge = energy.layout.charge
    return COULOMB * float((charge**2).sum())  # every atom's own share; pairs add up to more


@pytest.mark.parametrize("name", ["aa", "deepbackmap"])
def test_polystyrene_as_gromacs_has_it(name: str, polystyrene: tuple[System, ForceField], data: Path,
                                       tmp_path: Path) -> None:
    frames, boxes = frames_of([data / "test_568K" / f"{name}.xtc"], 2)
    compare(*polystyrene, data / "topol.top", frames, boxes, tmp_path)


def test_octane_of_the_recipe_as_gromacs_has_it(tmp_path: Path) -> None:
    system, top = scenes.octane_system(), scenes.RECIPE / "octane.top"
    frames, boxes = frames_of([scenes.RECIPE / "aa.gro", scenes.RECIPE / "train.xtc"], 2)
    compare(system, forcefields.read(top, system), top, frames, boxes, tmp_path)


@pytest.mark.parametrize(("epsilon", "cutoff"), [(0.0, 1.0), (1.0, 0.9), (80.0, 0.8)])
def test_other_reaction_fields_as_gromacs_has_them(epsilon: float, cutoff: float, tmp_path: Path) -> None:
    system, top = scenes.octane_system(), scenes.RECIPE / "octane.top"
    frames, boxes = frames_of([scenes.RECIPE / "aa.gro", scenes.RECIPE / "train.xtc"], 1)
    compare(system, forcefields.read(top, system, cutoff, epsilon_rf=epsilon), top, frames, boxes, tmp_path,
            **{"epsilon-rf": epsilon, "rcoulomb": cutoff, "rvdw": cutoff})


@pytest.mark.parametrize("changes", [
    {"epsilon-rf": 0, "vdw-modifier": "Potential-shift"},
    {"epsilon_rf": 78, "vdw_modifier": "potential_shift_verlet"},
    {"epsilon-rf": 10, "epsilon-r": 2.5, "vdw-modifier": "Force-switch", "rvdw-switch": 0.7},
    {"vdw-modifier": "Potential-switch", "rvdw-switch": 0.75},
    {"vdwtype": "Switch", "rvdw_switch": 0.6, "coulombtype": "cut-off"},
    {"vdw-type": "shift", "rvdw-switch": 0.5, "coulombtype": "Cut-off", "epsilon-r": 3},
    {"vdw-modifier": "none", "coulombtype": "Cut-off", "coulomb-modifier": "none"},
], ids=lambda changes: "-".join(str(value) for value in changes.values()))
def test_run_parameters_as_gromacs_has_them(changes: dict[str, object], tmp_path: Path) -> None:
    system, top, mdp = scenes.octane_system("none"), scenes.RECIPE / "octane.top", tmp_path / "run.mdp"
    changes = {"rcoulomb": 0.9, "rvdw": 0.9, **changes}
    replaced = {bare(name) for name in changes}
    rest = {name: value for name, value in gmx.MDP.items() if bare(name) not in replaced}
    mdp.write_text("".join(f"{name} = {value}\n" for name, value in (rest | changes).items()))
    reader = Parameters(Parameters.Options(file=top, mdp=mdp))
    state = State(folder=tmp_path, output=tmp_path, seed=0, device="cpu", log=lambda line: None, system=system)
    Forcefield(Forcefield.Options(parameters=reader)).start(state)
    frames, boxes = frames_of([scenes.RECIPE / "aa.gro", scenes.RECIPE / "train.xtc"], 1)
    theirs = gmx.MDP | {name: None for name in gmx.MDP if bare(name) in replaced} | changes
    compare(system, state.forcefield, top, frames, boxes, tmp_path,
            **{name: "" if value is None else value for name, value in theirs.items()})


def test_octane_of_gromos_as_gromacs_has_it(reference_data: Path, tmp_path: Path) -> None:
    library = Path("/usr/share/gromacs/top/gromos54a7.ff/forcefield.itp")
    if not library.is_file():
        pytest.skip(f"no {library}, which comes with Debian's GROMACS")
    folder = reference_data / "octane"
    top = tmp_path / "gromos.top"
    top.write_text(f'#include "{library}"\n#include "{folder / "L49C_aa.itp"}"\n'
                   "[ system ]\noctane\n[ molecules ]\nL49C 215\n")
    topology = Gromacs(Gromacs.Options(file=top)).read()
    system = assemble(topology, Dbm(Dbm.Options(files={"L49C": folder / "L49C.map"})).read(topology))
    field = forcefields.read(top, system)
    frames, boxes = frames_of([folder / "validation" / "aa_300.gro"], 1)
    compare(system, field, top, frames, boxes, tmp_path)


def test_fragments_of_polystyrene_differ_by_as_much_as_the_frame(polystyrene: tuple[System, ForceField],
                                                                 data: Path) -> None:
    system, field = polystyrene
    (atoms,), boxes = frames_of([data / "test_568K" / "aa.xtc"], 1)
    atoms = system.whole_atoms(atoms, boxes[0])
    window = Window(np.zeros(1, dtype=np.int64), np.zeros(1), boxes, system.map(atoms)[None]).with_atoms(atoms[None])
    view = View(cutoff=1.75)
    scene = scenes.scene_of(system, window, view)
    site, whole = SiteEnergy(system, field, scene.fragments, view), FrameEnergy(system, field)
    site.check(scene, boxes)
    bead = torch.arange(0, system.n_beads, 97)
    frame = torch.zeros_like(bead)
    owned = scene.layout.owned[bead]
    own = scene.atoms[0, owned.clamp_min(0)] - scene.beads[0, bead][:, None]
    drawn = own + torch.as_tensor(np.random.default_rng(0).normal(0, 0.01, own.shape))
    change = site.of(scene, frame, bead, drawn[:, None])[:, 0] - site.present(scene, frame, bead)
    before = whole.of(atoms, boxes[0]).total
    for s in range(len(bead)):
        moved, there = atoms.copy(), owned[s] >= 0
        moved[owned[s][there]] = (drawn[s] + scene.beads[0, bead[s]])[there].numpy()
        assert change[s].item() == pytest.approx(whole.of(moved, boxes[0]).total - before, abs=1e-7)


@pytest.mark.slow
def test_the_assessor_finds_what_the_yardstick_found(polystyrene: tuple[System, ForceField], data: Path) -> None:
    system, field = polystyrene
    where, assessor = AtomIndex(system), Energy(Energy.Options())
    assessor.begin(system, field)
    tallies = {}
    for name in ("aa", "deepbackmap"):
        frames, boxes = frames_of([data / "test_568K" / f"{name}.xtc"], 78)
        tallies[name] = Tally()
        for k, (atoms, box) in enumerate(zip(frames, boxes, strict=True)):
            whole = system.whole_atoms(atoms, box)
            assessor.measure(Snapshot(system, where, k, k, box, whole, system.map(whole)), tallies[name])
    found = {figure.key[1:]: figure for figure in
             assessor.conclude(tallies["deepbackmap"], tallies["aa"]).figures}
    for name, (mean, spread) in PUBLISHED.items():
        figure = found[name, "per atom"]
        assert (figure.value, figure.spread) == pytest.approx((mean, spread), abs=6e-4), name
    for name, (mean, spread, median) in PUBLISHED_CHAIN.items():
        title = f"Lennard-Jones per molecule, {name}"
        figure = found[title, "mean"]
        assert (figure.value, figure.spread) == pytest.approx((mean, spread), abs=0.06), name
        assert found[title, "median"].value == pytest.approx(median, abs=0.06), name
    assert found["Lennard-Jones per molecule", "JSD"].value == pytest.approx(0.0576, abs=2e-4)
    floor = assessor.conclude(tallies["aa"].half(1), tallies["aa"].half(0)).figures
    assert [figure.value for figure in floor if figure.distance] == pytest.approx([0.0063], abs=1e-4)
