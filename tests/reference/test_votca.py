"""Our mapping against VOTCA's own csg_map, and against the published beads."""
from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca
from MDAnalysis.lib.formats.libmdaxdr import TRRFile

from backmap.api import AtomTopology
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.forces.operator import EXACT, force_operator, mean_force_error
from backmap.model import box as periodic
from backmap.model.system import System
from tests import builders, forcefields, scenes

CSG_MAP = shutil.which("csg_map")
needs_csg_map = pytest.mark.skipif(CSG_MAP is None, reason="VOTCA's csg_map is not on the PATH")


def _csg_map(folder: Path, topology: Path, trajectory: Path, mapping: Path | str, *more: str) -> GromacsFrames:
    """What csg_map makes of a trajectory, as .trr, which is not rounded to 0.001 nm."""
    out = folder / "votca.trr"
    done = subprocess.run([CSG_MAP, "--top", topology, "--trj", trajectory, "--cg", mapping, "--out", out, *more],
                          cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return GromacsFrames([out])


@needs_csg_map
def test_butane_with_shared_atoms_broken_over_a_box(tmp_path: Path) -> None:
    atoms, _ = builders.atoms_of("CCCC", "BUT")
    model = Votca(Votca.Options(files=_text(tmp_path / "but.xml", builders.BUTANE_XML))).read(
        AtomTopology({"BUT": atoms}, [], ""))["BUT"]
    box = np.array([[2.4, 0, 0], [0.3, 2.2, 0], [-0.2, 0.4, 2.0]])
    system = System(((builders.butane(), 5),))
    broken = periodic.wrap(np.stack([builders.place(system, box, seed) for seed in range(3)]), box)
    beads = "".join(f'<bead name="{name}" type="{kind}" mass="1.0" q="0.0"/>'
                    for name, kind in zip(atoms.atom_names, atoms.atom_types, strict=True))
    topology = _text(tmp_path / "top.xml", '<topology><molecules><molecule name="BUT" nmols="5" nbeads="14">'
                                           f"{beads}</molecule></molecules></topology>")
    with TRRFile(str(tmp_path / "aa.trr"), "w") as file:
        for k, frame in enumerate(broken.astype(np.float32)):
            file.write(frame, None, None, box.astype(np.float32), k, float(k), 0.0, len(frame))
    expected = _csg_map(tmp_path, topology, tmp_path / "aa.trr", tmp_path / "but.xml")
    found = model.mapping.apply(broken.reshape(3, 5, 14, 3), box).reshape(3, -1, 3)
    assert expected.n_frames == 3
    np.testing.assert_allclose(found, [frame.positions for frame in expected], atol=1e-5)


#: Weights of forces that are not the weights of positions: of an end of octane, and of its middle.
D_OF_FORCES = {"end": "0.5 0.1 0.05 0.05 0.1 0.1 0.1", "middle": "0.3 0.2 0.1 0.2 0.1 0.1"}


@needs_csg_map
@pytest.mark.parametrize("with_d", [False, True], ids=["sums", "d"])
def test_forces_on_beads_of_octane(with_d: bool, tmp_path: Path) -> None:
    """Forces of our force field in a .trr, projected by us and by `csg_map --force`."""
    text = (scenes.RECIPE / "octane.xml").read_text()
    for name, d in D_OF_FORCES.items() if with_d else ():
        text = re.sub(rf"(<name>{name}</name>\s*<weights>[^<]*</weights>)", rf"\1<d>{d}</d>", text)
    mapping = _text(tmp_path / "oct.xml", text)
    system, window = scenes.octane_window()
    topology = Gromacs(Gromacs.Options(file=scenes.RECIPE / "octane.top")).read()
    model = Votca(Votca.Options(files=mapping)).read(topology)["OCT"]
    field = forcefields.read(scenes.RECIPE / "octane.top", system)
    (kind,) = system.types
    forces = FrameEnergy(system, field).forces(window.atoms[0], window.box(0))
    with TRRFile(str(tmp_path / "aa.trr"), "w") as file:
        file.write(window.atoms[0].astype(np.float32), None, forces.astype(np.float32),
                   window.boxes[0].astype(np.float32), 0, 0.0, 0.0, system.n_atoms)
    beads = "".join(f'<bead name="{name}" type="{kind_}" mass="1.0" q="0.0"/>'
                    for name, kind_ in zip(kind.atom_names, kind.atom_types, strict=True))
    top = _text(tmp_path / "top.xml", f'<topology><molecules><molecule name="OCT" nmols="64" nbeads="26">{beads}'
                                      "</molecule></molecules></topology>")
    expected = _csg_map(tmp_path, top, tmp_path / "aa.trr", mapping, "--force").frame(0).forces
    operator = force_operator(model.mapping, kind.mass)
    assert mean_force_error(operator, model.mapping) < EXACT
    found = (operator @ forces.reshape(64, 26, 3)).reshape(-1, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert with_d == (np.abs(found - ((model.mapping.matrix > 0) @ forces.reshape(64, 26, 3)).reshape(-1, 3)).max() > 1)


#: Ethane as one bead at a weight of our own; the second file of a mixture.
ETHANE_XML = """\
<cg_molecule><name>ETHCG</name><ident>ETH</ident>
<topology><cg_beads><cg_bead><name>F1</name><type>F</type><mapping>all</mapping>
<beads>1:ETH:C1 1:ETH:C2 1:ETH:H1</beads></cg_bead></cg_beads></topology>
<maps><map><name>all</name><weights>3 2 0.5</weights></map></maps></cg_molecule>
"""


@needs_csg_map
def test_several_molecule_types(tmp_path: Path) -> None:
    """A mixture, its files given as csg_map takes them: `but.xml;eth.xml`."""
    kinds = [builders.atoms_of("CCCC", "BUT"), builders.atoms_of("CC", "ETH")]
    counts = [3, 2]
    _text(tmp_path / "but.xml", builders.BUTANE_XML)
    _text(tmp_path / "eth.xml", ETHANE_XML)
    files = f"{tmp_path / 'but.xml'};{tmp_path / 'eth.xml'}"
    models = Votca(Votca.Options(files=files)).read(AtomTopology({atoms.name: atoms for atoms, _ in kinds}, [], ""))
    rng = np.random.default_rng(3)
    molecules = [[positions + rng.random(3) for _ in range(count)]
                 for (_, positions), count in zip(kinds, counts, strict=True)]
    frame = np.concatenate([positions for copies in molecules for positions in copies]).astype(np.float32)
    listed = "".join(
        f'<molecule name="{atoms.name}" nmols="{count}" nbeads="{len(atoms.mass)}">'
        + "".join(f'<bead name="{name}" type="{name[0]}" mass="1.0" q="0.0"/>' for name in atoms.atom_names)
        + "</molecule>" for (atoms, _), count in zip(kinds, counts, strict=True))
    topology = _text(tmp_path / "top.xml", f"<topology><molecules>{listed}</molecules></topology>")
    with TRRFile(str(tmp_path / "aa.trr"), "w") as file:
        file.write(frame, None, None, np.diag([4.0, 4.0, 4.0]).astype(np.float32), 0, 0.0, 0.0, len(frame))
    expected = _csg_map(tmp_path, topology, tmp_path / "aa.trr", files).frame(0)
    found = [models[atoms.name].mapping.apply(positions) for (atoms, _), copies in zip(kinds, molecules, strict=True)
             for positions in copies]
    np.testing.assert_allclose(np.concatenate(found), expected.positions, atol=1e-5)


@needs_csg_map
def test_polystyrene_against_csg_map(reference_data: Path, tmp_path: Path) -> None:
    folder = reference_data / "polystyrene"
    topology, model = _polystyrene(folder)
    source = folder / "train" / "aa_90.gro"
    frame = GromacsFrames([source]).frame(0)
    expected = _csg_map(tmp_path, folder / "PS1_topology.xml", source, folder / "PS1.xml").frame(0)
    count = topology.blocks[0][1]
    found = model.mapping.apply(frame.positions.reshape(count, -1, 3), frame.box).reshape(-1, 3)
    np.testing.assert_allclose(found, expected.positions, atol=1e-5)


def test_polystyrene_beads_are_those_published(reference_data: Path) -> None:
    folder = reference_data / "polystyrene"
    topology, model = _polystyrene(folder)
    test = folder / "test_568K"
    atoms, beads = (GromacsFrames([test / f"{name}.gro", test / f"{name}.xtc"]) for name in ("aa", "cg"))
    assert atoms.n_frames == beads.n_frames == 78
    count = topology.blocks[0][1]
    for number in (0, 40, 77):
        frame, expected = atoms.frame(number), beads.frame(number)
        found = model.mapping.apply(frame.positions.reshape(count, -1, 3), frame.box).reshape(-1, 3)
        away = periodic.minimum_image(found - expected.positions, frame.box)
        assert np.sqrt((away**2).sum(axis=1).mean()) < 0.0006


def _polystyrene(folder: Path) -> tuple:
    topology = Gromacs(Gromacs.Options(file=folder / "topol.top")).read()
    return topology, Votca(Votca.Options(files=folder / "PS1.xml")).read(topology)["PS1"]


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
