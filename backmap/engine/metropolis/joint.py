"""Sweeps whose target is the joint density of a generator's own forward sampling.

The conditional densities of a network, each fragment given all others, need not belong to any joint density, and a draw
that is accepted by the density it was drawn from is accepted always. What forward sampling draws has a joint density,
the product of what each fragment has given those that came before it,

    q(r | R) = prod_k q(r_k | r_j with j before k, R),

for one order of all fragments. A change of fragment k changes its own factor and those of later fragments that see it;
all of them are evaluated by teacher forcing, and the change is accepted or rejected by their product. From any start
the sweeps converge to what forward sampling draws.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from ..random import Stream, numpy_generator
from ..sites import handed
from ..sites.contracts import Draws
from ..sites.environment import Scene
from ..sites.schedule import Batch, Schedule, batches_of, shuffled

Index = NDArray[np.int64]

#: Kinds of moves of one sweep: a fragment drawn anew given those before it, and displaced a little.
MOVES = ("redraw", "displace")


@dataclass(frozen=True, eq=False)
class MoveOutcome:
    """What came of one kind of move in one sweep.

    Attributes:
        move: One of ``MOVES``.
        bead: Beads whose fragments were to be moved, (n,).
        accepted: Which of them were, (n,) bool.
    """

    move: str
    bead: Index
    accepted: NDArray[np.bool_]


class JointSweeps:
    """Sweeps of one scene; all atoms are placed.

    Args:
        generator: Draws with densities, on the beads exactly.
        scene: Positions, which change.
        schedule: Of forward sampling; sites of one batch do not see each other.
        displacement: Standard deviation of small displacements, nm and coordinate.
        chunk: Sites evaluated at once at most.
    """

    def __init__(self, generator: Draws, scene: Scene, schedule: Schedule, displacement: float,
                 chunk: int = 512) -> None:
        self.generator, self.scene, self.displacement, self.chunk = generator, scene, displacement, chunk
        device = scene.atoms.device
        turns = np.full(scene.beads.shape[:2], -1)  # atoms that are given come before all others
        for turn, batch in enumerate(batch for stage in schedule for batch in stage):
            turns[batch.frame, batch.bead] = turn
        self.turns = torch.as_tensor(turns, device=device)
        self.members = turns >= 0
        self.later = [_later(graph, of_frame) for graph, of_frame in zip(scene.surroundings.conflicts, turns)]
        far = [csr_array((graph + graph @ graph) > 0) for graph in scene.surroundings.conflicts]
        self.batches = batches_of(far, self.members)
        frame, bead = np.nonzero(self.members)
        #: Logarithm of each fragment's factor as it stands, (W, B); 0 where none is drawn.
        self.factors = torch.zeros(turns.shape, dtype=torch.float64, device=device)
        self.factors[frame, bead] = self._factors(Batch(frame, bead))

    def sweep(self, stream: tuple[int | str, ...]) -> Iterator[MoveOutcome]:
        """Try every kind of move once on every fragment, in place."""
        for move in MOVES:
            name = (*stream, move)
            outcomes = [self._try(move, batch, name) for batch in shuffled(self.batches, numpy_generator(*name))]
            yield MoveOutcome(move, np.concatenate([beads for beads, _ in outcomes]),
                              np.concatenate([accepted for _, accepted in outcomes]))

    def _try(self, move: str, batch: Batch, name: tuple[int | str, ...]) -> tuple[Index, NDArray[np.bool_]]:
        """Move the fragments of a batch, of which no two are seen by the same later one; who stays is put back."""
        scene = self.scene
        frame, bead = (torch.as_tensor(x, device=scene.atoms.device) for x in (batch.frame, batch.bead))
        rng = Stream.of(*name, torch.as_tensor(scene.frames, device=frame.device)[frame], bead)
        env = scene.gather(frame, bead, turns=self.turns)
        before = self._standing(batch)
        label = scene.labels(frame, bead)
        if move == "redraw":
            draw = handed.draw(self.generator, env, rng, 1, label)
            positions, own = draw.positions[:, 0], handed.log_density(self.generator, draw, label)[:, 0]
        else:
            positions = before + self._displacements(env, rng)
            own = self.generator.log_density(env, positions).double()
        seen, by = self._affected(batch)
        scene.scatter(frame, bead, env.block, positions)
        factors = self._factors(seen)
        change = factors - self.factors[seen.frame, seen.bead]
        gain = torch.zeros(len(bead), dtype=torch.float64, device=bead.device).index_add(
            0, torch.as_tensor(by, device=bead.device), change)
        if move == "displace":  # a redraw is proposed by its own factor
            gain = gain + own - self.factors[frame, bead]
        accepted = torch.log(rng.child("accept").uniform()) < gain
        stays = ~accepted
        scene.scatter(frame[stays], bead[stays], env.block[stays], before[stays])
        self.factors[frame[accepted], bead[accepted]] = own[accepted]
        taken = accepted.cpu().numpy()[by]
        self.factors[seen.frame[taken], seen.bead[taken]] = factors[taken]
        return batch.bead, accepted.cpu().numpy()

    def _standing(self, batch: Batch) -> Tensor:
        """Positions of fragments in double precision, (S, F, 3), nm from the anchors."""
        scene = self.scene
        atoms = scene.layout.owned[batch.bead].clamp_min(0)
        return scene.atoms[batch.frame[:, None], atoms] - scene.beads[batch.frame, batch.bead][:, None]

    def _displacements(self, env, rng: Stream) -> Tensor:
        """Random displacements of particles that leave their bead where it is, (S, F, 3), nm."""
        weight = env.fragments.weight_own[env.row, 0].double()
        moves = self.displacement * rng.normal(*env.block.shape[1:], 3) * env.block[:, :, None]
        return moves - (weight[:, :, None] * moves).sum(dim=1, keepdim=True) * env.block[:, :, None]

    def _affected(self, batch: Batch) -> tuple[Batch, Index]:
        """Later fragments that see those of a batch, and which of the batch each sees."""
        frames, beads, by = [], [], []
        for number, (frame, bead) in enumerate(zip(batch.frame.tolist(), batch.bead.tolist())):
            graph = self.later[frame]
            found = graph.indices[graph.indptr[bead]:graph.indptr[bead + 1]]
            frames.append(np.full(len(found), frame))
            beads.append(found)
            by.append(np.full(len(found), number))
        frame, bead, of = (np.concatenate(x).astype(np.int64) for x in (frames, beads, by))
        return Batch(frame, bead), of

    def _factors(self, batch: Batch) -> Tensor:
        """Logarithms of the factors of fragments as they stand, given those before them, (S,)."""
        found = [torch.zeros(0, dtype=torch.float64, device=self.scene.atoms.device)]
        for part in batch.chunks(self.chunk):
            frame, bead = (torch.as_tensor(x, device=self.scene.atoms.device) for x in (part.frame, part.bead))
            env = self.scene.gather(frame, bead, turns=self.turns)
            found.append(self.generator.log_density(env, self._standing(part)).double())
        return torch.cat(found)


def _later(graph: csr_array, turns: Index) -> csr_array:
    """The conflict graph with edges from each bead to those of later turns only."""
    pairs = graph.tocoo()
    rows, columns = pairs.coords
    keep = (turns[columns] > turns[rows]) & (turns[rows] >= 0)
    return csr_array((np.ones(keep.sum(), dtype=bool), (rows[keep], columns[keep])), shape=graph.shape)
