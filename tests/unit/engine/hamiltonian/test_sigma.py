"""Sigma of every bead from that of each bead type."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backmap.engine.hamiltonian.sigma import by_type
from backmap.errors import BackmapError
from backmap.model.system import System
from tests import chains


def test_no_sigma_is_asked_for_beads_that_nothing_ties() -> None:
    tied = chains.chain(4, [{0: 1, 1: 1}, {2: 1, 3: 1}])
    untied = replace(tied, untied=True, name="FREE", bead_types=["F", "F"])
    system, name = System(((tied, 1), (untied, 1))), tied.bead_types[0]
    known = dict.fromkeys(tied.bead_types, 0.03)
    np.testing.assert_array_equal(by_type(system, known), [0.03, 0.03, 1.0, 1.0])
    with pytest.raises(BackmapError, match="no bead is of type F"):
        by_type(system, known | {"F": 0.03})
    with pytest.raises(BackmapError, match=f"no sigma for beads of type {name}"):
        by_type(system, {})
