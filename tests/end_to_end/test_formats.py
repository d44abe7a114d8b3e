"""The demo's beads in every format that is read, and its atoms in every one that is written, by the command."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.lammps.frames import Lammps
from backmap_plugins.formats.mdanalysis.frames import Amber, AnyFormat, Charmm, Pdb, Xyz
from MDAnalysis.lib.mdamath import triclinic_box

from backmap.api import FrameSource
from backmap.model import box as periodic
from backmap.model.system import System
from tests import command, lmp, scenes

DEMO = scenes.RECIPE
#: MDAnalysis warns of what its formats leave out.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:MDAnalysis", "ignore::DeprecationWarning:MDAnalysis")

#: A tilted box of the demo's volume, in which its beads are put and wrapped, nm.
BOX = np.array([[2.7, 0.0, 0.0], [0.8, 2.6, 0.0], [-0.6, 1.0, 2.5]])
#: The corner of the box in LAMMPS' files, Angstrom.
CORNER = np.array([-7.0, 11.0, 3.0])

RECIPE = """\
recipe: 1
title: Formats
seed: 7
output: out
steps:
  - topology: {{atoms: {topology}, mapping: {{votca: {demo}/octane.xml}}}}
  - read: {{beads: {beads}}}
  - forward: {{generator: template}}
  - write:
      atoms:
        - gromacs: [atoms.gro, atoms.xtc, atoms.trr]
        - pdb: atoms.pdb
        - lammps: {{data: atoms.data, dump: atoms.dump, units: real}}
"""


@pytest.fixture(scope="module")
def system() -> System:
    return scenes.octane_system()


@pytest.fixture(scope="module")
def wrapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's beads, every one wrapped into a tilted box, in all formats: two frames, or the first."""
    folder = tmp_path_factory.mktemp("beads")
    source = GromacsFrames([DEMO / "cg.gro", DEMO / "cg.xtc"])
    universe = MDAnalysis.Merge(MDAnalysis.Universe(str(DEMO / "cg.gro"), to_guess=()).atoms)
    frames = np.stack([periodic.wrap(source.frame(k).positions, BOX) for k in range(2)])
    assert (np.abs(np.diff(frames[0], axis=0)).max(axis=1) > 1.2).any()  # molecules are broken
    edges = np.tile(triclinic_box(*BOX * 10), (2, 1))
    universe.load_new(frames * 10, order="fac", dimensions=edges, dt=10.0)
    for name in ("b.trr", "b.dcd", "b.xyz", "b.nc"):
        universe.atoms.write(str(folder / name), frames="all")
    universe.trajectory[0]
    for name in ("b.gro", "b.pdb", "b.crd"):
        universe.atoms.write(str(folder / name))
    (folder / "b.dump").write_text("".join(_dumped(k, positions) for k, positions in enumerate(frames)))
    (folder / "b.data").write_text(_data(frames[0]))
    return folder


def _dumped(number: int, positions: np.ndarray) -> str:
    """A frame of a dump in shares of the box, the last bead first, as LAMMPS writes bounds of a tilted box."""
    a, b, c = BOX * 10
    low = CORNER + np.array([min(0, b[0], c[0], b[0] + c[0]), min(0, c[1]), 0])
    high = CORNER + np.array([a[0] + max(0, b[0], c[0], b[0] + c[0]), b[1] + max(0, c[1]), c[2]])
    bounds = "".join(f"{x:.8f} {y:.8f} {t:.8f}\n" for x, y, t in zip(low, high, (b[0], c[0], c[1])))
    shares = (positions @ np.linalg.inv(BOX)).tolist()
    rows = [f"{k} 1 {x:.10f} {y:.10f} {z:.10f}\n" for k, (x, y, z) in enumerate(shares, 1)]
    return (f"ITEM: TIMESTEP\n{number * 10000}\nITEM: NUMBER OF ATOMS\n{len(positions)}\n"
            f"ITEM: BOX BOUNDS xy xz yz pp pp pp\n{bounds}ITEM: ATOMS id type xs ys zs\n{''.join(rows[::-1])}")


