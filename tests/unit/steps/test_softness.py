"""Beads that are displaced by a known Gaussian give its width back; mapped beads are met exactly."""
from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from backmap_plugins.steps.softness import (
    ENOUGH,
    LEAST,
    WIDEST,
    SigmaTuner,
    _chosen,
    fixed_point,
    part_of,
    usual_of,
)

from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves
from backmap.model.system import System, Window
from tests import chains
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
    (first, second), error = tuner._fixed([], np.full(2, 0.03))
    assert first == second == pytest.approx(0.02, rel=0.05)
    assert np.isfinite(error).all()


def test_bonds_that_a_model_keeps_rigid_do_not_say_how_far_it_is_to_be_trusted() -> None:
    """Half of twice the standard deviation of those that are not; only the widest where all are rigid."""
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
        return usual_of(window, known.system.types[0].bead_types[0])

    assert limit(0.0003) == WIDEST
    assert 0.015 < limit(0.01) < 0.025
    assert limit(1.0) == WIDEST


def test_beads_farther_off_than_their_bonds_are_spread_are_named_and_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds sigma below its fixed point bends atoms; it is held at one width for all."""
    known = melt()
    window = Window(frames=np.array([0]), beads=known.beads[:1], boxes=known.boxes[:1], time=np.zeros(1),
                    system=known.system)
    moves = SimpleNamespace(system=known.system, soften=lambda each: None)
    monkeypatch.setattr(SigmaTuner, "_swept", lambda self, frames, count, only: None)
    for tau, wanted, said in (([0.06, 0.07], {"A": 0.06, "B": 0.07}, "half of the spread of their bonds: the atoms"),
                              ([0.15, 0.15], {"A": WIDEST, "B": WIDEST}, "0.1 nm, to which sigma is held")):
        monkeypatch.setattr(SigmaTuner, "_fixed", lambda self, *rest, tau=tau: (np.array(tau), np.full(2, 1e-6)))
        sigma, remark = SigmaTuner(moves, window, lambda place: None, lambda frame, place: None, (1, 2),
                                   lambda share: None).found(50)
        assert sigma == wanted
        assert f"beads of type A, B are off by more than {said}" in remark


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


def test_all_beads_of_a_large_frame_wait_and_some_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    one = chains.chain(4, [{0: 1, 1: 1}, {2: 1, 3: 1}])
    for untied in (0, 10):
        system = System(((one, 1500), (replace(one, untied=True, name="FRE"), untied))[:1 + bool(untied)])
        window = Window(frames=np.array([0]), beads=np.zeros((1, system.n_beads, 3)), boxes=None, time=np.zeros(1),
                        system=system)
        swept: list[tuple[int, int]] = []
        frame = SimpleNamespace(residual=np.full((system.n_beads, 3), 0.05))

        def sweep(frame: object, name: tuple, only: np.ndarray | None, swept: list = swept,
                  count: int = system.n_beads) -> None:
            swept.append((name[-1], count if only is None else int(only.sum())))

        moves = SimpleNamespace(system=system, soften=lambda each: None, sweep=sweep)
        monkeypatch.setattr("backmap_plugins.steps.softness.usual_of", lambda *given: WIDEST)
        SigmaTuner(moves, window, lambda place, frame=frame: frame,
                   lambda frame, place, n=system.n_beads: np.zeros(n, dtype=bool), (1, 2), lambda share: None).found(50)
        assert {beads for _, beads in swept} == ({3000, 600} if not untied else {600})


def test_few_beads_do_not_make_a_type_exact() -> None:
    """Met as far as can be told: by many, within little; by few, what the others are off by."""
    tau, error = np.array([0.0, 0.0, 0.04, 0.12, 0.05]), np.array([1e-5, 4e-3, 1e-5, 1e-5, 1e-5])
    np.testing.assert_allclose(_chosen(tau, error), [np.sqrt(2e-5), 0.05, 0.04, WIDEST, 0.05])
    np.testing.assert_array_equal(_chosen(np.zeros(2), np.full(2, 1e-3)), [LEAST, LEAST])


def test_beside_untied_molecules_some_of_the_others_tell_sigma() -> None:
    one = chains.chain(4, [{0: 1, 1: 1}, {2: 1, 3: 1}])
    free, given = replace(one, untied=True, name="FRE"), replace(one, given=True, name="GIV")
    part = part_of(System(((one, 1000), (free, 5000), (given, 10))))
    assert part.sum() == 2 * 334  # every third, so that there are no fewer than asked for
    assert part.sum() >= ENOUGH
    assert not part[2000:].any()
    assert part[:2000].reshape(1000, 2)[::3].all()
    few = part_of(System(((one, 20), (free, 5000))))
    assert few[:40].all()
    assert not few[40:].any()
