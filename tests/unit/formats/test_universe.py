"""MDAnalysis on both sides: frames from a Universe, atoms as a Universe."""
from __future__ import annotations

import shutil
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.writers import Gromacs
from backmap_plugins.formats.universe import MDAnalysis as Bridge

from backmap.errors import BackmapError
from tests import builders, scenes

BRIDGE = Bridge(Bridge.Options())
CG = [scenes.RECIPE / "cg.gro", scenes.RECIPE / "cg.xtc"]


@pytest.fixture
def beads(tmp_path: Path) -> MDAnalysis.Universe:
    return MDAnalysis.Universe(*(shutil.copy(path, tmp_path) for path in CG))


def test_it_knows_its_own() -> None:
    universe = MDAnalysis.Universe.empty(2, trajectory=True)
    assert BRIDGE.knows(universe)
    assert BRIDGE.knows(universe.atoms[:1])
    assert not any(BRIDGE.knows(thing) for thing in (None, "cg.gro", np.zeros((2, 3)), universe.atoms[0]))


def test_frames_are_those_of_the_files(beads: MDAnalysis.Universe) -> None:
    beads.trajectory[3]
    source, files = BRIDGE.frames(beads), GromacsFrames(CG)
    assert (source.n_frames, source.n_points) == (files.n_frames, files.n_points)
    assert (source.names, source.residue_names) == (files.names, files.residue_names)
    for number in (4, 0, 2):
        ours, theirs = source.frame(number), files.frame(number)
        np.testing.assert_allclose(ours.positions, theirs.positions, atol=2e-6)
        np.testing.assert_allclose(ours.box, theirs.box, atol=2e-6)
        assert ours.time == theirs.time
    assert beads.trajectory.frame == 3  # the Universe stays where it was


def test_some_of_the_points(beads: MDAnalysis.Universe) -> None:
    source = BRIDGE.frames(beads.select_atoms("resid 2"))
    np.testing.assert_allclose(source.frame(1).positions, GromacsFrames(CG).frame(1).positions[4:8], atol=2e-6)


def test_a_triclinic_box_and_none() -> None:
    universe = MDAnalysis.Universe.empty(1, trajectory=True)
    assert BRIDGE.frames(universe).frame(0).box is None
    universe.dimensions = [10, 20, 30, 60, 70, 80]
    box = BRIDGE.frames(universe).frame(0).box
    lengths = np.linalg.norm(box, axis=1)
    np.testing.assert_allclose(lengths, [1, 2, 3], rtol=1e-6)
    np.testing.assert_allclose(box @ box.T, np.outer(lengths, lengths) * np.cos(np.radians(
        [[0, 80, 70], [80, 0, 60], [70, 60, 0]])), atol=1e-6)


def test_a_universe_without_positions_is_refused() -> None:
    with pytest.raises(BackmapError, match="this Universe has no positions"):
        BRIDGE.frames(MDAnalysis.Universe.empty(2))


@pytest.fixture
def written(tmp_path: Path) -> list[Path]:
    """A run's files: octane and others, as .gro and .xtc."""
    system = builders.system()
    window, writer = builders.window(system), Gromacs(Gromacs.Options(files=["atoms.gro", "atoms.xtc"]))
    for path, data in zip(writer.paths(), writer.encode(window, system, True)):
        (tmp_path / path).write_bytes(data)
    return [tmp_path / path for path in writer.paths()]


@pytest.mark.parametrize("chosen", [slice(0, 1), slice(1, 2), slice(0, 2)])
def test_atoms_of_a_run(written: list[Path], chosen: slice) -> None:
    system = builders.system()
    window = builders.window(system)
    universe = BRIDGE.atoms(system, written[chosen])
    assert len(universe.trajectory) == window.size
    for number, frame in enumerate(universe.trajectory):
        np.testing.assert_allclose(universe.atoms.positions, window.atoms[number] * 10, atol=0.0051)
        np.testing.assert_allclose(frame.triclinic_dimensions, window.boxes[number] * 10, atol=1e-3)
        assert frame.time == window.time[number]


def test_what_is_there(written: list[Path]) -> None:
    """Names and residues are those that MDAnalysis finds in the .gro; the rest is the topology's."""
    system = builders.system()
    universe, named = BRIDGE.atoms(system, written), MDAnalysis.Universe(str(written[0]))
    for attribute in ("names", "resnames", "resids"):
        np.testing.assert_array_equal(getattr(universe.atoms, attribute), getattr(named.atoms, attribute))
    assert len(universe.residues) == len(named.residues) == system.n_molecules
    mass = sum(count * kind.mass.sum() for kind, count in system.blocks)
    assert universe.atoms.total_mass() == pytest.approx(mass)
    assert universe.select_atoms("element Br").n_atoms == 2
    assert len(universe.bonds) == sum(count * len(kind.bonds) for kind, count in system.blocks)
    lengths = universe.select_atoms("resname SOL").bonds.values()
    assert len(lengths) == 6
    np.testing.assert_allclose(lengths, 0.99, atol=0.1)


def test_no_trajectory_and_a_wrong_one(written: list[Path], tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match=r"the run wrote no trajectory of atoms\. Give the recipe a step write"):
        BRIDGE.atoms(builders.system(), [tmp_path / "report.html"])
    other = builders.system((builders.water(), 2))
    with pytest.raises(BackmapError, match=r"atoms\.xtc: is no trajectory of the 6 atoms of the run"):
        BRIDGE.atoms(other, written)
    with pytest.raises(BackmapError, match=r"atoms\.gro: holds .* atoms, but the run has 6"):
        BRIDGE.atoms(other, written[:1])
