"""Lennard-Jones and Coulomb between all pairs of a system, as forces of OpenMM."""
from __future__ import annotations

import numpy as np
import openmm
from numpy.typing import NDArray

from backmap.engine.energy.tables import Tail
from backmap.errors import BackmapError
from backmap.model.parameters import COULOMB, ForceField
from backmap.model.system import System

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Terms of an energy. A term's place here is its force group; ``lj`` holds Lennard-Jones and Coulomb together
#: unless they are built apart.
TERMS = ("bond", "angle", "proper", "improper", "cmap", "lj_14", "coulomb_14", "lj", "coulomb")
GROUP = {term: group for group, term in enumerate(TERMS)}

_INFINITE = 1e12  #: a dielectric constant
_SAME = 1e-9  #: relative; combination rules that agree so well are the rules


def add_nonbonded(made: openmm.System, field: ForceField, system: System, periodic: bool, apart: bool) -> None:
    """Add the forces between all pairs that are not excluded; the arguments are those of ``openmm_system.build``."""
    _Nonbonded(field, system, periodic).add(made, apart)


def repeated(rows: list[tuple[Index, tuple[Index, Array]]], n_parameters: int) -> tuple[Index, Array]:
    """Terms of molecule types as terms of all their molecules: system indices, and parameters."""
    atoms, values = [], []
    for molecules, (local, parameters) in rows:
        if len(local):
            atoms.append(molecules[:, local].reshape(-1, local.shape[1]))
            values.append(np.tile(parameters, (len(molecules), 1)))
    if not atoms:
        return np.empty((0, 2), dtype=np.int64), np.empty((0, n_parameters))
    return np.concatenate(atoms), np.concatenate(values)


class _Nonbonded:
    def __init__(self, field: ForceField, system: System, periodic: bool) -> None:
        groups = list(zip(system.groups, field.of(system)))
        self._field, self._periodic = field, periodic
        self._kind, self._charge = np.empty(system.n_atoms, dtype=np.int64), np.empty(system.n_atoms)
        for group, known in groups:
            self._kind[group.atoms], self._charge[group.atoms] = known.kind, known.charge
        self._excluded, _ = repeated(
            [(group.atoms, (known.excluded, np.empty((len(known.excluded), 0)))) for group, known in groups], 0)
        self._charged = bool(self._charge.any()) and field.coulomb != "none"

    def add(self, made: openmm.System, apart: bool) -> None:
        """Add the forces to an OpenMM system.

        Args:
            made: The system.
            apart: Lennard-Jones and Coulomb in forces of their own, so that each has an energy.
        """
        field, charged = self._field, self._charged
        standard = field.coulomb in ("reaction_field", "pme")
        rule = lorentz_berthelot(field) if field.tail == "none" else None
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
        force.setEnergyFunction(_ending(Tail.of(self._field)) + f"; c12={parts['c12']}; c6={parts['c6']}")
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


def _ending(tail: Tail) -> str:
    """Lennard-Jones of c6 and c12 as it ends at the cut-off, in OpenMM's language."""
    plain = "(c12/r6-c6)/r6"
    if not any((*tail.of_6, *tail.of_12, *tail.fade)):
        return f"{plain}; r6=r^6"
    (s6, t6, f6), (s12, t12, f12), (a, b, c) = tail.of_6, tail.of_12, tail.fade
    return (f"(1+x^3*({a!r}+x*({b!r}+x*{c!r})))*({plain}+c12*({s12!r}+x^3*({t12!r}+x*{f12!r}))"
            f"-c6*({s6!r}+x^3*({t6!r}+x*{f6!r}))); x=max(r-{tail.start!r},0); r6=r^6")


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
