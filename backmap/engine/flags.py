"""Beads that were flagged: which a step works on, and what it says of the atoms it made."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError
from backmap.model.isomers import BOND, CENTRE, EITHER, flatness, signs
from backmap.model.system import System, Window

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Cosine of the twist of a planar bond from which on it stands between its sides: its terms alone may not say so.
FLATTEST = 0.5
#: The same of bonds that beads may hold twisted, 30 degrees, and the share of those of a molecule type that heat twists
#: so far.
FLAT, HEAT = 0.866, 0.05
DONE = {"mended"}  #: flags that say what a step has done of itself; all others are doubts
CHANGED = {"stuck": "never_accepted"}  #: flags that had other names


def flagged(window: Window, names: Sequence[str], where: object = "") -> Mask:
    """Beads under any of the flags ``names``, (W, B).

    Raises:
        BackmapError: If no step so far has raised one of them.
    """
    unknown = [name for name in names if name not in window.flags]
    if unknown and unknown[0] in CHANGED:
        raise BackmapError(f"the flag '{unknown[0]}' is called '{CHANGED[unknown[0]]}' now", where=where)
    if unknown:
        known = ", ".join(sorted(window.flags)) or "none"
        raise BackmapError(f"no earlier step looks for '{unknown[0]}'", where=where,
                           hint=f"Known here: {known}. Put a step before that flags beads, such as assess.")
    return np.any([window.flags[name] for name in names], axis=0)


def with_neighbours(beads: Mask, system: System) -> Mask:
    """The beads (W, B) and those bonded to them."""
    wider = beads.copy()
    for group in system.groups:
        for i, j in group.type.bead_bonds:
            a, b = group.beads[:, i], group.beads[:, j]
            wider[:, a] |= beads[:, b]
            wider[:, b] |= beads[:, a]
    return wider


def owners(system: System) -> NDArray[np.int64]:
    """System index of the bead that places each atom, (A,)."""
    owner = np.empty(system.n_atoms, dtype=np.int64)
    for group in system.groups:
        owner[group.atoms] = group.bead_offset[:, None] + group.type.mapping.owner
    return owner


def finished(window: Window, atoms: Array) -> Window:
    """The window with whole atoms (W, A, 3) next to their beads, their residual, and wrong isomers flagged."""
    done, system = window.with_atoms(atoms), window.system
    done.residual = system.map(atoms) - window.beads
    done.flags["chirality"], sides = wrong_isomers(system, atoms)
    if any((kind.planar.side != EITHER).any() for kind in system.types):
        done.flags["cis_trans"] = sides
    return done


def twisted(system: System, atoms: Array, least: float) -> Mask:
    """Beads that own an end of a planar bond of known side that is less flat than ``least``, (B,), of atoms (A, 3)."""
    found, owner = np.zeros(system.n_beads, dtype=bool), owners(system)
    for group in system.groups:
        terms = group.type.isomer_terms
        bonds = terms.atoms[terms.code == BOND]
        if group.type.given or not len(bonds):
            continue
        molecule, row = np.nonzero(flatness(atoms[group.atoms], bonds, terms.sign[terms.code == BOND]) < least)
        for end in (1, 2):
            found[owner[group.atom_offset[molecule] + bonds[row, end]]] = True
    return found


def wound(system: System, atoms: Array) -> Mask:
    """Beads of molecules with twisted planar bonds, (B,), of types of which more are twisted than heat does.

    Args:
        atoms: Whole molecules, (A, 3), nm.
    """
    found = np.zeros(system.n_beads, dtype=bool)
    for group in system.groups:
        terms = group.type.isomer_terms
        bonds = terms.code == BOND
        if group.type.given or not bonds.any():
            continue
        twisted = flatness(atoms[group.atoms], terms.atoms[bonds], terms.sign[bonds]) < FLAT
        if twisted.mean() > HEAT:
            found[group.beads[twisted.any(axis=1)]] = True
    return found


def astray(system: System, atoms: Array, least: float = 0.0) -> Mask:
    """Beads of another isomer than they should be, or with a planar bond less flat than ``least``, (B,), of (A, 3).

    A planar bond that has only just come to its side is downhill from the other one: it stays where it is, as moves do
    not let it back, and none is accepted.
    """
    return np.any(wrong_isomers(system, atoms[None]), axis=0)[0] | twisted(system, atoms, least)


def wrong_isomers(system: System, atoms: Array) -> tuple[Mask, Mask]:
    """Beads that own a stereocentre of the wrong hand, and an end of a planar bond on the wrong side, (W, B) each."""
    found, owner = np.zeros((2, len(atoms), system.n_beads), dtype=bool), owners(system)
    for group in system.groups:
        terms = group.type.isomer_terms
        if group.type.given or not len(terms.code):
            continue
        frame, molecule, row = np.nonzero(signs(atoms[:, group.atoms], terms) != terms.sign)
        for which, ends in ((CENTRE, (0,)), (BOND, (1, 2))):
            here = terms.code[row] == which
            for end in ends:
                atom = group.atom_offset[molecule[here]] + terms.atoms[row[here], end]
                found[which, frame[here], owner[atom]] = True
    return found[CENTRE], found[BOND]
