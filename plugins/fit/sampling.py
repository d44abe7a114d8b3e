"""The free molecule: samples of a molecule alone under its force field, at a temperature."""
from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import networkx as nx
import numpy as np
import openmm
from numpy.typing import NDArray

from backmap.engine.compiling.arrays import kept_or_made
from backmap.model.molecule import MoleculeType
from backmap.model.pairs import FAR
from backmap.model.parameters import BOLTZMANN, COULOMB, Bonded, ForceField, MoleculeParameters
from backmap.model.system import System

from ..chemistry.planar_bonds import planar_bonds
from ..openmm_bridge import system as openmm_system
from ..openmm_bridge.chirality import chirality_restraint
from .start import embedded, lengths_of

Array = NDArray[np.float64]
Index = NDArray[np.int64]

NEAR = 6  #: bonds; heavy atoms farther apart in the molecule only repel each other, as neighbours attract them alike
NEAREST = 3  #: the same of molecules without charges, which do not fold as peptides do in vacuum but not in water
CHARGED = 4  #: bonds; charges farther apart do not see each other, as neighbours screen them
TIMESTEP = 0.002  #: ps
FRICTION = 5.0  #: 1/ps
HYDROGEN = 4.0  #: u, mass of hydrogens: the distribution does not depend on it
HOT = 3.0  #: times the temperature, at the beginning
STIFF = 2.0e5  #: kJ/mol/nm^2, of bonds that nothing holds
#: What a step takes: at all, by atom, by pair of atoms, and more if it is a rotation, microseconds on a slow core; and
#: what all of them may take.
COST, WORK = (10.0, 0.4, 0.05, 200.0), 3.0e6
STEPS, TURNS = 30, 16  #: of dynamics, and rotations about bonds, in each cycle
CYCLES = 100, 1000  #: least and largest number of cycles, each of which gives a sample
LARGEST = 450  #: atoms of a molecule that is sampled whole
_CHIRAL = 1
#: What the names of folders of samples begin with, where compiled functions are kept.
KEPT = "molecules-"


@dataclass(frozen=True, eq=False)
class FreeMolecule:
    """Samples of one molecule alone.

    Attributes:
        kind: The molecule type.
        atoms: Positions, (n, A, 3), nm.
        temperature: K.
    """

    kind: MoleculeType
    atoms: Array
    temperature: float


def sampled(kind: MoleculeType, field: ForceField, temperature: float, near: int = NEAR) -> FreeMolecule | None:
    """Sample a molecule alone, by Langevin dynamics and rotations about bonds; None where that broke off.

    All bonded terms are there, and Lennard-Jones and Coulomb of atoms that are near along bonds. Heavy atoms farther
    apart only repel each other: in a dense liquid, which is where beads come from, their attraction is made up for by
    that of their neighbours (Flory). What comes out follows from the arguments alone.

    Args:
        kind: The molecule type; ``LARGEST`` atoms at most.
        field: Its force field.
        temperature: K.
        near: Bonds up to which heavy atoms attract each other, ``NEAR`` or ``NEAREST``.
    """
    known = field.of(System(((kind, 1),)))[0]
    field, known = _sprung(kind, field, known)
    made = _built(kind, field, known, System(((kind, 1),)), near)
    try:
        atoms = _run(made, embedded(kind, known), temperature, turning(kind))
    except openmm.OpenMMException:
        return None
    return FreeMolecule(kind, atoms, temperature) if atoms is not None else None


#: Free molecules that were met in this process.
_known: dict[str, FreeMolecule | None] = {}


def free_molecule(kind: MoleculeType, field: ForceField, temperature: float, near: int = NEAR) -> FreeMolecule | None:
    """As ``sampled``, to single precision, once on a machine for molecules with the same parameters."""
    key = _key(kind, field, temperature, near)
    if key not in _known:
        _known[key] = _kept_or_sampled(key, kind, field, temperature, near)
    found = _known[key]
    return found and replace(found, kind=kind)


def _key(kind: MoleculeType, field: ForceField, temperature: float, near: int) -> str:
    known = field.of(System(((kind, 1),)))[0]
    content = hashlib.sha256(repr((temperature, near, openmm.__version__)).encode())
    for array in (kind.bonds, kind.bond_length, kind.chemistry.sign, kind.planar.side, known.kind, known.charge,
                  known.excluded, known.pair_parameters, field.c6, field.c12, field.maps,
                  *(each.atoms for each in known.bonded), *(each.parameters for each in known.bonded)):
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()


