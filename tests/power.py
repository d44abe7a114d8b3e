"""What identities of a force field see of errors, measured on true atoms that are judged with parameters that are off.

    python -m tests.power DATA    # prints the tables of "Equipartition" in docs/judging.md; DATA has the reference data

Frames of dynamics are judged with the right parameters, whose scatter from one set of about 5000 atoms to the next is
the error of one frame of that size, and with ones that are off, which tells by how much each ratio answers. The
smallest error that is seen is the one at which some ratio is three standard errors off, and 3 %.
"""
from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from backmap_plugins.forcefields.gromacs.reader import Gromacs as Parameters
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules.assemble import assemble, rigid_lengths
from numpy.typing import NDArray

from backmap.engine.identities.beads import BeadBalance
from backmap.engine.identities.ratios import ERRORS, TOLERANCE, ratio
from backmap.engine.identities.slopes import CLASSES
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.parameters import BOLTZMANN, Bonded, ForceField, MoleculeParameters
from backmap.model.system import System
from tests import scenes

Array = NDArray[np.float64]

ATOMS = 5000  #: of a frame, to which errors are brought
FEW = 4  #: frames that are judged with parameters that are off
PUBLISHED = 10  #: published frames that are judged, evenly among all


@dataclass(frozen=True, eq=False)
class Liquid:
    """True atoms and their force field.

    Attributes:
        frames: Whole atoms, (W, A, 3), nm, and box vectors, (3, 3), nm.
        temperature: Of their dynamics, K.
    """

    name: str
    system: System
    field: ForceField
    frames: list[tuple[Array, Array]]
    temperature: float

    def ratios(self, field: ForceField, frames: slice = slice(None), spread: float = 1.0) -> Array:
        """Work and kT times divergence of each class, of single frames, without moves of the beads and along them.

        Args:
            field: By which the frames are judged.
            frames: Which of them.
            spread: Molecules are so many times as far from each other as they were.

        Returns:
            (W, 2, 2 classes): both sides, of classes at rest and of classes along the beads.
        """
        balance, where = BeadBalance(self.system, field, True), AtomIndex(self.system)
        heat = BOLTZMANN * self.temperature
        rows = []
        for number, (atoms, box) in enumerate(self.frames[frames]):
            for group in self.system.groups:
                centre = atoms[group.atoms].mean(axis=1, keepdims=True)
                atoms = atoms.copy()
                atoms[group.atoms] += (spread - 1) * centre
            frame = Snapshot(self.system, where, number, number, spread * box, atoms, self.system.map(atoms))
            at_rest, along = balance.of(frame)[0].sum(axis=0), balance.along(frame)[0][1].sum(axis=0)
            both = np.concatenate([at_rest, along])
            rows.append([both[:, 0], heat * both[:, 1]])
        return np.array(rows)


NAMES = [*CLASSES, *(f"{name}, along the beads" for name in CLASSES)]


def changed(function: Callable[[Bonded], Array], terms: tuple[str, ...], field: ForceField) -> ForceField:
    """The force field with other parameters of some bonded terms."""
    def one(molecule: MoleculeParameters) -> MoleculeParameters:
        return replace(molecule, bonded=tuple(replace(each, parameters=function(each)) if each.term in terms else each
                                              for each in molecule.bonded))
    return replace(field, molecules={name: one(molecule) for name, molecule in field.molecules.items()})


def torsions(times: float, field: ForceField) -> ForceField:
    """All energies of torsions so many times as large."""
    def larger(each: Bonded) -> Array:
        scale = np.ones(each.parameters.shape[1])
        scale[1 if each.function == "periodic_proper" else slice(None)] = times
        return each.parameters * scale
    return changed(larger, ("proper",), field)


def sigma(times: float, field: ForceField) -> ForceField:
    """All sigma so many times as large, those of explicit pairs as well."""
    powers = np.array([times**6, times**12, 1.0])
    molecules = {name: replace(one, pair_parameters=one.pair_parameters * powers)
                 for name, one in field.molecules.items()}
    return replace(field, c6=field.c6 * times**6, c12=field.c12 * times**12, molecules=molecules)


def charges(times: float, field: ForceField) -> ForceField:
    """All charges so many times as large."""
    molecules = {name: replace(one, charge=one.charge * times,
                               pair_parameters=one.pair_parameters * [1.0, 1.0, times**2])
                 for name, one in field.molecules.items()}
    return replace(field, molecules=molecules)


