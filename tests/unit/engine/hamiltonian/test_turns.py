"""Angles without branches beside those of numpy."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backmap.engine.hamiltonian.turns import turn


@settings(deadline=None)  # it compiles
@given(st.floats(-np.pi, np.pi), st.floats(1e-6, 1e6))
def test_a_turn_is_the_angle_of_its_sine_and_cosine(angle: float, norm: float) -> None:
    sine, cosine = norm * np.sin(angle), norm * np.cos(angle)
    assert turn(sine, cosine, norm) == pytest.approx(np.arctan2(sine, cosine), rel=1e-14, abs=1e-300)


def test_half_and_full_turns_are_exact() -> None:
    assert turn(0.0, 1.0, 1.0) == 0.0
    assert turn(0.0, -1.0, 1.0) == np.pi
    assert turn(1.0, 0.0, 1.0) == pytest.approx(0.5 * np.pi, rel=1e-15)
