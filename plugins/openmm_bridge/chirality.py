"""Forces that keep stereocentres and planar bonds as they should be."""
from __future__ import annotations

import openmm

from backmap.model.isomers import CENTRE, EITHER
from backmap.model.system import System

#: Of the force that turns stereocentres, kJ/mol/rad^2; and the angle, rad, beyond which it does not act. A
#: tetrahedral centre has 0.615 there.
TURNING, TURNED = 4000.0, 0.4
#: Sign of that angle, over the sign of the triple product of the neighbours.
HAND = 1
#: Of the force that turns planar bonds, kJ/mol; and the cosine, counted from the right side, where it begins to act.
FLIPPING, FLIPPED = 500.0, 0.3


def chirality_restraint(system: System) -> openmm.CustomTorsionForce:
    """Turns stereocentres of the wrong chirality, and those nearly flat: k/2 (t0 - s t)^2 where s t < t0.

    t is the dihedral angle of the centre and three neighbours, whose sign follows that of their triple product;
    s makes it positive where the chirality is right. All triples of four neighbours count: the fourth one, most often
    a hydrogen, may be on the wrong side by itself.
    """
    force = openmm.CustomTorsionForce(f"{TURNING / 2} * max(0, {TURNED} - sign * theta)^2")
    force.addPerTorsionParameter("sign")
    for group in system.groups:
        terms = group.type.isomer_terms
        rows = [(atoms, sign) for code, atoms, sign in zip(
            terms.code, terms.atoms.tolist(), terms.sign.tolist(), strict=True) if code == CENTRE]
        for offset in group.atom_offset.tolist():
            for atoms, sign in rows:
                force.addTorsion(*(atom + offset for atom in atoms), [HAND * sign])
    force.setName("chirality_restraint")
    return force


def side_restraint(system: System) -> openmm.CustomTorsionForce:
    """Turns planar bonds on the wrong side, and those nearly upright: k max(0, c0 + s cos t), where trans is +1."""
    force = openmm.CustomTorsionForce(f"{FLIPPING} * max(0, {FLIPPED} + side * cos(theta))")
    force.addPerTorsionParameter("side")
    for group in system.groups:
        planar = group.type.planar
        fixed = planar.side != EITHER
        for offset in [] if group.type.given else group.atom_offset.tolist():
            for atoms, side in zip((planar.atoms[fixed] + offset).tolist(), planar.side[fixed].tolist(), strict=True):
                force.addTorsion(*atoms, [side])
    force.setName("side_restraint")
    return force