def _data(positions: np.ndarray) -> str:
    a, b, c = BOX * 10
    points = (positions * 10 + CORNER).tolist()
    ends = "".join(f"{low:.6f} {low + edge:.6f} {axis}lo {axis}hi\n"
                   for low, edge, axis in zip(CORNER, (a[0], b[1], c[2]), "xyz"))
    return (f"beads\n\n{len(positions)} atoms\n1 atom types\n{ends}{b[0]} {c[0]} {c[1]} xy xz yz\n\n"
            "Atoms # molecular\n\n" + "".join(f"{k} {(k + 3) // 4} 1 {x:.6f} {y:.6f} {z:.6f}\n"
                                              for k, (x, y, z) in enumerate(points, 1)))


def _source(name: str, folder: Path) -> FrameSource:
    box = triclinic_box(*BOX).tolist()
    return {
        "gro": lambda: GromacsFrames([folder / "b.gro"]),
        "trr": lambda: GromacsFrames([folder / "b.gro", folder / "b.trr"]),
        "pdb": lambda: Pdb(Pdb.Options(files=folder / "b.pdb")).open(),
        "xyz": lambda: Xyz(Xyz.Options(files=folder / "b.xyz", box=box)).open(),
        "crd": lambda: Charmm(Charmm.Options(files=folder / "b.crd", box=box)).open(),
        "dcd": lambda: Charmm(Charmm.Options(files=folder / "b.dcd")).open(),
        "nc": lambda: Amber(Amber.Options(files=folder / "b.nc")).open(),
        "dump": lambda: Lammps(Lammps.Options(dump=folder / "b.dump", units="real")).open(),
        "data": lambda: Lammps(Lammps.Options(data=folder / "b.data", units="real")).open(),
        "any": lambda: AnyFormat(AnyFormat.Options(files=[folder / "b.gro", folder / "b.dcd"])).open(),
    }[name]()


@pytest.mark.parametrize("name", ["gro", "trr", "pdb", "xyz", "crd", "dcd", "nc", "dump", "data", "any"])
def test_wrapped_beads_are_made_whole(name: str, wrapped: Path, system: System) -> None:
    """Molecules have the shape that they have in the demo's own files, whatever the conventions of the format."""
    source, own = _source(name, wrapped), GromacsFrames([DEMO / "cg.gro", DEMO / "cg.xtc"])
    rows = np.concatenate([group.beads for group in system.groups])
    for number in range(source.n_frames):
        info, expected = source.frame(number), own.frame(number).positions[rows]
        np.testing.assert_allclose(info.box, BOX, atol=2e-4)
        whole = system.whole_beads(info.positions, info.box)[rows]
        np.testing.assert_allclose(whole - whole[:, :1], expected - expected[:, :1], atol=3e-3)


def _run(folder: Path, topology: str, beads: str) -> Path:
    (folder / "run.yaml").write_text(RECIPE.format(topology=topology, beads=beads, demo=DEMO))
    command.succeed("run", folder / "run.yaml")
    return folder / "out"


