"""Hands, tacticity, cis and trans of molecules of which RDKit knows them."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.assessors.structure import Structure
from backmap_plugins.chemistry.planar_bonds import double_bonds, planar_bonds
from backmap_plugins.chemistry.stereochains import chains_of
from backmap_plugins.steps.assess import without_sampled_hands
from rdkit import Chem

from backmap.model.assessment import CARE, UNUSABLE
from backmap.model.isomers import TRANS, handedness
from backmap.model.sampling import Sampling
from backmap.model.system import System

from .scene import measured, molecule, snapshot, values

SECTION = "stereochemistry"
MIRROR = np.array([1.0, 1.0, -1.0])


def begun(system: System) -> Structure:
    assessor = Structure(Structure.Options(rdf={}))
    assessor.begin(system, None)
    return assessor


def polymer(signs: str, side: str = "c1ccccc1") -> str:
    """A vinyl chain; equal letters in ``signs`` are equal in the SMILES notation, which runs along the chain."""
    return "C" + "C".join(f"[C{'@' * (1 + (sign == 'R'))}H]({side})" for sign in signs) + "C"


def test_a_mirror_image_has_the_wrong_hand() -> None:
    kind, positions = molecule("F[C@H](Cl)Br", "CHI")
    system = System(((kind, 2),))
    good = np.concatenate([positions, positions + 1])
    bad = np.concatenate([positions, positions * MIRROR + 1])
    assessor = begun(system)
    tally, flags = measured(assessor, snapshot(system, good, reference=good),
                            snapshot(system, bad, reference=good, index=1))
    found = values(assessor.conclude(tally, None))
    assert flags["chirality"].tolist() == [False, True]
    assert found[SECTION, "stereocentres of CHI", "share as in topology"] == 0.75
    assert found[SECTION, "stereocentres of CHI", "share as in reference frame"] == 0.75


def test_where_the_topology_knows_no_sign_the_true_atoms_decide() -> None:
    kind, positions = molecule("F[C@H](Cl)Br", "CHI")
    kind = replace(kind, chemistry=replace(kind.chemistry, sign=np.zeros(1, dtype=np.int64)))
    system = System(((kind, 1),))
    assessor = begun(system)
    _, flags = measured(assessor, snapshot(system, positions * MIRROR, reference=positions * MIRROR))
    assert not flags["chirality"].any()
    tally, flags = measured(assessor, snapshot(system, positions * MIRROR, reference=positions))
    assert flags["chirality"].all()
    assert (SECTION, "stereocentres of CHI", "share as in topology") not in values(assessor.conclude(tally, None))


@pytest.mark.parametrize(("signs", "racemo"), [("RRRR", 0.0), ("RSRS", 1.0), ("RRSS", 1 / 3), ("RR", 0.0), ("RS", 1.0)])
@pytest.mark.parametrize("side", ["c1ccccc1", "O", "C#N"])
def test_racemo_dyads(signs: str, racemo: float, side: str) -> None:
    """In SMILES the chain's neighbours come first and last, so that equal signs are a meso dyad."""
    smiles = polymer(signs, side)
    kind, positions = molecule(smiles, "POL")
    system = System(((kind, 1),))
    assessor = begun(system)
    tally, _ = measured(assessor, snapshot(system, positions))
    assert values(assessor.conclude(tally, None))[SECTION, "dyads of POL", "racemo share"] == pytest.approx(racemo)


@pytest.mark.parametrize("known", [True, False])
def test_tacticity_that_nothing_tells_is_said(known: bool) -> None:
    kind, positions = molecule(polymer("RRSS"), "POL")
    kind = kind if known else replace(kind, chemistry=replace(kind.chemistry, sign=0 * kind.chemistry.sign))
    system = System(((kind, 1),))
    assessor = begun(system)
    tally, _ = measured(assessor, snapshot(system, positions))
    said = [finding for finding in assessor.conclude(tally, None).findings if finding.topic == "tacticity"]
    assert [finding.level for finding in said] == ([] if known else [CARE])
    assert all(finding.text.startswith("Nothing tells the tacticity of POL: 33% of its dyads are racemo")
               for finding in said)


def test_an_end_of_a_chain_that_is_otherwise_is_along_it() -> None:
    """As the last unit of a methacrylate, whose centre has a hydrogen."""
    kind, positions = molecule("CC[C@](C)(O)C[C@](C)(O)C[C@](C)(O)C[C@@H](C)O", "POL")
    kind = replace(kind, chemistry=replace(kind.chemistry, sign=0 * kind.chemistry.sign))
    (chain,) = chains_of(kind)
    assert len(chain.centres) == 3
    assessor = begun(System(((kind, 1),)))
    tally, _ = measured(assessor, snapshot(System(((kind, 1),)), positions))
    assert [finding.topic for finding in assessor.conclude(tally, None).findings
            if finding.level == CARE] == ["tacticity"]


