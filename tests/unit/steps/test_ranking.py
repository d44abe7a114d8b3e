"""Models in order, told apart or not."""
from __future__ import annotations

import numpy as np
from backmap_plugins.steps.ranking import Excess

from backmap.api import Assessment, Assessor, Tally


class Off(Assessor):
    """How far the mean of a number is from the reference's."""

    def measure(self, frame, tally: Tally) -> None:
        raise NotImplementedError

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        raise NotImplementedError

    def distances(self, tally: Tally, reference: Tally) -> dict[tuple[str, str], float]:
        return {("x", "off"): abs(float(tally.rows("x").mean() - reference.rows("x").mean()))}


def tally(middle: float, n: int, seed: int) -> Tally:
    found = Tally()
    for place, value in enumerate(np.random.default_rng(seed).normal(middle, 1.0, n)):
        found.row("x", place, [value])
    return found


def excess(**models: Tally) -> Excess:
    return Excess.of(Off(Off.Options()), tally(0.0, 400, 0), tally(0.2, 400, 1), models)


def test_order_errors_and_neighbours() -> None:
    """Three models, B and C of which are the same but for chance; trajectories differ in length."""
    found = excess(C=tally(1.0, 100, 4), A=tally(0.5, 300, 2), B=tally(1.0, 200, 3))
    key = "x", "off"
    assert abs(found.values["A"][key] - 0.3) < 4 * found.error("A", key)
    # standard errors of the model and of the mapped frames, in quadrature: the reference is on both sides
    assert 0.8 < found.error("A", key) / np.hypot(300**-0.5, 400**-0.5) < 1.2
    order, *apart = found.ranking()
    assert order.startswith("x, off beyond the mapped reference: A (0.")
    assert order.index(" A (") < min(order.index(" B ("), order.index(" C ("))
    (line,) = apart
    assert line.startswith(("B and C cannot be told apart: 0.", "C and B cannot be told apart: 0."))


def test_figures_of_a_model() -> None:
    (figure,) = excess(A=tally(0.5, 300, 2)).assessment("A").figures
    assert (figure.section, figure.name, figure.quantity) == ("beyond the mapped reference", "x", "excess off")
    assert figure.distance
    assert figure.error > 0
