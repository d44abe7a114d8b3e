"""A whole system for OpenMM, from force-field arrays: for minimisation, dynamics, and energies by PME.

Every force is periodic where there is a box, so that molecules may be broken over it.
"""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import openmm
from numpy.typing import NDArray

from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import COULOMB, FUNCTIONS, Bonded, ForceField
from backmap.model.system import System

from .nonbonded import GROUP, TERMS, add_nonbonded, repeated
from .sites import add_sites, carried

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_TURN = "6.283185307179586"


def build(field: ForceField, system: System, box: Array | None = None, rigid: bool = False,
          apart: bool = False) -> openmm.System:
    """OpenMM's system of all molecules.

    Args:
        field: The force field; its cut-off and Coulomb are used as they stand.
        system: What is there.
        box: (3, 3), nm, any frame's; a Context takes another one. None: not periodic.
        rigid: Fixed distances, ``MoleculeType.rigid``, become constraints, without energy.
        apart: Lennard-Jones and Coulomb as separate forces, which takes longer.

    Returns:
        Forces are in the group of their term, ``GROUP``. Reaction-field terms of excluded pairs are
        there; the constant ones of single charges are not, see ``self_energy``.

    Raises:
        BackmapError: If the cut-off is longer than half of the box, PME has no box, or there is an implicit solvent.
    """
    if any(known.solvent is not None for known in field.of(system)):
        raise BackmapError("has an implicit solvent, which this step does not know", where=field.where,
                           hint="hamiltonian leads atoms downhill and to their law in one.")
    made = openmm.System()
    if box is not None:
        lattice = reduced(box)
        if field.cutoff > lattice.diagonal().min() / 2:
            raise BackmapError(f"the cut-off of {field.cutoff:g} nm is more than half of the box, "
                               f"{lattice.diagonal().min():.3f} nm wide", where=field.where,
                               hint="Give the step forcefield a smaller cutoff.")
        made.setDefaultPeriodicBoxVectors(*lattice.tolist())
    for mass in np.concatenate([np.tile(carried(kind), count) for kind, count in system.blocks]).tolist():
        made.addParticle(mass)
    add_sites(made, system, field.where)
    if rigid:
        _constrain(made, system)
    groups = list(zip(system.groups, field.of(system)))
    builders = _Forces(made, box is not None)
    for function in FUNCTIONS:
        rows = [(group.atoms, _free(bonded, group.type, rigid)) for group, known in groups for bonded in known.bonded
                if bonded.function == function]
        atoms, parameters = repeated(rows, len(FUNCTIONS[function][2]))
        if len(atoms) and function == "cmap":
            builders.maps(atoms, parameters[:, 0].astype(np.int64), field.maps)
        elif len(atoms):
            builders.bonded(function, atoms, parameters)
    pairs, values = repeated([(group.atoms, (known.pairs, known.pair_parameters)) for group, known in groups], 3)
    builders.pairs(pairs, values * [1, 1, field.coulomb != "none"])
    add_nonbonded(made, field, system, periodic=box is not None, apart=apart)
    return made


def self_energy(field: ForceField, system: System) -> float:
    """What reaction field adds for each charge alone, kJ/mol: -c_rf q^2 / 2, as GROMACS counts it."""
    if field.coulomb != "reaction_field":
        return 0.0
    square = sum((known.charge**2).sum() * len(group.atoms) for group, known in zip(system.groups, field.of(system)))
    return float(-0.5 * COULOMB * field.reaction_field[1] * square)


