"""How softly beads are met, by the types of beads: sigma of every bead from what a recipe says."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import BackmapError
from ...model.system import System
from ..sites.schedule import per_bead

Array = NDArray[np.float64]


def by_type(system: System, sigma: dict[str, float], where: object = "") -> Array:
    """Sigma of every bead, nm, (B,), from that of each bead type.

    Raises:
        BackmapError: If types are missing, or are not there.
    """
    tied = [kind for kind in system.types if not (kind.given or kind.untied)]
    names = {name for kind in tied for name in kind.bead_types}
    if sigma.keys() != names:
        problem = (f"no sigma for beads of type {', '.join(sorted(names - sigma.keys()))}" if names - sigma.keys() else
                   f"no bead is of type {', '.join(sorted(sigma.keys() - names))}")
        raise BackmapError(problem, where=where, hint=f"Name all of {', '.join(sorted(names))}, or write one number.")
    return per_bead(system, [np.array([sigma[name] if kind in tied else 1.0 for name in kind.bead_types])
                             for kind in system.types])
