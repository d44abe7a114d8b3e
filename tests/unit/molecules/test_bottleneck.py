"""Groups of successive beads as mass centres: what is written is read back, and is what needs no file."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules.bead_molecule import BeadMolecule
from backmap_plugins.molecules.bottleneck import CoarseMolecule

from tests import melts


def alternating(folder: Path, n: int = 7) -> tuple[Gromacs, BeadMolecule]:
    """A chain A B A B ... with the masses of Fritz's beads, in one residue."""
    atoms = "".join(f"{k + 1} {'AB'[k % 2]} 1 PSR {'AB'[k % 2]}{k // 2 + 1} {k + 1} 0 {(27.05, 77.11)[k % 2]}\n"
                    for k in range(n))
    bonds = "".join(f"{k} {k + 1} 1\n" for k in range(1, n))
    path = folder / "psr.itp"
    path.write_text(f"[ moleculetype ]\nPSR 1\n[ atoms ]\n{atoms}[ bonds ]\n{bonds}")
    reader = Gromacs(Gromacs.Options(file=path))
    return reader, BeadMolecule.of_topology(reader.read().types["PSR"])


@pytest.mark.parametrize("remainder", ["last", "spread"])
def test_our_reader_reads_what_is_written(remainder: str, tmp_path: Path) -> None:
    reader, molecule = alternating(tmp_path)
    coarse = CoarseMolecule.of(molecule, 3, remainder)
    (tmp_path / "s3.xml").write_text(coarse.xml(["with a remark -- of two dashes & more"]))
    model = Votca(Votca.Options(files=tmp_path / "s3.xml")).read(reader.read())["PSR"]
    np.testing.assert_allclose(model.mapping.matrix, coarse.mapping.matrix, atol=1e-9)
    assert np.array_equal(coarse.model.mapping.matrix, coarse.mapping.matrix)
    for which in ("bead_bonds", "bead_residues", "bead_names", "bead_types"):
        assert np.array_equal(getattr(model, which), getattr(coarse.model, which))
    second = np.array([27.05, 77.11, 27.05] if remainder == "spread" else [77.11, 27.05, 77.11])
    start = 4 if remainder == "spread" else 3
    np.testing.assert_allclose(model.mapping.matrix[1, start:start + 3], second / second.sum(), atol=1e-9)


def test_types_do_not_depend_on_the_direction(tmp_path: Path) -> None:
    _, molecule = alternating(tmp_path, 8)
    assert CoarseMolecule.of(molecule, 2, "last").types == ("T1",) * 4  # AB and BA
    assert CoarseMolecule.of(molecule, 3, "last").types == ("T1", "T2", "T3")  # ABA, BAB, AB


def test_terms_of_a_ring_and_of_a_branch() -> None:
    ring = CoarseMolecule.of(melts.chain(10, ring=True), 2, "last")
    assert {kind: len(each) for kind, each in ring.terms.items()} == {"bond": 5, "angle": 5, "torsion": 5}
    triangle = CoarseMolecule.of(melts.chain(6, ring=True), 2, "last")
    assert {kind: len(each) for kind, each in triangle.terms.items()} == {"bond": 3, "angle": 3, "torsion": 0}
    star = melts.chain(4)
    object.__setattr__(star, "bonds", np.array([[0, 1], [0, 2], [0, 3]]))
    single = CoarseMolecule.of(star, 1, "last")
    assert sorted(map(tuple, single.terms["angle"].tolist())) == [(1, 0, 2), (1, 0, 3), (2, 0, 3)]
    assert len(single.terms["torsion"]) == 0
