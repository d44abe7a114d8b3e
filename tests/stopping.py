"""Runs that are stopped after some of the sweeps that they keep."""
from __future__ import annotations

import numpy as np
import pytest

from backmap.running import halfway


def after(monkeypatch: pytest.MonkeyPatch, sweeps: int) -> list[tuple[int, int]]:
    """From now on small frames are kept, too, and the next run is interrupted once so many sweeps were.

    Returns:
        Step and number of every sweep that is kept, also later, when the run goes on.
    """
    keep, seen = halfway.Halfway.keep, []

    def interrupted(self: halfway.Halfway, index: int, number: int, arrays: dict[str, np.ndarray]) -> None:
        keep(self, index, number, arrays)
        seen.append((index, number))
        if len(seen) == sweeps:
            raise KeyboardInterrupt

    monkeypatch.setattr(halfway, "LARGE", 100)
    monkeypatch.setattr(halfway.Halfway, "keep", interrupted)
    return seen
