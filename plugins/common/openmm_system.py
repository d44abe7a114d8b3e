"""A whole system for OpenMM, from force-field arrays: for minimisation, dynamics, and energies by PME.

Every force is periodic where there is a box, so that molecules may be broken over it.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import openmm
from numpy.typing import NDArray

from backmap.errors import BackmapError
from backmap.model.parameters import COULOMB, FUNCTIONS, Bonded, ForceField, MoleculeParameters
from backmap.model.system import System

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Terms of an energy. A term's place here is its force group; ``lj`` holds Lennard-Jones and Coulomb together
#: unless they are built apart.
TERMS = ("bond", "angle", "proper", "improper", "lj_14", "coulomb_14", "lj", "coulomb")
GROUP = {term: group for group, term in enumerate(TERMS)}

_TURN = "6.283185307179586"
_INFINITE = 1e12  #: a dielectric constant
_SAME = 1e-9  #: relative; combination rules that agree so well are the rules


def build(field: ForceField, system: System, box: Array | None = None, rigid: bool = False,
          apart: bool = False) -> openmm.System:
    """OpenMM's system of all molecules.

    Args:
        field: The force field; its cut-off and Coulomb are used as they stand.
        system: What is there.
        box: (3, 3), nm, any frame's; a Context takes another one. None: not periodic.
        rigid: Bonds with a ``MoleculeType.bond_length`` become constraints, without energy.
        apart: Lennard-Jones and Coulomb as separate forces, which takes longer.

    Returns:
        Forces are in the group of their term, ``GROUP``. Reaction-field terms of excluded pairs are
        there; the constant ones of single charges are not, see ``self_energy``.

    Raises:
        BackmapError: If the cut-off is longer than half of the box, or PME has no box.
    """
    made = openmm.System()
    if box is not None:
        lattice = reduced(box)
        if field.cutoff > lattice.diagonal().min() / 2:
            raise BackmapError(f"the cut-off of {field.cutoff:g} nm is more than half of the box, "
                               f"{lattice.diagonal().min():.3f} nm wide", where=field.where,
                               hint="Give the step forcefield a smaller cutoff.")
        made.setDefaultPeriodicBoxVectors(*lattice.tolist())
    masses = np.concatenate([np.tile(kind.mass, count) for kind, count in system.blocks])
    for mass in masses.tolist():
        made.addParticle(mass)
    if rigid:
        _constrain(made, system)
    groups = list(zip(system.groups, field.of(system)))
    builders = _Forces(made, box is not None)
    for function in FUNCTIONS:
        rows = [(group.atoms, _free(bonded, group.type, rigid)) for group, known in groups for bonded in known.bonded
                if bonded.function == function]
        atoms, parameters = _repeated(rows, len(FUNCTIONS[function][2]))
        if len(atoms):
            builders.bonded(function, atoms, parameters)
    pairs, values = _repeated([(group.atoms, (known.pairs, known.pair_parameters)) for group, known in groups], 3)
    builders.pairs(pairs, values)
    _Nonbonded(field, system, groups, box is not None).add(made, apart)
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
        field, system: As for ``build``.
        box: Of the first frame, (3, 3), nm; None: no frame is periodic.
        platform: Of OpenMM. By default ``Reference``, all in double precision, unless the box is triclinic: there
            its list of neighbours misses pairs in narrow boxes (seen with 8.6), so that ``CPU`` is taken, whose
            non-bonded terms are in single precision, about 1e-6 of their sum.
    """

    def __init__(self, field: ForceField, system: System, box: Array | None, platform: str = "") -> None:
        made = build(field, system, box, apart=True)
        straight = box is None or not (np.asarray(box) - np.diag(np.diag(box))).any()
        platform = platform or ("Reference" if straight else "CPU")
        self._present = sorted({force.getForceGroup() for force in made.getForces()})
        self._constant = self_energy(field, system)
        properties = {"Threads": "1", "DeterministicForces": "true"} if platform == "CPU" else {}
        self.context = openmm.Context(made, openmm.VerletIntegrator(0.001),
                                      openmm.Platform.getPlatformByName(platform), properties)

    def of(self, atoms: Array, box: Array | None) -> dict[str, float]:
        """Energy of each term that the force field has, and ``total``, kJ/mol; atoms (A, 3), nm."""
        if box is not None:
            self.context.setPeriodicBoxVectors(*reduced(box).tolist())
        self.context.setPositions(np.asarray(atoms, dtype=np.float64))
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
        fixed = np.isfinite(group.type.bond_length)
        for rows in group.atoms:
            for (i, j), length in zip(rows[group.type.bonds[fixed]].tolist(), group.type.bond_length[fixed].tolist()):
                made.addConstraint(i, j, length)


