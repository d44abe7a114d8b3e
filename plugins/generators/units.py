"""Units of length in which networks see: what they learned of atoms' distances holds for beads of any size.

A network takes lengths in nm for atoms. For beads it takes them in a unit in which bonded beads are as far apart as
atoms that touch, so that all widths, reaches and noises that were chosen for atoms fit.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from backmap.api import View
from backmap.engine.sites.contracts import LocalEnvironment
from backmap.engine.sites.fragments import FragmentTable
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType

CUTOFF, FARTHEST = 0.8, 1.5  #: how far a network sees if nothing is said, and at most, in units


def unit_of(types: Sequence[MoleculeType]) -> float:
    """nm of the unit for molecule types that are learned together; 1 for atoms."""
    drawn = [kind.length_unit for kind in types if not kind.given and kind.length_unit != 1]
    return math.exp(sum(map(math.log, drawn)) / len(drawn)) if drawn else 1.0


def bead_types_of(types: Sequence[MoleculeType]) -> list[str]:
    """Names of the types of beads that stand in place of atoms."""
    return sorted({name for kind in types if kind.coarse and not kind.given for name in kind.atom_types})


def view_of(cutoff: float | None, unit: float) -> View:
    """How far a new network sees."""
    return View(CUTOFF * unit if cutoff is None else cutoff)


def expect_within(view: View, unit: float, where: str) -> None:
    """Raise BackmapError if a network would see farther than it can tell distances apart."""
    if view.cutoff > FARTHEST * unit * (1 + 1e-9):
        raise BackmapError(f"a cut-off of {view.cutoff:g} nm is farther than networks see, {FARTHEST * unit:.3g} nm "
                           "here", where=f"{where}.cutoff", hint="Give a smaller one, or leave it out.")


class Lengthscale:
    """Environments in a network's unit of length, and positions back in nm.

    Args:
        unit: nm; with 1 everything stays as it is.
    """

    def __init__(self, unit: float = 1.0) -> None:
        self.unit = unit
        self._tables: dict[FragmentTable, FragmentTable] = {}

    def seen(self, env: LocalEnvironment) -> LocalEnvironment:
        """An environment with all lengths in the unit."""
        if self.unit == 1:
            return env
        names = [name for name in ("given", "context", "beads", "neighbours", "neighbour_beads", "before")
                 if getattr(env, name) is not None]
        return replace(env, fragments=self._fragments(env.fragments),
                       **{name: getattr(env, name) / self.unit for name in names})

    def inside(self, positions: Tensor) -> Tensor:
        """Positions, nm, in the unit."""
        return positions if self.unit == 1 else positions / self.unit

    def outside(self, positions: Tensor) -> Tensor:
        """Positions in the unit, in nm."""
        return positions if self.unit == 1 else positions * self.unit

    def measure(self, env: LocalEnvironment) -> Tensor | float:
        """Logarithm (S,) of the volume, in nm, of a unit of the space that blocks are drawn in.

        An atom that is drawn freely has three dimensions, one on a rigid bond two, one that closes a ring one.
        """
        if self.unit == 1:
            return 0.0
        tables, row = env.fragments, env.row
        dimensions = 3 - tables.length.isfinite().long() - (tables.closure >= 0).long()
        drawn = env.block & ~tables.pinned[row]
        return (dimensions[row] * drawn).sum(dim=1).double() * math.log(self.unit)

    def _fragments(self, tables: FragmentTable) -> FragmentTable:
        """The same tables with rigid lengths in the unit; made once."""
        if tables not in self._tables:
            self._tables[tables] = replace(tables, length=tables.length / self.unit,
                                           closure_length=tables.closure_length / self.unit)
        return self._tables[tables]
