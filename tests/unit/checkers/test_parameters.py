"""What is said of exclusions."""
from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from backmap_plugins.checkers.parameters import ParameterChecker

from backmap.model.survey import Finding, Survey
from tests import forcefields, scenes


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
