"""A force that keeps stereocentres as they should be."""
from __future__ import annotations

import openmm

from backmap.model.molecule import MoleculeType
from backmap.model.system import System

#: Of the force that turns stereocentres, kJ/mol/rad^2; and the angle, rad, beyond which it does not act. A
#: tetrahedral centre has 0.615 there.
TURNING, TURNED = 4000.0, 0.4
#: Sign of that angle, over the sign of the triple product of the neighbours.
HAND = 1


def chirality_restraint(system: System) -> openmm.CustomTorsionForce:
    """Turns stereocentres of the wrong chirality, and those nearly flat: k/2 (t0 - s t)^2 where s t < t0.

    t is the dihedral angle of the centre and three neighbours, whose sign follows that of their triple product;
    s makes it positive where the chirality is right. All triples of four neighbours count: the fourth one, most often
    a hydrogen, may be on the wrong side by itself.
    """
    force = openmm.CustomTorsionForce(f"{TURNING / 2} * max(0, {TURNED} - sign * theta)^2")
    force.addPerTorsionParameter("sign")
    for group in system.groups:
        rows = _triples(group.type)
        for offset in group.atom_offset.tolist():
            for atoms, sign in rows:
                force.addTorsion(*(atom + offset for atom in atoms), [HAND * sign])
    force.setName("chirality_restraint")
    return force


def _triples(molecule: MoleculeType) -> list[tuple[tuple[int, int, int, int], int]]:
    """A centre with three neighbours, and the sign that their triple product should have."""
    rows = []
    for (centre, a, b, c), sign in zip(molecule.chemistry.centres.tolist(), molecule.chemistry.sign.tolist()):
        if sign:
            rows.append(((centre, a, b, c), sign))
            for d in set(molecule.graph[centre]) - {a, b, c}:
                rows += [((centre, a, b, d), -sign), ((centre, b, c, d), -sign), ((centre, a, c, d), sign)]
    return rows
