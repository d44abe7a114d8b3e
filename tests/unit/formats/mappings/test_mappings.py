"""Mappings as recipes name them: several readers, the same molecule in four formats, and a protein."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from backmap_plugins.formats.gromacs.topology import Gromacs

from backmap.api import State
from backmap.errors import BackmapError
from backmap.model.system import System
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from tests import gmx

ROOT = Path(__file__).resolve().parents[4]
OCTANE = ROOT / "recipes" / "octane"

CGSMILES = "{[#A][#B][#B][#A]}.{#A=[$]CC,#B=[$]CC[$]}"


def _system(folder: Path, atoms: object, mapping: object, **options: object) -> tuple[System, list[str]]:
    """What the topology step of a recipe makes, and what it says."""
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump({"recipe": 1, "steps": [{"topology": {"atoms": atoms, "mapping": mapping,
                                                                         **options}}]}))
    step = recipe.load(path, Registry().discover()).steps[0]
    lines: list[str] = []
    state = State(folder=folder, output=folder, seed=1, device="cpu", log=lines.append)
    step.start(state)
    return state.system, lines


def _octane(folder: Path, mapping: object) -> np.ndarray:
    system, _ = _system(folder, {"gromacs": str(OCTANE / "octane.top")}, mapping)
    return system.types[0].mapping.matrix


def test_octane_in_four_formats(tmp_path: Path) -> None:
    """Two carbons with their hydrogens, at their centre of mass: the same matrix from every format."""
    expected = _octane(tmp_path, {"votca": str(OCTANE / "octane.xml")})
    kind = next(iter(Gromacs(Gromacs.Options(file=OCTANE / "octane.top")).read().types.values()))
    rows = [[kind.atom_names[a] for a in np.flatnonzero(row)] for row in expected]
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(
        {kind.name: {"beads": {f"B{k}": {"atoms": row} for k, row in enumerate(rows)}}}))
    listed = "\n".join(f"1 {name} B{k}" for k, row in enumerate(rows) for name in row)
    beads = "B0 B1 B2 B3"
    (tmp_path / "m.map").write_text(f"[ molecule ]\n{kind.residue_names[0]}\n[ martini ]\n{beads}\n[ mapping ]\nown\n"
                                    f"[ atoms ]\n{listed}\n")
    pairs = "\n".join(f"{name} B{k}" for k, row in enumerate(rows) for name in row)
    (tmp_path / "m.mapping").write_text(f"[ block ]\n[ from blocks ]\n{kind.residue_names[0]}\n[ to blocks ]\nCG\n"
                                        f"[ mapping ]\n{pairs}\n")
    for mapping in ({"yaml": "m.yaml"}, {"backward": {"files": "m.map", "weights": "mass"}},
                    {"vermouth": {"files": ["m.mapping"], "weights": "mass"}},
                    {"vermouth": {"files": "m.map", "weights": "mass"}},
                    {"cgsmiles": {"molecules": {kind.name: CGSMILES}, "weights": "mass"}}):
        np.testing.assert_allclose(_octane(tmp_path, mapping), expected, atol=2e-4, err_msg=str(mapping))
    assert _octane(tmp_path, {"cgsmiles": CGSMILES}).shape == expected.shape


def test_several_readers_for_several_molecule_types(tmp_path: Path) -> None:
    (tmp_path / "top.top").write_text(_topology("ONE", "TWO"))
    (tmp_path / "one.yaml").write_text("ONE: {beads: {A: {atoms: [C1, C2]}}}\n")
    (tmp_path / "two.map").write_text("[ molecule ]\nTWO\n[ m ]\nP\n[ mapping ]\nx\n[ atoms ]\n1 C1 P\n2 C2\n"
                                      "[ assign ]\nC1 C2 P\n")
    system, lines = _system(tmp_path, {"gromacs": "top.top"}, [{"yaml": "one.yaml"}, {"backward": "two.map"}])
    assert [kind.bead_names for kind in system.types] == [["A"], ["P"]]
    assert lines == [f"TWO: not used of {tmp_path / 'two.map'}: 1 [ assign ]", "3 ONE, 3 TWO: 12 atoms, 6 beads"]
    (tmp_path / "both.yaml").write_text((tmp_path / "one.yaml").read_text().replace("ONE", "'*'"))
    with pytest.raises(BackmapError, match="molecule type 'TWO' is mapped twice"):
        _system(tmp_path, {"gromacs": "top.top"}, [{"yaml": "both.yaml"}, {"backward": "two.map"}])
    with pytest.raises(BackmapError, match="molecule type 'TWO' has no mapping"):
        _system(tmp_path, {"gromacs": "top.top"}, {"yaml": "one.yaml"})
    with pytest.raises(BackmapError, match=r"run\.yaml: steps\[0\]\.topology\.mapping.*there is no file 'none\.yaml'"):
        _system(tmp_path, {"gromacs": "top.top"}, {"yaml": "none.yaml"})


def _topology(*names: str) -> str:
    """Ethane of two united carbons under each name, three of each."""
    types = "".join(f"[ moleculetype ]\n{name} 3\n[ atoms ]\n1 CH3 1 {name} C1 1 0 15.035\n"
                    f"2 CH3 1 {name} C2 1 0 15.035\n[ bonds ]\n1 2 1\n" for name in names)
    return ("[ defaults ]\n1 2 no 1 1\n[ atomtypes ]\nCH3 6 15.035 0 A 0.37 0.8\n" + types
            + "[ system ]\nx\n[ molecules ]\n" + "".join(f"{name} 3\n" for name in names))


#: Alanine between two caps, as amber99sb names its atoms.
PEPTIDE = """\
[ molecule ]
ACE
[ m ]
CA
[ mapping ]
amber
[ atoms ]
1 CH3 CA
2 C CA
3 O CA