def _free(bonded: Bonded, kind: object, rigid: bool) -> tuple[Index, Array]:
    """Atoms and parameters of the terms that are no constraints."""
    if not rigid or len(FUNCTIONS[bonded.function]) < 2 or FUNCTIONS[bonded.function][1] != 2:
        return bonded.atoms, bonded.parameters
    fixed = {tuple(pair) for pair in kind.bonds[np.isfinite(kind.bond_length)].tolist()}
    keep = np.array([tuple(sorted(pair)) not in fixed for pair in bonded.atoms.tolist()], dtype=bool)
    return bonded.atoms[keep], bonded.parameters[keep]


def _repeated(rows: list[tuple[Index, tuple[Index, Array]]], n_parameters: int) -> tuple[Index, Array]:
    """Terms of molecule types as terms of all their molecules: system indices, and parameters."""
    atoms, values = [], []
    for molecules, (local, parameters) in rows:
        if len(local):
            atoms.append(molecules[:, local].reshape(-1, local.shape[1]))
            values.append(np.tile(parameters, (len(molecules), 1)))
    if not atoms:
        return np.empty((0, 2), dtype=np.int64), np.empty((0, n_parameters))
    return np.concatenate(atoms), np.concatenate(values)


class _Forces:
    """Adds forces of bonded terms, each in the group of its term."""

    def __init__(self, made: openmm.System, periodic: bool) -> None:
        self._made, self._periodic = made, periodic

    def bonded(self, function: str, atoms: Index, values: Array) -> None:
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
                (force.addPerBondParameter if adder == "addBond" else force.addPerAngleParameter
                 if adder == "addAngle" else force.addPerTorsionParameter)(name)
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


