"""Hands along chains by what is said of their dyads: m where the hand stays, r where it changes."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Options
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.system import System

from ..chemistry.chirality import relative_sign
from ..chemistry.stereochains import chains_of
from .isomers import filled

Index = NDArray[np.int64]


class DyadSequence(Options):
    """Options of each molecule type under ``tacticity``."""

    dyads: str | dict[str, Literal["m", "r"]] = Field(
        description="Dyads along the chain, from its first atom on: rmmr..., or one letter for all. Or by the type of "
                    "the bead that places what lies between two stereocentres: {A1r: r, A2r: r}.")
    first: Literal["+", "-"] = Field(
        description="Hand of the first stereocentre, as the step 'tacticity' writes it: + where the neighbours towards "
                    "the start of the chain, of the side group, and towards its end have a positive triple product.")


def told_by_sequences(system: System, told: Mapping[str, DyadSequence], where: str) -> System:
    """The system with the hands that sequences of dyads say, where nothing before them says any.

    Raises:
        BackmapError: For molecule types and dyads that there are not.
    """
    unknown = next((name for name in told if name not in {kind.name for kind in system.types}), None)
    if unknown is not None:
        raise BackmapError(f"'{unknown}' is no molecule type", where=where,
                           hint=f"Known: {', '.join(dict.fromkeys(kind.name for kind in system.types))}.")
    known = {kind: _told(kind, told[kind.name], f"{where}.{kind.name}") if kind.name in told else kind
             for kind in system.types}
    return replace(system, blocks=tuple((known[kind], count) for kind, count in system.blocks))


def _told(kind: MoleculeType, sequence: DyadSequence, where: str) -> MoleculeType:
    chains = chains_of(kind)
    if len(chains) != 1:
        raise BackmapError(f"'{kind.name}' has {len(chains) or 'no'} chains of stereocentres, and dyads are of one",
                           where=where, hint="Give true atoms in its place, 'stereo: aa.gro' in topology.")
    centres = chains[0].centres
    hands = np.cumprod([1 if sequence.first == "+" else -1, *_turns(kind, centres, sequence, where)])
    arms = {row[0]: (row[1:], hand) for row, hand in zip(centres.tolist(), hands.tolist(), strict=True)}
    sign = [relative_sign(arms[centre][0], own) * arms[centre][1] if centre in arms else 0
            for centre, *own in kind.chemistry.centres.tolist()]
    return filled(kind, np.array(sign, dtype=np.int64), np.zeros_like(kind.planar.side), "tacticity")


def _turns(kind: MoleculeType, centres: Index, sequence: DyadSequence, where: str) -> list[int]:
    """1 for each meso dyad, -1 for each racemo one."""
    dyads, count = sequence.dyads, len(centres) - 1
    if isinstance(dyads, dict):
        types = [kind.bead_types[kind.mapping.owner[atom]] for atom in centres[:-1, 3].tolist()]
        missing = next((name for name in types if name not in dyads), None)
        if missing is not None:
            raise BackmapError(f"beads of type '{missing}' lie between stereocentres of '{kind.name}', and nothing is "
                               "said of them", where=f"{where}.dyads", hint="Name them, m or r.")
        dyads = "".join(dyads[name] for name in types)
    if {*dyads} - {*"mr"} or len(dyads) not in (1, count):
        raise BackmapError(f"'{dyads}' is no sequence of {count} dyads", where=f"{where}.dyads",
                           hint=f"Write {count} letters m and r, or one for all of them.")
    return [1 if letter == "m" else -1 for letter in (dyads * count if len(dyads) == 1 else dyads)]
