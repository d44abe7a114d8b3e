"""The step ``tacticity``: sequences of hands along chains, sampled together with the atoms."""
from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import FrameStep, Options, Sampling, State
from backmap.engine.flags import finished
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.hamiltonian.flips import ChainCentres, Flips, Tried
from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves
from backmap.engine.hamiltonian.sigma import by_type
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.sampling import Sampled
from backmap.model.system import System, Window

from ..chemistry.stereochains import chains_of
from .move_options import SoftBeads
from .sequences import KEPT, RULES, Posterior, prior_odds

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Tacticity(FrameStep):
    """Samples which hands the stereocentres of chains have, with the atoms, where nothing tells them but the beads.

    Sweeps of moves alternate with flips: trajectories that lead a centre through the plane of its neighbours while the
    terms of its hydrogen fade and come back, accepted or rejected so that hands and atoms follow
    P(hands) Z(beads, hands) / Z(hands). Frames come out with the last hands; what is known of each centre and each dyad
    is told by the report, and by ``file``. Centres whose hand something else tells stay as they are.
    """

    class Options(Options):
        """Options of ``tacticity``."""

        meso: float = Field(0.5, gt=0, lt=1, description="Share of meso dyads that is expected before beads are seen.")
        preference: float = Field(
            0.0, ge=-50, le=50, description="ln Z(meso) - ln Z(racemo) of a dyad of free chains: what the force field "
                                            "would make of the share of meso dyads if hands were free to change.")
        sweeps: int = Field(8, ge=2, description="Sweeps of flips, each of which tries every centre once. The first "
                                                 "half are not counted: they look for a sequence to begin with.")
        moves: int = Field(4, ge=0, description="Sweeps of moves before each of them.")
        time: float = Field(8000.0, ge=100, le=1e6, description="Mean length of the trajectory of a flip, fs. Longer "
                                                               "ones dissipate less: more are accepted, and odds are "
                                                               "less uncertain.")
        timestep: float = Field(2.0, gt=0, le=10, description="fs.")
        steps: int = Field(20, ge=1, description="Time steps of a move, on average.")
        temperature: float = Field(300.0, gt=0, description="K.")
        block_size: int = Field(8, ge=3, description="Beads whose atoms move together.")
        beads: Literal["exact"] | SoftBeads = Field(
            SoftBeads(sigma=0.001), description="exact: beads stay in place. {sigma: ...}: they follow a Gaussian, as "
                                                "wide as in the step before.")
        turned: float = Field(0.0, ge=0, lt=0.5, description="Share of centres that beads hold in the other hand than "
                                                             "the chain has, as a coarse-grained model that knows no "
                                                             "hands turns some over: by chains of known tacticity. "
                                                             "None of mapped beads.")
        file: str | None = Field(None, description="A .csv of what is known of every centre and dyad.")

    options: Options
    verdict_rules = RULES
    needs = frozenset({"system", "beads", "atoms", "forcefield"})
    gives = frozenset({"atoms"})

    def start(self, state: State) -> None:
        options, system = self.options, state.system
        self.centres = centres_of(system, self.where)
        sigma = options.beads.sigma if isinstance(options.beads, SoftBeads) else None
        each = by_type(system, sigma, f"{self.where}.beads.sigma") if isinstance(sigma, dict) else sigma
        self.moves = HamiltonianMoves(system, state.forcefield, options.temperature, options.steps, options.timestep,
                                      options.block_size, each)
        self.projector, self.level = SystemProjector(system), state.level
        self.flips = Flips(self.moves, self.centres, prior_odds(options.meso) - options.preference, options.time)
        state.sampled = Sampled(options.temperature, sigma)
        self.widest = max(sigma.values()) if isinstance(sigma, dict) else sigma
        state.log(f"tacticity: {len(self.centres.first)} stereocentres of {len(set(self.centres.molecule))} chains "
                  "have no hand that anything tells")
        if options.file is not None:
            state.files.claim(Path(options.file), once=True)

    def frame(self, window: Window, state: State) -> Window:
        (atoms,), _ = self.projector.project(window.atoms, window.beads) if self.moves.sigma is None else (
            window.atoms, None)
        whole = window.system.atoms_near_beads(atoms, window.beads[0], window.box(0))
        frame = self.moves.frame(whole, window.beads[0], window.box(0))
        tried, first = [], int(window.frames[0])
        for sweep in range(self.options.sweeps):
            for number in range(self.options.moves):
                self.moves.sweep(frame, (state.seed, self.index, "moves", first, sweep, number))
            tried.append(self.flips.sweep(frame, (state.seed, self.index, "flips", first, sweep), back=True,
                                          led=sweep < self.options.sweeps // 2))
            state.doing(f"sweep {sweep + 1} of {self.options.sweeps}")
            state.progress((sweep + 1) / self.options.sweeps)
        self._count(int(window.place[0]), frame, tried)
        return finished(window, frame.atoms[None])

    def _count(self, place: int, frame: Frame, tried: list[Tried]) -> None:
        tally, half = self.memory["tacticity"], len(tried) // 2
        tally.count("flips", place, [[len(one.centre), one.accepted.sum(), np.isinf(one.work).sum()] for one in tried])
        for name in KEPT:
            tally.row(name, place, np.array([getattr(one, name) for one in tried[half:]], dtype=float))

    def finish(self, state: State) -> None:
        posterior = Posterior.of(self.memory["tacticity"], self.centres, self.flips.gain, self.options.turned)
        for line in posterior.lines():
            state.log(line)
        state.sampling.append(Sampling(f"steps[{self.index}].{self.name or 'tacticity'}", posterior.acceptance(),
                                       notes=[f"{posterior.summary()}."], level=self.level, sigma=self.widest,
                                       sequences=posterior.rows(), findings=list(posterior.findings())))
        if self.options.file is not None:
            state.files.place(Path(self.options.file), posterior.table(self.centres).encode())


def centres_of(system: System, where: object = "") -> ChainCentres:
    """The stereocentres of unknown hand in chains of a system.

    Raises:
        BackmapError: If there are none, or one has no hydrogen.
    """
    rows, molecule, first, follows = [], [], [], []
    count = 0
    for group in system.groups:
        chains = [_open(group.type, chain.centres, where) for chain in chains_of(group.type)]
        for number, offset in enumerate(group.atom_offset.tolist()):
            for chain in chains:
                rows += (offset + chain).tolist()
                molecule += [count + number] * len(chain)
                first += [offset] * len(chain)
                follows += [k > 0 for k in range(len(chain))]
        count += len(group.atom_offset)
    if not rows:
        raise BackmapError("no chain has stereocentres whose hand nothing tells", where=where,
                           hint="Leave 'tacticity' out of the steps, or 'stereo' and 'tacticity' out of topology.")
    return ChainCentres(np.array(rows), np.array(molecule), np.array(first), np.array(follows))


def _open(kind: MoleculeType, centres: Index, where: object) -> Index:
    """ChainCentres of a chain (n, 4) and their hydrogens, (n, 5); (0, 5) if their hands are known."""
    known = dict(zip(kind.chemistry.centres[:, 0].tolist(), kind.chemistry.sign.tolist(), strict=True))
    told = [known[centre] != 0 for centre in centres[:, 0].tolist()]
    if all(told):
        return np.empty((0, 5), dtype=np.int64)
    if any(told):
        raise BackmapError(f"the hands of {sum(told)} of {len(told)} stereocentres of a chain of '{kind.name}' are "
                           "known, and those of the others are not", where=where,
                           hint="Tell all of them, or none.")
    rows = []
    for row in centres.tolist():
        rest = [atom for atom in kind.graph[row[0]] if atom not in row]
        if len(rest) != 1 or kind.chemistry.heavy[rest[0]]:
            raise BackmapError(f"{kind.atom_names[row[0]]} of '{kind.name}' has no hydrogen", where=where,
                               hint="Flips are for stereocentres with three heavy neighbours and a hydrogen.")
        rows.append([*row, *rest])
    return np.array(rows)
