"""The topology step."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs_writers import atom_labels, box_line
from backmap_plugins.formats.votca import Votca
from backmap_plugins.steps.topology import Topology

from backmap.api import AtomTopology, Options, State, TopologyReader
from backmap.errors import BackmapError
from backmap.model.system import System
from tests import builders


class _Butane(TopologyReader):
    def read(self) -> AtomTopology:
        return AtomTopology({"BUT": builders.atoms_of("CCCC", "BUT")[0]}, [("BUT", 4)], "top.top")


def _run(folder: Path, **options: object) -> tuple[System, list[str]]:
    (folder / "but.xml").write_text(builders.BUTANE_XML)
    lines: list[str] = []
    state = State(folder=folder, output=folder, seed=1, device="cpu", log=lines.append)
    step = Topology(Topology.Options(atoms=_Butane(Options()), mapping=Votca(Votca.Options(files=folder / "but.xml")),
                                     **options))
    step.start(state)
    return state.system, lines


def test_it_gives_a_system_and_says_so(tmp_path: Path) -> None:
    system, lines = _run(tmp_path)
    assert (system.n_atoms, system.n_beads) == (56, 8)
    assert lines == ["4 BUT: 56 atoms, 8 beads"]
    assert Topology.gives == {"system"}


def test_counts_constraints_and_owners_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "but.map").write_text("[map]\n1 1\n2 1\n3 1\n" + "".join(f"{a} 2\n" for a in range(4, 15)) + "[/map]\n")
    system, _ = _run(tmp_path, molecules={"BUT": 2}, constraints="all-bonds", owners={"BUT": tmp_path / "but.map"})
    assert system.n_molecules == 2
    assert np.isfinite(system.types[0].bond_length).all()
    assert system.types[0].mapping.owner.tolist() == [0] * 3 + [1] * 11
    with pytest.raises(BackmapError, match="owners are given for 'BUTT'"):
        _run(tmp_path, owners={"BUTT": tmp_path / "but.map"})


def test_signs_come_from_a_frame_with_as_many_atoms(tmp_path: Path) -> None:
    system, _ = _run(tmp_path)
    path = tmp_path / "aa.gro"
    atoms = builders.place(system, builders.TRICLINIC)
    rows = [f"{label}{x:8.3f}{y:8.3f}{z:8.3f}\n" for label, (x, y, z) in zip(atom_labels(system), atoms, strict=True)]
    path.write_text(f"title\n{len(rows)}\n{''.join(rows)}{box_line(builders.TRICLINIC)}")
    assert _run(tmp_path, stereo=path)[0].n_atoms == 56
    with pytest.raises(BackmapError, match=r"aa\.gro: holds 56 atoms, but the topology \(2 BUT\) has 28"):
        _run(tmp_path, stereo=path, molecules={"BUT": 2})