class Energies:
    """Energies of whole frames by term; one OpenMM context for all frames.

    Args:
        field: Parameters of the system's molecule types.
        system: Molecule types and their counts.
        box: Of the first frame, nm, (3, 3), or None if no frame is periodic.
        platform: Of OpenMM. By default ``Reference``, all in double precision, unless the box is triclinic: there
            its list of neighbours misses pairs in narrow boxes (seen with 8.6), so that ``CPU`` is taken, whose
            non-bonded terms are in single precision, about 1e-6 of their sum.
    """

    def __init__(self, field: ForceField, system: System, box: Array | None, platform: str = "") -> None:
        self._made = build(field, system, box, apart=True)
        self._present = sorted({force.getForceGroup() for force in self._made.getForces()})
        self._constant = self_energy(field, system)
        self._chosen, self._contexts = platform, {}
        self.context = self._on(box)

    def _on(self, box: Array | None) -> openmm.Context:
        """The context for this box."""
        straight = box is None or not (np.asarray(box) - np.diag(np.diag(box))).any()
        platform = self._chosen or ("Reference" if straight else "CPU")
        if platform not in self._contexts:
            properties = {"Threads": "1", "DeterministicForces": "true"} if platform == "CPU" else {}
            self._contexts[platform] = openmm.Context(self._made, openmm.VerletIntegrator(0.001),
                                                      openmm.Platform.getPlatformByName(platform), properties)
        return self._contexts[platform]

    def of(self, atoms: Array, box: Array | None) -> dict[str, float]:
        """Energy of each term that the force field has, and ``total``, kJ/mol; atoms (A, 3), nm."""
        self.context = self._on(box)
        if box is not None:
            self._made.setDefaultPeriodicBoxVectors(*reduced(box).tolist())
        self.context.reinitialize()  # the mesh of PME and lists of neighbours would remember the frames before
        self.context.setPositions(np.asarray(atoms, dtype=np.float64))
        self.context.computeVirtualSites()
        found = {TERMS[group]: self._group(group) for group in self._present}
        if "coulomb" in found:
            found["coulomb"] += self._constant
        return {**found, "total": sum(found.values())}

    def _group(self, group: int) -> float:
        return self.context.getState(getEnergy=True, groups={group}).getPotentialEnergy()._value

    def forces(self, atoms: Array, box: Array | None) -> Array:
        """Forces on all atoms, kJ/mol/nm, (A, 3)."""
        self.of(atoms, box)
        return self.context.getState(getForces=True).getForces(asNumpy=True)._value


def energies(field: ForceField, system: System, atoms: Array, box: Array | None) -> dict[str, float]:
    """Energies of one frame by term, kJ/mol; see ``Energies`` for many."""
    return Energies(field, system, box).of(atoms, box)


def reduced(box: Array) -> Array:
    """The same lattice with vectors as OpenMM wants them: rows lower triangular, as short as they can be, (3, 3)."""
    a, b, c = np.array(box, dtype=np.float64)
    b = b - a * np.round(b[0] / a[0])
    c = c - b * np.round(c[1] / b[1])
    c = c - a * np.round(c[0] / a[0])
    return np.array([a, b, c])


def _constrain(made: openmm.System, system: System) -> None:
    for group in system.groups:
        fixed = group.type.rigid
        for rows in group.atoms:
            for (i, j), length in zip(rows[fixed.pairs].tolist(), fixed.lengths.tolist(), strict=True):
                made.addConstraint(i, j, length)


def _free(bonded: Bonded, kind: MoleculeType, rigid: bool) -> tuple[Index, Array]:
    """Atoms and parameters of the terms that are no constraints."""
    if not rigid or bonded.term != "bond":
        return bonded.atoms, bonded.parameters
    keep = np.array([tuple(pair) not in kind.rigid.between for pair in bonded.atoms.tolist()], dtype=bool)
    return bonded.atoms[keep], bonded.parameters[keep]


