"""Against an equilibrium run: which frames make floors, and what is said to be missed."""
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import MDAnalysis
import numpy as np
import pytest

from backmap.api import Assessment
from backmap.model.assessment import REFERENCE, Figure

SCRIPTS = Path(__file__).parents[3] / "recipes" / "scripts"


@pytest.fixture(scope="module")
def against() -> ModuleType:
    spec = importlib.util.spec_from_file_location("against", SCRIPTS / "against.py")
    module = sys.modules["against"] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPTS))  # its neighbours, as where it is run
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPTS))
    return module


def test_odd_frames_are_the_second_half(against: ModuleType, tmp_path: Path) -> None:
    universe = MDAnalysis.Universe.empty(1, trajectory=True)
    at = np.arange(8.0)
    universe.load_new(np.stack([at, at, at], axis=1)[:, None], dimensions=np.full((8, 6), 90.0), dt=2.0)
    universe.atoms.write(str(tmp_path / "one.gro"))
    with MDAnalysis.Writer(str(tmp_path / "all.trr"), 1) as writer:
        for _ in universe.trajectory:
            writer.write(universe.atoms)
    number = against.interleaved(tmp_path / "one.gro", tmp_path / "all.trr", 2.0, tmp_path / "made.trr")
    made = MDAnalysis.Universe(str(tmp_path / "one.gro"), str(tmp_path / "made.trr"))
    assert number == 6  # of seven from 2 ps on, the last ones
    assert [round(float(step.positions[0, 0])) for step in made.trajectory] == [2, 5, 3, 6, 4, 7]


def result(own: list[Figure], true: list[Figure], floor: list[Figure], section: str) -> SimpleNamespace:
    """What a judgement of four frames by nine of equilibrium would be made of."""
    def kept(figures: list[Figure]) -> dict[str, Assessment]:
        return {section: SimpleNamespace(figures=figures)}
    found = SimpleNamespace(label="run", by_trajectory={"run": kept(own), REFERENCE: kept(true)}, floor=kept(floor),
                            n_frames={"run": 4, REFERENCE: 9})
    return SimpleNamespace(judgement=found)


def distance(name: str, value: float) -> Figure:
    return Figure("angles", name, "divergence", value, distance=True)


def test_distances_beyond_two_floors_are_missed_and_stand_first(against: ModuleType) -> None:
    own = [distance("C-C-C", 0.019), distance("C-C-H", 0.05), distance("no floor", 1.0)]
    lines = against.distances(result(own, [], [distance("C-C-C", 0.01), distance("C-C-H", 0.02)], "structure"))
    assert [line.split()[1] for line in lines] == ["C-C-H", "C-C-C"]
    assert [line.endswith("MISSED") for line in lines] == [True, False]


@pytest.mark.parametrize(("off", "spread", "missed"), [(0.019, 0.0, False), (0.03, 0.0, True), (0.03, 0.025, False)])
def test_energies_may_be_off_by_a_share_or_by_two_errors(against: ModuleType, off: float, spread: float,
                                                         missed: bool) -> None:
    """The error of a difference of four frames and nine, eight of which are counted, is spread sqrt(3/8)."""
    own, true = (Figure("energy", "angles", "per atom", value, spread=spread) for value in (1.0 + off, 1.0))
    line, = against.energies(result([own], [true], [], "energy"), 0.0)
    assert line.endswith("MISSED") == missed
    assert f"+- {spread * np.sqrt(3 / 8):.4f}" in line
