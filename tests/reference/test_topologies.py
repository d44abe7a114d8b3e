"""Facts of the published systems that everything else relies on."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.dbm import read_owners
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.dbm import Dbm
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules.assemble import assemble, rigid_lengths, signed, unsigned_centres

from backmap.model import box as periodic
from backmap.model.system import System

#: C, two H: masses of a CH2, whole and shared by two beads.
_METHYLENE, _HALF = [12.011, 1.008, 1.008], [6.0055, 0.504, 0.504]


@pytest.fixture(scope="module")
def polystyrene(reference_data: Path) -> System:
    folder = reference_data / "polystyrene"
    topology = Gromacs(Gromacs.Options(file=folder / "topol.top")).read()
    return assemble(topology, Votca(Votca.Options(files=folder / "PS1.xml")).read(topology))


def _atoms(system: System, paths: list[Path]) -> np.ndarray:
    frames = [frame for path in paths for frame in GromacsFrames([path])]
    return np.stack([system.whole_atoms(frame.positions, frame.box) for frame in frames])


def _liquid(folder: Path, name: str, count: int) -> System:
    topology = Gromacs(Gromacs.Options(file=folder / f"{name}_aa.itp")).read()
    mapping = Dbm(Dbm.Options(files={name: folder / f"{name}.map"})).read(topology)
    return assemble(topology, mapping, molecules={name: count})


def test_polystyrene_is_syndiotactic_and_rigid(polystyrene: System, reference_data: Path) -> None:
    paths = sorted((reference_data / "polystyrene" / "train").glob("aa_*.gro"))[:3]
    atoms = _atoms(polystyrene, paths)
    (kind,) = signed(rigid_lengths(polystyrene, atoms), atoms).types
    assert kind.chemistry.centres[:, 0].tolist() == [4, *range(20, 133, 16)]
    assert kind.chemistry.sign.tolist() == [1, -1] * 4 + [1]
    assert unsigned_centres(signed(polystyrene, atoms)) == {}
    assert int(kind.chemistry.aromatic.sum()) == 60
    expected = {("C", "C"): 0.153, ("C", "C_AR"): 0.151, ("C_AR", "C_AR"): 0.139, ("C", "H"): 0.110,
                ("C_AR", "H_AR"): 0.108}
    types = [tuple(sorted((kind.atom_types[i], kind.atom_types[j]))) for i, j in kind.bonds]
    np.testing.assert_allclose(kind.bond_length, [expected[pair] for pair in types], atol=5e-5)


def test_owners_of_the_published_map_differ_in_the_first_monomer_only(polystyrene: System,
                                                                      reference_data: Path) -> None:
    published = read_owners(reference_data / "polystyrene" / "PS1.map", 162)
    kind = polystyrene.types[0]
    different = np.flatnonzero(published != kind.mapping.owner)
    assert [kind.atom_names[a] for a in different] == ["H4", "C5"]


@pytest.mark.parametrize(("name", "title", "count", "rows"), [
    ("octane", "L49C", 215, {
        0: (["C8"], [1.0]),
        1: (["C7", "H22", "H23", "C6", "H20", "H21", "C5", "H18", "H19"], _HALF + _METHYLENE + _HALF),
        2: (["C5", "H18", "H19", "C4", "H16", "H17", "C3", "H14", "H15"], _HALF + _METHYLENE + _HALF),
        3: (["C3", "H14", "H15", "C2", "H12", "H13", "C1", "H9", "H10"], _HALF + _METHYLENE + _HALF)}),
    ("cumene", "G065", 265, {
        0: (["C1"], [1.0]),
        1: (["C4", "C5", "C6", "C7", "C8", "C9", "H8", "H9", "H10", "H11", "H12"], [12.011] * 6 + [1.008] * 5),
        2: (["C3"], [1.0])})])
def test_weights_of_the_liquids(reference_data: Path, name: str, title: str, count: int, rows: dict) -> None:
    """Beads are written to 0.001 nm after mapping atoms that may have been rounded, too."""
    system = _liquid(reference_data / name, title, count)
    kind = system.types[0]
    weights = np.zeros((len(rows), kind.n_atoms))
    for bead, (names, values) in rows.items():
        weights[bead, [kind.atom_names.index(atom) for atom in names]] = np.array(values) / sum(values)
    for path in sorted((reference_data / name / "train").glob("aa_*.gro")):
        atoms = _atoms(system, [path])[0].reshape(count, -1, 3)
        beads = GromacsFrames([path.with_name(path.name.replace("aa", "cg"))]).frame(0)
        away = periodic.minimum_image(weights @ atoms - beads.positions.reshape(count, -1, 3), beads.box)
        assert np.sqrt((away**2).sum(axis=-1).mean()) < 0.0006


@pytest.mark.parametrize(("name", "title", "count"), [("octane", "L49C", 215), ("cumene", "G065", 265)])
def test_bonds_of_the_liquids_are_rigid_at_the_topologys_lengths(reference_data: Path, name: str, title: str,
                                                                 count: int) -> None:
    """Bonds of one pair of atom types may have two lengths, 0.109 and 0.110 nm."""
    folder = reference_data / name
    system = _liquid(folder, title, count)
    found = rigid_lengths(system, _atoms(system, sorted((folder / "train").glob("aa_*.gro")))).types[0]
    given = Gromacs(Gromacs.Options(file=folder / f"{title}_aa.itp")).read().types[title].bond_length
    np.testing.assert_allclose(found.bond_length, given, atol=5e-5)
    assert not len(found.chemistry.centres)
