"""Lennard-Jones and Coulomb energy of a pair of atoms: the formulas of all loops and tensors that sum over pairs.

    E(r) = c12 / r^12 - c6 / r^6 + q (1 / r + k r^2 - c)

with q Coulomb's constant times both charges, k and c those of a reaction field, or 0; beside it what lets Lennard-Jones
end more gently at the cut-off, ``tables.Tail``. ``squared`` stands for r^2,
``inverse`` for 1 / r^2, ``root`` for 1 / r and ``sixth`` for 1 / r^6. A slope is a derivative by the distance over the
distance: times the step from one atom to the other it is the force on the first.

Compiled loops copy the formulas (``inline="always"``) and work them out as they do all else: in their precision, and in
any order if they may. Those that single precision takes have no constants, which would make them double.
"""
from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..compiling.compiled import part, plain
from .tables import Electrostatics, Tail

Array = NDArray[np.float64]

#: Atoms closer than this count as this far apart, nm, so that energies stay finite.
NEAREST = 1e-6


@part(inline="always")
def sixth_of(squared):
    """1 / r^6 of r^2, by one division."""
    return 1.0 / (squared * squared * squared)


@part(inline="always")
def cubed(inverse):
    """1 / r^6 of 1 / r^2."""
    return inverse * inverse * inverse


@part(inline="always")
def lennard_jones(sixth, c6, c12):
    """Energy c12 / r^12 - c6 / r^6."""
    return sixth * (c12 * sixth - c6)


@part(inline="always")
def lennard_jones_rise(sixth, c6, c12):
    """Its derivative by the distance, times the distance."""
    return 6.0 * sixth * (c6 - 2.0 * c12 * sixth)


@part(inline="always")
def lennard_jones_slope(inverse, sixth, six_c6, twelve_c12):
    """Its slope, from 6 c6 and 12 c12, which loops have beforehand."""
    return inverse * sixth * (six_c6 - twelve_c12 * sixth)


@part(inline="always")
def reaction_field(squared, k, c):
    """What a pair of unit charges has beside 1 / r, and an excluded one alone."""
    return k * squared - c


@part(inline="always")
def coulomb(root, squared, k, c):
    """Energy 1 / r + k r^2 - c of unit charges."""
    return root + reaction_field(squared, k, c)


@part(inline="always")
def coulomb_slope(inverse, root, twice_k):
    """Its slope, from 2 k. Charges may be in ``root`` and ``twice_k``."""
    return twice_k - root * inverse


@part(inline="always")
def energy_and_slope(inverse, root, squared, c6, c12, charges, k, c):
    """Energy and slope of Lennard-Jones and Coulomb together."""
    sixth = cubed(inverse)
    energy = lennard_jones(sixth, c6, c12) + charges * coulomb(root, squared, k, c)
    slope = lennard_jones_slope(inverse, sixth, 6.0 * c6, 12.0 * c12) + charges * coulomb_slope(inverse, root, 2.0 * k)
    return energy, slope


@part(inline="always")
def shift(c6, c12, tail):
    """What a ``Tail`` adds to the energy of Lennard-Jones wherever it has not begun to change."""
    return c12 * tail.of_12[0] - c6 * tail.of_6[0]


@part(inline="always")
def switching(root, squared, c6, c12, tail):
    """What a ``Tail`` that changes with the distance adds to energy and slope of Lennard-Jones, beside ``shift``.

    Without constants, so that single precision takes it as well.
    """
    a, b, c = tail.fade
    x = max(squared * root, tail.start) - tail.start
    third, fourth = c12 * tail.of_12[1] - c6 * tail.of_6[1], c12 * tail.of_12[2] - c6 * tail.of_6[2]
    fade = x * x * x * (a + x * (b + x * c))
    fading = x * x * (a + a + a + x * (b + b + b + b + x * (c + c + c + c + c))) * root
    inverse = root * root
    sixth = cubed(inverse)
    whole, three = lennard_jones(sixth, c6, c12), sixth + sixth + sixth
    steep = (three + three) * (c6 - (c12 + c12) * sixth) * inverse
    energy = x * x * x * (third + fourth * x) + fade * whole
    slope = x * x * (third + third + third + (fourth + fourth + fourth + fourth) * x) * root
    return energy, slope + fading * whole + fade * steep


@part(inline="always")
def ending(root, squared, c6, c12, tail):
    """What a ``Tail`` adds to the energy of Lennard-Jones, and to its slope."""
    energy, slope = shift(c6, c12, tail), 0.0
    if tail.switched:
        more, slope = switching(root, squared, c6, c12, tail)
        energy += more
    return energy, slope


