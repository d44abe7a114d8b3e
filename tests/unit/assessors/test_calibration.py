"""Ranks of the truth among replicas: uniform where it is one of them, and not where these spread half as much."""
from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from backmap_plugins.assessors.calibration import ANGLES, TOPIC, TORSIONS, Calibration
from numpy.typing import NDArray

from backmap.model.assessment import CARE, GOOD, UNUSABLE, Assessment
from backmap.model.system import System
from backmap.model.tally import Tally

from .scene import molecule, snapshot

Array = NDArray[np.float64]

REPLICAS, FRAMES, MOLECULES = 9, 3, 60


def butanes(torsion: Array) -> tuple[System, Array]:
    """Molecules (n, A, 3) whose ends are turned by angles (n,)."""
    kind, positions = molecule("CCCC")
    axis = positions[2] - positions[1]
    axis /= np.linalg.norm(axis)
    graph = kind.graph.copy()
    graph.remove_edge(1, 2)
    side = sorted(nx.node_connected_component(graph, 2))
    made = np.repeat(positions[None], len(torsion), axis=0)
    arm = made[:, side] - positions[1]
    cosine, sine = np.cos(torsion)[:, None, None], np.sin(torsion)[:, None, None]
    made[:, side] = positions[1] + arm * cosine + np.cross(axis, arm) * sine + axis * (arm @ axis)[..., None] * (
        1 - cosine)
    return System(((kind, len(torsion)),)), made


def judged(spread: float, centre: float = 0.0, replicas: int = REPLICAS) -> Assessment:
    """Of replicas whose torsions are spread so many times as much as the true ones, about another centre, radians."""
    rng, assessor = np.random.default_rng(1), Calibration(Calibration.Options())
    tally, reference = Tally(), Tally()
    tally.period = reference.period = FRAMES
    assessor.use(None, 1, "cpu")
    assessor.beads_are = "mapped"
    where = rng.uniform(-np.pi, np.pi, (FRAMES, MOLECULES))  # what beads tell
    for number in range(FRAMES):
        for replica in range(-1, replicas):
            width, mean = (0.4, 0.0) if replica < 0 else (0.4 * spread, centre)
            system, atoms = butanes(where[number] + mean + width * rng.normal(size=MOLECULES))
            if not hasattr(assessor, "system"):
                assessor.begin(system, None)
            frame = snapshot(system, atoms.reshape(-1, 3), index=number + max(replica, 0) * FRAMES)
            assessor.measure(frame, reference if replica < 0 else tally)
    return assessor.conclude(tally, reference)


def figure(found: Assessment, name: str, quantity: str) -> float:
    return next(one.value for one in found.figures if one.key == (TOPIC, name, quantity))


@pytest.mark.parametrize(("spread", "centre", "level"), [
    (1.0, 0.0, GOOD), (0.5, 0.0, UNUSABLE), (2.0, 0.0, CARE), (1.0, np.pi, UNUSABLE)])
def test_the_truth_is_one_of_the_replicas_or_not(spread: float, centre: float, level: int) -> None:
    found = judged(spread, centre)
    aspect, = found.findings
    assert aspect.level == level, aspect.text
    if centre == 0.0:  # shares below the truth vary by asin(s / (1 + s)) / 2 pi, s the ratio of variances
        ratio, k = spread**-2, REPLICAS
        share = np.arcsin(ratio / (1 + ratio)) / (2 * np.pi)
        expected = 12 * (k**2 * share + k * (0.25 - share) + 1 / 12) / (k + 1)**2
        assert figure(found, TORSIONS, "spread of ranks") == pytest.approx(expected, abs=0.15)


def test_what_all_replicas_share_is_a_tie() -> None:
    assert figure(judged(1.0), ANGLES, "spread of ranks") == pytest.approx(1.0, abs=0.3)


def test_one_draw_of_each_frame_tells_nothing() -> None:
    found = judged(1.0, replicas=1)
    assert not found.findings
    assert "replicas: 9" in found.notes[0]
