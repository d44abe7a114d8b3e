"""Handedness of stereocentres, tacticity of chains."""
from __future__ import annotations

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import CARE, UNUSABLE, Aspect, Assessment, Figure, VerdictRule
from backmap.model.isomers import handedness
from backmap.model.molecule import MoleculeType
from backmap.model.system import System
from backmap.model.tally import Tally

from ..chemistry.stereochains import Stereochain, along, chains_of
from .part import Flags, Measurement, beads_of, counts_of, share

_SECTION = "stereochemistry"
_TOPOLOGY, _FRAME = "share as in topology", "share as in reference frame"
#: Molecules, over all frames, that have to agree until what nothing tells is taken for one isomer.
AGREEING = 4
ISOMERS = VerdictRule("isomers", care="stereocentres, not along a chain, of which nothing tells the hand",
                      unusable="those of a ring that make other diastereomers of other molecules, or of too few to "
                               "tell")
TACTICITY = VerdictRule("tacticity", care="stereocentres along a chain of which nothing tells the hand, and which the "
                                          "step `tacticity` does not sample")
RULES = ISOMERS, TACTICITY


class Stereo(Measurement):
    """Signs of stereocentres against the topology and against the true atoms of the same frame, and dyads.

    A sign that the topology knows decides what is flagged; where it knows none, the true atoms do.
    """

    def __init__(self, system: System) -> None:
        self.groups = [(group, chains_of(group.type)) for group in system.groups if len(group.type.chemistry.centres)]
        self.open = {group.type.name: _Open(group.type, chains) for group, chains in self.groups
                     if not group.type.given}

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        flagged = np.zeros(frame.system.n_beads, dtype=bool)
        for group, chains in self.groups:
            centres, expected = group.type.chemistry.centres, group.type.chemistry.sign
            atoms = frame.atoms[group.atoms]
            signs = handedness(atoms, centres)
            if group.type.name in self.open:
                self.open[group.type.name].measure(signs, tally, frame.index)
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
        found = [] if reference is not None else [
            *(aspect for one in self.open.values() for aspect in one.found(tally)),
            *(_as_drawn(group.type, tally) for group, chains in self.groups if _untold(group.type, chains))]
        return Assessment(figures, findings=found)


def _untold(kind: MoleculeType, chains: list[Stereochain]) -> bool:
    """Whether nothing tells the hand of a stereocentre along a chain."""
    known = dict(zip(kind.chemistry.centres[:, 0].tolist(), kind.chemistry.sign.tolist(), strict=True))
    return not kind.given and any(known[atom] == 0 for atom in along(kind, chains))


def _as_drawn(kind: MoleculeType, tally: Tally) -> Aspect:
    """What is said of chains of which nothing tells the tacticity."""
    racemo = share(*counts_of(tally, f"stereo dyads {kind.name}", 2))
    return Aspect(CARE, TACTICITY.topic, f"Nothing tells the tacticity of {kind.name}: {racemo:.0%} of its dyads are "
                  "racemo, as they were drawn, and moves keep that. Give 'stereo: aa.gro' in topology, say by "
                  "'tacticity' there which it is, or sample it by the step 'tacticity'.")


class _Open:
    """Stereocentres of which nothing tells the hand, but for those of chains, where that is tacticity."""

    def __init__(self, kind: MoleculeType, chains: list[Stereochain]) -> None:
        chained = along(kind, chains)
        centres = kind.chemistry.centres[:, 0]
        self.name = kind.name
        self.rows = np.array([row for row, atom in enumerate(centres.tolist())
                              if kind.chemistry.sign[row] == 0 and atom not in chained], dtype=np.int64)
        rings = kind.graph.subgraph(np.flatnonzero(kind.chemistry.ring > 0).tolist())
        of = {int(centres[row]): int(row) for row in self.rows}
        parts = [sorted(of[atom] for atom in part if atom in of) for part in nx.connected_components(rings)]
        self.pairs = np.array([(part[0], other) for part in parts for other in part[1:]], np.int64).reshape(-1, 2)
        self.named = ", ".join(dict.fromkeys(kind.atom_names[int(centres[row])] for row in self.rows[:3]))

    def measure(self, signs: NDArray[np.int64], tally: Tally, index: int) -> None:
        """Count the molecules in which two centres of a ring have the same sign; signs are (m, C)."""
        if len(self.rows):
            same = signs[:, self.pairs[:, 0]] == signs[:, self.pairs[:, 1]]
            tally.count(f"stereo open {self.name}", index, np.array([*same.sum(axis=0), len(signs)], dtype=np.int64))

    def found(self, tally: Tally) -> list[Aspect]:
        """What is to be said of them."""
        if not len(self.rows):
            return []
        *same, molecules = counts_of(tally, f"stereo open {self.name}", len(self.pairs) + 1).tolist()
        mixed = any(0 < count < molecules for count in same) or (bool(same) and molecules < AGREEING)
        count = len(self.rows)
        said = (f"Nothing tells the hand of {count} stereocentre{'s' * (count > 1)} of {self.name} ({self.named}"
                f"{', ...' * (count > 3)})")
        if mixed:
            return [Aspect(UNUSABLE, ISOMERS.topic, f"{said}, and rings come out as any diastereomer: other molecules "
                           "than are meant. Give SMILES or true atoms, 'stereo' in topology, or a mapping that tells "
                           "them.")]
        return [Aspect(CARE, ISOMERS.topic, f"{said}: they come out in either, or in one that may not be what is "
                       "meant. Give SMILES or true atoms, 'stereo' in topology, or a mapping that tells them.")]


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
