"""Force-field parameters as plain arrays, per molecule type.

Units: nm, kJ/mol, radians, e. Whatever file they come from, an energy is one of the functions listed
in ``FUNCTIONS``; a reader translates.
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import BackmapError
from .pairs import AtomPairs, AtomRows, distinct
from .run_parameters import RunParameters
from .solvent import ImplicitSolvent
from .system import System

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Name of a bonded function -> (term it is counted under, atoms, names of its parameters). Energies, with r a
#: distance, t an angle, p a dihedral (IUPAC, trans = pi), and d(p - p0) brought into -pi..pi:
#:
#: * ``harmonic_bond``      k/2 (r - r0)^2
#: * ``quartic_bond``       k/4 (r^2 - r0^2)^2                       GROMOS, GROMACS bond function 2
#: * ``harmonic_angle``     k/2 (t - t0)^2
#: * ``cosine_angle``       k/2 (cos t - cos t0)^2                   GROMOS, GROMACS angle function 2
#: * ``urey_bradley``       k/2 (t - t0)^2 + kub/2 (r13 - r0)^2      GROMACS angle function 5, CHARMM
#: * ``periodic_proper``    k (1 + cos(n p - p0))
#: * ``periodic_improper``  the same, counted as improper
#: * ``ryckaert_bellemans`` sum_n c_n cos(p - pi)^n, n = 0..5
#: * ``harmonic_improper``  k/2 d(p - p0)^2
#: * ``cmap``               a row of ``ForceField.maps`` at the dihedrals of atoms 1 to 4 and 2 to 5; CHARMM
FUNCTIONS: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "harmonic_bond": ("bond", 2, ("r0", "k")),
    "quartic_bond": ("bond", 2, ("r0", "k")),
    "harmonic_angle": ("angle", 3, ("t0", "k")),
    "cosine_angle": ("angle", 3, ("t0", "k")),
    "urey_bradley": ("angle", 3, ("t0", "k", "r0", "kub")),
    "periodic_proper": ("proper", 4, ("p0", "k", "n")),
    "periodic_improper": ("improper", 4, ("p0", "k", "n")),
    "ryckaert_bellemans": ("proper", 4, ("c0", "c1", "c2", "c3", "c4", "c5")),
    "harmonic_improper": ("improper", 4, ("p0", "k")),
    "cmap": ("cmap", 5, ("map",)),
}

#: Coulomb's constant 1 / (4 pi eps0), kJ mol^-1 nm e^-2, as GROMACS has it.
COULOMB = 138.935458
#: The gas constant, kJ mol^-1 K^-1.
BOLTZMANN = 8.31446261815324e-3


@dataclass(frozen=True, eq=False)
class Bonded:
    """The bonded terms of one function in one molecule type.

    Attributes:
        function: Name of the function, a key of ``FUNCTIONS``.
        atoms: Atoms of each term, (n, 2) to (n, 5).
        parameters: Parameters of each term, (n, p), in the order and units of ``FUNCTIONS``.
    """

    function: str
    atoms: Index
    parameters: Array

    @property
    def term(self) -> str:
        """The term that its energy is counted under: bond, angle, proper, improper or cmap."""
        return FUNCTIONS[self.function][0]


@dataclass(frozen=True, eq=False)
class MoleculeParameters:
    """Force-field parameters of one molecule type.

    Attributes:
        name: Name of the molecule type.
        bonded: Bonded terms, one entry per function that occurs.
        kind: Lennard-Jones type of each atom, a row of ``ForceField.c6``, (A,).
        charge: Partial charges, e, (A,).
        excluded: Pairs of atoms without non-bonded interaction, smaller index first, (n, 2). Those of
            ``pairs`` usually are among them; one that is not counts twice, as in GROMACS.
        pairs: Atoms of explicit pair interactions (1-4), (m, 2).
        pair_parameters: c6 (kJ/mol nm^6), c12 (kJ/mol nm^12) and the product of charges (e^2, scaled) of
            each pair, (m, 3). They act at any distance, with plain Coulomb.
        solvent: What stands for a solvent around the molecule, which is by itself; None where there is none.
    """

    name: str
    bonded: tuple[Bonded, ...]
    kind: Index
    charge: Array
    excluded: Index
    pairs: Index
    pair_parameters: Array
    solvent: ImplicitSolvent | None = None

    @property
    def n_atoms(self) -> int:
        """Number of atoms A."""
        return len(self.kind)

    @cached_property
    def term_rows(self) -> list[AtomRows]:
        """Rows of each of ``bonded`` by atom."""
        return [AtomRows.of(self.n_atoms, each.atoms) for each in self.bonded]

    @cached_property
    def pair_rows(self) -> AtomRows:
        """Rows of ``pairs`` by atom."""
        return AtomRows.of(self.n_atoms, self.pairs)

    @cached_property
    def left_out(self) -> AtomPairs:
        """Pairs that are excluded, both ways round, and every atom with itself; their values are True."""
        own = np.arange(self.n_atoms)
        one, other = self.excluded.astype(np.int64).reshape(-1, 2).T
        n = self.n_atoms
        key = distinct(np.concatenate([one * n + other, other * n + one, own * n + own]))
        pairs = np.column_stack(np.divmod(key, max(n, 1)))
        return AtomPairs.of(self.n_atoms, pairs, np.ones(len(pairs), dtype=bool))

    @cached_property
    def together(self) -> AtomPairs:
        """Pairs that are excluded, or stand in one bonded term or explicit pair, both ways round; values are True."""
        tables, n = [self.excluded, self.pairs, *(each.atoms for each in self.bonded)], self.n_atoms
        key = distinct(np.concatenate([table[:, i] * n + table[:, j] for table in tables if len(table)
                                       for i in range(table.shape[1]) for j in range(table.shape[1]) if i != j]
                                      or [np.empty(0, dtype=np.int64)]))
        pairs = np.column_stack(np.divmod(key, max(n, 1)))
        return AtomPairs(np.searchsorted(pairs[:, 0], np.arange(n + 1)), pairs[:, 1], np.ones(len(pairs), dtype=bool))

    @cached_property
    def excluded_table(self) -> NDArray[np.bool_]:
        """``left_out`` as a table (A, A): for molecules that are small."""
        return self.left_out.dense(False)

#: nm; Lennard-Jones of farther pairs is nothing beside what atoms that overlap have.
PARTING = 0.7


@dataclass(frozen=True, eq=False)
class ForceField:
    """Parameters of every molecule type of a system, and the treatment of non-bonded interactions.

    Attributes:
        molecules: Parameters by name of the molecule type.
        kinds: Names of the T Lennard-Jones types, (T,).
        c6: Of every pair of types, kJ/mol nm^6, combination rules and exceptions (NBFIX) applied, (T, T).
        c12: The same, kJ/mol nm^12, (T, T).
        cutoff: Cut-off distance of Lennard-Jones and Coulomb, nm.
        coulomb: reaction_field as in GROMACS (excluded pairs within the cut-off and self terms included),
            cutoff (plain), pme (whole frames, through OpenMM), or none.
        epsilon_rf: Relative permittivity beyond the cut-off; 0 stands for infinity, as in GROMACS.
        where: The file, for messages.
        run: What the input of the simulation says that uses it, if it was given.
        tail: How Lennard-Jones ends at the cut-off, as the vdw-modifier of GROMACS: just so (none), moved by a constant
            (shift), or switched off between ``switch`` and the cut-off, its force or its energy.
        switch: Where switching begins, nm.
        maps: Correction maps: energies on a grid of two dihedrals that begins at -pi, kJ/mol, (m, G, G), the first
            dihedral by rows; between the nodes they are periodic cubic splines.
    """

    molecules: dict[str, MoleculeParameters]
    kinds: list[str]
    c6: Array
    c12: Array
    cutoff: float = 1.0
    coulomb: Literal["reaction_field", "cutoff", "pme", "none"] = "reaction_field"
    epsilon_rf: float = 0.0
    where: str = ""
    run: RunParameters | None = None
    tail: Literal["none", "shift", "force_switch", "potential_switch"] = "none"
    switch: float = 0.0
    maps: Array = field(default_factory=lambda: np.zeros((0, 0, 0)))

    def of(self, system: System) -> list[MoleculeParameters]:
        """Return the parameters of each type of ``system.types``, in that order.

        Raises:
            BackmapError: If a type has no parameters, or another number of atoms in them.
        """
        found = []
        for kind in system.types:
            parameters = self.molecules.get(kind.name)
            if parameters is None:
                raise BackmapError(f"has no parameters for molecule type '{kind.name}'", where=self.where,
                                   hint=f"Known: {', '.join(self.molecules) or 'none'}.")
            if parameters.n_atoms != kind.n_atoms:
                raise BackmapError(f"has {parameters.n_atoms} atoms in '{kind.name}', but the topology has "
                                   f"{kind.n_atoms}", where=self.where, hint="Give the topology of the same molecules.")
            found.append(parameters)
        return found

    def screened(self, epsilon_r: float) -> ForceField:
        """The force field in a medium of this relative permittivity: charges that are so much smaller."""
        molecules = {name: replace(one, charge=one.charge / epsilon_r**0.5,
                                   pair_parameters=one.pair_parameters / [1.0, 1.0, epsilon_r],
                                     solvent=one.solvent and one.solvent.screened(epsilon_r))
                     for name, one in self.molecules.items()}
        return replace(self, molecules=molecules, epsilon_rf=self.epsilon_rf / epsilon_r)

    def for_starts(self) -> ForceField:
        """The force field by which atoms part: without charges, of pairs up to ``PARTING`` alone."""
        screened = self.screened(np.inf)
        return screened if self.cutoff <= PARTING else replace(screened, cutoff=PARTING, tail="none")

    @property
    def reaction_field(self) -> tuple[float, float]:
        """(k_rf, c_rf) of 1/r + k_rf r^2 - c_rf, nm^-3 and nm^-1 (GROMACS manual, eqs. for reaction field)."""
        e, rc = self.epsilon_rf, self.cutoff
        k = 1 / (2 * rc**3) if e == 0 else (e - 1) / ((2 * e + 1) * rc**3)
        return k, 1 / rc + k * rc**2
