"""The morpher ``tabulated``: what it keeps, what it leaves, what it counts and what it refuses."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.tables import write_votca
from backmap_plugins.morphers.tabulated import TabulatedMorpher

from backmap import testing
from backmap.errors import BackmapError
from backmap.model.interactions import interactions_of
from backmap.model.tabulated import Potential, even_grid


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parabolas for all bonds."""
    folder = tmp_path_factory.mktemp("tables")
    grid = even_grid("bond", 0.1, 0.9, 81)
    for name, one in interactions_of(testing.example_beads()[0]).items():
        if one.kind == "bond":
            write_votca(folder / f"{name}.pot", Potential("bond", grid, 400 * (grid - 0.4)**2, -800 * (grid - 0.4)))
    return folder


def morpher(tables: Path, **options: object) -> TabulatedMorpher:
    return TabulatedMorpher(TabulatedMorpher.Options(**({"bottleneck": 2, "tables": [tables], "sweeps": 3} | options)))


@pytest.mark.parametrize("options", [{}, {"softness": 0.05}, {"remainder": "spread"}])
def test_it_keeps_the_promises_of_morphers(tables: Path, options: dict[str, object]) -> None:
    testing.check_morpher(morpher(tables, **options))


def test_mass_centres_stay_and_moves_are_counted(tables: Path) -> None:
    system, window = testing.example_beads()
    through = morpher(tables)
    through.begin(system, "cpu", (3, 0))
    made = through.morph(window.take([1]), (3, 0))
    assert made.drift.max() < 1e-12
    assert np.abs(window.beads[1, :96] - made.beads[:96]).max() > 0.05
    assert np.array_equal(window.beads[1, 96:], made.beads[96:])  # single beads
    assert through.left == ["ION"]
    assert {key: value.shape for key, value in made.moves.items()} == {
        ("turn", "beads"): (3, 2), ("trade", "beads"): (3, 2)}
    assert sum(counts[:, 0].sum() for counts in made.moves.values()) == 3 * 96


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match="this folder has no table"):
        morpher(tmp_path).begin(testing.example_beads()[0], "cpu", (3, 0))
