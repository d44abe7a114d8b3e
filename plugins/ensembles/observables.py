"""Observables of chains, by name."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.api import Chain

#: What samplers write down beside observables.
BESIDE = ("basin", "log_weight", "state_log_weight", "reweight")


def observables(chain: Chain) -> dict[str, NDArray[np.float64]]:
    """Everything that was measured, and whether states are in each basin, (T, n) by name."""
    found = {name: np.asarray(values, dtype=float) for name, values in chain.rows.items() if name not in BESIDE}
    for number in np.unique(chain.rows["basin"]).tolist():
        found[f"share of basin {number}"] = (chain.rows["basin"] == number).astype(float)
    return found


def weights(chain: Chain) -> NDArray[np.float64] | None:
    """What each state counts with in averages over the target, (T, n); None where all count alike."""
    reweight = chain.rows.get("reweight")
    return None if reweight is None else np.exp(reweight)