def _kept_or_sampled(key: str, kind: MoleculeType, field: ForceField, temperature: float,
                     near: int) -> FreeMolecule | None:
    def made() -> NDArray[np.float32]:
        found = sampled(kind, field, temperature, near)  # that it broke off is kept, too, as no samples
        return np.empty((0, kind.n_atoms, 3), np.float32) if found is None else found.atoms.astype(np.float32)

    def fits(atoms: NDArray) -> bool:
        return atoms.ndim == 3 and atoms.shape[1:] == (kind.n_atoms, 3)

    atoms = kept_or_made(KEPT, Path(__file__).parent, key, fits, made)
    return FreeMolecule(kind, atoms.astype(np.float64), temperature) if len(atoms) else None


def _sprung(kind: MoleculeType, field: ForceField, known: MoleculeParameters) -> tuple[ForceField, MoleculeParameters]:
    """With springs for bonds that neither the force field nor a fixed length holds."""
    fixed = {tuple(pair) for pair in kind.rigid.between}
    sprung = {tuple(sorted(pair)) for bonded in known.bonded if bonded.term == "bond"
              for pair in bonded.atoms.tolist()}
    length = lengths_of(kind, known)
    loose = [row for row, pair in enumerate(kind.bonds.tolist())
             if tuple(pair) not in fixed and tuple(sorted(pair)) not in sprung]
    if loose:
        r0 = np.where(np.isfinite(length[loose]), length[loose], 0.15)
        terms = Bonded("harmonic_bond", kind.bonds[loose], np.column_stack([r0, np.full(len(loose), STIFF)]))
        known = replace(known, bonded=(*known.bonded, terms))
    return replace(field, molecules=field.molecules | {kind.name: known}, coulomb="cutoff", tail="none"), known


def _built(kind: MoleculeType, field: ForceField, known: MoleculeParameters, system: System,
           near: int) -> openmm.System:
    """OpenMM's system of the molecule: bonded terms, and its pairs."""
    made = openmm_system.build(field, system, None, rigid=True)
    for number in reversed(range(made.getNumForces())):
        if made.getForce(number).getName() in ("lj", "coulomb"):
            made.removeForce(number)
    for atom, element in enumerate(kind.chemistry.element.tolist()):
        mass = made.getParticleMass(atom)._value
        if mass > 0 and element == 1:
            made.setParticleMass(atom, max(mass, HYDROGEN))
    one, other = np.triu_indices(kind.n_atoms, 1)
    row = np.arange(kind.n_atoms)
    apart = kind.near.look_up(row[:, None], row[None], FAR)[one, other]
    meeting = ~known.excluded_table[one, other]
    heavy = kind.chemistry.heavy[one] & kind.chemistry.heavy[other]
    close, far = meeting & (apart <= near), meeting & (apart > near) & heavy
    made.addForce(_close_pairs(field, known, np.column_stack([one, other, apart <= CHARGED])[close]))
    made.addForce(_repulsion(field, known, np.column_stack([one, other])[far]))
    hands = chirality_restraint(system)
    hands.setForceGroup(_CHIRAL)
    for force in made.getForces():
        force.setForceGroup(0)
    made.addForce(hands)
    return made


def _close_pairs(field: ForceField, known: MoleculeParameters, rows: NDArray) -> openmm.Force:
    """All of Lennard-Jones, and Coulomb where the third column says so."""
    force = openmm.CustomBondForce(f"(c12/r6-c6)/r6+{COULOMB}*qq/r; r6=r^6")
    for name in ("c6", "c12", "qq"):
        force.addPerBondParameter(name)
    pairs = rows[:, :2]
    kinds = known.kind[pairs]
    values = np.column_stack([field.c6[kinds[:, 0], kinds[:, 1]], field.c12[kinds[:, 0], kinds[:, 1]],
                              known.charge[pairs].prod(axis=1) * rows[:, 2]])
    for (i, j), row in zip(pairs.tolist(), values.tolist(), strict=True):
        force.addBond(i, j, row)
    return force


def _repulsion(field: ForceField, known: MoleculeParameters, pairs: NDArray) -> openmm.Force:
    """Lennard-Jones up to its minimum, and nothing beyond."""
    kinds = known.kind[pairs]
    c6, c12 = field.c6[kinds[:, 0], kinds[:, 1]], field.c12[kinds[:, 0], kinds[:, 1]]
    there = (c12 > 0) & (c6 > 0)
    pairs, c6, c12 = pairs[there], c6[there], c12[there]
    values = np.column_stack([(2 * c12 / c6) ** (1 / 6), c6, c12, c6**2 / (4 * c12)])
    force = openmm.CustomBondForce("step(end-r)*((c12/r6-c6)/r6+depth); r6=r^6")
    for name in ("end", "c6", "c12", "depth"):
        force.addPerBondParameter(name)
    for (i, j), row in zip(pairs.tolist(), values.tolist(), strict=True):
        force.addBond(i, j, row)
    return force


