"""Sweeps whose draws are accepted or rejected, so that what comes out follows the force field.

A block gets K new candidates from the generator, independent of where it is now. With weights

    w(x) = exp(-U(x)/kT) sqrt(det G(x)) N(M x; R, sigma^2) / q(x)

one of them, j, is picked with probability w_j / W, W = sum of w_k, and accepted with probability
min(1, W / (W - w_j + w_old)): multiple-try Metropolis for independent proposals (Liu, Liang, Wong, J. Am. Stat.
Assoc. 95, 121 (2000); Martino, Digit. Signal Process. 75, 134 (2018)). The derivation is in ``docs/theory``.

A generator that was trained on exact beads meets them far more closely than sigma, and could not have drawn most
states of the target. So it is shown beads R' instead of R: variables of their own, with N(M x; R', s^2)
N(R'; R, sigma^2 - s^2) in place of N(M x; R, sigma^2), to which it integrates. In turn, R' is drawn given x, and
blocks given R'.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...model.parameters import BOLTZMANN
from ...model.system import System
from ..energy.site import SiteEnergy
from ..geometry.measure import BondGram
from ..random import Stream
from ..sites import handed
from ..sites.contracts import Draws, LocalEnvironment
from ..sites.environment import Scene
from ..sites.schedule import Batch
from .blocks import BlockTable
from .shells import Shells

#: A log-density of a draw below this stands for one that could not be made: closures that are out of reach lower it
#: by 1000. What was drawn was not that unlikely.
IMPOSSIBLE = -500.0


class Dense(Draws, Protocol):
    """What acceptance needs of a generator: draws with a density (see ``api.Proposer``)."""

    def log_proposal(self, env: LocalEnvironment, positions: Tensor, rng: Stream) -> Tensor:
        """Return the logarithm (S,) of the proposal density of positions (S, F, 3), nm from the anchor."""


def multiple_try(log_new: Tensor, log_old: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """Which candidate is picked and whether it is accepted.

    Args:
        log_new: Log-weights of the candidates, -inf for a weight of zero, (S, K).
        log_old: Log-weight of the present state, (S,); -inf where it is outside of the target, so that whatever is
            inside is accepted, +inf where the generator cannot draw it, so that nothing is.
        uniform: Random numbers in (0, 1), (S, 2).

    Returns:
        Candidate, (S,), and whether to take it, (S,) bool.
    """
    total = torch.logsumexp(log_new, dim=1)
    possible = total > -torch.inf
    share = torch.softmax(torch.where(possible[:, None], log_new, 0.0), dim=1).cumsum(dim=1)
    pick = torch.searchsorted(share, (uniform[:, :1] * share[:, -1:])).squeeze(1).clamp_max(log_new.shape[1] - 1)
    # W - w_j + w_old as a sum of what remains: nothing cancels.
    remaining = torch.cat([log_new.scatter(1, pick[:, None], -torch.inf), log_old[:, None]], dim=1)
    ratio = total - torch.logsumexp(remaining, dim=1)
    return pick, possible & (uniform[:, 1].log() < ratio.nan_to_num(nan=-torch.inf, posinf=torch.inf))


#: Rigid bonds of a molecule beyond which only those near a fragment are looked at.
LOCAL = 300


@dataclass(frozen=True, eq=False)
class Distribution:
    """What blocks are accepted for: exp(-U/kT) sqrt(det G) N(M x; R, sigma^2) on rigid bonds, of the right isomers.

    Attributes:
        system: What is there.
        energy: Local energies, over the shells of the scene.
        table: Rigid bonds and beads of the fragments.
        grams: G of each molecule type, or None for the measure of stiff springs, without sqrt(det G).
        reaches: How far each bead's atoms can be from it, nm, (B,): the edge of the world.
        temperature: K.
        sigma: Of the beads, nm.
        proposal_sigmas: s, how closely the generator meets each bead, nm, (B,); what is wider than sigma counts as
            sigma.
    """

    system: System
    energy: SiteEnergy
    table: BlockTable
    grams: Sequence[BondGram] | None
    reaches: Tensor
    temperature: float
    sigma: float
    proposal_sigmas: Tensor

    def free(self, scene: Scene) -> Tensor:
        """Beads that atoms may be off from, (B, 1) bool; a bead that is an atom stays where it is."""
        return (~self.table.fragments.pinned.any(dim=1))[scene.layout.row][:, None]

    def show(self, scene: Scene, rng: Stream) -> Tensor:
        """Draw the beads R' that are shown, given where atoms are: R' - R, nm, (W, B, 3).

        Args:
            scene: All atoms placed.
            rng: A site per bead of the window, (W * B,).
        """
        share = (self.proposal_sigmas.clamp_max(self.sigma) / self.sigma)**2
        mapped = torch.as_tensor(self.system.map(scene.atoms.cpu().numpy()), device=scene.beads.device)
        spread = self.sigma * (share * (1 - share)).sqrt()
        noise = rng.normal(3).reshape(scene.beads.shape)
        drawn = (1 - share[:, None]) * (mapped - scene.beads) + spread[:, None] * noise
        return torch.where(self.free(scene), drawn, 0.0)

    def log_density(self, scene: Scene, shells: Shells, frame: Tensor, bead: Tensor, block: Tensor, own: Tensor,
                    shown: Tensor) -> tuple[Tensor, Tensor]:
        """Logarithm of the target, up to what the block does not change, and the energy.

        Args:
            scene: Positions of everything else.
            shells: Neighbour beads of the scene.
            frame: Frame of each site in the window, (S,).
            bead: System index of each site's bead, (S,).
            block: Fragment atoms that differ between candidates, (S, F) bool.
            own: Fragments, (S, K, F, 3) float64, nm from the anchor.
            shown: Displacement R' - R of the beads that are shown, nm, (W, B, 3).

        Returns:
            (S, K), -inf outside of the target: a rigid bond that does not hold, another isomer, an atom beyond reach,
            an energy that is not finite; and energies, kJ/mol, (S, K).
        """
        row = scene.layout.row[bead]
        local = self.table.local(scene, frame, bead, own)
        with torch.no_grad():
            energy = self.energy.of(shells.seen(scene), frame, bead, own)
        value = -energy / (BOLTZMANN * self.temperature)
        value = value + self.table.log_beads(scene, frame, bead, block, local, shown,
                                             self.proposal_sigmas.clamp_max(self.sigma))
        if self.grams is not None:
            value = value + self._half_log_det(scene, frame, bead, own)
        inside = (self.table.bonds_hold(row, block, local) & self.table.right(row, local) & energy.isfinite()
                  & self._within(scene, bead, own))
        return torch.where(inside & value.isfinite(), value, -torch.inf), energy

    def _within(self, scene: Scene, bead: Tensor, own: Tensor) -> Tensor:
        """Candidates all of whose atoms are within reach, (S, K)."""
        there = (scene.layout.owned[bead] >= 0)[:, None]
        farthest = torch.where(there, own.square().sum(-1), 0.0).amax(dim=2)
        return farthest <= self.reaches[bead][:, None].square()

    def _half_log_det(self, scene: Scene, frame: Tensor, bead: Tensor, own: Tensor) -> Tensor:
        """1/2 log det G of each site's molecule with its fragment as in ``own``, (S, K)."""
        tables, row = self.table.fragments, scene.layout.row[bead]
        kind, (n_sites, n_candidates) = tables.type[row], own.shape[:2]
        found = torch.empty((n_sites, n_candidates), dtype=torch.float64, device=own.device)
        for number, gram in enumerate(self.grams):
            site = torch.nonzero(kind == number)[:, 0]
            if not len(site):
                continue
            if len(gram.bonds) > LOCAL:
                found[site] = self._near_log_det(gram, scene, frame[site], bead[site], own[site])
                continue
            n_atoms = tables.types[number].n_atoms
            first = (tables.atom_base[number] + scene.layout.atom_shift[bead[site]])[:, None]
            molecule = scene.atoms[frame[site, None], first + torch.arange(n_atoms, device=own.device)]
            whole = molecule[:, None].repeat(1, n_candidates, 1, 1)
            which, slot = torch.nonzero(tables.atoms[row[site]] >= 0, as_tuple=True)
            place = tables.atoms[row[site[which]], slot] - tables.atom_base[number]
            anchor = scene.beads[frame[site[which]], bead[site[which]]]
            whole[which, :, place] = own[site[which], :, slot] + anchor[:, None]
            values = gram.half_log_det(whole.flatten(0, 1).cpu().numpy())
            found[site] = torch.as_tensor(values, device=own.device).reshape(-1, n_candidates)
        return found

    def _near_log_det(self, gram: BondGram, scene: Scene, frame: Tensor, bead: Tensor, own: Tensor) -> Tensor:
        """The same of molecules of one type, from the bonds near each fragment; the others count the same for all."""
        found, owned = torch.empty(own.shape[:2], dtype=torch.float64), scene.layout.owned[bead]
        row = scene.layout.row[bead]
        shift = self.table.fragments.atom_base[self.table.fragments.type[row]] + scene.layout.atom_shift[bead]
        for site, (first, atoms) in enumerate(zip(shift.tolist(), owned.cpu().numpy(), strict=True)):
            there = atoms >= 0
            local = atoms[there] - first
            part = gram.near(local)
            ends = np.union1d(part.bonds, local)
            positions = np.repeat(scene.atoms[frame[site], torch.as_tensor(first + ends)].cpu().numpy()[None],
                                  own.shape[1], axis=0)
            drawn = own[site, :, torch.as_tensor(there)] + scene.beads[frame[site], bead[site]]
            positions[:, np.searchsorted(ends, local)] = drawn.cpu().numpy()
            found[site] = torch.as_tensor(part.half_log_det(ends, positions))
        return found.to(own.device)


