"""Handedness of stereocentres, tacticity of chains."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import Assessment, Figure
from backmap.model.isomers import handedness
from backmap.model.system import System
from backmap.model.tally import Tally

from ..chemistry.stereochains import chains_of
from .part import Flags, Measurement, beads_of, counts_of, share

_SECTION = "stereochemistry"
_TOPOLOGY, _FRAME = "share as in topology", "share as in reference frame"


class Stereo(Measurement):
    """Signs of stereocentres against the topology and against the true atoms of the same frame, and dyads.

    A sign that the topology knows decides what is flagged; where it knows none, the true atoms do.
    """

    def __init__(self, system: System) -> None:
        self.groups = [(group, chains_of(group.type)) for group in system.groups if len(group.type.chemistry.centres)]

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        flagged = np.zeros(frame.system.n_beads, dtype=bool)
        for group, chains in self.groups:
            centres, expected = group.type.chemistry.centres, group.type.chemistry.sign
            atoms = frame.atoms[group.atoms]
            signs = handedness(atoms, centres)
            known = np.broadcast_to(expected != 0, signs.shape)
            wrong = known & (signs != expected)
            tell(tally, f"stereo topology {group.type.name}", frame.index, known.sum() - wrong.sum(), known.sum())
            if frame.reference is not None:
                true = handedness(frame.reference.atoms[group.atoms], centres)
                tell(tally, f"stereo frame {group.type.name}", frame.index, (signs == true).sum(), signs.size)
                wrong |= ~known & (signs != true)
            molecule, centre = np.nonzero(wrong)
            flagged |= beads_of(frame, group.atoms[molecule, centres[centre, 0]])
            if chains:
                racemo, dyads = np.sum([_dyads(handedness(atoms, chain.centres)) for chain in chains], axis=0)
                tell(tally, f"stereo dyads {group.type.name}", frame.index, racemo, dyads)
        return {"chirality": flagged} if self.groups else {}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        figures = []
        for group, chains in self.groups:
            name = group.type.name
            figures += [*told(tally, f"stereo topology {name}", f"stereocentres of {name}", _TOPOLOGY, 1.0),
                        *told(tally, f"stereo frame {name}", f"stereocentres of {name}", _FRAME, 1.0)]
            if chains:
                figures += told(tally, f"stereo dyads {name}", f"dyads of {name}", "racemo share")
        return Assessment(figures)


def _dyads(signs: NDArray[np.int64]) -> tuple[int, int]:
    """Racemo dyads, and all, of signs (molecules, centres)."""
    product = signs[:, 1:] * signs[:, :-1]
    return int((product < 0).sum()), product.size


def tell(tally: Tally, name: str, index: int, part: int, whole: int) -> None:
    """Count a part of a whole."""
    tally.count(name, index, np.array([part, whole], dtype=np.int64))


def told(tally: Tally, key: str, name: str, quantity: str, ideal: float | None = None) -> list[Figure]:
    """The share counted under ``key``; none if there was nothing to count."""
    part, whole = counts_of(tally, key, 2)
    return [Figure(_SECTION, name, quantity, share(part, whole), ideal=ideal)] if whole else []