#: What is off, by how much it is while the answer is measured, and what makes it so.
ERRORS_MADE: list[tuple[str, float, Callable[[float, ForceField], ForceField]]] = [
    ("torsion terms", -0.3, torsions), ("sigma", 0.01, sigma), ("charges", 0.5, charges)]
DENSER = -0.01  #: of the distances of molecules


def octane() -> Liquid:
    """Liquid octane at 350 K, 40 frames of the recipe."""
    atoms, boxes = scenes.octane_atoms(40)
    system = rigid_lengths(scenes.octane_system("reference"), atoms)
    field = replace(Parameters(Parameters.Options(file=scenes.RECIPE / "octane.top")).read(system), epsilon_rf=1.9)
    return Liquid("octane", system, field, list(zip(atoms, boxes)), 350.0)


def polystyrene(data: Path) -> Liquid:
    """The published melt at 568 K, some of its frames."""
    folder = data / "polystyrene"
    topology = Gromacs(Gromacs.Options(file=folder / "topol.top")).read()
    beads = Votca(Votca.Options(files=folder / "PS1.xml")).read(topology)
    system = assemble(topology, beads, constraints="reference")
    source = GromacsFrames([folder / "test_568K" / "aa.gro", folder / "test_568K" / "aa.xtc"])
    infos = [source.frame(number * source.n_frames // PUBLISHED) for number in range(PUBLISHED)]
    atoms = np.stack([system.whole_atoms(info.positions, info.box) for info in infos])
    system = rigid_lengths(system, atoms)
    field = Parameters(Parameters.Options(file=folder / "topol.top")).read(system)
    field = replace(field, cutoff=1.0, epsilon_rf=2.5)
    return Liquid("polystyrene", system, field, list(zip(atoms, (info.box for info in infos))), 568.0)


def measured(liquid: Liquid) -> Iterator[str]:
    """Rows of the tables for one liquid."""
    rows = liquid.ratios(liquid.field)
    every = {k: ratio(rows[:, 0, k, None], rows[:, 1, k, None]) for k in range(len(NAMES)) if rows[:, 0, k].any()}
    found = {k: one for k, one in every.items() if one.judged}
    known = list(found)
    atoms = len(rows) * liquid.system.n_atoms
    yield f"{liquid.name}, {len(rows)} frames of {liquid.system.n_atoms} atoms: " + "; ".join(
        f"{NAMES[k]} {one}" for k, one in found.items())
    error = {k: one.error * (atoms / ATOMS)**0.5 for k, one in found.items()}
    yield f"  errors of one frame of {ATOMS} atoms: " + "; ".join(f"{NAMES[k]} {e:.3f}" for k, e in error.items())
    some = slice(0, len(rows), -(-len(rows) // FEW))
    here = _ratios(rows[some])
    answers = {"temperature": (1.0, {k: here[k] for k in known if k < len(CLASSES)})}
    for name, by, make in ERRORS_MADE:
        off = _ratios(liquid.ratios(make(1 + by, liquid.field), some))
        answers[name] = by, {k: off[k] - here[k] for k in known if k < len(CLASSES)}
    off = _ratios(liquid.ratios(liquid.field, some, 1 + DENSER))
    answers["density, molecules moved"] = -3 * DENSER, {k: off[k] - here[k] for k in known}
    for name, (by, answer) in answers.items():
        seen = []
        for n in (1, 10):
            smallest = {k: max(TOLERANCE, ERRORS * error[k] / n**0.5) / abs(a / by) if a else np.inf
                        for k, a in answer.items()}
            best = min(smallest, key=smallest.__getitem__)
            seen.append(f"{smallest[best]:.1%} ({NAMES[best]})")
        yield f"  {name}: one frame {seen[0]}, ten {seen[1]}; answers " + ", ".join(
            f"{NAMES[k]} {a:+.3f}" for k, a in answer.items()) + f" to {by:+.0%}"


def _ratios(rows: Array) -> Array:
    with np.errstate(all="ignore"):
        return rows[:, 0].sum(axis=0) / rows[:, 1].sum(axis=0)


if __name__ == "__main__":
    for make in (octane, partial(polystyrene, Path(sys.argv[1]))):
        began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        for line in measured(make()):
            print(line, flush=True)
        print(f"  {resource.getrusage(resource.RUSAGE_SELF).ru_utime - began:.0f} s of one processor", flush=True)