@part(nogil=True)
def derivatives(squared, c6, c12, charges, excluded, coulomb, tail):
    """Energy of a pair, and its first and second derivative by ``squared``; ``charges`` with Coulomb's constant."""
    distance = math.sqrt(squared)
    energy = charges * reaction_field(squared, coulomb.k, coulomb.c)  # k and c are 0 without one
    rise, bend = 2.0 * charges * coulomb.k * distance, 2.0 * charges * coulomb.k  # derivatives by the distance
    if not excluded:
        sixth = sixth_of(squared)
        lj, steep = lennard_jones(sixth, c6, c12), lennard_jones_rise(sixth, c6, c12) / distance
        curved = 6.0 * sixth * (26.0 * c12 * sixth - 7.0 * c6) / squared
        energy += lj + c12 * tail.of_12[0] - c6 * tail.of_6[0] + charges / distance
        rise += steep - charges / squared
        bend += curved + 2.0 * charges / (squared * distance)
        if tail.switched:
            x = max(distance - tail.start, 0.0)
            third, fourth = c12 * tail.of_12[1] - c6 * tail.of_6[1], c12 * tail.of_12[2] - c6 * tail.of_6[2]
            a, b, c = tail.fade
            fade, fading = x * x * x * (a + x * (b + x * c)), x * x * (3.0 * a + x * (4.0 * b + x * 5.0 * c))
            energy += x * x * x * (third + fourth * x) + fade * lj
            rise += x * x * (3.0 * third + 4.0 * fourth * x) + fading * lj + fade * steep
            bend += x * (6.0 * third + 12.0 * fourth * x) + 2.0 * fading * steep + fade * curved
            bend += x * (6.0 * a + x * (12.0 * b + x * 20.0 * c)) * lj
    return energy, rise / (2.0 * distance), (bend - rise / distance) / (4.0 * squared)


@part(nogil=True)
def softened(squared, c6, c12, core):
    """Energy and slope of Lennard-Jones that below the distance ``core`` goes on along its tangent there."""
    inverse = 1.0 / max(squared, core * core)
    sixth = cubed(inverse)
    energy, slope = lennard_jones(sixth, c6, c12), lennard_jones_rise(sixth, c6, c12) * inverse
    if squared < core * core:
        distance = math.sqrt(squared)
        energy += slope * core * (distance - core)
        slope *= core / max(distance, 1e-6)
    return energy, slope


def softened_tensors(distance: Tensor, c6: Tensor, c12: Tensor, core: Tensor) -> tuple[Tensor, Tensor]:
    """The same of tensors (...): energy, and its derivative by the distance."""
    far = torch.maximum(distance, core)
    sixth = far**-6
    derivative = plain(lennard_jones_rise)(sixth, c6, c12) / far
    return plain(lennard_jones)(sixth, c6, c12) + derivative * (distance - far), derivative


def pair_energies(squared: Tensor, c6: Tensor, c12: Tensor, charges: Tensor, excluded: Tensor,
                  electrostatics: Electrostatics, tail: Tail | None = None) -> tuple[Tensor, Tensor]:
    """Lennard-Jones and Coulomb energies of pairs within the cut-off, by tensors.

    Args:
        squared: Square of their distances, nm^2, (...).
        c6: Lennard-Jones parameters, kJ/mol nm^6, (...).
        c12: Lennard-Jones parameters, kJ/mol nm^12, (...).
        charges: Products of both charges, e^2, (...).
        excluded: Which pairs are excluded, (...) bool.
        electrostatics: Coulomb parameters.
        tail: How Lennard-Jones ends at the cut-off; None: it goes on.

    Returns:
        Lennard-Jones and Coulomb energies, kJ/mol, (...) each.
    """
    squared = squared.clamp_min(NEAREST**2)
    factor, k, c, reaction = electrostatics
    lj = plain(lennard_jones)(squared**-3, c6, c12)
    lj = torch.where(excluded, 0.0, lj if tail is None else lj + _ending_tensors(lj, squared, c6, c12, tail))
    field = plain(reaction_field)(squared, k, c) if reaction else torch.zeros_like(squared)
    return lj, factor * charges * torch.where(excluded, field, squared**-0.5 + field)


def _ending_tensors(lj: Tensor, squared: Tensor, c6: Tensor, c12: Tensor, tail: Tail) -> Tensor:
    """What a tail adds to Lennard-Jones energies ``lj``: the first half of ``ending``, by tensors."""
    x = (squared.sqrt() - tail.start).clamp_min(0.0)
    shift, third, fourth = (c12 * of_12 - c6 * of_6 for of_6, of_12 in zip(tail.of_6, tail.of_12, strict=True))
    a, b, c = tail.fade
    return shift + x**3 * (third + fourth * x) + lj * x**3 * (a + x * (b + x * c))


def sixth_at(energy: float, c6: Array, c12: Array) -> Array:
    """1 / r^6 where the repulsion of Lennard-Jones reaches ``energy`` (positive), infinite where nothing repels."""
    repels = c12 > 0
    return np.where(repels, (c6 + np.sqrt(c6**2 + 4 * c12 * energy)) / np.where(repels, 2 * c12, 1.0), np.inf)
