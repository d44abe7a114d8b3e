"""What stands in files beside the molecules that are backmapped finds its place, or is refused in one line."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from backmap_plugins.molecules.assemble import assemble
from backmap_plugins.molecules.contents import Composed, Contents, Excluded, matching
from backmap_plugins.molecules.sources import opened

from backmap.api import AtomTopology
from backmap.errors import BackmapError
from backmap.model.inputs import FrameInfo, place_of
from tests import builders

BOX = builders.TRICLINIC


@dataclass
class Points:
    """Frames in memory, that are their own reader."""

    names: list[str] | None
    residue_names: list[str] | None
    positions: np.ndarray
    where: str = "cg.gro"
    n_frames: int = 1
    box: np.ndarray = field(default_factory=BOX.copy)

    @property
    def n_points(self) -> int:
        return len(self.positions)

    def open(self) -> Points:
        return self

    def frame(self, number: int) -> FrameInfo:
        return FrameInfo(self.positions + number, self.box, float(number))


ATOMS = {name: builders.atoms_of(smiles, name)[0]
         for name, smiles in (("BUT", "CCCC"), ("SOL", "O"), ("NA", "[Na+]"), ("CHI", "F[C@H](Cl)Br"))}
BLOCKS = [("BUT", 1), ("CHI", 1), ("SOL", 2), ("BUT", 1), ("NA", 2)]
#: Name, residue and place of every bead of the file.
FILE = [("NA+", "ION"), ("E1", "BUT"), ("VS1", "BUT"), ("E2", "BUT"), ("W", "W"), ("E1", "BUT"), ("E2", "BUT"),
        ("GO7", "GO"), ("NA+", "ION")]


def contents(excluded: dict[str, tuple[str, ...]] | None = None, placed: bool = True,
             ignore: tuple[str, ...] = ("VS*", "GO"), fixed_frames: Points | None = None) -> tuple[Contents, list[str]]:
    """The box of ``BLOCKS``: CHI is fixed, SOL and NA are excluded."""
    excluded = {"SOL": ("W",), "NA": ("ION",)} if excluded is None else excluded
    rows = {name: Excluded(patterns, 2, placed and name == "NA") for name, patterns in excluded.items()}
    beads = {"BUT": builders.beads_of(ATOMS["BUT"], {"E1": {"C1": 1, "C2": 1}, "E2": {"C3": 1, "C4": 1}})}
    system = assemble(AtomTopology(ATOMS, BLOCKS, "top.top"), beads, given=["CHI", *(["NA"] if placed else [])],
                      left_out=["SOL", *([] if placed else ["NA"])])
    said: list[str] = []
    return Contents(system, [(name, count, len(ATOMS[name].atom_names)) for name, count in BLOCKS], rows, ["CHI"],
                    ignore, fixed_frames or fixed(), said.append), said


def file(rows: list[tuple[str, str]] | None = None) -> Points:
    names, residues = zip(*(rows or FILE), strict=True)
    return Points(list(names), list(residues), np.arange(len(names))[:, None] * [1.0, 0.0, 0.0])


def fixed(**changes: object) -> Points:
    shape = builders.atoms_of("F[C@H](Cl)Br", "CHI")[1]
    return Points(**{"names": ATOMS["CHI"].atom_names, "residue_names": None, "positions": shape,
                     "where": "fixed.gro"} | changes)


def test_every_bead_finds_its_place() -> None:
    what, said = contents()
    source = opened(file(), "beads", what.system, what)
    assert isinstance(source, Composed)
    positions = source.frame(0).positions
    chiral = fixed().positions
    np.testing.assert_array_equal(positions[:2, 0], [1, 3])
    np.testing.assert_allclose(positions[2:7] - positions[2], chiral - chiral[0], atol=1e-12)
    np.testing.assert_array_equal(positions[7:, 0], [5, 6, 0, 8])
    assert said == ["SOL: 2 molecules and 1 beads left out", "NA: 2 atoms placed on their beads",
                    "VS*, GO: 2 sites without atoms left out", "1 CHI: 5 atoms fixed as they are"]


def test_fixed_atoms_may_be_among_the_beads() -> None:
    what, said = contents()
    what.fixed_frames = None
    rows = [*FILE[:4], *((name, "CHI") for name in ATOMS["CHI"].atom_names), *FILE[4:]]
    positions = opened(file(rows), "beads", what.system, what).frame(0).positions
    np.testing.assert_array_equal(positions[:, 0], [1, 3, 4, 5, 6, 7, 8, 10, 11, 0, 13])
    assert "CHI: 5 atoms fixed as they are among the beads" in said
    with pytest.raises(BackmapError, match=r"cg\.gro: holds no 5 atoms of CHI, which is fixed, in a row: F1, "
                                           r"C1 and 3 more\. Say where they are"):
        opened(file(), "beads", what.system, what)


def test_ions_can_be_left_out() -> None:
    what, said = contents(placed=False)
    source = opened(file(), "beads", what.system, what)
    assert source.n_points == what.system.n_beads == 9
    assert "NA: 2 molecules and 2 beads left out" in said


def test_one_frame_is_kept_for_all_or_each_for_its_own() -> None:
    for n_frames, shift in ((1, 0.0), (3, 2.0)):
        what, _ = contents(fixed_frames=fixed(n_frames=n_frames))
        beads = file()
        beads.n_frames = 3
        positions = opened(beads, "beads", what.system, what).frame(2).positions
        np.testing.assert_allclose(np.sort(positions[2:7], axis=0), np.sort(fixed().positions + shift, axis=0), atol=3)
        assert positions[0, 0] == 3.0


def test_kept_atoms_may_come_in_a_file_of_all() -> None:
    n_before = len(ATOMS["BUT"].atom_names)
    sizes = [len(ATOMS[name].atom_names) for name, count in BLOCKS for _ in range(count)]
    everything = np.zeros((sum(sizes), 3))
    everything[n_before:n_before + 5] = fixed().positions
    names = [name for kind, count in BLOCKS for _ in range(count) for name in ATOMS[kind].atom_names]
    what, _ = contents(fixed_frames=fixed(positions=everything, names=names))
    found = opened(file(), "beads", what.system, what).frame(0).positions[2:7]
    np.testing.assert_allclose(found - found[0], fixed().positions - fixed().positions[0], atol=1e-12)
    reference = what.atoms(Points(names, None, everything))
    assert reference.n_points == what.system.n_atoms
    assert reference.names == [name for kind, count in BLOCKS if kind != "SOL" for _ in range(count)
                               for name in ATOMS[kind].atom_names]


def test_names_are_needed_to_tell_beads_apart() -> None:
    what, _ = contents()
    beads = file()
    beads.names = beads.residue_names = None
    with pytest.raises(BackmapError, match=r"cg\.gro: has no names, so that .*\. Give a file with names"):
        opened(beads, "beads", what.system, what)


@pytest.mark.parametrize(("change", "message"), [
    ({"excluded": {"SOL": ("W",), "NA": ("CL",)}}, r"0 beads are CL, but the topology has 2 NA to be placed on them"),
    ({"excluded": {"SOL": ("*",), "NA": ("ION",)}}, r"bead 1 \(NA\+\) belongs to two molecule types under 'exclude'"),
    ({"ignore": ("VS*",)}, r"holds beads that no mapping names: 1 GO7\. Declare .* 'ignore: \[GO7\]'"),
    ({"fixed_frames": fixed(n_frames=2)}, r"fixed\.gro: holds 2 frames, but cg\.gro holds 1\. Give one frame for all"),
    ({"fixed_frames": fixed(positions=np.zeros((4, 3)))},
     r"fixed\.gro: holds 4 atoms, but the molecules to be fixed \(1 CHI\) have 5"),
    ({"fixed_frames": fixed(names=["F1", "C1", "Cl1", "H1", "Br1"])}, r"fixed\.gro: the atoms are in another order"),
    ({"fixed_frames": fixed(positions=fixed().positions * 5)},
     r"fixed\.gro: 4 of 4 bonds of CHI are longer than 0.35 nm")])
def test_what_does_not_fit_is_said_in_one_line(change: dict, message: str) -> None:
    what, _ = contents(**change)
    with pytest.raises(BackmapError, match=message) as caught:
        opened(file(), "beads", what.system, what)
    assert "\n" not in str(caught.value)


def test_a_frame_in_another_box_is_another_frame() -> None:
    what, _ = contents(fixed_frames=fixed(n_frames=2, box=BOX * 1.1))
    beads = file()
    beads.n_frames = 2
    source = opened(beads, "beads", what.system, what)
    with pytest.raises(BackmapError, match=r"fixed\.gro: the box of frame 1 is not that in cg\.gro"):
        source.frame(1)
    what, said = contents(fixed_frames=fixed(box=BOX * 1.1))
    opened(beads, "beads", what.system, what)
    assert any(line.startswith("note: the box of fixed.gro is not that of cg.gro") for line in said)


def test_patterns() -> None:
    names, residues = ["VS1", "CA", "CA"], ["PRO", "CA", "GLY"]
    assert matching(["VS*"], names, residues).tolist() == [True, False, False]
    assert matching(["CA:CA"], names, residues).tolist() == [False, True, False]
    assert matching(["CA"], names, None).tolist() == [False, True, True]


def test_atoms_that_are_called_alike_have_places_of_their_own() -> None:
    names = ["W", "C1", "C2", "C1", "C2"]
    assert place_of(["C1", "C2"], names) == 1
    assert place_of(["C1", "C2"], names, [False, True, True, False, False]) == 3
    assert place_of(["C1", "C2"], names, [False, True, True, True, False]) is None
    assert place_of(["C2", "C2"], names) is None


def test_one_fixed_atom_that_is_not_there_is_told_too() -> None:
    """Ions are seldom fixed, but who writes so gets a line."""
    system = assemble(AtomTopology({"NA": ATOMS["NA"]}, [("NA", 1)], "top.top"), {}, given=["NA"])
    what = Contents(system, [("NA", 1, 1)], {}, ["NA"], (), None, print)
    with pytest.raises(BackmapError, match=r"cg\.gro: holds no 1 atom of NA, which is fixed, in a row: \S+"):
        opened(file(), "beads", what.system, what)