def _cycles(made: openmm.System) -> int:
    """As many as the work of a run allows."""
    pairs = sum(force.getNumBonds() for force in made.getForces() if isinstance(force, openmm.CustomBondForce))
    cost = COST[0] + COST[1] * made.getNumParticles() + COST[2] * pairs
    return int(np.clip(WORK / (cost * (STEPS + TURNS) + COST[3] * TURNS), *CYCLES))


def _run(made: openmm.System, start: Array, temperature: float, turning: list[tuple[int, int, Index]]) -> Array | None:
    """Samples (n, A, 3), nm: stretches of dynamics, and rotations about bonds between them, accepted or rejected.

    Args:
        made: The molecule.
        start: (A, 3), nm.
        temperature: K.
        turning: Both ends of a bond, and the atoms that turn about it.
    """
    rng, heat = np.random.default_rng(1), BOLTZMANN * temperature
    integrator = openmm.LangevinMiddleIntegrator(HOT * temperature, FRICTION, TIMESTEP)
    integrator.setRandomNumberSeed(1)
    integrator.setConstraintTolerance(1e-6)
    context = openmm.Context(made, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(start)
    context.computeVirtualSites()
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 2000)
    context.applyConstraints(1e-6)
    frames, cycles = [], _cycles(made)
    for cycle in range(-cycles // 5, cycles):
        if cycle >= -cycles // 10:
            integrator.setTemperature(temperature)
            integrator.setIntegrationForceGroups({0})
        context.setVelocitiesToTemperature(integrator.getTemperature(), cycle % cycles + 1)
        integrator.step(STEPS)
        x, energy = _state(context)
        for _ in range(TURNS if turning else 0):
            trial = _turned(x, *turning[rng.integers(len(turning))], rng)
            context.setPositions(trial)
            found = context.getState(getEnergy=True, groups={0}).getPotentialEnergy()._value
            if rng.random() < np.exp(min(0.0, (energy - found) / heat)):
                x, energy = trial, found
        context.setPositions(x)
        if cycle >= 0:
            frames.append(x)
    found = np.stack(frames)
    return found if np.isfinite(found).all() else None


def _state(context: openmm.Context) -> tuple[Array, float]:
    state = context.getState(getPositions=True, getEnergy=True, groups={0})
    return np.array(state.getPositions(asNumpy=True)._value), state.getPotentialEnergy()._value


def _turned(x: Array, i: int, j: int, side: Index, rng: np.random.Generator) -> Array:
    """Atoms of one side rotated about the bond i-j: to another well, or anywhere."""
    anywhere = rng.random() < 0.3
    angle = rng.uniform(-np.pi, np.pi) if anywhere else rng.choice([-1, 1]) * rng.normal(2 * np.pi / 3, 0.2)
    axis = (x[j] - x[i]) / np.linalg.norm(x[j] - x[i])
    arm, trial = x[side] - x[j], x.copy()
    along = (arm @ axis)[:, None] * axis
    trial[side] = x[j] + along + (arm - along) * np.cos(angle) + np.cross(axis, arm) * np.sin(angle)
    return trial


def turning(kind: MoleculeType) -> list[tuple[int, int, Index]]:
    """Bonds that turn: single ones outside rings between heavy atoms that both have another; the smaller side turns."""
    heavy, graph = kind.chemistry.heavy, kind.joined
    planar = {frozenset(row) for bonds in planar_bonds(kind) for row in bonds.atoms[:, 1:3].tolist()}
    multiple = {frozenset(pair) for pair in kind.bonds[kind.chemistry.bond_order > 1].tolist()}
    found = []
    for i, j in nx.bridges(graph):
        ends = [sum(bool(heavy[a]) for a in graph[end]) > 1 for end in (i, j)]
        if heavy[i] and heavy[j] and all(ends) and frozenset((i, j)) not in planar | multiple:
            rest = nx.restricted_view(graph, [], [(i, j)])
            one, other = nx.node_connected_component(rest, i), nx.node_connected_component(rest, j)
            found.append((i, j, np.array(sorted(other - {j}))) if len(other) <= len(one)
                         else (j, i, np.array(sorted(one - {i}))))
    return found
