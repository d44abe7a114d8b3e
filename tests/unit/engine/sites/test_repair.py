"""What is wrong is redrawn in rounds; stereocentres of the wrong chirality are turned over."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch

from backmap.engine.flags import with_neighbours
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.repair import MENDS, STUBBORN, Repair, mirror_wrong_centres
from backmap.engine.sites.sweep import projection
from backmap.model.isomers import handedness
from tests import scenes


class Crowded:
    """Says that everything overlaps."""

    def energy(self, env: Any, positions: torch.Tensor) -> torch.Tensor:
        return torch.full(positions.shape[:2], 20.0)


@dataclass
class Redraws:
    """Keeps what it is asked to redraw."""

    limit: float = 10.0
    regularizer: Crowded = field(default_factory=Crowded)
    asked: list[tuple[tuple, np.ndarray]] = field(default_factory=list)
    progress: Callable[[int], None] = lambda sites: None

    def gibbs(self, scene: Scene, stream: tuple, noise: float = 0.0, project: Callable | None = None,
              only: np.ndarray | None = None) -> None:
        assert noise == 0
        assert project is not None
        self.asked.append((stream, only))
        for _ in range(int(only.sum())):
            self.progress(1)


def repaired(rounds: int, limit: float = 10.0, chosen: np.ndarray | None = None) -> tuple[list, list[int], Scene]:
    """What was redrawn, the rounds after which a starter was asked for, and the scene."""
    system, window = scenes.crowd(n_frames=2)
    scene = scenes.scene_of(system, window)
    redraws, asked = Redraws(limit), []

    def starter() -> None:
        asked.append(len(redraws.asked))

    Repair(redraws, rounds, projection(system), starter).mend(scene, window, (7, 3), chosen)
    np.testing.assert_array_equal(scene.atoms.numpy(), window.atoms)  # the fakes move nothing
    return redraws.asked, asked, scene


def test_what_is_right_is_left_alone() -> None:
    assert repaired(rounds=5, limit=30.0)[:2] == ([], [])
    assert repaired(rounds=0)[:2] == ([], [])


@pytest.mark.parametrize(("rounds", "sweeps"), [(1, [0]), (3, [0, 1, 2]), (4, [0, 1, 2]), (6, [0, 1, 2, 3, 4])])
def test_rounds_have_names_and_the_last_of_many_asks_for_a_start(rounds: int, sweeps: list[int]) -> None:
    asked, started, _ = repaired(rounds)
    assert [stream for stream, _ in asked] == [(7, 3, "mend", number) for number in sweeps]
    assert started == ([len(sweeps)] if rounds > STUBBORN + 1 else [])
    assert all(only.all() for _, only in asked)


def test_repair_tells_how_far_it_is() -> None:
    system, window = scenes.crowd(n_frames=2)
    told: list[float] = []
    repair = Repair(Redraws(), 4, projection(system), lambda: None)
    repair.mend(scenes.scene_of(system, window), window, (7, 3), progress=told.append)
    assert (told[0], told[-1]) == (0.0, 1.0)
    assert told == sorted(told)
    assert len(set(told)) > 3 * window.beads.shape[1]  # site by site, not round by round


def test_only_chosen_beads_are_redrawn_and_their_neighbours_if_chosen() -> None:
    system, window = scenes.crowd(n_frames=2)
    chosen = np.zeros(window.beads.shape[:2], dtype=bool)
    chosen[1, 1:3] = True
    assert with_neighbours(chosen, system).sum() > chosen.sum()
    for _, only in repaired(rounds=6, chosen=chosen)[0]:
        np.testing.assert_array_equal(only, chosen)


def test_a_wrong_hand_is_redrawn_with_what_is_bonded_to_it() -> None:
    """Whatever overlaps; its neighbours with it, and in late rounds theirs."""
    system, window = scenes.crowd((scenes.phenyl(), 3), n_frames=2)
    group = system.groups[0]
    mirrored = window.atoms.copy()
    mirrored[1, group.atoms[1]] *= [1, 1, -1]
    wrong = replace(window, atoms=mirrored, beads=system.map(mirrored))
    redraws = Redraws()

    def undo(scene: Scene) -> None:
        """A projection that turns the centre back, so that it is found wrong again."""
        scene.atoms.copy_(torch.as_tensor(mirrored))

    Repair(redraws, 0, undo, lambda: None).mend(scenes.scene_of(system, wrong), wrong, (7,))
    assert len(redraws.asked) == MENDS
    centre = np.zeros(window.beads.shape[:2], dtype=bool)
    centre[1, group.beads[1, system.types[0].bead_names.index("F1")]] = True
    near = with_neighbours(centre, system)
    for number, (_, only) in enumerate(redraws.asked):
        np.testing.assert_array_equal(only, near if number < STUBBORN else with_neighbours(near, system))


def test_a_wrong_centre_is_turned_over_with_its_hydrogen() -> None:
    system, window = scenes.crowd((scenes.phenyl(), 3), n_frames=2)
    group, kind = system.groups[0], system.types[0]
    wrong = window.atoms.copy()
    mirrored = group.atoms[1]  # one molecule of one frame is the mirror image
    centre = wrong[1, mirrored].mean(axis=0)
    wrong[1, mirrored] = (wrong[1, mirrored] - centre) * [1, 1, -1] + centre
    window = replace(window, atoms=wrong, beads=system.map(wrong))
    assert len(system.wrong_stereo(wrong)) == 1
    scene = scenes.scene_of(system, window)
    beads = mirror_wrong_centres(scene, system)
    assert np.argwhere(beads).tolist() == [[1, int(group.beads[1, kind.bead_names.index("F1")])]]
    found = scene.atoms.numpy()
    moved = np.argwhere(np.abs(found - wrong).max(axis=2) > 1e-12)
    carbon, hydrogen = (int(mirrored[kind.atom_names.index(name)]) for name in ("C2", "H4"))
    assert moved.tolist() == [[1, carbon], [1, hydrogen]]
    assert len(system.wrong_stereo(found)) == 0
    _assert_tetrahedral(found[1, mirrored], kind.chemistry.centres[0], kind.atom_names.index("H4"))
    projection(system)(scene)
    found = scene.atoms.numpy()
    assert (handedness(found[:, group.atoms], kind.chemistry.centres) == kind.chemistry.sign).all()
    _assert_tetrahedral(found[1, mirrored], kind.chemistry.centres[0], kind.atom_names.index("H4"))


def _assert_tetrahedral(atoms: np.ndarray, centre: np.ndarray, hydrogen: int) -> None:
    """The hydrogen is on the other side of the centre than its three neighbours, at its distance."""
    arms = atoms[centre[1:]] - atoms[centre[0]]
    arms /= np.linalg.norm(arms, axis=1, keepdims=True)
    own = atoms[hydrogen] - atoms[centre[0]]
    assert 0.1 < np.linalg.norm(own) < 0.12
    assert (arms @ own / np.linalg.norm(own) < 0).all()


def test_right_centres_are_left_alone() -> None:
    system, window = scenes.crowd()
    scene = scenes.scene_of(system, window)
    assert not mirror_wrong_centres(scene, system).any()
    np.testing.assert_array_equal(scene.atoms.numpy(), window.atoms)