def test_hands_that_a_step_samples_are_judged_by_it() -> None:
    kind, positions = molecule(polymer("RRSS"), "POL")
    system = System(((replace(kind, chemistry=replace(kind.chemistry, sign=0 * kind.chemistry.sign)), 1),))
    assessor = begun(system)
    found = assessor.conclude(measured(assessor, snapshot(system, positions))[0], None)
    moves, hands = Sampling("steps[4].hamiltonian", []), Sampling("steps[5].tacticity", [], sequences=[{"dyads": 3}])
    assert without_sampled_hands(found, [moves]).findings == found.findings
    left = without_sampled_hands(found, [moves, hands]).findings
    assert left == [finding for finding in found.findings if finding.topic != "tacticity"]


def test_the_order_of_atoms_does_not_matter_for_dyads() -> None:
    smiles = Chem.MolToSmiles(Chem.MolFromSmiles(polymer("RRSR")), doRandom=False, rootedAtAtom=5)
    kind, positions = molecule(smiles, "POL")
    (chain,) = chains_of(kind)
    signs = handedness(positions[None], chain.centres)[0]
    assert sorted((signs[1:] * signs[:-1]).tolist()) == [-1, -1, 1]


def test_there_is_no_tacticity_in_rings_nor_of_different_centres() -> None:
    assert chains_of(molecule("O[C@H]1CCCC[C@@H]1O")[0]) == []
    assert chains_of(molecule("C[C@H](F)[C@@H](Cl)C")[0]) == []


@pytest.mark.parametrize(("smiles", "number"), [
    ("CC=CC", 1), ("C=CC", 0), ("CC(C)=CC", 0), ("CC(CC)=CC", 1), ("C1CCC=CC1", 0), ("CC(=O)O", 0), ("c1ccccc1", 0),
    ("CC=CC=CC", 2), ("CC=NC", 1), ("CC(C)=C(C)C", 0), ("C1CCCCCC=CCCCCCC1", 1)])
def test_which_double_bonds_have_sides(smiles: str, number: int) -> None:
    assert len(double_bonds(molecule(smiles)[0])) == number


def test_amides_in_large_rings_are_as_in_chains() -> None:
    """Disulfides close rings of a dozen residues, in which all peptide bonds are trans; lactams are cis."""
    (amide,) = planar_bonds(molecule("O=C1CCCCCCCCCCCCN1")[0])
    assert (amide.sort, amide.expected.tolist()) == ("amide", [TRANS])
    assert planar_bonds(molecule("O=C1CCCCCN1")[0]) == []


def test_cis_and_trans() -> None:
    kind, trans = molecule("C/C=C/C", "BTE")
    other, cis = molecule("C/C=C\\C", "BTE")
    assert kind.bonds.tolist() == other.bonds.tolist()
    system = System(((kind, 2),))
    true = np.concatenate([trans, trans + 1])
    assessor = begun(system)
    tally, flags = measured(assessor, snapshot(system, np.concatenate([trans, cis + 1]), reference=true))
    found = values(assessor.conclude(tally, None))
    assert found[SECTION, "double bonds of BTE", "trans share"] == 0.5
    assert found[SECTION, "double bonds of BTE", "share as in reference frame"] == 0.5
    assert flags["cis_trans"].tolist() == [False, True]


def untold(smiles: str) -> tuple[System, np.ndarray]:
    """Five molecules whose hands nothing tells."""
    from dataclasses import replace

    kind, positions = molecule(smiles, "ANY")
    sign = np.zeros_like(kind.chemistry.sign)
    return System(((replace(kind, chemistry=replace(kind.chemistry, sign=sign)), 5),)), positions


def levels(system: System, atoms: np.ndarray) -> list[int]:
    assessor = begun(system)
    tally, _ = measured(assessor, snapshot(system, atoms))
    return [found.level for found in assessor.conclude(tally, None).findings if found.topic == "isomers"]


def test_rings_of_which_nothing_tells_the_isomer_are_not_usable() -> None:
    """Racemates and what is alike are said; a mixture of cis and trans 2-chlorocyclohexanol is no substance."""
    system, trans = untold("O[C@@H]1CCCC[C@H]1Cl")
    _, cis = molecule("O[C@H]1CCCC[C@H]1Cl", "ANY")
    apart = np.arange(5)[:, None] * 3.0
    shifts = [np.column_stack([one, 0 * one, 0 * one]) for one in apart]
    assert levels(system, np.concatenate([trans + shift for shift in shifts])) == [CARE]
    racemate = [trans, trans * MIRROR, trans, trans * MIRROR, trans]
    assert levels(system, np.concatenate([one + shift for one, shift in zip(racemate, shifts)])) == [CARE]
    mixture = [trans, cis, trans, trans, trans]
    assert levels(system, np.concatenate([one + shift for one, shift in zip(mixture, shifts)])) == [UNUSABLE]
    one = System(((system.types[0], 1),))
    assert levels(one, trans) == [UNUSABLE], "one molecule does not tell whether others were alike"


def test_chains_and_told_hands_are_not_open() -> None:
    chain, positions = untold(polymer("RSRS"))
    assert levels(System(((chain.types[0], 1),)), positions) == []
    kind, positions = molecule("F[C@H](Cl)Br", "CHI")
    assert levels(System(((kind, 1),)), positions) == []
    single, positions = untold("F[C@H](Cl)Br")
    assert levels(System(((single.types[0], 1),)), positions) == [CARE]