[ molecule ]
ALA
[ m ]
BB SC
[ mapping ]
amber
[ atoms ]
1 N BB
2 H BB
3 CA BB
4 HA !BB
5 CB SC
6 C BB
7 O BB
[ chiral ]
HA CA N CB C
[ assign ]
O C CA N

[ molecule ]
NME
[ m ]
CN
[ mapping ]
amber
[ atoms ]
1 N CN
2 CH3 CN
"""


@pytest.mark.parametrize("reader", ["backward", "vermouth"])
def test_a_peptide_of_several_residues(tmp_path: Path, reference_data: Path, reader: str) -> None:
    """Alanine dipeptide as `gmx pdb2gmx` makes it; the sign is that of its own, natural coordinates."""
    gmx.required()
    source = reference_data / "alanine_dipeptide" / "ala2.pdb"
    gmx.run("pdb2gmx", "-f", str(source), "-o", "aa.gro", "-p", "top.top", "-ff", "amber99sb", "-water", "none",
            "-ignh", folder=tmp_path)
    (tmp_path / "m.map").write_text(PEPTIDE)
    told, lines = _system(tmp_path, {"gromacs": "top.top"}, {reader: "m.map"})
    seen, _ = _system(tmp_path, {"gromacs": "top.top"}, {reader: "m.map"}, stereo="aa.gro")
    kind = told.types[0]
    assert kind.bead_names == ["CA", "BB", "SC", "CN"]
    assert kind.bead_residue_names == ["ACE", "ALA", "ALA", "NME"]
    assert kind.bead_bonds.tolist() == [[0, 1], [1, 2], [1, 3]]
    assert kind.chemistry.sign.tolist() == seen.types[0].chemistry.sign.tolist()
    assert abs(kind.chemistry.sign).tolist() == [1]
    alpha = kind.atom_names.index("HA")
    assert kind.mapping.matrix[:, alpha].tolist() == [0, 0, 0, 0]
    assert kind.mapping.owner[alpha] == 1
    assert "1 [ assign ]" in lines[0]
