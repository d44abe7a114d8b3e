"""Beads that are displaced by a known Gaussian give its width back; mapped beads are met exactly."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.steps.softness import OF_RIGID, WIDEST, SigmaTuner, fixed_point, most_of

from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves
from backmap.model.system import Window
from tests.polystyrene import TEMPERATURE, melt


@pytest.mark.parametrize("tau", [0.0, 0.01, 0.02, 0.05])
def test_gaussians_give_their_width_back(tau: float) -> None:
    w, sigma = 0.025, np.array([0.01, 0.03, 0.06])
    found = sigma**2 - sigma**4 * (sigma**2 - tau**2) / (sigma**2 + w**2)**2
    fixed, _ = fixed_point(sigma, found, 1000, 0.1)
    assert fixed == pytest.approx(tau, rel=0.05, abs=2e-3)


def test_bonds_that_a_model_keeps_rigid_do_not_say_how_far_it_is_to_be_trusted() -> None:
    """Half of twice the standard deviation of those that are not; something of its own where all are rigid."""
    known, rng = melt(), np.random.default_rng(5)
    group = known.system.groups[0]
    chain = np.zeros((*group.beads.shape, 3))
    chain[..., 0] = 0.3 * np.arange(group.beads.shape[1])
    chain[..., 1] = np.arange(len(chain))[:, None]

    def limit(spread: float) -> float:
        beads = np.zeros((1, known.system.n_beads, 3))
        beads[0, group.beads] = chain
        beads[0, group.beads, 2] += 0.4 * (np.arange(group.beads.shape[1]) % 2) + spread * rng.normal(
            size=group.beads.shape)
        window = Window(frames=np.zeros(1, dtype=int), beads=beads, boxes=1000 * np.eye(3)[None], time=np.zeros(1),
                        system=known.system)
        return most_of(window, known.system.types[0].bead_types[0])

    assert limit(0.0003) == OF_RIGID
    assert 0.015 < limit(0.01) < 0.025
    assert limit(1.0) == WIDEST


def found(off: float) -> dict[str, float] | None:
    """The sigma of each bead type where every bead of two true frames is off by a Gaussian, nm."""
    known, rng, some = melt(), np.random.default_rng(5), [0, 2]
    beads = known.beads[some] + off * rng.normal(size=known.beads[some].shape)
    window = Window(frames=np.array(some), beads=beads, boxes=known.boxes[some], time=np.zeros(2),
                    system=known.system)
    moves = HamiltonianMoves(known.system, known.field, TEMPERATURE, 20, 2.0, 8, 0.03)

    def begun(place: int) -> object:
        whole = known.system.atoms_near_beads(known.atoms[some[place]], beads[place], window.box(place))
        return moves.frame(whole, beads[place], window.box(place))

    def none(frame: Frame, place: int) -> np.ndarray:
        return np.zeros(known.system.n_beads, dtype=bool)

    return SigmaTuner(moves, window, begun, none, (1, 2), lambda share: None).found(200)[0]


@pytest.mark.slow
@pytest.mark.parametrize("off", [0.02, 0.05])
def test_displaced_beads_give_their_displacement_back(off: float) -> None:
    assert found(off) == pytest.approx({"A": off, "B": off}, rel=0.1)


@pytest.mark.slow
def test_mapped_beads_are_met_exactly() -> None:
    assert found(0.0003) is None  # the rounding of a .gro
