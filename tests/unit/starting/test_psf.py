"""Topologies without parameters of their own."""
from __future__ import annotations

from pathlib import Path

from tests.command import call

PSF = """\
PSF

       1 !NTITLE
 REMARKS ethane of united atoms

       2 !NATOM
       1 A    1    ETH  C1   CH3    0.000000       15.0350           0
       2 A    1    ETH  C2   CH3    0.000000       15.0350           0

       1 !NBOND: bonds
       1       2

"""


def test_a_psf_alone_says_how_to_name_parameters(tmp_path: Path) -> None:
    (tmp_path / "a.psf").write_text(PSF)
    (tmp_path / "a.yaml").write_text("ETH: {beads: {E: {atoms: [C1, C2]}}}\n")
    (tmp_path / "cg.gro").write_text("one\n    1\n    1ETH      E    1   1.000   1.000   1.000\n   3.0   3.0   3.0\n")
    done = call("init", "-p", tmp_path / "a.psf", "-m", tmp_path / "a.yaml", "-c", tmp_path / "cg.gro", "-t", 300,
                "-o", tmp_path / "recipe.yaml")
    assert ("there is no force field: 'charmm' topologies have none of their own. Name their files, too: "
            "-p TOPOLOGY -p PARAMETERS") in done.out + done.err