class _Forces:
    """Adds forces of bonded terms, each in the group of its term."""

    def __init__(self, made: openmm.System, periodic: bool) -> None:
        self._made, self._periodic = made, periodic

    def bonded(self, function: str, atoms: Index, values: Array) -> None:
        """Add the terms of one function.

        Args:
            function: One of ``FUNCTIONS``.
            atoms: System indices, (n, number of atoms of a term).
            values: Parameters, in the order and units of ``FUNCTIONS``, (n, number of parameters).
        """
        term = FUNCTIONS[function][0]
        if function == "harmonic_bond":
            self._add(openmm.HarmonicBondForce(), "addBond", term, atoms, values)
        elif function == "harmonic_angle":
            self._add(openmm.HarmonicAngleForce(), "addAngle", term, atoms, values)
        elif function == "urey_bradley":
            self._add(openmm.HarmonicAngleForce(), "addAngle", term, atoms, values[:, :2])
            self._add(openmm.HarmonicBondForce(), "addBond", term, atoms[:, [0, 2]], values[:, 2:])
        elif function == "ryckaert_bellemans":
            self._add(openmm.RBTorsionForce(), "addTorsion", term, atoms, values)
        elif function.startswith("periodic"):
            self._periodic_torsions(term, atoms, values)
        else:
            force, adder = _CUSTOM[function]()
            for name in FUNCTIONS[function][2]:
                getattr(force, adder.replace("add", "addPer") + "Parameter")(name)
            self._add(force, adder, term, atoms, values, listed=True)

    def _periodic_torsions(self, term: str, atoms: Index, values: Array) -> None:
        """OpenMM's own force knows whole multiplicities from 1; others are rare."""
        p0, k, n = values.T
        whole = (n >= 1) & (n == np.round(n))
        force = openmm.PeriodicTorsionForce()
        for row, multiplicity, phase, strength in zip(atoms[whole].tolist(), n[whole].astype(int).tolist(),
                                                      p0[whole].tolist(), k[whole].tolist()):
            force.addTorsion(*row, multiplicity, phase, strength)
        self._finish(force, term)
        if not whole.all():
            force = openmm.CustomTorsionForce("k*(1+cos(n*theta-p0))")
            for name in ("p0", "k", "n"):
                force.addPerTorsionParameter(name)
            self._add(force, "addTorsion", term, atoms[~whole], values[~whole], listed=True)

    def maps(self, atoms: Index, numbers: Index, maps: Array) -> None:
        """Correction maps (m, G, G) of terms with these ``numbers`` (n,), of five atoms each.

        OpenMM's maps begin at 0, the first dihedral running fastest.
        """
        force, half = openmm.CMAPTorsionForce(), maps.shape[1] // 2
        for each in maps:
            force.addMap(len(each), np.roll(each, (half, half), (0, 1)).T.ravel().tolist())
        for number, row in zip(numbers.tolist(), atoms.tolist()):
            force.addTorsion(number, *row[:4], *row[1:])
        self._finish(force, FUNCTIONS["cmap"][0])

    def pairs(self, atoms: Index, values: Array) -> None:
        """1-4 interactions, at any distance."""
        for term, expression, names, columns in (("lj_14", "c12/r^12-c6/r^6", ("c6", "c12"), [0, 1]),
                                                 ("coulomb_14", f"{COULOMB}*qq/r", ("qq",), [2])):
            if len(atoms) and values[:, columns].any():
                force = openmm.CustomBondForce(expression)
                for name in names:
                    force.addPerBondParameter(name)
                self._add(force, "addBond", term, atoms, values[:, columns], listed=True)

    def _add(self, force: openmm.Force, adder: str, term: str, atoms: Index, values: Array,
             listed: bool = False) -> None:
        add: Callable = getattr(force, adder)
        for row, parameters in zip(atoms.tolist(), values.tolist()):
            add(*row, parameters) if listed else add(*row, *parameters)
        self._finish(force, term)

    def _finish(self, force: openmm.Force, term: str) -> None:
        force.setForceGroup(GROUP[term])
        force.setName(term)
        force.setUsesPeriodicBoundaryConditions(self._periodic)
        self._made.addForce(force)


_CUSTOM: dict[str, Callable[[], tuple[openmm.Force, str]]] = {
    "quartic_bond": lambda: (openmm.CustomBondForce("k/4*(r^2-r0^2)^2"), "addBond"),
    "cosine_angle": lambda: (openmm.CustomAngleForce("k/2*(cos(theta)-cos(t0))^2"), "addAngle"),
    "harmonic_improper": lambda: (openmm.CustomTorsionForce(
        f"k/2*d^2; d=x-{_TURN}*floor(x/{_TURN}+0.5); x=theta-p0"), "addTorsion"),
}
