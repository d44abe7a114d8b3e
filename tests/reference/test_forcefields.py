"""Force fields of real liquids, read by us and evaluated by OpenMM, against GROMACS in double precision."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.forcefields.gromacs.reader import Gromacs
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs as Topology
from backmap_plugins.formats.mappings.dbm import Dbm
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules.assemble import assemble
from backmap_plugins.openmm_bridge.system import Energies

from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.errors import BackmapError
from backmap.model.parameters import COULOMB, ForceField
from backmap.model.system import System
from tests import gmx, scenes

#: Allowed deviation of a term, of the sum of its absolute values.
ALLOWED = 1e-5
GROMOS = Path("/usr/share/gromacs/top/gromos54a7.ff")


def _read(top: Path, system: System, **options: object) -> ForceField:
    return replace(Gromacs(Gromacs.Options(file=top)).read(system), **{"epsilon_rf": 2.5, **options})


def _magnitudes(field: ForceField, system: System, atoms: np.ndarray, box: np.ndarray) -> dict[str, float]:
    """Sums of absolute values of pair energies; other terms hardly cancel."""
    where = AtomIndex(system)
    pairs = Snapshot(system, where, 0, 0, box, atoms, np.empty((0, 3))).pairs(field.cutoff)
    known = field.of(system)
    kind = np.concatenate([molecule.kind for molecule in known])
    charge = np.concatenate([molecule.charge for molecule in known])
    i, j = where.local[pairs.i], where.local[pairs.j]
    apart = pairs.bonds > 2
    r = pairs.distance[apart]
    lj = field.c12[kind[i], kind[j]][apart] / r**12 - field.c6[kind[i], kind[j]][apart] / r**6
    return {"lj": float(np.abs(lj).sum()), "coulomb": float(np.abs(COULOMB * (charge[i] * charge[j])[apart] / r).sum())}


def _compare(top: Path, field: ForceField, system: System, frames: np.ndarray, boxes: np.ndarray,
             folder: Path, mdp: dict | None = None, allowed: float = ALLOWED) -> None:
    expected = gmx.by_term(gmx.rerun(top, frames, boxes, folder, mdp))
    own = Energies(field, system, boxes[0])
    for number, (atoms, box) in enumerate(zip(frames, boxes)):
        found = own.of(atoms, box)
        scale = _magnitudes(field, system, system.whole_atoms(atoms, box), box)
        scale["total"] = sum(scale.values())
        for term, values in expected.items():
            deviation = abs(found.get(term, 0.0) - values[number])
            assert deviation <= allowed * max(scale.get(term, 0.0), abs(values[number])), (term, number)
        assert np.abs(own.forces(atoms, box) - gmx.forces(folder)[number]).max() < 0.05


def test_polystyrene(reference_data: Path, tmp_path: Path) -> None:
    """nrexcl 2, 280 exclusions a chain, no pairs, rule 2, in boxes that lean and change."""
    gmx.required()
    folder = reference_data / "polystyrene"
    topology = Topology(Topology.Options(file=folder / "topol.top")).read()
    system = assemble(topology, Votca(Votca.Options(files=folder / "PS1.xml")).read(topology))
    source = GromacsFrames([folder / "test_568K" / "aa.xtc"])
    infos = [source.frame(number) for number in (0, 1, 40)]
    _compare(folder / "topol.top", _read(folder / "topol.top", system), system,
             np.stack([info.positions for info in infos]), np.stack([info.box for info in infos]), tmp_path)


def _wrapper(folder: Path, itp: Path, code: str, count: int) -> Path:
    (folder / "wrapper.top").write_text(
        f'#include "{GROMOS}/forcefield.itp"\n#include "{itp}"\n[ system ]\nx\n[ molecules ]\n{code} {count}\n')
    return folder / "wrapper.top"


@pytest.mark.parametrize("pairs", ["", "[ pairs ]\n1 8 1\n5 14 1\n6 11 1\n6 12 1\n"])
def test_octane_of_gromos(reference_data: Path, tmp_path: Path, pairs: str) -> None:
    """Fourth-power bonds, cosine angles, rule 1 with tables of exceptions; with [ pairs ] also its pair types."""
    gmx.required()
    if not GROMOS.is_dir():
        pytest.skip(f"no {GROMOS}: it comes with Debian's GROMACS")
    folder = reference_data / "octane"
    (tmp_path / "octane.itp").write_text((folder / "L49C_aa.itp").read_text() + pairs)
    top = _wrapper(tmp_path, tmp_path / "octane.itp", "L49C", 215)
    topology = Topology(Topology.Options(file=top)).read()
    system = assemble(topology, Dbm(Dbm.Options(files={"L49C": folder / "L49C.map"})).read(topology))
    info = GromacsFrames([folder / "train" / "aa_350.gro"]).frame(0)
    field = _read(top, system)
    assert len(field.molecules["L49C"].pairs) == len(pairs.splitlines()[1:])
    _compare(top, field, system, info.positions[None], info.box[None], tmp_path / "gmx")


@pytest.mark.parametrize("epsilon", [0.0, 1.0, 15.0])
def test_octane_of_the_recipe(tmp_path: Path, epsilon: float) -> None:
    """Rule 3, generated pairs with fudge factors, Ryckaert-Bellemans."""
    gmx.required()
    top, system = scenes.RECIPE / "octane.top", scenes.octane_system()
    frames, boxes = scenes.octane_atoms(2)
    _compare(top, _read(top, system, epsilon_rf=epsilon), system, frames, boxes, tmp_path, {"epsilon-rf": epsilon})


def test_particle_mesh_ewald(tmp_path: Path) -> None:
    gmx.required()
    top, system = scenes.RECIPE / "octane.top", scenes.octane_system()
    frames, boxes = scenes.octane_atoms(1)
    mesh = {"coulombtype": "PME", "fourierspacing": 0.06, "pme-order": 8, "ewald-rtol": 1e-7}
    _compare(top, _read(top, system, coulomb="pme"), system, frames, boxes, tmp_path, mesh)


def test_an_atom_type_that_the_force_field_lacks(reference_data: Path, tmp_path: Path) -> None:
    """The cumene of the same authors uses types of a newer force field."""
    if not GROMOS.is_dir():
        pytest.skip(f"no {GROMOS}: it comes with Debian's GROMACS")
    folder = reference_data / "cumene"
    top = _wrapper(tmp_path, folder / "G065_aa.itp", "G065", 3)
    topology = Topology(Topology.Options(file=top)).read()
    system = assemble(topology, Dbm(Dbm.Options(files={"G065": folder / "G065.map"})).read(topology))
    with pytest.raises(BackmapError, match=r"G065_aa\.itp:\d+: atom type 'CAro' is in no \[ atomtypes \]"):
        _read(top, system)
