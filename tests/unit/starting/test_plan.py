"""What a plan takes molecules for."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import yaml

from backmap.engine.rings import folding
from backmap.model.molecule import is_body
from backmap.model.rigid import FixedDistances
from backmap.starting.plan import Plan, turns
from backmap.starting.text import run_recipe
from tests import chains
from tests.unit.assessors.scene import molecule


def test_a_triangle_is_a_body_if_its_angle_is_held() -> None:
    bent = chains.chain(3, [{0: 16, 1: 1, 2: 1}], [16.0, 1.0, 1.0])
    assert np.isfinite(bent.bond_length).all()
    assert not is_body(bent)
    assert is_body(replace(bent, held=FixedDistances.of([(0, 2)], [0.16])))


def test_a_rigid_chain_of_four_is_none() -> None:
    assert not is_body(chains.chain(4, [{0: 1, 1: 1, 2: 1, 3: 1}], [14.0] * 4))


def test_molecules_of_one_bead_turn_whether_their_bonds_are_rigid_or_springs() -> None:
    kind, positions = molecule("CO")
    rigid = np.linalg.norm(positions[kind.bonds[:, 0]] - positions[kind.bonds[:, 1]], axis=1)
    assert turns(kind)
    assert turns(replace(kind, bond_length=rigid))
    assert not turns(replace(kind, given=True))


@pytest.mark.parametrize(("smiles", "folds"), [("C1CCCCC1", True), ("C1COCCO1", True), ("C1CCC=CC1", True),
                                               ("C1CCOC1", False), ("c1ccccc1C", False), ("CCCC", False)])
def test_rings_with_saturated_neighbours_fold(smiles: str, folds: bool) -> None:
    assert folding(molecule(smiles)[0]) == folds


def test_boxes_of_free_solvent_are_led_to_where_a_simulation_can_begin() -> None:
    """No draws that nothing asks for, and no sweeps until everything rests."""
    topology = {"atoms": {"gromacs": "topol.top"}, "several": {"W": {"molecules": "SOL", "count": 4}}}
    plan = Plan("force_field", (), 310.0, topology, {"gromacs": "cg.gro"},
                forcefield={"parameters": {"gromacs": "topol.top"}, "cutoff": 1.0}, jumping=True, single=True)
    steps = {name: options for step in yaml.safe_load(run_recipe(plan, "box", ""))["steps"]
             for name, options in step.items()}
    assert list(steps) == ["topology", "forcefield", "read", "forward", "hamiltonian", "assess", "write"]
    moves = steps["hamiltonian"]
    assert (moves["sweeps"], moves["timestep"], moves["steps"], moves["temperature"]) == (10, 1, 60, 310)
    assert "tempering" not in moves
    tied = replace(plan, topology={"atoms": {"gromacs": "topol.top"}})
    weights = replace(plan, way="weights", weights="w.safetensors")
    for other, drawn in ((tied, False), (weights, True)):
        assert ("gibbs" in run_recipe(other, "box", "")) == drawn
        assert "sweeps: auto" in run_recipe(other, "box", "")


def test_beads_that_are_mapped_get_more_tempered_sweeps_than_others() -> None:
    """Exact beads hold torsions in wells."""
    plan = Plan("force_field", (), 310.0, {"atoms": {"gromacs": "topol.top"}}, {"gromacs": "cg.gro"},
                forcefield={"parameters": {"gromacs": "topol.top"}, "cutoff": 1.0}, jumping=True, single=True)
    hot = {"peak": 8, "time": 600}
    for beads, folds, tempering in (("mapped", False, hot), ("model", False, "auto"), (None, False, "auto"),
                                    ("model", True, {}), ("mapped", True, {})):
        content = yaml.safe_load(run_recipe(replace(plan, beads_are=beads, folding=folds), "box", ""))["steps"]
        moves = next(step["hamiltonian"] for step in content if "hamiltonian" in step)
        assert moves["tempering"] == tempering
        assert moves.get("sifting_rounds", 0) == 6 * (tempering == hot)
        cooled = (moves.get("annealing_sweeps", 0), moves.get("hottest"))
        assert cooled == ((80, 930) if beads != "mapped" else (0, None))


@pytest.mark.parametrize(("rolling", "released"), [(True, {"released_beads": {"sweeps": 100}}),
                                                   (False, "released_beads")])
def test_molecules_of_two_beads_turn_and_are_let_go_for_longer(rolling: bool, released: object) -> None:
    plan = Plan("force_field", (), 310.0, {"atoms": {"gromacs": "topol.top"}}, {"gromacs": "cg.gro"},
                forcefield={"parameters": {"gromacs": "topol.top"}, "cutoff": 1.0}, jumping=True, rolling=rolling,
                beads_are="mapped")
    steps = {name: options for step in yaml.safe_load(run_recipe(plan, "liquid", ""))["steps"]
             for name, options in step.items()}
    assert ("rotation_sweeps" in steps["hamiltonian"]) == rolling
    assert released in steps["assess"]