@dataclass(frozen=True, eq=False)
class Outcome:
    """The outcome of acceptance at the S sites of a chunk.

    Attributes:
        frame: Frame of each site in the window, (S,).
        bead: System index of each site's bead, (S,).
        accepted: Whether a candidate was accepted, (S,) bool.
        change: Change of the energy, kJ/mol, 0 where nothing was accepted, (S,).
        log_weight: Log-weights of the candidates, -inf for a weight of zero, (S, K).
    """

    frame: NDArray[np.int64]
    bead: NDArray[np.int64]
    accepted: NDArray[np.bool_]
    change: NDArray[np.float64]
    log_weight: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: Sequence[Outcome]) -> Outcome:
        """Of several chunks."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))


@dataclass(frozen=True, eq=False)
class Weighed:
    """Candidates of the S sites of a chunk, and what they weigh.

    Attributes:
        frame: Frame of each site in the window, (S,).
        bead: System index of each site's bead, (S,).
        block: Fragment atoms that are drawn, (S, F) bool.
        drawn: Candidates, (S, K, F, 3), nm from the anchor.
        energy: Of the atoms as they stand, and of the candidates, kJ/mol, (S, 1 + K).
        new: Log-weights of the candidates, -inf for a weight of zero, (S, K).
        old: Log-weight of the atoms as they stand, -inf outside of the target, (S,).
        rng: A stream with one row per site.
    """

    frame: Tensor
    bead: Tensor
    block: Tensor
    drawn: Tensor
    energy: Tensor
    new: Tensor
    old: Tensor
    rng: Stream


@dataclass(frozen=True, eq=False)
class Acceptance:
    """What stays the same in all Metropolis sweeps of a step.

    Attributes:
        generator: Draws, and knows its density.
        target: What is accepted for.
        candidates: New candidates per site, K.
        noise: Level that the generator is told; any is exact, the best one is accepted most often.
        draws: Candidates of all sites drawn at once at most; bounds the memory of a batch.
    """

    generator: Dense
    target: Distribution
    candidates: int = 1
    noise: float = 0.0
    draws: int = 2048

    def sweep(self, scene: Scene, shells: Shells, batches: Sequence[Batch], blocks: Tensor,
              stream: tuple[int | str, ...], frames: NDArray[np.int64]) -> Iterator[Outcome]:
        """Propose a block of every site of the batches and accept or reject it, in place.

        Args:
            scene: Positions of the window, all placed; they change.
            shells: Of the scene; sites of one batch are in conflict with none of each other.
            batches: Sites.
            blocks: Fragment atoms to draw by fragment row, (R, F) bool.
            stream: Names the random numbers of this sweep.
            frames: Frame numbers of the window in the input, (W,).
        """
        numbers = torch.as_tensor(frames, device=scene.atoms.device)
        shown = self._shown(scene, stream, numbers)
        for batch in batches:
            moves = []
            for chunk in batch.chunks(max(1, self.draws // self.candidates)):
                outcome, move = self._try(scene, shells, chunk, blocks, shown, stream, numbers)
                moves.append(move)
                yield outcome
            for frame, bead, block, chosen in moves:  # what a chunk moves, the next one does not see
                scene.scatter(frame, bead, block, chosen)

    def weights(self, scene: Scene, shells: Shells, sites: Batch, blocks: Tensor, stream: tuple[int | str, ...],
                frames: NDArray[np.int64]) -> Iterator[Weighed]:
        """Weighed of candidates of every site, each given all else as it stands; nothing moves.

        The arguments are those of ``sweep``; sites need not be out of each other's sight.
        """
        numbers = torch.as_tensor(frames, device=scene.atoms.device)
        shown = self._shown(scene, stream, numbers)
        for chunk in sites.chunks(max(1, self.draws // self.candidates)):
            yield self._weigh(scene, shells, chunk, blocks, shown, stream, numbers)

    def _shown(self, scene: Scene, stream: tuple[int | str, ...], numbers: Tensor) -> Tensor:
        """Beads R' that are shown in a sweep, R' - R, nm, (W, B, 3)."""
        n_frames, n_beads = scene.beads.shape[:2]
        every = torch.arange(n_beads, device=numbers.device).repeat(n_frames)
        return self.target.show(scene, Stream.of(*stream, "beads", numbers.repeat_interleave(n_beads), every))

    def _weigh(self, scene: Scene, shells: Shells, batch: Batch, blocks: Tensor, shown: Tensor,
               stream: tuple[int | str, ...], numbers: Tensor) -> Weighed:
        frame, bead = (torch.as_tensor(x, device=numbers.device) for x in (batch.frame, batch.bead))
        block = blocks[scene.layout.row[bead]]
        env = _shown(scene.gather(frame, bead, self.noise, self.target.temperature, block), scene, frame, bead, shown)
        rng = Stream.of(*stream, numbers[frame], bead)
        label = scene.labels(frame, bead)
        draw = handed.draw(self.generator, env, rng, self.candidates, label)
        present = scene.atoms[frame[:, None], scene.layout.owned[bead].clamp_min(0)] - scene.beads[frame, bead][:, None]
        drawn = torch.where(block[:, None, :, None], draw.positions.double(), present[:, None])
        drawn = env.fragments.followers.placed(env.row, drawn)
        value, energy = self.target.log_density(scene, shells, frame, bead, block,
                                                torch.cat([present[:, None], drawn], dim=1), shown)
        density = handed.log_density(self.generator, draw, label)
        possible = (density > IMPOSSIBLE) & density.isfinite()
        log_new = torch.where(possible, value[:, 1:] - density, -torch.inf)
        own_density = self.generator.log_proposal(env, present, rng.child("present"))
        handed.expect_shape(own_density, (env.size,), handed.named("generator", self.generator), "gave log-densities")
        own_density = own_density.double().nan_to_num(nan=-torch.inf)
        log_old = torch.where(value[:, 0] > -torch.inf, value[:, 0] - own_density, -torch.inf)
        return Weighed(frame, bead, block, drawn, energy, log_new, log_old, rng)

    def _try(self, scene: Scene, shells: Shells, batch: Batch, blocks: Tensor, shown: Tensor,
             stream: tuple[int | str, ...], numbers: Tensor) -> tuple[Outcome, tuple[Tensor, Tensor, Tensor, Tensor]]:
        found = self._weigh(scene, shells, batch, blocks, shown, stream, numbers)
        pick, accepted = multiple_try(found.new, found.old, found.rng.child("accept").uniform(2))
        site = torch.arange(len(pick), device=pick.device)
        change = torch.where(accepted, found.energy[site, 1 + pick] - found.energy[:, 0], 0.0)
        outcome = Outcome(batch.frame, batch.bead, *(x.cpu().numpy() for x in (accepted, change, found.new)))
        return outcome, (found.frame, found.bead, found.block & accepted[:, None], found.drawn[site, pick])


def _shown(env: LocalEnvironment, scene: Scene, frame: Tensor, bead: Tensor, shown: Tensor) -> LocalEnvironment:
    """The environment with the beads of the own molecule where they are shown."""
    index = (scene.fragments.beads[env.row] + scene.layout.bead_shift[bead][:, None]).clamp_min(0)
    moved = torch.where(env.beads_present[:, :, None], shown[frame[:, None], index], 0.0)
    return replace(env, beads=env.beads + moved.float())


def reach_error(scene: Scene, system: System, reaches: Tensor) -> tuple[str, float] | None:
    """The bead whose placed atoms lie farthest beyond their reach, and how far from it they are, nm; None if none."""
    owned = scene.layout.owned
    away = (scene.atoms[:, owned.clamp_min(0)] - scene.beads[:, :, None]).norm(dim=-1)
    beyond = torch.where((owned >= 0)[None], away - reaches[:, None], -1.0).amax(dim=2)
    if not beyond.numel() or float(beyond.max()) <= 0:
        return None
    bead = int(beyond.argmax()) % beyond.shape[1]
    return system.bead_label(bead), float(beyond.max() + reaches[bead])
