"""From an openmm.System, whoever made it, to parameter arrays of its molecule types.

OpenMM reads many formats; what it makes of them is translated here once. Custom forces are recognised by
their values, not by how their expression is written.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
import openmm
from numpy.typing import NDArray

from backmap.errors import BackmapError
from backmap.model.parameters import FUNCTIONS, Bonded, ForceField, MoleculeParameters

from . import custom
from .molecule import OpenMMMolecule

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Forces that have no part in an energy of positions.
_SILENT = (openmm.CMMotionRemover, openmm.AndersenThermostat, openmm.MonteCarloBarostat,
           openmm.MonteCarloAnisotropicBarostat, openmm.MonteCarloMembraneBarostat, openmm.MonteCarloFlexibleBarostat)


@dataclass
class _Term:
    """One bonded term: atoms are particles of the system."""

    function: str
    atoms: tuple[int, ...]
    values: list[float]


def translate(system: openmm.System, molecules: Mapping[str, OpenMMMolecule], where: str) -> ForceField:
    """Parameters of one molecule of each type; whatever else is in the system is not looked at.

    Args:
        system: Made without constraints, so that all bonds have their terms.
        molecules: By molecule type name.
        where: The file, for messages.

    Raises:
        BackmapError: For a force that is not understood, which it names.
    """
    reader = _Reader(system, molecules, where)
    for force in system.getForces():
        reader.take(force)
    return reader.finished()


class _Reader:
    def __init__(self, system: openmm.System, molecules: Mapping[str, OpenMMMolecule], where: str) -> None:
        self._molecules, self._where, self._n = molecules, where, system.getNumParticles()
        self._owner = np.full(self._n, -1)
        self._local = np.full(self._n, -1)
        self._graphs = []
        for number, molecule in enumerate(molecules.values()):
            self._owner[molecule.atoms], self._local[molecule.atoms] = number, np.arange(len(molecule.atoms))
            self._graphs.append(nx.Graph(molecule.bonds.tolist()))
        self._chosen = np.flatnonzero(self._owner >= 0)
        self._terms: list[_Term] = []
        self._standard: openmm.NonbondedForce | None = None
        self._custom: list[openmm.CustomNonbondedForce] = []
        self._pairs: list[tuple[int, int, Array]] = []
        self._correction: list[Array] = []
        for atom in self._chosen.tolist():
            if system.isVirtualSite(atom):
                raise BackmapError("virtual sites are not supported", where=where)

    # Forces

    def take(self, force: openmm.Force) -> None:
        """Sort one force in."""
        handlers: dict[type, Callable] = {
            openmm.HarmonicBondForce: self._bonds, openmm.HarmonicAngleForce: self._angles,
            openmm.PeriodicTorsionForce: self._torsions, openmm.RBTorsionForce: self._rb_torsions,
            openmm.CustomBondForce: self._custom_bonds, openmm.CustomAngleForce: self._custom_angles,
            openmm.CustomTorsionForce: self._custom_torsions, openmm.NonbondedForce: self._nonbonded,
            openmm.CustomNonbondedForce: self._custom.append, openmm.CMAPTorsionForce: self._maps}
        if isinstance(force, _SILENT):
            return
        if type(force) not in handlers:
            raise self._unknown(force)
        handlers[type(force)](force)

    def _unknown(self, force: openmm.Force, why: str = "") -> BackmapError:
        name = force.getName()
        named = f" ('{name}')" if name and name != type(force).__name__ else ""
        return BackmapError(f"its {type(force).__name__}{named} is not supported" + (f": {why}" if why else ""),
                            where=self._where, hint="Energies would be wrong without it.")

    def _mine(self, atoms: tuple[int, ...]) -> bool:
        """Whether a term belongs to one of the molecules that are translated."""
        owners = {int(self._owner[a]) for a in atoms}
        if len(owners) > 1 and owners != {-1}:
            raise BackmapError(f"a term joins atoms {', '.join(str(a + 1) for a in atoms)} of different molecules",
                               where=self._where, hint="Interactions between molecules must be non-bonded.")
        return owners != {-1}

    def _bonds(self, force: openmm.HarmonicBondForce) -> None:
        for number in range(force.getNumBonds()):
            i, j, length, k = force.getBondParameters(number)
            if self._mine((i, j)):
                self._bond("harmonic_bond", i, j, [_plain(length), _plain(k)])

    def _bond(self, function: str, i: int, j: int, values: list[float]) -> None:
        """A spring between atoms that are not bonded but share a neighbour is Urey and Bradley's."""
        middle = None if function != "harmonic_bond" else self._middle(i, j)
        if middle is None:
            self._terms.append(_Term(function, (i, j), values))
        else:
            self._terms.append(_Term("urey_bradley", (i, middle, j), [0.0, 0.0, *values]))

    def _middle(self, i: int, j: int) -> int | None:
        graph, a, b = self._graphs[self._owner[i]], int(self._local[i]), int(self._local[j])
        if not (a in graph and b in graph) or graph.has_edge(a, b):
            return None
        shared = sorted(nx.common_neighbors(graph, a, b))
        return int(list(self._molecules.values())[self._owner[i]].atoms[shared[0]]) if shared else None

    def _angles(self, force: openmm.HarmonicAngleForce) -> None:
        for number in range(force.getNumAngles()):
            *atoms, angle, k = force.getAngleParameters(number)
            if self._mine(tuple(atoms)):
                self._terms.append(_Term("harmonic_angle", tuple(atoms), [_plain(angle), _plain(k)]))

    def _torsions(self, force: openmm.PeriodicTorsionForce) -> None:
        for number in range(force.getNumTorsions()):
            *atoms, n, phase, k = force.getTorsionParameters(number)
            if self._mine(tuple(atoms)) and _plain(k):
                self._terms.append(_Term(self._periodic(atoms), tuple(atoms), [_plain(phase), _plain(k), float(n)]))

    def _periodic(self, atoms: list[int]) -> str:
        """Along three bonds it is a proper torsion, else an improper one."""
        graph, local = self._graphs[self._owner[atoms[0]]], self._local[list(atoms)].tolist()
        along = all(graph.has_edge(a, b) for a, b in pairwise(local))
        return "periodic_proper" if along else "periodic_improper"

    def _rb_torsions(self, force: openmm.RBTorsionForce) -> None:
        for number in range(force.getNumTorsions()):
            *atoms, c0, c1, c2, c3, c4, c5 = force.getTorsionParameters(number)
            if self._mine(tuple(atoms)):
                values = [_plain(c) for c in (c0, c1, c2, c3, c4, c5)]
                self._terms.append(_Term("ryckaert_bellemans", tuple(atoms), values))

    def _custom_bonds(self, force: openmm.CustomBondForce) -> None:
        probe = custom.BondProbe(force)
        for number in range(force.getNumBonds()):
            i, j, parameters = force.getBondParameters(number)
            if not self._mine((i, j)):
                continue
            found = probe.function(tuple(parameters))
            if found is None:
                raise self._unknown(force, f"'{force.getEnergyFunction()}' is no function that is known")
            function, values = found
            if function == "pair":
                self._pairs.append((i, j, np.array(values)))
            else:
                self._bond(function, i, j, values)

    def _custom_angles(self, force: openmm.CustomAngleForce) -> None:
        probe = custom.AngleProbe(force)
        for number in range(force.getNumAngles()):
            *atoms, parameters = force.getAngleParameters(number)
            self._custom_term(force, probe, tuple(atoms), parameters)

    def _custom_torsions(self, force: openmm.CustomTorsionForce) -> None:
        probe = custom.TorsionProbe(force)
        for number in range(force.getNumTorsions()):
            *atoms, parameters = force.getTorsionParameters(number)
            self._custom_term(force, probe, tuple(atoms), parameters)

    def _custom_term(self, force: openmm.Force, probe: custom.Probe, atoms: tuple[int, ...],
                     parameters: tuple[float, ...]) -> None:
        if not self._mine(atoms):
            return
        found = probe.function(tuple(parameters))
        if found is None:
            raise self._unknown(force, f"'{force.getEnergyFunction()}' is no function that is known")
        function, values = found
        if function == "periodic_proper":
            function = self._periodic(list(atoms))
        self._terms.append(_Term(function, atoms, values))

    def _maps(self, force: openmm.CMAPTorsionForce) -> None:
        first = len(self._correction)
        for number in range(force.getNumMaps()):
            size, energy = force.getMapParameters(number)
            if size % 2 or any(size != len(known) for known in self._correction):
                raise self._unknown(force, "maps must have one and the same, even, number of nodes")
            grid = np.array([_plain(value) for value in energy]).reshape(size, size).T  # begins at 0
            self._correction.append(np.roll(grid, (size // 2, size // 2), (0, 1)))
        for number in range(force.getNumTorsions()):
            which, *atoms = force.getTorsionParameters(number)
            if self._mine(tuple(atoms)):
                if atoms[1:4] != atoms[4:7]:
                    raise self._unknown(force, "a map of torsions that do not follow each other")
                self._terms.append(_Term("cmap", (*atoms[:4], atoms[7]), [float(first + which)]))

    def _nonbonded(self, force: openmm.NonbondedForce) -> None:
        if force.getNumParticleParameterOffsets() or force.getNumExceptionParameterOffsets():
            raise self._unknown(force, "parameter offsets")
        if self._standard is not None:
            raise self._unknown(force, "there are two")
        self._standard = force

    # What came of them

    def finished(self) -> ForceField:
        """All molecules with the Lennard-Jones types of all."""
        charge, kinds, c6, c12 = self._particles()
        excluded = self._exceptions()
        names = [f"T{number + 1}" for number in range(len(c6))]
        molecules = {name: self._molecule(number, name, molecule, charge, kinds, excluded)
                     for number, (name, molecule) in enumerate(self._molecules.items())}
        maps = np.array(self._correction) if self._correction else np.zeros((0, 0, 0))
        return ForceField(molecules, names, c6, c12, where=self._where, maps=maps)

    def _particles(self) -> tuple[Array, Index, Array, Array]:
        """Charges (N,) and types (N,) of the particles that matter, c6 and c12 of the types (T, T)."""
        charge, kinds = np.zeros(self._n), np.full(self._n, -1)
        rows: dict[tuple[float, ...], int] = {}
        for atom in self._chosen.tolist():
            own = (1.0, 0.0)
            if self._standard is not None:
                q, sigma, epsilon = (_plain(value) for value in self._standard.getParticleParameters(atom))
                charge[atom], own = q, ((sigma, epsilon) if epsilon else own)
            for force in self._custom:
                own += tuple(force.getParticleParameters(atom))
            kinds[atom] = rows.setdefault(own, len(rows))
        table = np.array(list(rows)).reshape(len(rows), -1)
        sigma, epsilon = (table[:, None, 0] + table[:, 0]) / 2, np.sqrt(np.outer(table[:, 1], table[:, 1]))
        c6, c12, column = 4 * epsilon * sigma**6, 4 * epsilon * sigma**12, 2
        for force in self._custom:
            width = force.getNumPerParticleParameters()
            found = custom.lennard_jones(force, table[:, column:column + width])
            if found is None:
                raise self._unknown(force, f"'{force.getEnergyFunction()}' is not c12/r^12 - c6/r^6")
            c6, c12, column = c6 + found[0], c12 + found[1], column + width
        return charge, kinds, c6, c12

    def _exceptions(self) -> set[tuple[int, int]]:
        """Excluded pairs; exceptions with an interaction join the pairs."""
        excluded = set()
        for number in range(self._standard.getNumExceptions() if self._standard is not None else 0):
            i, j, qq, sigma, epsilon = self._standard.getExceptionParameters(number)
            if self._owner[i] < 0 or not self._mine((i, j)):
                continue
            excluded.add((min(i, j), max(i, j)))
            qq, sigma, epsilon = _plain(qq), _plain(sigma), _plain(epsilon)
            if qq or epsilon:
                self._pairs.append((i, j, np.array([4 * epsilon * sigma**6, 4 * epsilon * sigma**12, qq])))
        for force in self._custom:
            pairs = {tuple(sorted(force.getExclusionParticles(k))) for k in range(force.getNumExclusions())}
            own = {pair for pair in pairs if self._owner[pair[0]] >= 0}
            if self._standard is None:
                excluded |= own
            elif own != excluded:
                raise self._unknown(force, "it excludes other pairs than the NonbondedForce")
        return excluded

    def _molecule(self, number: int, name: str, molecule: OpenMMMolecule, charge: Array, kinds: Index,
                  excluded: set[tuple[int, int]]) -> MoleculeParameters:
        local, own = self._local, self._owner
        bonded = []
        for function in FUNCTIONS:
            terms = [t for t in self._terms if t.function == function and own[t.atoms[0]] == number]
            if terms:
                bonded.append(Bonded(function, local[np.array([t.atoms for t in terms])],
                                     np.array([t.values for t in terms])))
        pairs: dict[tuple[int, int], Array] = {}
        for i, j, values in self._pairs:
            if own[i] == number:
                key = tuple(sorted((int(local[i]), int(local[j]))))
                pairs[key] = pairs.get(key, np.zeros(3)) + values
        without = sorted(tuple(sorted((int(local[i]), int(local[j])))) for i, j in excluded if own[i] == number)
        return MoleculeParameters(
            name=name, bonded=tuple(bonded), kind=kinds[molecule.atoms], charge=charge[molecule.atoms],
            excluded=np.array(without, dtype=np.int64).reshape(-1, 2),
            pairs=np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2),
            pair_parameters=np.array([pairs[key] for key in sorted(pairs)]).reshape(-1, 3))


def _plain(value: object) -> float:
    """OpenMM's quantities without their unit: nm, kJ/mol, radian, e."""
    return float(getattr(value, "_value", value))
