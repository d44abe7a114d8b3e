"""Index groups as a mapping: counts are weights, and numbers are those of the molecule."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.mappings.index import IndexGroups

from backmap.api import AtomTopology
from backmap.errors import BackmapError
from tests import builders

GROUPS = "[ R1 ]\n1 2 1 2\n5\n[ R2 ]\n3 4\n"


def topology(name: str = "BUT", residue: str = "BUT") -> AtomTopology:
    atoms = builders.atoms_of("CCCC", "BUT")[0]
    atoms = replace(atoms, name=name, residue_names=[residue] * len(atoms.atom_names))
    return AtomTopology({name: atoms}, [(name, 1)], "top.top")


def test_counts_are_weights(tmp_path: Path) -> None:
    (tmp_path / "BUT_refined.ndx").write_text(GROUPS)
    atoms, positions = builders.atoms_of("CCCC", "BUT")
    for weights, mass in (("geometry", np.ones(5)), ("mass", atoms.mass[:5])):
        reader = IndexGroups(IndexGroups.Options(files=tmp_path / "BUT_refined.ndx", weights=weights))
        model = reader.read(topology())["BUT"]
        share = np.array([2, 2, 0, 0, 1]) * mass
        np.testing.assert_allclose(model.mapping.apply(positions)[0], share @ positions[:5] / share.sum())
        assert (model.bead_names, model.bead_residue_names) == (["R1", "R2"], ["BUT", "BUT"])


def test_the_molecule_is_told_by_name_residue_or_option(tmp_path: Path) -> None:
    path = tmp_path / "BUT_refined.ndx"
    path.write_text(GROUPS)
    assert list(IndexGroups(IndexGroups.Options(files=path)).read(topology("X"))) == ["X"]
    assert list(IndexGroups(IndexGroups.Options(files={"X": path})).read(topology("X", "Y"))) == ["X"]
    with pytest.raises(BackmapError, match=r"'BUT' is no molecule type of top.top. .* Say which as 'ndx: \{MOLECULE: "):
        IndexGroups(IndexGroups.Options(files=path)).read(topology("X", "Y"))


def test_entries(tmp_path: Path) -> None:
    (tmp_path / "BUT.ndx").write_text(GROUPS)
    entry, = IndexGroups(IndexGroups.Options(files=tmp_path / "BUT.ndx")).entries()
    assert (entry.residues, entry.beads) == (("BUT",), {"R1": ("1", "2", "1", "2", "5"), "R2": ("3", "4")})
