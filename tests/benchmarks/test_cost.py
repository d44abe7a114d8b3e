"""Checks that need no reference take less than half even of a short run."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests import cost

pytestmark = pytest.mark.slow

MOST = 0.5  #: of a run, without its second start


@pytest.mark.parametrize("recipe", cost.RECIPES, ids=lambda path: path.parent.name)
def test_checks_take_less_than_half_of_a_run(recipe: Path) -> None:
    spent, whole = cost.cost(recipe)
    shares = ", ".join(f"{part} {seconds / whole:.1%}" for part, seconds in spent.items())
    print(f"\n{recipe.parent.name}: {shares} of {whole:.0f} s")
    assert set(spent) == set(cost.PARTS)
    assert sum(spent.values()) < MOST * whole
