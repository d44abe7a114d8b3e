"""The ``ranks`` assessor: whether blocks are where an exact kernel would have left them."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import ndtr, smirnov

from backmap.api import Assessor, Options
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.hamiltonian.moves import HamiltonianMoves, Tempering
from backmap.engine.hamiltonian.ranks import ALL, BlockRanks
from backmap.engine.hamiltonian.sigma import by_type
from backmap.engine.hamiltonian.tables import movable
from backmap.engine.random import numpy_generator
from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.model.assessment import CARE, GOOD, UNUSABLE, Aspect, Assessment, Curve, Figure, VerdictRule
from backmap.model.parameters import BOLTZMANN, ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

Array = NDArray[np.float64]

TOPIC = "ranks"
FALSE_ALARMS = 0.01  #: probability that a right run is said to be wrong
FAR = 0.25  #: mean ranks farther than this from 1/2 are of states that the chains have left for good
ON_BEADS = 1e-5  #: nm; beads that are met as closely are taken as exact
SLOPE = 0.5 / np.sqrt(np.pi)  #: mean rank of a normal deviate among others, by shift in standard deviations
BINS = 20
BEADS, FEWEST = 60, 8  #: beads for each block that is looked at, and the fewest blocks of a frame


class RanksOptions(Options):
    """Options of the ``ranks`` assessor."""

    blocks: int | None = Field(None, ge=1, description="Blocks of each frame, drawn at random; by default one for "
                                                       f"every {BEADS} beads, and {FEWEST} at least.")
    states: int = Field(3, ge=1, description="States to which the present one of a block is compared; each takes "
                                             "'between' moves of it. The mean of the ranks tells as much of few that "
                                             "are far from each other as of many.")
    between: int = Field(5, ge=1, description="Moves from one state to the next, and in their middle one of a tempered "
                                            "trajectory, by which torsions jump.")
    block_size: int = Field(8, ge=1, description="Beads of a block, as in the step 'hamiltonian'.")
    steps: int = Field(20, ge=1, description="Time steps of a move, on average.")
    timestep: float | None = Field(None, gt=0, le=10, description="fs; by default 1 where all bonds are rigid, else "
                                                                  "0.5. Ranks are right for any.")
    temperature: float | None = Field(None, gt=0, description="K; by default what the last step sampled at.")


class Ranks(Assessor):
    """Ranks of the energies of blocks among those of chains that run forwards and backwards from where they are.

    All else stands still, and moves are accepted or rejected by the force field. If the atoms are a sample of it, ranks
    are uniform, however slowly the chains forget where they were. It costs ``blocks`` x ``states`` x (``between`` +
    15) moves a frame, that of a tempered trajectory being as long as some fifteen.
    """

    Options = RanksOptions
    options: RanksOptions
    verdict_rules = (VerdictRule(TOPIC, "force field", f"ranks that are not uniform (p below {FALSE_ALARMS:g})",
                                 f"a mean rank of all terms {FAR:g} from 1/2"),)
    needs = frozenset({"forcefield"})
    seed = 0

    def use(self, generator: object, seed: int, device: str) -> None:
        self.seed = seed

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        if forcefield is None:
            raise BackmapError("has no force field to move atoms by", where=TOPIC,
                               hint="Put a step 'forcefield' before it.")
        super().begin(system, forcefield)
        sampled, options = self.sampled, self.options
        self.temperature = options.temperature or (sampled.temperature if sampled else None)
        self._ranks: dict[bool, BlockRanks] | None = None
        if self.temperature is None:
            return
        self.energy, self.projector = FrameEnergy(system, forcefield), SystemProjector(system)
        self.forcefield = forcefield
        sigma = sampled.sigma if sampled else None
        self.sigma = by_type(system, sigma) if isinstance(sigma, dict) else sigma
        for exact in {True, self.sigma is None}:
            movable(system, options.block_size, exact)

    @property
    def ranks(self) -> dict[bool, BlockRanks]:
        """Of exact and of soft beads, as far as they are needed; made when the first frame is there."""
        if self._ranks is None:
            options, sampled = self.options, self.sampled
            rigid = all(np.isfinite(kind.bond_length).all() for kind in self.system.types if not kind.given)
            self._ranks = {exact: BlockRanks(HamiltonianMoves(
                self.system, self.forcefield, self.temperature, options.steps,
                options.timestep or (1.0 if rigid else 0.5), options.block_size, None if exact else self.sigma,
                sampled.fixman_potential if sampled else False), self.energy, Tempering())
                for exact in {True, self.sigma is None}}
        return self._ranks

    def measure(self, frame: Snapshot, tally: Tally) -> None:
        if self.temperature is None:
            tally.row("ranks", frame.index, [])
            return
        atoms = self.system.atoms_near_beads(frame.atoms, frame.beads, frame.box)
        exact = len(self.ranks) == 1 or np.abs(self.system.map(atoms) - frame.beads).max() < ON_BEADS
        ranks = self.ranks[bool(exact)]
        if exact:
            (atoms,), _ = self.projector.project(atoms[None], frame.beads[None])
        moved = ranks.moves.frame(atoms, frame.beads, frame.box)
        words = (self.seed, TOPIC, frame.replica, frame.number)
        n = len(ranks.moves.centre)
        wanted = self.options.blocks or max(FEWEST, len(frame.beads) // BEADS)
        chosen = numpy_generator(*words).permutation(n)[:min(wanted, n)]
        found = [ranks.of(moved, int(block), self.options.states, self.options.between, (*words, int(block)))
                 for block in chosen]
        tally.row("ranks", frame.index, [rank for rank, _ in found])
        tally.row("spread", frame.index, [spread for _, spread in found])

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        if not tally.rows("ranks").size:
            said = "Ranks were not computed: no step before samples a force field, and no temperature is given."
            return Assessment([Figure(TOPIC, "blocks", "count", 0.0)], notes=[said])
        names = next(iter(self.ranks.values())).statistics
        ranks = tally.rows("ranks").reshape(-1, len(names))
        spread = tally.rows("spread").reshape(-1, len(names))
        if not np.isfinite(spread).all():
            said = "Energies of blocks are not finite, so that they have no rank."
            return Assessment(findings=[Aspect(UNUSABLE, TOPIC, said, basis="force field")])
        tests = [_probability(column) for column in ranks.T]
        figures = [Figure(TOPIC, name, "mean rank", float(column.mean()), ideal=0.5, error=(12 * len(column))**-0.5)
                   for name, column in zip(names, ranks.T)]
        figures += [Figure(TOPIC, name, "probability", p) for name, p in zip(names, tests)]
        figures.append(Figure(TOPIC, "blocks", "count", float(len(ranks))))
        figures.append(Figure(TOPIC, "temperature", "smallest error seen", self._visible(ranks, spread), "K"))
        edges = np.linspace(0, 1, BINS + 1)
        curves = [Curve(TOPIC, name, "rank", "", edges, np.histogram(column, edges)[0] * BINS / len(column))
                  for name, column in zip(names, ranks.T)]
        return Assessment(figures, curves, findings=[self._finding(names, ranks, tests, self._visible(ranks, spread))])

    def _visible(self, ranks: Array, spread: Array) -> float:
        """The smallest error of the temperature that shows in the mean rank of all terms, three standard errors, K.

        A temperature that is off by dT shifts an energy by its variance times dT / kT^2, if chains forget where they
        were; where they do not, less is seen.
        """
        shift = 3 / np.sqrt(12 * len(ranks)) / SLOPE  # in standard deviations of the energy
        return float(shift * BOLTZMANN * self.temperature**2 / max(spread[:, 0].mean(), 1e-12))

    def _finding(self, names: list[str], ranks: Array, tests: list[float], visible: float) -> Aspect:
        worst = int(np.argmin(tests))
        p, mean = min(1.0, tests[worst] * len(names)), float(ranks[:, worst].mean())
        looked = f"of {len(ranks)} blocks, each among {self.options.states} others of its own chain"
        if p >= FALSE_ALARMS:
            return Aspect(GOOD, TOPIC, f"Ranks of energies {looked}, are uniform, as those of samples of the force "
                                       f"field are (p = {p:.2g}); a temperature off by {visible:.2g} K would be seen.",
                          basis="force field")
        said = (f"the present energy of {names[worst]} is above {mean:.0%} of the others on average" if
                abs(mean - 0.5) > 3 / np.sqrt(12 * len(ranks)) else f"those of {names[worst]} are not spread evenly")
        return Aspect(UNUSABLE if abs(mean - 0.5) > FAR and names[worst] == ALL else CARE, TOPIC,
                      f"Ranks of energies {looked}, are not uniform (p = {p:.1g}): {said}. The atoms are no sample of "
                      f"the force field at {self.temperature:g} K.", basis="force field")


def _probability(ranks: Array) -> float:
    """That uniform ranks (n,) have a mean as far from 1/2, or are as unevenly spread: twice the smaller one."""
    n, order = len(ranks), np.sort(ranks)
    far = max((np.arange(1, n + 1) / n - order).max(), (order - np.arange(n) / n).max())
    mean = 2 * ndtr(-abs(ranks.mean() - 0.5) * np.sqrt(12 * n))
    return float(min(1.0, 2 * min(mean, 2 * smirnov(n, far))))  # Kolmogorov's, by both of its sides
