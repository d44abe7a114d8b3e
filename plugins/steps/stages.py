"""The stages of ``hamiltonian``: names of its sweeps, and what is said of each while it goes on."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .leading import LEADS, SOFTEN

ANNEAL = "anneal"  #: name of the sweeps that cool
MAIN = "hamiltonian"  #: name of the sweeps that count
TEMPERED = "tempered"  #: name of those of tempered trajectories between them
HEATED, COOLED, AGAIN, CROSSING = "heated", "cooled", "again", "crossing"  #: names of the sweeps of a second start
_SAID = {SOFTEN: "parting overlaps, ", ANNEAL: "annealing, ", **dict.fromkeys(LEADS, "repair"),
         **dict.fromkeys((HEATED, COOLED, AGAIN, CROSSING), "second start, ")}


def said(names: Sequence[str]) -> list[str]:
    """What is said of each sweep: its stage, and its number in it. A tempered one belongs to the one after it.

    Args:
        names: Of all sweeps, in their order.
    """
    stages = [_SAID.get(name, "") for name in names]
    counts = [name not in (TEMPERED, CROSSING) for name in names]
    total, seen, lines = Counter(stage for stage, count in zip(stages, counts) if count), Counter[str](), []
    for name, stage, count in zip(names, stages, counts):
        seen[stage] += count
        lines.append(stage if name in LEADS else f"{stage}sweep {seen[stage] + (not count)} of {total[stage]}")
    return lines
