"""The stages of ``hamiltonian``: which sweeps there are, in what order, and what is said of each while it goes on."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from backmap.engine.hamiltonian.moves import Tempering

from .leading import (
    LEADS,
    LEADS_AGAIN,
    LOOSEN,
    MEND,
    MEND_AGAIN,
    ROTATE,
    ROTATE_AGAIN,
    SETTLE,
    SIFT,
    SIFT_AGAIN,
    SLOWER,
    SOFTEN,
)
from .move_options import HARDEST, SOFTEST, HamiltonianOptions, Tempered
from .turning import ROUNDS

ANNEAL = "anneal"  #: name of the sweeps that cool
MAIN = "hamiltonian"  #: name of the sweeps that count
DOWNHILL = "downhill"  #: name of the steps downhill right before them
TEMPERED = "tempered"  #: name of those of tempered trajectories between them
HEATED, COOLED, AGAIN, CROSSING = "heated", "cooled", "again", "crossing"  #: names of the sweeps of a second start
ALL_AT_ONCE = {"together": True, "directions": 32}  #: how molecules of one bead move in sweeps that cool
HOTTER = 3.0  #: a second start begins at this many times the temperature
SECOND = Tempered(every=4)  #: trajectories by which a second start crosses barriers where the first has none
LENGTH = 2.0  #: times as long are trajectories of sweeps that cool: chains find their wells in fewer steps so
_SAID = {DOWNHILL: "downhill", SOFTEN: "parting overlaps, ", ANNEAL: "annealing, ", **dict.fromkeys(LEADS, "repair"),
         **dict.fromkeys((HEATED, COOLED, AGAIN, CROSSING), "second start, "),
         **dict.fromkeys(LEADS_AGAIN, "second start, repair"), ROTATE: "turning", ROTATE_AGAIN: "second start, turning"}

Stage = tuple[str, int, dict[str, Any]]  #: name, number and settings of a sweep


def before(options: HamiltonianOptions) -> list[Stage]:
    """The sweeps before those that count: those that part overlaps, that cool, and what leads on between them."""
    caps = np.geomspace(SOFTEST, HARDEST, options.soft_core_sweeps).tolist()
    cooling, wells = _cooling(options, ANNEAL), _wells(options, ROTATE, SIFT)
    soften = [(SOFTEN, k, {"cap": cap, **(ALL_AT_ONCE if cooling else {"free": options.for_start})})
              for k, cap in enumerate(caps)]
    if not _mends(options):
        return [*soften, *cooling, *wells]
    # Heat leaves some molecules bent beyond what moves at the temperature lead back, so that it is mended after it.
    again = [(MEND, 1, {})] if cooling else []
    return [*soften, (MEND, 0, {}), (LOOSEN, 0, {}), *cooling, *again, *wells, (SETTLE, 0, {}), (MEND, 2, {})]


def sweeps(options: HamiltonianOptions, twice: bool) -> list[Stage]:
    """All sweeps, and those of a second start."""
    main = [sweep for k in range(options.sweeps) for sweep in main_round(options, k)]
    hot = {"temperature": HOTTER * options.temperature}
    again = [*((HEATED, k, hot) for k in range(-(-options.sweeps // 2))), *_cooling(options, COOLED, SLOWER),
             *[(MEND_AGAIN, 0, {})] * _mends(options), *_wells(options, ROTATE_AGAIN, SIFT_AGAIN),
             *(sweep for k in range(options.sweeps)
               for sweep in one_round(k, AGAIN, CROSSING, options.tempering or SECOND))]
    down = [(DOWNHILL, 0, {})] * bool(options.downhill)
    return [*before(options), *down, *main, *again * twice]


def main_round(options: HamiltonianOptions, number: int) -> list[Stage]:
    """Sweep ``number`` of those that count."""
    return one_round(number, MAIN, TEMPERED, options.tempering)


def one_round(number: int, name: str, crossing: str, tempered: Tempered | None) -> list[Stage]:
    """One sweep that counts, with that of tempered trajectories before it where there is one."""
    found: list[Stage] = [(name, number, {})]
    if tempered is not None and number % tempered.every == 0:
        found.insert(0, (crossing, number, {"tempering": Tempering(tempered.peak, tempered.time)}))
    return found


def _mends(options: HamiltonianOptions) -> bool:
    """Whether what is left wrong is mended."""
    return bool(options.mend) and options.only is None


def _wells(options: HamiltonianOptions, rotate: str, sift: str) -> list[Stage]:
    """The ways by which molecules leave wrong wells: small ones are turned while they cool, and all are sifted."""
    if options.only is not None:
        return []
    return [*((rotate, k, {}) for k in range(ROUNDS * bool(options.rotation_sweeps))),
            *((sift, k, {}) for k in range(options.sifting_rounds))]


def _cooling(options: HamiltonianOptions, name: str, slower: int = 1) -> list[Stage]:
    """The sweeps that cool, so many times as slowly."""
    time = np.linspace(0, 1, slower * options.annealing_sweeps, endpoint=False)
    cooling = (options.temperature + (options.hot - options.temperature) * (1 - time**2)).tolist()
    return [(name, k, {"temperature": temperature, "length": LENGTH, **ALL_AT_ONCE})
            for k, temperature in enumerate(cooling)]


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
        leads = name in (*LEADS, *LEADS_AGAIN, DOWNHILL)
        lines.append(stage if leads else f"{stage}sweep {seen[stage] + (not count)} of {total[stage]}")
    return lines