@pytest.fixture(scope="module")
def written(wrapped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Atoms for beads from a dump of LAMMPS."""
    return _run(tmp_path_factory.mktemp("run"), f"{{gromacs: {DEMO}/octane.top}}",
                f"{{lammps: {{dump: {wrapped}/b.dump, units: real}}}}")


def test_all_that_is_written_is_the_same(written: Path, system: System) -> None:
    expected = GromacsFrames([written / "atoms.gro", written / "atoms.trr"])
    sources = {"xtc": GromacsFrames([written / "atoms.xtc"]), "gro": GromacsFrames([written / "atoms.gro"]),
               "pdb": Pdb(Pdb.Options(files=written / "atoms.pdb")).open(),
               "dump": Lammps(Lammps.Options(dump=written / "atoms.dump", units="real")).open(),
               "data": Lammps(Lammps.Options(data=written / "atoms.data", units="real")).open()}
    for name, source in sources.items():
        assert source.n_frames == (1 if name == "data" else 2)
        assert source.n_points == system.n_atoms
        for number in range(source.n_frames):
            found, wanted = source.frame(number), expected.frame(number)
            np.testing.assert_allclose(found.positions, wanted.positions, atol=6e-4, err_msg=name)
            np.testing.assert_allclose(found.box, wanted.box, atol=4e-4, err_msg=name)
    assert sources["dump"].times().tolist() == expected.times().tolist() == [0, 10]
    names = [name for kind, count in system.blocks for name in kind.atom_names * count]
    assert sources["pdb"].names == expected.names == names


def test_atoms_lie_on_the_beads_that_were_read(written: Path, wrapped: Path, system: System) -> None:
    atoms = GromacsFrames([written / "atoms.trr"]).frame(1)
    beads = _source("dump", wrapped).frame(1)
    apart = periodic.minimum_image(system.map(atoms.positions) - beads.positions, beads.box)
    assert np.abs(apart).max() < 1e-3


def test_other_programs_read_what_is_written(written: Path, tmp_path: Path, system: System) -> None:
    for name in ("atoms.pdb", "atoms.data", "atoms.gro"):
        options = {"format": "DATA"} if name.endswith("data") else {}
        assert len(MDAnalysis.Universe(str(written / name), to_guess=(), **options).atoms) == system.n_atoms
    universe = MDAnalysis.Universe(str(written / "atoms.data"), str(written / "atoms.dump"), topology_format="DATA",
                                   format="LAMMPSDUMP", to_guess=())
    assert (len(universe.bonds), len(universe.angles), len(universe.dihedrals)) == (64 * 25, 64 * 48, 64 * 63)
    assert len(universe.trajectory) == 2
    shutil.copy(written / "atoms.data", tmp_path)
    shutil.copy(written / "atoms.dump", tmp_path)
    printed = lmp.run(f"{lmp.HEAD}read_data atoms.data\n{lmp.FORCES}run 0\n"
                      "read_dump atoms.dump 10000 x y z box yes wrapped no replace yes\n", tmp_path)
    assert "1664 atoms" in printed
    assert "1664 atoms replaced" in printed


def test_gromacs_takes_what_is_written(written: Path, tmp_path: Path) -> None:
    if shutil.which("gmx") is None:
        pytest.skip("gmx is not installed")
    (tmp_path / "a.mdp").write_text("integrator = steep\ncutoff-scheme = Verlet\nrvdw = 0.9\nrcoulomb = 0.9\n")
    for name in ("atoms.gro", "atoms.pdb"):
        done = subprocess.run(["gmx", "grompp", "-f", "a.mdp", "-c", written / name, "-p", DEMO / "octane.top", "-o",
                               "a.tpr"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        assert "non-matching atom names" not in done.stderr
    for name in ("atoms.xtc", "atoms.trr"):
        done = subprocess.run(["gmx", "check", "-f", written / name], cwd=tmp_path, capture_output=True, text=True,
                              check=True)
        assert "Coords" in done.stderr
    assert GromacsFrames([tmp_path / "a.tpr"]).n_points == 1664


def test_the_atoms_may_come_from_lammps_too(written: Path, wrapped: Path, tmp_path: Path) -> None:
    """A topology from the data file, where atoms have other names, and so in the mapping; and one of two frames."""
    mapping = (DEMO / "octane.xml").read_text()
    names = GromacsFrames([written / "atoms.gro"]).names[:26]
    symbols = [name[0] for name in names]
    for k, name in enumerate(names):
        new = f"{symbols[k]}{symbols[:k + 1].count(symbols[k])}"
        mapping = mapping.replace(f":{name} ", f":@{new} ").replace(f":{name}<", f":@{new}<").replace(
            f":{name}\n", f":@{new}\n")
    (tmp_path / "octane.xml").write_text(mapping.replace("@", ""))
    (tmp_path / "run.yaml").write_text(RECIPE.format(
        topology=f"{{lammps: {{data: {written}/atoms.data, units: real, names: [OCT]}}}}", demo=tmp_path,
        beads=f"{{charmm: {{files: {wrapped}/b.dcd, begin: 0, end: 0.5}}}}"))
    command.succeed("run", tmp_path / "run.yaml")
    assert GromacsFrames([tmp_path / "out" / "atoms.xtc"]).n_frames == 1
