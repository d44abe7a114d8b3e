"""Energies of blocks from what their sites see, term by term, with gradients that stay finite where atoms overlap."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from backmap.engine.sites.contracts import LocalEnvironment
from backmap.engine.sites.fragments import FragmentTable
from backmap.model.parameters import ForceField
from backmap.model.system import System

from .bonded_terms import TERMS, BondedTerms, counted
from .pairs import PairTables


@dataclass(frozen=True, eq=False)
class BlockEnergy:
    """A force field laid over fragments.

    Attributes:
        names: The terms that are worked out, of ``TERMS``.
        bonded: Bonded terms and explicit pairs.
        pairs: Lennard-Jones of all other pairs.
    """

    names: tuple[str, ...]
    bonded: BondedTerms
    pairs: PairTables

    @classmethod
    def of(cls, fragments: FragmentTable, field: ForceField, names: tuple[str, ...], rigid_stiffness: float, cap: float,
           max_force: float, deviations: float | None, limits: Mapping[str, float]) -> BlockEnergy:
        """Lay a force field over fragments.

        Args:
            rigid_stiffness: Force constant of rigid bonds, kJ/mol/nm^2.
            cap: Of Lennard-Jones pairs, kJ/mol.
            max_force: Largest force of a term on an atom in gradients, kJ/mol/nm.
            deviations: Limits of flat bottoms, in standard deviations; None for terms as they are.
            limits: Of flat bottoms, by term, nm or degrees.

        Raises:
            BackmapError: If a molecule type has no parameters, or a term reaches beyond the context.
        """
        molecules = field.of(System(tuple((kind, 1) for kind in fragments.types)))
        chosen = [counted(kind, each, names, rigid_stiffness, cap, deviations is not None, limits) for kind, each
                  in zip(fragments.types, molecules, strict=True)]
        return cls(names, BondedTerms.of(fragments, chosen, field.where, max_force, deviations),
                   PairTables.of(fragments, molecules, field, cap))

    def terms(self, env: LocalEnvironment, positions: Tensor) -> dict[str, Tensor]:
        """Energies of candidates (S, K, F, 3) by term, kJ/mol, (S, K) each, once differentiable."""
        values = _Terms.apply(positions, self, env)
        return {name: values[k] for k, name in enumerate(TERMS) if name in self.names}

    def evaluate(self, env: LocalEnvironment, positions: Tensor, slopes: bool) -> tuple[Tensor, Tensor | None]:
        """Energies (4, S, K) in the order of ``TERMS``, and their gradients (4, S, K, F, 3) if asked for."""
        block = env.block[:, None, :, None]
        drawn = torch.where(block, positions, env.given.to(positions.dtype)[:, None])
        drawn = env.fragments.followers.placed(env.row, drawn)
        energy = torch.zeros((len(TERMS), *drawn.shape[:2]), dtype=drawn.dtype, device=drawn.device)
        slope = torch.zeros((len(TERMS), *drawn.shape), dtype=drawn.dtype, device=drawn.device) if slopes else None
        self.bonded.add(env, drawn, energy, slope)
        if "lennard_jones" in self.names:
            value, gradient = self.pairs.around(env, drawn, slopes)
            energy[3] += value
            if slope is not None:
                slope[3] += gradient
        return energy, slope * block if slopes else None


class _Terms(torch.autograd.Function):
    """Energies whose gradients were worked out, and limited, with them."""

    @staticmethod
    def forward(ctx, positions: Tensor, field: BlockEnergy, env: LocalEnvironment) -> Tensor:
        """Energies of each term; where gradients are wanted, they are computed with them and kept."""
        energy, slope = field.evaluate(env, positions.detach(), ctx.needs_input_grad[0])
        ctx.slope = slope
        return energy

    @staticmethod
    @once_differentiable
    def backward(ctx, weight: Tensor) -> tuple[Tensor, None, None]:
        """The gradient of the positions alone; the other arguments have none."""
        return (weight[..., None, None] * ctx.slope).sum(0), None, None
