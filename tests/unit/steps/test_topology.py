"""The topology step."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.gromacs.writers import atom_labels, box_line
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules import contents
from backmap_plugins.molecules.assemble import assemble, owned_by_one
from backmap_plugins.molecules.bead_names import Beads
from backmap_plugins.molecules.contents import Excluded
from backmap_plugins.steps.topology import Fixed, Topology
from pydantic import ValidationError

from backmap.api import AtomTopology, FrameSource, Options, Reader, State, TopologyReader
from backmap.errors import BackmapError
from backmap.model.system import System
from tests import builders, scenes


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
    assert Topology.gives == {"contents", "system"}


def test_counts_constraints_and_owners_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "but.map").write_text("[map]\n1 1\n2 1\n3 1\n" + "".join(f"{a} 2\n" for a in range(4, 15)) + "[/map]\n")
    system, _ = _run(tmp_path, molecules={"BUT": 2}, constraints="all-bonds", owners={"BUT": tmp_path / "but.map"})
    assert system.n_molecules == 2
    assert np.isfinite(system.types[0].bond_length).all()
    assert system.types[0].mapping.owner.tolist() == [0] * 3 + [1] * 11
    with pytest.raises(BackmapError, match="owners are given for 'BUTT'"):
        _run(tmp_path, owners={"BUTT": tmp_path / "but.map"})


def test_molecules_can_belong_to_one_bead(tmp_path: Path) -> None:
    system, _ = _run(tmp_path, whole="BUT")
    kind = system.types[0]
    assert kind.mapping.owner.tolist() == [0] * 14
    assert kind.bead_bonds.tolist() == [[0, 1]]
    assert np.array_equal(kind.mapping.matrix, _run(tmp_path)[0].types[0].mapping.matrix)
    with pytest.raises(BackmapError, match="'BUTT' under 'whole' is no molecule type"):
        _run(tmp_path, whole=["BUTT"])
    (tmp_path / "but.map").touch()
    with pytest.raises(ValidationError, match="'BUT' stands under 'whole' and under 'owners'"):
        _run(tmp_path, whole="BUT", owners={"BUT": tmp_path / "but.map"})


def test_a_middle_bead_owns_a_whole_molecule() -> None:
    octane = scenes.octane_system().types[0]
    topology = Gromacs(Gromacs.Options(file=scenes.RECIPE / "octane.top")).read()
    beads = Votca(Votca.Options(files=scenes.RECIPE / "octane.xml")).read(topology)["OCT"]
    whole = owned_by_one(beads, topology.types["OCT"])
    assert set(whole.mapping.owner.tolist()) == {1}
    assert np.array_equal(whole.bead_bonds, octane.bead_bonds)


def test_signs_come_from_a_frame_with_as_many_atoms(tmp_path: Path) -> None:
    system, _ = _run(tmp_path)
    path = tmp_path / "aa.gro"
    atoms = builders.place(system, builders.TRICLINIC)
    rows = [f"{label}{x:8.3f}{y:8.3f}{z:8.3f}\n" for label, (x, y, z) in zip(atom_labels(system), atoms, strict=True)]
    path.write_text(f"title\n{len(rows)}\n{''.join(rows)}{box_line(builders.TRICLINIC)}")
    assert _run(tmp_path, stereo=path)[0].n_atoms == 56
    with pytest.raises(BackmapError, match=r"aa\.gro: holds 56 atoms, but the topology \(2 BUT\) has 28"):
        _run(tmp_path, stereo=path, molecules={"BUT": 2})


class _Mixture(TopologyReader):
    def read(self) -> AtomTopology:
        kinds = {name: builders.atoms_of(smiles, name)[0] for name, smiles in
                 (("BUT", "CCCC"), ("SOL", "O"), ("NA", "[Na+]"), ("CHI", "F[C@H](Cl)Br"))}
        return AtomTopology(kinds, [("BUT", 2), ("SOL", 3), ("CHI", 1), ("NA", 2)], "top.top")


class _Chiral(Reader):
    def open(self) -> FrameSource:
        raise NotImplementedError


def _mix(folder: Path, **options: object) -> tuple[System, State]:
    (folder / "but.xml").write_text(builders.BUTANE_XML)
    state = State(folder=folder, output=folder, seed=1, device="cpu", log=lambda line: None)
    step = Topology(Topology.Options(atoms=_Mixture(Options()), mapping=Votca(Votca.Options(files=folder / "but.xml")),
                                     **options))
    step.where = "run.yaml: steps[0].topology"
    step.start(state)
    return state.system, state


def test_what_is_passed_and_kept(tmp_path: Path) -> None:
    system, state = _mix(tmp_path, **{"exclude": ["SOL", "NA"], "fixed": Fixed(atoms=_Chiral(Options()))})
    assert system.listed == "2 BUT, 1 CHI, 2 NA"
    assert [kind.given for kind in system.types] == [False, True, True]
    found = contents.of_state(state)
    assert found.fixed == ["CHI"]
    assert found.excluded == {"SOL": Excluded(("SOL",), 3, False), "NA": Excluded(("NA", "Na1"), 2, True)}
    system, state = _mix(tmp_path, **{"exclude": {"SOL": "W", "NA": ["NA+", "ION"], "CHI": "C*"}, "place_ions": False})
    assert system.listed == "2 BUT"
    assert contents.of_state(state).excluded["NA"] == Excluded(("NA+", "ION"), 2, False)


@pytest.mark.parametrize(("options", "message"), [
    ({"exclude": ["SOL"]}, "top.top: molecule type 'CHI' has no mapping"),
    ({"exclude": ["WAT"]}, "topology: 'WAT' under 'exclude' is no molecule type of top.top. Known: BUT, SOL, NA, CHI"),
    ({"fixed": Fixed(atoms=_Chiral(Options()), molecules=["XXX"])}, "'XXX' under 'fixed' is no molecule type"),
    ({"fixed": Fixed(atoms=_Chiral(Options()), molecules=["BUT", "CHI"]), "exclude": ["SOL", "NA"]},
     "no molecule is left to be backmapped"),
    ({"exclude": ["SOL", "NA", "CHI"], "fixed": Fixed(atoms=_Chiral(Options()))},
     "topology.fixed: every molecule is mapped. Name them")])
def test_what_cannot_be_passed_or_kept(options: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match=message):
        _mix(tmp_path, **options)


def test_a_molecule_is_passed_or_kept(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="'SOL' stands under 'exclude' and under 'fixed'"):
        _mix(tmp_path, **{"exclude": "SOL", "fixed": Fixed(atoms=_Chiral(Options()), molecules="SOL")})


def test_chains_of_several_lengths_stay_apart(tmp_path: Path) -> None:
    """A polydisperse sample: one molecule type for each length, in any order, some of them twice."""
    atoms = {name: builders.atoms_of("C" * n, name)[0] for name, n in (("P4", 4), ("P6", 6))}
    beads = {name: builders.beads_of(kind, {f"E{k}": {f"C{2 * k + 1}": 1, f"C{2 * k + 2}": 1}
                                            for k in range(len(kind.element[kind.element == 6]) // 2)})
             for name, kind in atoms.items()}
    topology = AtomTopology(atoms, [("P6", 2), ("P4", 1), ("P6", 1)], "top.top")
    system = assemble(topology, beads)
    assert (system.n_atoms, system.n_beads) == (3 * 20 + 14, 3 * 3 + 2)
    names = ["E0", "E1", "E2"] * 2 + ["E0", "E1"] + ["E0", "E1", "E2"]
    Beads("cg.gro", np.arange(11), names).expect(system.blocks, system.listed)
    with pytest.raises(BackmapError, match="bead 7 is called E2, but P4 has E0 there"):
        Beads("cg.gro", np.arange(11), [*names[:6], "E2", "E0", "E1", "E0", "E1"]).expect(
            system.blocks, system.listed)
