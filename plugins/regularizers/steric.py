"""The ``steric`` regularizer: what no equilibrium structure has, overlaps and torn bonds."""
from __future__ import annotations

from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor

from backmap.api import Options, Regularizer
from backmap.engine.sites.contracts import LocalEnvironment
from backmap.engine.sites.fragments import FragmentTable
from backmap.engine.sites.records import ContextAtoms, DrawnAtoms, SeenAtoms, as_arrays
from backmap.model.molecule import MoleculeType
from backmap.model.pairs import FAR

from . import overlaps

#: Contact radii by atomic number, nm: half the distance below which two such atoms, four or more bonds
#: apart, are hardly ever found in a liquid (about 0.85 of Bondi's radii, J. Phys. Chem. 68, 441 (1964)).
CONTACT = {1: 0.095, 6: 0.145, 7: 0.135, 8: 0.130, 9: 0.125, 15: 0.155, 16: 0.155, 17: 0.150, 35: 0.160, 53: 0.170}
#: Covalent radii, nm (Cordero et al., Dalton Trans. 2832 (2008)).
COVALENT = {1: 0.031, 6: 0.076, 7: 0.071, 8: 0.066, 9: 0.057, 14: 0.111, 15: 0.107, 16: 0.105, 17: 0.102, 35: 0.120,
            53: 0.139}
OTHER_CONTACT, OTHER_COVALENT = 0.150, 0.130
#: Contact distance of atoms by the bonds between them, relative to that of far ones; 0 does not count.
NEAR = {0: 0.0, 1: 0.0, 2: 0.75, 3: 0.85}
STRETCH = 1.2  #: a bond longer than this times the sum of the covalent radii is torn


class StericOptions(Options):
    """Options of the ``steric`` regularizer."""

    stiffness: float = Field(4.0e4, gt=0, description="Force constant of an overlap or a torn bond, kJ/mol/nm^2.")
    scale: float = Field(1.0, gt=0, description="Multiplies the contact radii.")


