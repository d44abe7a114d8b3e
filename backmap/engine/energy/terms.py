"""Which bonded terms and explicit pairs the atoms of each fragment take part in."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import BackmapError
from ...model.parameters import MoleculeParameters
from ..sites.fragments import FragmentTable

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RowTerms:
    """Terms of one function, those of each fragment row together.

    Attributes:
        function: A key of ``FUNCTIONS``, or ``pair``.
        start: Where the terms of each row start, and the end of the last, (R + 1,).
        corners: Local indices into [fragment atoms F | partners P], (n, k).
        parameters: (n, p).
    """

    function: str
    start: Tensor
    corners: Tensor
    parameters: Tensor

    def of(self, row: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Terms of some rows (S,): which of these each belongs to (n,), its corners (n, k), parameters (n, p)."""
        counts = self.start[row + 1] - self.start[row]
        site = torch.repeat_interleave(torch.arange(len(row), device=row.device), counts)
        first = torch.cumsum(counts, 0) - counts
        term = self.start[row][site] + torch.arange(len(site), device=row.device) - first[site]
        return site, self.corners[term], self.parameters[term]


class FragmentTerms:
    """Terms of all fragments.

    Args:
        molecules: Parameters of each type of ``fragments``, in that order.
        fragments: Static tables of the fragments.
        where: File of the parameters, for messages.

    Attributes:
        partners: Atom rows of the atoms outside each fragment that its terms need, -1 padding, (R, P).
        functions: The terms, one entry per function.

    Raises:
        BackmapError: If a term reaches atoms outside the context of a fragment.
    """

    def __init__(self, molecules: Sequence[MoleculeParameters], fragments: FragmentTable, where: str = "") -> None:
        device = fragments.atoms.device
        atoms, context = fragments.atoms.cpu().numpy(), fragments.context.cpu().numpy()
        base, kind = fragments.atom_base.cpu().numpy(), fragments.type.cpu().numpy()
        given = np.array([each.given for each in fragments.types])[kind]
        atoms = np.where(given[:, None], -1, atoms)  # never drawn
        rows = [_touching(molecules[t], own[own >= 0] - base[t]) for t, own in zip(kind, atoms, strict=True)]
        partners = [np.setdiff1d(np.concatenate([np.empty(0, np.int64), *(a.ravel() for a, _ in row.values())]),
                                 own[own >= 0] - base[t]) for t, own, row in zip(kind, atoms, rows, strict=True)]
        for t, near, outside in zip(kind, context, partners, strict=True):
            if len(np.setdiff1d(outside + base[t], near)):
                raise BackmapError(f"has terms in '{molecules[t].name}' that reach beyond the context of a "
                                   "fragment", where=where, hint="Let the view's context reach farther.")
        table = np.full((len(rows), max(1, *(len(outside) for outside in partners))), -1, dtype=np.int64)
        for row, (t, outside) in enumerate(zip(kind, partners, strict=True)):
            table[row, :len(outside)] = outside + base[t]
        self.partners = torch.as_tensor(table, device=device)
        self.functions = [_gathered(name, rows, kind, atoms, table, base, device)
                          for name in dict.fromkeys(name for row in rows for name in row)]


def _touching(molecule: MoleculeParameters, own: Index) -> dict[str, tuple[Index, Array]]:
    """Atoms and parameters of the terms that at least one atom of ``own`` is in, by function."""
    listed = [(each.function, each.atoms, each.parameters, rows)
              for each, rows in zip(molecule.bonded, molecule.term_rows, strict=True)]
    listed.append(("pair", molecule.pairs, molecule.pair_parameters, molecule.pair_rows))
    found: dict[str, tuple[Index, Array]] = {}
    for name, atoms, parameters, rows in listed:
        touched = rows.touching(own)
        if len(touched):
            known = [found[name]] if name in found else []
            parts = [*known, (atoms[touched], parameters[touched])]
            found[name] = np.concatenate([a for a, _ in parts]), np.concatenate([p for _, p in parts])
    return found


def _gathered(name: str, rows: list[dict[str, tuple[Index, Array]]], kind: Index, atoms: Index, partners: Index,
              base: Index, device: torch.device) -> RowTerms:
    """The terms of one function of all rows, one after the other."""
    start, corners, parameters = [0], [], []
    for row, found in enumerate(rows):
        if name in found:
            named, values = found[name]
            local = np.concatenate([atoms[row], partners[row]]) - base[kind[row]]
            place = {atom: k for k, atom in reversed(list(enumerate(local.tolist()))) if atom >= 0}
            corners.append(np.vectorize(place.__getitem__, otypes=[np.int64])(named))
            parameters.append(values)
        start.append(start[-1] + (len(found[name][0]) if name in found else 0))
    together = (np.array(start), np.concatenate(corners), np.concatenate(parameters))
    return RowTerms(name, *(torch.as_tensor(x, device=device) for x in together))
