"""PyCGTOOL's rows: a bead and its atoms, as often as they are listed; virtual sites are passed over."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from backmap_plugins.formats.mappings.pycgtool import Pycgtool

from backmap.api import AtomTopology
from tests import builders


def test_rows(tmp_path: Path) -> None:
    """Residues differ in case; a charge is no atom; an atom that comes twice counts twice."""
    atoms, positions = builders.atoms_of("CCCC", "BuT")
    one, two, three = atoms.atom_names[:3]
    (tmp_path / "a.map").write_text(f"; butane\n[BuT]\nR1 C1 0.5 {one} {two} {two} ; two counts twice\n"
                                    f"@v V1 C1 R1 R2\nR2 C2 {three}\n[ BUT ]\nX C1 none\n")
    atoms = replace(atoms, residue_names=["BuT"] * len(atoms.atom_names))
    topology = AtomTopology({"BuT": atoms}, [("BuT", 1)], "top.top")
    for weights, mass in (("geometry", np.ones(2)), ("mass", atoms.mass[:2])):
        model = Pycgtool(Pycgtool.Options(files=tmp_path / "a.map", weights=weights)).read(topology)["BuT"]
        share = np.array([1, 2]) * mass
        np.testing.assert_allclose(model.mapping.apply(positions)[0], share @ positions[:2] / share.sum())
        assert (model.bead_names, model.bead_types) == (["R1", "R2"], ["C1", "C2"])
        assert any("V1 is a virtual site of R1 R2" in remark for remark in model.remarks)
