"""What became of proposals: accepted shares, changes of energy and free energies, by block, bead type and sweep."""
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ...model.parameters import BOLTZMANN
from ...model.tally import Tally
from .acceptance import Outcome

#: Steps in which free energies of sites are counted for their quartiles, kJ/mol, and where counting ends.
RESOLUTION, FARTHEST = 0.05, 1e4
PAGE = 256  #: steps that are counted together: of the range between the ends, few pages are ever met


class Trials:
    """Sums over all frames of a run, as a tally counts them.

    Args:
        tally: By block and bead type, proposals and accepted ones of every sweep (``tried``, (sweeps, 2)), and of the
            last sweep sites with and without any possible candidate (``sites``) and those by free energy, in steps of
            ``RESOLUTION`` (``level``); rows of the change of energy in all sweeps, the sum of free energies and that
            of their squares (``energy``); rows of the change of energy by the projection at the end (``projected``).
        temperature: K.
    """

    def __init__(self, tally: Tally, temperature: float) -> None:
        self.tally, self.temperature = tally, temperature

    def add(self, place: int, block: str, bead_types: NDArray[np.str_], sweeps: Sequence[Outcome]) -> None:
        """Count what became of a kind of block in the frame at ``place``; bead types of all beads are (B,)."""
        for name in np.unique(bead_types[np.concatenate([outcome.bead for outcome in sweeps])]).tolist():
            here = [bead_types[outcome.bead] == name for outcome in sweeps]
            key, last = f"{block} {name}", sweeps[-1].log_weight[here[-1]]
            self.tally.count(f"tried {key}", place, [[of.sum(), outcome.accepted[of].sum()]
                                                     for of, outcome in zip(here, sweeps)])
            possible = np.isfinite(last).any(axis=1)
            self.tally.count(f"sites {key}", place, [possible.sum(), (~possible).sum()])
            energy = -BOLTZMANN * self.temperature * (logsumexp(last[possible], axis=1) - math.log(last.shape[1]))
            change = sum(outcome.change[of].sum() for of, outcome in zip(here, sweeps))
            self.tally.row(f"energy {key}", place, [change, energy.sum(), (energy**2).sum()])
            steps = np.rint(np.clip(energy, -FARTHEST, FARTHEST) / RESOLUTION).astype(np.int64)
            for page in np.unique(steps // PAGE).tolist():
                inside = steps[steps // PAGE == page] % PAGE
                self.tally.count(f"level {page} {key}", place, np.bincount(inside, minlength=PAGE))

    def projected(self, place: int, change: float) -> None:
        """Note what the projection at the end changed the energy of the frame at ``place`` by, kJ/mol."""
        self.tally.row("projected", place, [change])

    def _keys(self) -> list[tuple[str, str]]:
        """Blocks and bead types that were tried."""
        return sorted(tuple(name.split(" ", 2)[1:]) for name in self.tally.names("tried "))

    def acceptance(self) -> list[dict[str, Any]]:
        """Of every block and bead type: share accepted in the first, the last and all sweeps, how many were tried, and
        the change of energy of a block in all sweeps together, kJ/mol."""
        found = []
        for block, name in self._keys():
            tried, accepted = self.tally.counts(f"tried {block} {name}").T
            energy = self.tally.rows(f"energy {block} {name}")[:, 0].sum()
            share = accepted / np.maximum(tried, 1)
            found.append({"block": block, "bead_type": name, "first": float(share[0]), "last": float(share[-1]),
                          "all": float(accepted.sum() / max(tried.sum(), 1)), "tried": int(tried.sum()),
                          "energy": float(energy / max(tried[0], 1))})
        return found

    def table(self) -> Iterator[str]:
        """Lines for the user: one per block and bead type, first and last sweep and all of them."""
        rows = self.acceptance()
        if rows:
            yield (f"{'accepted of':<24}{'first sweep':>12}{'last sweep':>12}{'all sweeps':>12}"
                   f"{'energy per block, kJ/mol':>26}")
        for row in rows:
            yield (f"{row['block'] + ' of ' + row['bead_type']:<24}{row['first']:>12.1%}{row['last']:>12.1%}"
                   f"{row['all']:>12.1%}{row['energy']:>+26.2f}")
        yield from self.cost()

    def cost(self) -> Iterator[str]:
        """What the projection at the end did, if there was one."""
        if "projected" in self.tally:
            change = self.tally.rows("projected")
            yield (f"projecting onto the beads changed the energy by {change.mean():+.1f} +- {change.std():.1f} kJ/mol "
                   "per frame")

    def free_energies(self) -> list[dict[str, Any]]:
        """-kT ln <w> of every block and bead type, kJ/mol: quartiles over sites, mean and the standard error of that.

        A few sites that are crowded by their surroundings have energies without bounds, and the mean is theirs; the
        median is that of a typical site. Sites without any possible candidate are counted and left out.
        """
        found = []
        for block, name in self._keys():
            n, impossible = self.tally.counts(f"sites {block} {name}").tolist()
            if n:
                _, total, square = self.tally.rows(f"energy {block} {name}").sum(axis=0).tolist()
                variance = max(square / n - (total / n)**2, 0.0) / max(n - 1, 1)
                lower, median, upper = self._quartiles(f"{block} {name}")
                found.append({"block": block, "bead_type": name, "median": median, "lower": lower, "upper": upper,
                              "mean": total / n, "error": math.sqrt(variance), "sites": n, "impossible": impossible})
        return found

    def _quartiles(self, key: str) -> list[float]:
        """Free energies that a quarter, a half and three quarters of the sites are below, to the resolution."""
        pages = sorted(int(name.split(" ", 2)[1]) for name in self.tally.names("level ")
                       if name.split(" ", 2)[2] == key)
        steps = np.concatenate([page * PAGE + np.arange(PAGE) for page in pages])
        below = np.cumsum([self.tally.counts(f"level {page} {key}") for page in pages])
        places = np.searchsorted(below, np.array([0.25, 0.5, 0.75]) * below[-1])
        return (steps[places] * RESOLUTION).tolist()
