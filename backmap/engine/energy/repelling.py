"""Whether atoms repel each other, told by those that are near: most frames have none that do."""
from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from . import cells, kernel
from .frame import FrameEnergy
from .pair import pair_energies
from .tables import Electrostatics

Array = NDArray[np.float64]

STEPS = 4000  #: distances up to the cut-off at which energies are looked at
NOTHING = 1e-9  #: kJ/mol; rounding at the cut-off is no repulsion
CLEAR = 1e-3  #: kJ/mol; sums that are so near the limit are left to the whole energy


class Repulsion:
    """Bounds what the Lennard-Jones energies of atoms can be, from above: pairs that attract are left out.

    Args:
        energy: Of whole frames.
    """

    def __init__(self, energy: FrameEnergy) -> None:
        self.energy = energy

    @cached_property
    def reach(self) -> float:
        """Distance from which on no pair of any types has a positive energy, nm; at most the cut-off."""
        field, layout = self.energy.field, self.energy.layout
        r = torch.linspace(0.0, field.cutoff, STEPS + 1, dtype=torch.float64)[1:]
        c6, c12 = (torch.as_tensor(np.unique(np.column_stack([field.c6.ravel(), field.c12.ravel()]), axis=0)).T)
        none, nothing = torch.zeros((), dtype=torch.float64), torch.zeros(len(r), dtype=torch.bool)
        far = 0.0
        for six, twelve in zip(c6, c12, strict=True):
            energies, _ = pair_energies(r**2, six.expand(len(r)), twelve.expand(len(r)), none.expand(len(r)), nothing,
                                        Electrostatics(0.0, 0.0, 0.0, False), layout.tail)
            positive = torch.nonzero(energies > NOTHING)
            far = max(far, float(r[positive[-1, 0]]) if len(positive) else 0.0)
        return min(far + field.cutoff / STEPS, field.cutoff)

    @cached_property
    def _tables(self) -> kernel.SystemTables:
        tables = self.energy.layout.tables
        return tables._replace(field=tables.field._replace(cutoff=self.reach))

    def below(self, atoms: Array, box: Array | None, limit: float) -> bool:
        """Whether no atom has a Lennard-Jones energy as high as a limit for sure, kJ/mol: half of all its pairs.

        Args:
            atoms: (A, 3), nm; molecules may be broken over the boundary.
            box: (3, 3), nm, or None.
            limit: kJ/mol.
        """
        if self.reach >= self.energy.field.cutoff:
            return False
        energy, n = self.energy, self.energy.layout.where.n_molecules
        whole = np.array(energy.system.whole_atoms(np.asarray(atoms, dtype=np.float64), box), order="C")
        if not np.isfinite(whole).all():
            return False
        sums = kernel.PairSums(*(np.zeros(size) for size in (len(whole), len(whole), n, n)))
        kernel.nonbonded(whole, cells.sort(whole, box, self.reach), self._tables, sums)
        most = sums.lj
        with torch.no_grad():
            for rows, lj, _ in energy.explicit(torch.as_tensor(whole), box):
                for end in rows.T:
                    most += np.bincount(end, 0.5 * lj.clamp_min(0.0), minlength=len(whole))
        return bool((most < limit - CLEAR).all())
