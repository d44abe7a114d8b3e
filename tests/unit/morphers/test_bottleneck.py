"""The morpher ``bottleneck``: what it keeps, what it leaves, and what it refuses."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.generators.template.generator import Template
from backmap_plugins.morphers import bottleneck
from backmap_plugins.morphers.bottleneck import BottleneckMorpher
from backmap_plugins.traversals import DepthFirst

from backmap import testing
from backmap.errors import BackmapError
from backmap.model.system import System
from tests.unit.engine.metropolis.test_joint import Stretcher


def morpher(**options: object) -> BottleneckMorpher:
    """Through pairs of beads, drawn by a generator whose densities are known."""
    given = {"bottleneck": 2, "generator": Stretcher(), "traversal": DepthFirst(DepthFirst.Options())}
    return BottleneckMorpher(BottleneckMorpher.Options(**(given | options)))


@pytest.mark.parametrize("options", [{}, {"sweeps": 2}, {"scheme": "B", "sweeps": 2}, {"sweeps": 2, "accept": False},
                                     {"remainder": "spread"}])
def test_it_keeps_the_promises_of_morphers(options: dict[str, object]) -> None:
    testing.check_morpher(morpher(**options))


@pytest.mark.parametrize("scheme", ["A", "B"])
def test_mass_centres_of_pairs_stay(scheme: str) -> None:
    system, window = testing.example_beads()
    through = morpher(scheme=scheme, sweeps=3)
    through.begin(system, "cpu", (3, 0))
    made = through.morph(window.take([1]), (3, 0))
    pairs = [beads[:96].reshape(48, 2, 3).mean(axis=1) for beads in (window.beads[1], made.beads)]
    assert np.abs(pairs[0] - pairs[1]).max() < 1e-6
    assert made.drift.max() < 1e-6
    assert np.abs(window.beads[1, :96] - made.beads[:96]).max() > 0.1
    assert np.array_equal(window.beads[1, 96:], made.beads[96:])  # single beads
    assert through.left == ["ION"]
    assert list(through.remarks) == ["108 beads go through 60"]


def test_moves_are_counted_by_sweep_and_type() -> None:
    system, window = testing.example_beads()
    through = morpher(sweeps=3)
    through.begin(system, "cpu", (3, 0))
    moves = through.morph(window.take([0]), (3, 0)).moves
    assert {key: value.shape for key, value in moves.items()} == {("redraw", "T1"): (3, 2), ("displace", "T1"): (3, 2)}
    assert all((counts[:, 0] == 48).all() for counts in moves.values())
    assert all(counts[:, 1].sum() > 0 for counts in moves.values())


def test_without_acceptance_nothing_is_counted() -> None:
    system, window = testing.example_beads()
    through = morpher(sweeps=2, accept=False)
    through.begin(system, "cpu", (3, 0))
    assert not through.morph(window.take([0]), (3, 0)).moves


def test_progress_is_told() -> None:
    system, window = testing.example_beads()
    through, told = morpher(sweeps=2), []
    through.progress = told.append
    through.begin(system, "cpu", (3, 0))
    through.morph(window.take([0]), (3, 0))
    assert told == [0.5, 1.0]


def test_draws_that_have_no_density_cannot_be_accepted() -> None:
    through = morpher(generator=Template(Template.Options()), sweeps=1)
    through.where = "run.yaml: steps[2].morph"
    with pytest.raises(BackmapError, match=r"^run.yaml: steps\[2\].morph.generator: the draws of this generator"):
        through.begin(testing.example_beads()[0], "cpu", (3, 0))


class Heavy(Stretcher):
    needs = frozenset({"forcefield"})


def test_force_fields_are_of_atoms() -> None:
    with pytest.raises(BackmapError, match="needs a force field cannot draw beads"):
        morpher(generator=Heavy())


def test_single_beads_alone_are_refused() -> None:
    system, _ = testing.example_beads()
    with pytest.raises(BackmapError, match="no molecule has beads to be drawn into a bottleneck"):
        morpher(sweeps=2).begin(System(system.blocks[1:]), "cpu", (3, 0))


def test_displacements_are_a_share_of_the_distance_inside_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of bonds, of which molecules that stay as they are have others."""
    system, window = testing.example_beads()
    taken: list[float] = []

    class Seen(bottleneck.JointSweeps):
        def __init__(self, *given) -> None:
            taken.append(given[3])
            super().__init__(*given)

    monkeypatch.setattr(bottleneck, "JointSweeps", Seen)
    through = morpher(scheme="B", sweeps=1)
    through.begin(system, "cpu", (3, 0))
    through.morph(window.take([1]), (3, 0))
    pairs = window.beads[1, :96].reshape(48, 2, 3)
    assert taken == [pytest.approx(bottleneck.DISPLACEMENT * np.linalg.norm(pairs[:, 1] - pairs[:, 0], axis=1).mean())]
