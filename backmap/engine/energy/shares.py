"""Energies shared out among atoms, so that stretches of a frame have energies of their own."""
from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from . import bonded, cells, kernel
from .frame import FrameEnergy
from .pair import pair_energies

Array = NDArray[np.float64]

#: What of ``layout.TERMS`` goes together.
KINDS = {"bond": "bond", "angle": "angle", "proper": "torsion", "improper": "torsion", "cmap": "torsion"}


def shares(energy: FrameEnergy, atoms: Array, box: Array | None) -> dict[str, Array]:
    """Energies of bonds, angles, torsions, Lennard-Jones and Coulomb interactions of a frame by atom, (A,), kJ/mol.

    Every interaction is shared evenly by its atoms. Sums over atoms are those of ``FrameEnergy`` but for the self
    energy of a reaction field, which is the same in every frame.

    Args:
        energy: That of the system.
        atoms: (A, 3), nm.
        box: (3, 3), nm, or None.
    """
    whole = np.array(energy.system.whole_atoms(np.asarray(atoms, dtype=np.float64), box), order="C")
    layout, n = energy.layout, len(whole)
    lj, coulomb, unused = np.zeros(n), np.zeros(n), np.zeros(layout.where.n_molecules)
    kernel.nonbonded(whole, cells.sort(whole, box, energy.field.cutoff), layout.tables,
                     kernel.PairSums(lj, coulomb, unused, unused.copy()))
    found = {"Lennard-Jones": lj, "Coulomb": coulomb}
    with torch.no_grad():
        for group, molecule in zip(energy.system.groups, layout.molecules):
            positions = torch.as_tensor(whole[group.atoms])
            for each in molecule.bonded:
                values = bonded.energies(each.function, positions[:, torch.as_tensor(each.atoms)],
                                         torch.as_tensor(each.parameters), energy.maps)
                _share(found.setdefault(KINDS[each.term], np.zeros(n)), group.atoms[:, each.atoms], values.numpy())
            if len(molecule.pairs):
                first, second = positions[:, torch.as_tensor(molecule.pairs)].unbind(2)
                c6, c12, charges = torch.as_tensor(molecule.pair_parameters).T
                none = torch.zeros(first.shape[:2], dtype=torch.bool)
                near = pair_energies(((second - first)**2).sum(-1), c6, c12, charges, none, layout.explicit)
                for total, values in zip((lj, coulomb), near):
                    _share(total, group.atoms[:, molecule.pairs], values.numpy())
    return {name: values for name, values in found.items() if values.any()}


def _share(total: Array, atoms: NDArray[np.int64], values: Array) -> None:
    """Add energies (m, n) evenly to their atoms (m, n, corners), in place."""
    corners = atoms.shape[-1]
    for corner in range(corners):
        total += np.bincount(atoms[..., corner].ravel(), values.ravel() / corners, minlength=len(total))
