"""Beads that are displaced by a known Gaussian give its width back; mapped beads are met exactly."""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from backmap_plugins.steps.softness import SigmaTuner, fixed_point

from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves
from backmap.model.system import Window
from tests.polystyrene import TEMPERATURE, melt


@pytest.mark.parametrize("tau", [0.0, 0.01, 0.02, 0.05])
def test_gaussians_give_their_width_back(tau: float) -> None:
    w, sigma = 0.025, np.array([0.01, 0.03, 0.06])
    found = sigma**2 - sigma**4 * (sigma**2 - tau**2) / (sigma**2 + w**2)**2
    fixed, _ = fixed_point(sigma, found, 1000, 0.1)
    assert fixed == pytest.approx(tau, rel=0.05, abs=2e-3)


def test_a_bead_type_that_tells_nothing_is_taken_to_be_as_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """All beads of the first type are stuck: they are not measured."""
    assert fixed_point([0.01, 0.03], [0.0, 0.0], 1, 0.1) == (0.0, np.inf)
    known, sigma = melt(), []
    window = Window(frames=np.array([0]), beads=known.beads[:1], boxes=known.boxes[:1], time=np.zeros(1),
                    system=known.system)
    moves = SimpleNamespace(system=known.system, soften=lambda each: sigma.append(float(each.max())))
    tuner = SigmaTuner(moves, window, lambda place: None, lambda frame, place: None, (1, 2), lambda share: None)

    def measured(self: SigmaTuner, frames: object) -> tuple[np.ndarray, np.ndarray]:
        s = sigma[-1]
        return np.array([0.0, s**2 - s**4 * (s**2 - 0.02**2) / (s**2 + 0.025**2)**2]), np.array([1, 1000])

    monkeypatch.setattr(SigmaTuner, "_measured", measured)
    (first, second), error = tuner._fixed([], np.full(2, 0.03), np.full(2, 0.1))
    assert first == second == pytest.approx(0.02, rel=0.05)
    assert np.isfinite(error).all()


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