class _Nonbonded:
    """Adds Lennard-Jones and Coulomb between all pairs that are not excluded."""

    def __init__(self, field: ForceField, system: System, groups: list, periodic: bool) -> None:
        self._field, self._periodic = field, periodic
        self._kind, self._charge = np.empty(system.n_atoms, dtype=np.int64), np.empty(system.n_atoms)
        for group, known in groups:
            self._kind[group.atoms], self._charge[group.atoms] = known.kind, known.charge
        self._excluded, _ = _repeated([(group.atoms, _with_nothing(known)) for group, known in groups], 0)
        self._charged = bool(self._charge.any()) and field.coulomb != "none"

    def add(self, made: openmm.System, apart: bool) -> None:
        field, charged = self._field, self._charged
        standard = field.coulomb in ("reaction_field", "pme")
        rule = lorentz_berthelot(field)
        none = np.zeros_like(self._charge)
        if rule is not None and charged and standard and not apart:
            self._finish(made, self._standard(self._charge, *rule), "lj")
        else:
            self._finish(made, self._standard(none, *rule) if rule is not None else self._table(), "lj")
            if charged:
                force = self._standard(self._charge, np.ones(1), np.zeros(1)) if standard else self._plain()
                self._finish(made, force, "coulomb")
        if charged and field.coulomb == "reaction_field":
            self._excluded_reaction_field(made)

    def _standard(self, charge: Array, sigma: Array, epsilon: Array) -> openmm.NonbondedForce:
        """OpenMM's own force; sigma and epsilon by Lennard-Jones type."""
        force = openmm.NonbondedForce()
        rows = self._kind if len(sigma) > 1 else np.zeros_like(self._kind)
        for values in zip(charge.tolist(), sigma[rows].tolist(), epsilon[rows].tolist()):
            force.addParticle(*values)
        for i, j in self._excluded.tolist():
            force.addException(i, j, 0, 1, 0)
        if self._field.coulomb == "pme" and charge.any():
            if not self._periodic:
                raise BackmapError("PME needs a periodic box", where=self._field.where)
            force.setNonbondedMethod(force.PME)
            force.setEwaldErrorTolerance(1e-5)
        else:
            force.setNonbondedMethod(force.CutoffPeriodic if self._periodic else force.CutoffNonPeriodic)
        force.setReactionFieldDielectric(self._field.epsilon_rf or _INFINITE)
        force.setUseDispersionCorrection(False)
        return force

    def _table(self) -> openmm.CustomNonbondedForce:
        """Lennard-Jones of any c6 and c12: products where they are, a table otherwise."""
        force = openmm.CustomNonbondedForce("")
        roots = []
        parts = {}
        for name in ("c6", "c12"):
            table = getattr(self._field, name)
            root = np.sqrt(np.abs(table.diagonal()))
            if np.allclose(np.outer(root, root), table, rtol=_SAME, atol=0):
                force.addPerParticleParameter(f"{name}root")
                roots.append(root[self._kind])
                parts[name] = f"{name}root1*{name}root2"
            else:
                n = len(table)
                force.addTabulatedFunction(f"{name}table", openmm.Discrete2DFunction(n, n, table.T.ravel().tolist()))
                parts[name] = f"{name}table(kind1,kind2)"
        force.setEnergyFunction(f"({parts['c12']}/r6-{parts['c6']})/r6; r6=r^6")
        if len(roots) < 2:
            force.addPerParticleParameter("kind")
            roots.append(self._kind.astype(np.float64))
        return self._custom(force, np.stack(roots, axis=1))

    def _plain(self) -> openmm.CustomNonbondedForce:
        force = openmm.CustomNonbondedForce(f"{COULOMB}*q1*q2/r")
        force.addPerParticleParameter("q")
        return self._custom(force, self._charge[:, None])

    def _custom(self, force: openmm.CustomNonbondedForce, values: Array) -> openmm.CustomNonbondedForce:
        for row in values.tolist():
            force.addParticle(row)
        for i, j in self._excluded.tolist():
            force.addExclusion(i, j)
        force.setNonbondedMethod(force.CutoffPeriodic if self._periodic else force.CutoffNonPeriodic)
        return force

    def _excluded_reaction_field(self, made: openmm.System) -> None:
        """Excluded pairs within the cut-off see the field of each other, as in GROMACS."""
        k, c = self._field.reaction_field
        force = openmm.CustomBondForce(f"step({self._field.cutoff!r}-r)*{COULOMB}*qq*({k!r}*r^2-{c!r})")
        force.addPerBondParameter("qq")
        product = self._charge[self._excluded].prod(axis=1)
        for (i, j), qq in zip(self._excluded[product != 0].tolist(), product[product != 0].tolist()):
            force.addBond(i, j, [qq])
        force.setUsesPeriodicBoundaryConditions(self._periodic)
        self._finish(made, force, "coulomb")

    def _finish(self, made: openmm.System, force: openmm.Force, term: str) -> None:
        if hasattr(force, "setCutoffDistance"):
            force.setCutoffDistance(self._field.cutoff)
        force.setForceGroup(GROUP[term])
        force.setName(term)
        made.addForce(force)


def _with_nothing(known: MoleculeParameters) -> tuple[Index, Array]:
    return known.excluded, np.empty((len(known.excluded), 0))


def lorentz_berthelot(field: ForceField) -> tuple[Array, Array] | None:
    """sigma (nm) and epsilon (kJ/mol) of each type if they give all of c6 and c12 by that rule, else None."""
    c6, c12 = field.c6.diagonal(), field.c12.diagonal()
    there = c12 > 0
    if (c6 < 0).any() or (c12 < 0).any() or (there != (c6 > 0)).any():
        return None
    sigma, epsilon = np.ones(len(c6)), np.zeros(len(c6))
    sigma[there], epsilon[there] = (c12[there] / c6[there])**(1 / 6), c6[there]**2 / (4 * c12[there])
    mean, depth = (sigma[:, None] + sigma) / 2, np.sqrt(np.outer(epsilon, epsilon))
    fits = (np.allclose(4 * depth * mean**6, field.c6, rtol=_SAME, atol=0)
            and np.allclose(4 * depth * mean**12, field.c12, rtol=_SAME, atol=0))
    return (sigma, epsilon) if fits else None
