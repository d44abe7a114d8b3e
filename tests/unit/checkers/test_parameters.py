"""What is said of exclusions, and of bonds that are none."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from backmap_plugins.checkers.parameters import ParameterChecker

from backmap.checking import reading
from backmap.model.survey import Finding, Survey
from backmap.recipe.registry import Registry
from tests import forcefields, scenes


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry().discover()


def said(bonds: int) -> list[Finding]:
    """Of octane with OPLS-AA whose exclusions reach so many bonds."""
    system = scenes.octane_system()
    field = forcefields.read(scenes.RECIPE / "octane.top", system)
    own = field.molecules["OCT"]
    graph = system.types[0].graph
    near = dict(nx.all_pairs_shortest_path_length(graph, bonds))
    excluded = np.array([(i, j) for i in near for j in near[i] if i < j], dtype=np.int64).reshape(-1, 2)
    changed = replace(field, molecules={"OCT": replace(own, excluded=excluded)})
    return list(ParameterChecker(ParameterChecker.Options()).check(Survey("run.yaml", system=system,
                                                                          forcefield=changed)))


@pytest.mark.parametrize(("bonds", "severity", "problem"), [
    (0, "warning", "73 pairs of atoms of OCT repel and attract each other though they are one or two bonds apart"),
    (1, "warning", "48 pairs of atoms of OCT repel"), (2, "warning", "63 pairs of [ pairs ] of OCT not excluded"),
    (4, "note", "atoms of OCT that are 4 bonds apart do not see each other, as C1-H4A")])
def test_odd_exclusions(bonds: int, severity: str, problem: str) -> None:
    [finding] = said(bonds)
    assert finding.severity == severity
    assert finding.problem.startswith(problem)


def test_usual_exclusions() -> None:
    assert said(3) == []


SOLVENTS = """[ defaults ]
1 2 no 1.0 1.0
[ atomtypes ]
CD 6 15.035 0.16 A 0.36 0.8
SD 16 32.06 0.13 A 0.36 1.3
OD 8 15.999 -0.45 A 0.26 0.27
[ moleculetype ]
DMSO 3
[ atoms ]
1 SD 1 DMSO S 1
2 OD 1 DMSO O 1
3 CD 1 DMSO CA 1
4 CD 1 DMSO CB 1
[ bonds ]
1 2 1 0.153 8e5
1 3 1 0.194 8e5
1 4 1 0.194 8e5
{}
2 3 {} 0.279{}
2 4 {} 0.279{}
3 4 {} 0.291{}
[ system ]
solvent
[ molecules ]
DMSO 2
"""


@pytest.mark.parametrize(("held", "count"), [(False, 1), (True, 0)])
def test_bonds_that_only_hold_a_shape(held: bool, count: int, tmp_path: Path, registry: Registry) -> None:
    """GROMOS holds molecules of its solvents rigid by bonds across angles; constraints of function 2 are fine."""
    each = ("2", "") if held else ("1", " 8e5")
    (tmp_path / "solvent.top").write_text(SOLVENTS.format("[ constraints ]" if held else "", *each * 3))
    (tmp_path / "solvent.yaml").write_text("DMSO: {beads: {D: {atoms: [S, O, CA, CB]}}, weights: mass}\n")
    path = tmp_path / "run.yaml"
    path.write_text("recipe: 1\nsteps:\n  - topology: {atoms: {gromacs: solvent.top}, mapping: {yaml: solvent.yaml},\n"
                    "              constraints: all-bonds}\n  - forcefield: {gromacs: solvent.top}\n")
    found = reading.read_file(path, registry, [])
    assert not found.findings
    told = [one.problem for one in ParameterChecker(ParameterChecker.Options()).check(found.survey)]
    assert told == ["3 bonds of DMSO across an angle, too long for their elements: O-CA of 0.279 nm"] * count