class Steric(Regularizer):
    """Half-harmonic repulsion of overlapping atoms, and attraction of bonded atoms that are too far apart.

    E = k/2 sum (d0 - d)^2 over pairs closer than the sum of their contact radii d0 (less for atoms two or
    three bonds apart) + k/2 sum (d - d1)^2 over bonds longer than d1. Radii follow from elements, and of beads in place
    of atoms from training frames: from the nearest contacts and the longest bonds of each type.
    """

    Options = StericOptions
    options: StericOptions

    def __init__(self, options: StericOptions) -> None:
        super().__init__(options)
        self._known: tuple[FragmentTable, overlaps.Reaches] | None = None

    def energy(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        drawn = positions.float()
        if drawn.device.type == "cpu" and not drawn.requires_grad:
            return 0.5 * self.options.stiffness * self._quick(env, drawn)
        own = env.atoms
        strain = self._between(env, drawn, env.neighbours, env.neighbour_atom, env.neighbours_placed,
                               env.neighbour_same)
        # Bonds to the context: its atoms may lie beyond the neighbours, so they are looked up for themselves.
        context = env.fragments.context[env.row]
        strain = strain + self._torn(env, drawn, env.context, context, env.context_placed)
        inside = own >= 0
        strain = strain + 0.5 * self._between(env, drawn, drawn, own, inside, inside)
        strain = strain + 0.5 * self._torn(env, drawn, drawn, own, inside)
        return 0.5 * self.options.stiffness * strain

    def _quick(self, env: LocalEnvironment, drawn: Tensor) -> Tensor:
        """What ``energy`` sums, (S, K), compiled."""
        strain = torch.zeros(drawn.shape[:2], dtype=torch.float32)
        seen = DrawnAtoms.of(env, drawn), SeenAtoms.of(env), ContextAtoms.of(env)
        overlaps.strain(*map(as_arrays, seen), self._reaches(env.fragments), strain.numpy())
        return strain

    def _reaches(self, tables: FragmentTable) -> overlaps.Reaches:
        """What loops look up: made once for the tables that were asked for last."""
        if self._known is None or self._known[0] is not tables:
            factor = torch.tensor([NEAR[number] for number in range(overlaps.FEW + 1)])
            reaches = overlaps.Reaches(_contact(tables) * self.options.scale, _covalent(tables) * STRETCH, factor,
                                       *overlaps.few_bonds(as_arrays(tables.bonds)))
            self._known = tables, as_arrays(reaches)
        return self._known[1]

    def _between(self, env: LocalEnvironment, drawn: Tensor, others: Tensor, rows: Tensor, there: Tensor,
                 same: Tensor) -> Tensor:
        """Sum of squared overlaps of drawn atoms (S, K, F, 3) with others (S, [K,] n, 3), (S, K)."""
        tables = env.fragments
        radius = _contact(tables)
        contact = (radius[env.atoms.clamp_min(0)][:, :, None] + radius[rows.clamp_min(0)][:, None]) * self.options.scale
        bonds = _bonds(env, rows, same)
        for number, factor in NEAR.items():
            contact = torch.where(bonds == number, contact * factor, contact)
        contact = contact * (there[:, None] & (env.atoms >= 0)[:, :, None])
        overlap = (contact[:, None] - _distances(drawn, others)).clamp_min(0)
        return (overlap**2).sum(dim=(2, 3))

    def _torn(self, env: LocalEnvironment, drawn: Tensor, others: Tensor, rows: Tensor, there: Tensor) -> Tensor:
        """Sum of squared excess lengths of bonds to others of the same molecule, (S, K)."""
        radius = _covalent(env.fragments)
        limit = (radius[env.atoms.clamp_min(0)][:, :, None] + radius[rows.clamp_min(0)][:, None]) * STRETCH
        bonded = (_bonds(env, rows, there) == 1) & there[:, None] & (env.atoms >= 0)[:, :, None]
        excess = (_distances(drawn, others) - limit[:, None]).clamp_min(0) * bonded[:, None]
        return (excess**2).sum(dim=(2, 3))


def _distances(drawn: Tensor, others: Tensor) -> Tensor:
    """Distances (S, K, F, n) between (S, K, F, 3) and (S, n, 3) or (S, K, n, 3)."""
    if others.dim() == 3:
        s, k, f, _ = drawn.shape
        return torch.cdist(drawn.flatten(1, 2), others).reshape(s, k, f, -1)
    return torch.cdist(drawn, others)


def _bonds(env: LocalEnvironment, rows: Tensor, same: Tensor) -> Tensor:
    """Bonds between fragment atoms and other atom rows, 99 for other molecules, (S, F, n)."""
    own = env.atoms.clamp_min(0)[:, :, None]
    other = torch.where(same, rows, env.atoms[:, :1].clamp_min(0))[:, None]
    return torch.where(same[:, None], env.fragments.bonds_between(own, other), FAR)


def _contact(tables: FragmentTable) -> Tensor:
    """Contact radius of every atom row, nm, (n,); so small for virtual sites that nothing overlaps with them."""
    radius = _radii(tables, CONTACT, OTHER_CONTACT, lambda kind: {
        a: least / 2 for a, b, least in kind.limits.get("contacts", []) if a == b})
    virtual = torch.cat([torch.as_tensor(kind.virtual) for kind in tables.types]).to(radius.device)
    return torch.where(virtual, -1.0, radius)


def _covalent(tables: FragmentTable) -> Tensor:
    """Covalent radius of every atom row, nm, (n,)."""
    def longest(kind: MoleculeType) -> dict[str, float]:
        found: dict[str, float] = {}
        for a, b, _, high in kind.limits.get("bonds", []):
            for name in (a, b):
                found[name] = max(found.get(name, 0.0), high / 2 / STRETCH)
        return found

    return _radii(tables, COVALENT, OTHER_COVALENT, longest)


def _radii(tables: FragmentTable, known: dict[int, float], other: float,
           of_beads: Callable[[MoleculeType], dict[str, float]]) -> Tensor:
    """Radius of every atom row, nm, (n,): by its element, or of a bead by its type."""
    radius = torch.full((len(tables.element),), other, device=tables.element.device)
    for number, value in known.items():
        radius = torch.where(tables.element == number, value, radius)
    for kind, base in zip(tables.types, tables.atom_base.tolist(), strict=True):
        if kind.coarse:
            known_types, unit = of_beads(kind), other * kind.length_unit
            own = [known_types.get(name, unit) for name in kind.atom_types]
            radius[base:base + kind.n_atoms] = torch.tensor(own, dtype=radius.dtype, device=radius.device)
    return radius
