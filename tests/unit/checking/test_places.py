"""Places in a recipe by line."""
from __future__ import annotations

import pytest

from backmap.checking.places import Places

TEXT = """\
recipe: 1
steps:
  - topology:
      atoms: {gromacs: a.top}
      mapping:
        votca: a.xml
  - gibbs:
      sweeps: 4
  - write
"""


@pytest.mark.parametrize(("place", "line"), [
    ("recipe", 1), ("steps", 2), ("steps[0]", 3), ("steps[0].topology", 3), ("steps[0].topology.mapping.votca", 6),
    ("steps[1].gibbs.sweeps", 8), ("steps[1].gibbs.temperature", 7), ("steps[2].write", 9), ("steps[7]", 2),
    ("title", None)])
def test_lines(place: str, line: int | None) -> None:
    assert Places("run.yaml", TEXT).line(place) == line


def test_errors_of_the_recipe_get_their_line() -> None:
    places = Places("run.yaml", TEXT)
    assert places.lined("run.yaml: steps[1].gibbs.sweeps") == "run.yaml:8: steps[1].gibbs.sweeps"
    assert places.lined("run.yaml: steps[0].topology: a.xml:3") == "run.yaml:3: steps[0].topology: a.xml:3"
    assert places.lined("run.yaml: title") == "run.yaml: title"
    assert places.lined("a.xml:3") == "a.xml:3"


def test_a_recipe_that_is_no_file_has_no_lines() -> None:
    assert Places("<recipe>", "").where("steps[0]") == "<recipe>: steps[0]"


def test_text_that_is_not_yaml_has_no_lines() -> None:
    assert Places("run.yaml", "a: [").line("a") is None
