"""Forces of a coarse-grained force field whose potentials are tables."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...errors import BackmapError
from ...model.interactions import EXCLUDED, interactions_of
from ...model.system import System
from ...model.tabulated import UNITS, Interaction, Potential
from .geometry import BeadGeometry, Coordinates
from .spline import spline_of

Array = NDArray[np.float64]

#: Values beyond a table by no more than this share of its step are at its end: files round.
_ROUNDED = 0.01


class TabulatedForces:
    """Forces of tables on beads; between their points, slopes of cubic splines (``spline_of``).

    Pairs interact up to the end of their table. Interactions without a table do not act.

    Attributes:
        potentials: By name of the interaction.
        missing: Names of interactions that have no table.
    """

    def __init__(self, system: System, potentials: Mapping[str, Potential], excluded: int = EXCLUDED) -> None:
        """See the class.

        Args:
            system: What is there.
            potentials: By name of the interaction.
            excluded: Pairs of one molecule that are so many bonds apart or fewer do not interact.

        Raises:
            BackmapError: If there are none, one acts on nothing that is there, or is of another kind.
        """
        known = interactions_of(system)
        if not potentials:
            raise BackmapError("there are no tables", hint=f"Interactions are: {', '.join(known)}.")
        for name, potential in potentials.items():
            named(known, name, potential.where)
            if known[name].kind != potential.kind:
                raise BackmapError(f"is a table of the kind {potential.kind}, but '{name}' is of the kind "
                                   f"{known[name].kind}", where=potential.where)
        self.system, self.potentials = system, dict(potentials)
        self.missing = [name for name in known if name not in potentials]
        self._curves = {name: spline_of(potential) for name, potential in potentials.items()}
        cutoffs = {name: float(one.grid[-1]) for name, one in potentials.items() if one.kind == "pair"}
        acting = [one for one in known.values() if one.name in potentials]
        self.geometry = BeadGeometry(system, acting, cutoffs, excluded)

    def of(self, beads: Array, box: Array | None) -> Array:
        """Forces (B, 3), kJ/mol/nm, on beads of whole molecules, (B, 3), nm.

        Raises:
            BackmapError: If a table does not cover a value that is met.
        """
        total = np.zeros_like(beads)
        for name, found in self.geometry.of(beads, box):
            total += found.forces(-self._curves[name](self._covered(name, found), 1), len(beads))
        return total

    def energy(self, beads: Array, box: Array | None) -> dict[str, float]:
        """Energies of the interactions by name, kJ/mol; arguments and errors as for ``of``."""
        return {name: float(self._curves[name](self._covered(name, found)).sum())
                for name, found in self.geometry.of(beads, box)}

    def _covered(self, name: str, found: Coordinates) -> Array:
        """Values within the table."""
        potential, values = self.potentials[name], found.values
        low, high = potential.grid[0], potential.grid[-1]
        if potential.periodic:
            return low + np.mod(values - low, 2 * np.pi)
        slack = _ROUNDED * potential.step
        outside = ~((values >= low - slack) & (values <= high + slack))
        if outside.any():
            worst = int(np.abs(np.where(outside, values - np.clip(values, low, high), 0)).argmax())
            beads = ", ".join(self.system.bead_label(int(bead)) for bead in found.beads[worst])
            raise BackmapError(f"the table of '{name}' goes from {low:.4g} to {high:.4g} {UNITS[potential.kind]}, but "
                               f"{values[worst]:.4g} is met ({beads})", where=potential.where,
                               hint="Extend the table, e.g. with csg_resample or csg_call table extrapolate.")
        return np.clip(values, low, high)


def named(interactions: Mapping[str, Interaction], name: str, where: object = "") -> Interaction:
    """The interaction of this name.

    Raises:
        BackmapError: If there is none.
    """
    if name not in interactions:
        raise BackmapError(f"'{name}' is no interaction of these beads", where=where,
                           hint=f"Interactions are: {', '.join(interactions) or 'none'}.")
    return interactions[name]


