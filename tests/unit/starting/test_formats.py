"""Which plugin reads which file."""
from __future__ import annotations

from pathlib import Path

import pytest

from backmap.api import MappingReader, Reader, TopologyReader
from backmap.errors import BackmapError
from backmap.recipe.registry import KINDS, Registry
from backmap.starting.formats import FRAMES, MAPPINGS, TOPOLOGIES, detect, split

DBM = "[map]\n 1 C 1 A\n[/map]\n"
BACKWARD = "; a lipid\n[ molecule ]\nPOPC\n\n[ martini ]\nNC3 PO4\n[ mapping ]\ncharmm36\n[ atoms ]\n 1 N NC3\n"
PYCGTOOL = "; sugars\n[ALLA]\nC1 P3 C1 O1\n"
FAST_FORWARD = "[ molecule ]\nLIG GSH\n[ martini ]\nA\n[ atoms ]\n1 N1 A\n"
VERMOUTH = "[ molecule ]\nALA\n[ from ]\ncharmm\n[ to ]\nmartini3001\n[ atoms ]\n 1 N BB\n"


@pytest.mark.parametrize(("contract", "name", "text", "plugin"), [
    (TopologyReader, "a.top", "[ system ]\n", "gromacs"), (TopologyReader, "a.top", "%VERSION 1\n%FLAG T\n", "amber"),
    (TopologyReader, "a.prmtop", "", "amber"), (TopologyReader, "a.psf", "PSF\n", "charmm"),
    (TopologyReader, "a.data", "", "lammps"), (TopologyReader, "data.peptide", "", "lammps"),
    (Reader, "dump.cg", "", "lammps"), (Reader, "data.gro", "", "gromacs"),
    (TopologyReader, "a.xml", "<topology base='a.gro'/>", "votca"),
    (MappingReader, "a.xml", "<cg_molecule>", "votca"), (MappingReader, "a.map", DBM, "dbm"),
    (MappingReader, "a.map", BACKWARD, "backward"), (MappingReader, "a.map", VERMOUTH, "vermouth"),
    (MappingReader, "a.map", PYCGTOOL, "pycgtool"), (MappingReader, "a.mapping", FAST_FORWARD, "backward"),
    (MappingReader, "a.map", FAST_FORWARD, "backward"), (MappingReader, "a.mapping", "[ modification ]", "vermouth"),
    (MappingReader, "a.mapping", VERMOUTH, "vermouth"), (MappingReader, "a.yml", "OCT: {}", "yaml"),
    (MappingReader, "a.txt", "{[#A][#B]}.{#A=[$]CC}", "cgsmiles"),
    (Reader, "a.gro", "", "gromacs"), (Reader, "A.GRO", "", "gromacs"), (Reader, "a.lammpstrj", "", "lammps"),
    (Reader, "a.dcd", "", "charmm"), (Reader, "a.nc", "", "amber"), (Reader, "a.xyz", "", "xyz")])
def test_formats(contract: type, name: str, text: str, plugin: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert detect(path, contract) == plugin


def test_a_topology_is_not_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<topology/>")
    with pytest.raises(BackmapError, match="looks like an atomistic topology, not like a mapping"):
        detect(path, MappingReader)


def test_unknown_formats_name_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.touch()
    with pytest.raises(BackmapError, match=r"is in no format that is known for a file of frames\. Known: \.crd, .*"
                                           r"name the reader, as in READER=a\.docx"):
        detect(path, Reader)


def test_a_user_may_name_the_plugin(tmp_path: Path) -> None:
    registry = Registry().discover()
    (tmp_path / "a.dat").touch()
    assert split(f"gromacs={tmp_path / 'a.dat'}", Reader, registry) == ("gromacs", tmp_path / "a.dat")
    with pytest.raises(BackmapError, match=r"no reader is called 'gromax'\. Did you mean 'gromacs'"):
        split(f"gromax={tmp_path / 'a.dat'}", Reader, registry)
    with pytest.raises(BackmapError, match="there is no such file"):
        split("none.gro", Reader, registry)


@pytest.mark.parametrize(("kind", "table"), [("topology reader", TOPOLOGIES), ("mapping reader", MAPPINGS),
                                             ("reader", FRAMES)])
def test_tables_name_plugins_that_there_are(kind: str, table: dict) -> None:
    known = Registry().discover().names(next(each for each in KINDS if each.name == kind))
    assert {plugin for rows in table.values() for _, plugin in rows} <= {*known}
