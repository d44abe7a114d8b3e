"""Repair: what sweeps leave wrong is redrawn, fragments that overlap and those of the wrong isomer."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from ...model.system import System, Window
from ..flags import with_neighbours, wrong_isomers
from . import handed
from .contracts import Draws, Weighs
from .environment import Scene
from .fragments import FragmentTable
from .schedule import Batch
from .sweep import Sweeper

STUBBORN = 2  #: rounds of repair after which the neighbours of a fragment are redrawn with it
MENDS = 4  #: rounds in which wrong isomers are redrawn before they are reported

#: What places fragments from their beads alone, and the tables that it reads.
Starter = tuple[Draws, FragmentTable]


@dataclass(frozen=True, eq=False)
class Repair:
    """What stays the same in all repairs of a step.

    Attributes:
        sweeper: Redraws; its regularizer and its limit say which fragments overlap.
        rounds: In which fragments that overlap are redrawn; 0 if only isomers are to be mended.
        project: Restores rigid bonds and beads, in place.
        starter: Asked for what places those fragments that draws do not unfold; None leaves them.
    """

    sweeper: Sweeper
    rounds: int
    project: Callable[[Scene], None]
    starter: Callable[[], Starter | None]

    def mend(self, scene: Scene, window: Window, stream: tuple[int | str, ...],
             chosen: np.ndarray | None = None, progress: Callable[[float], None] = lambda share: None) -> None:
        """Redraw what overlaps, planar bonds on the wrong side, and stereocentres of the wrong chirality with what is
        bonded to them, in place.

        Args:
            scene: Of the window; all atoms are placed.
            window: For its boxes.
            stream: Names the random numbers, e.g. (seed, step).
            chosen: Beads that may be redrawn, (W, B); None means all.
            progress: Told the share of the rounds that is done, 0 to 1.
        """
        rounds = max(self.rounds, MENDS)
        for number in range(rounds):
            progress(number / rounds)
            bad = self._bad(scene, overlapping=number < self.rounds)
            if chosen is not None:
                bad &= chosen
            if number == self.rounds - 1 > STUBBORN and bad.any():  # draws do not unfold what is folded up
                self._place_anew(scene, window, stream, bad)
                continue
            if number >= STUBBORN:  # the fault may be next door
                bad = with_neighbours(bad, scene.system) & (True if chosen is None else chosen)
            if not bad.any():
                break
            sweeper = replace(self.sweeper, progress=_Round(progress, number, rounds, int(bad.sum())))
            sweeper.gibbs(scene, (*stream, "mend", number), project=self.project, only=bad)
        correct_chirality(scene, self.project)
        progress(1.0)

    def _bad(self, scene: Scene, overlapping: bool) -> np.ndarray:
        """Beads to be redrawn, (W, B); wrong stereocentres among them are turned over already, in place."""
        bad = np.zeros(scene.beads.shape[:2], dtype=bool)
        if overlapping:
            bad |= overlaps(scene, self.sweeper.regularizer, self.sweeper.limit)
        wrong = mirror_wrong_centres(scene, scene.system)
        if wrong.any():
            self.project(scene)
            bad |= with_neighbours(wrong, scene.system)
        return bad | np.any(wrong_isomers(scene.system, scene.atoms.cpu().numpy()), axis=0)

    def _place_anew(self, scene: Scene, window: Window, stream: tuple[int | str, ...], bad: np.ndarray) -> None:
        """Place fragments as a parallel start does, in place."""
        found = self.starter()
        if found is None:
            return
        starter, tables = found
        fresh = Scene.of(window.with_atoms(scene.atoms.cpu().numpy()), scene.system, tables, starter.view)
        Sweeper(starter).sweep(fresh, [[Batch(*np.nonzero(bad))]], (*stream, "anew"), scene.frames)
        scene.atoms.copy_(fresh.atoms)
        self.project(scene)


@dataclass
class _Round:
    """Tells how far repair has come, as sites of one of its rounds are drawn."""

    progress: Callable[[float], None]
    number: int
    rounds: int
    sites: int
    drawn: int = 0

    def __call__(self, sites: int) -> None:
        self.drawn += sites
        self.progress((self.number + min(1.0, self.drawn / self.sites)) / self.rounds)


def correct_chirality(scene: Scene, project: Callable[[Scene], None]) -> None:
    """Turn stereocentres of the wrong chirality over and project, until none is left or it does not help, in place."""
    for _ in range(MENDS):
        if not mirror_wrong_centres(scene, scene.system).any():
            return
        project(scene)


def overlaps(scene: Scene, regularizer: Weighs, threshold: float, chunk: int = 512) -> np.ndarray:
    """Beads whose fragment has more than ``threshold`` kJ/mol of the regularizer's energy, (W, B) bool.

    Molecules that are given are left out: what overlaps with them is drawn, and found there.
    """
    n_frames, n_beads = scene.beads.shape[:2]
    given = np.array([kind.given for kind in scene.fragments.types])
    drawn = np.flatnonzero(~given[scene.fragments.type[scene.layout.row].cpu().numpy()])
    everything = Batch(np.repeat(np.arange(n_frames), len(drawn)), np.tile(drawn, n_frames))
    found = np.zeros((n_frames, n_beads), dtype=bool)
    for part in everything.chunks(chunk):
        frame, bead = (torch.as_tensor(x, device=scene.beads.device) for x in (part.frame, part.bead))
        env = scene.gather(frame, bead)
        own = scene.own(frame, bead)[:, None].double()
        energy = handed.energy(regularizer, env, own, scene.labels(frame, bead))
        found[part.frame, part.bead] = (energy[:, 0] > threshold).cpu().numpy()
    return found


def mirror_wrong_centres(scene: Scene, system: System) -> np.ndarray:
    """Move stereocentres of the wrong chirality through the plane of their neighbours, in place.

    The hydrogen of the centre goes with it. Run a projection and a sweep of the returned beads afterwards.

    Returns:
        Beads that own a centre that was moved, (W, B) bool.
    """
    atoms = scene.atoms.cpu().numpy()
    wrong = system.wrong_stereo(atoms)
    beads = np.zeros(scene.beads.shape[:2], dtype=bool)
    if not len(wrong):
        return beads
    frame, centre, arms = wrong[:, 0], wrong[:, 1], wrong[:, 2:]
    a, b, c = (atoms[frame, arms[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    height = np.einsum("ni,ni->n", atoms[frame, centre] - a, normal)
    # At least 0.04 nm beyond the plane: a tetrahedral centre stands about that high over its neighbours.
    move = -(height + np.sign(height) * np.maximum(np.abs(height), 0.04))[:, None] * normal
    hydrogen = _hydrogens_of_centres(system)[centre]
    carries = hydrogen >= 0
    arm = atoms[frame, hydrogen] - atoms[frame, centre]
    turned = move - 2 * np.einsum("ni,ni->n", arm, normal)[:, None] * normal
    frame_of, atom_of = np.concatenate([frame, frame[carries]]), np.concatenate([centre, hydrogen[carries]])
    rows = scene.layout.owned.cpu().numpy()
    owner = np.empty(atoms.shape[1], dtype=np.int64)
    bead, slot = np.nonzero(rows >= 0)
    owner[rows[bead, slot]] = bead
    moved = torch.as_tensor(np.concatenate([move, turned[carries]]), device=scene.atoms.device)
    scene.atoms[torch.as_tensor(frame_of), torch.as_tensor(atom_of)] += moved
    beads[frame, owner[centre]] = True
    return beads


def _hydrogens_of_centres(system: System) -> np.ndarray:
    """The hydrogen on each stereocentre that is not among its three neighbours, -1 if none, (A,)."""
    hydrogens = np.full(system.n_atoms, -1)
    for group in system.groups:
        element = group.type.chemistry.element
        for centre, *arms in group.type.chemistry.centres.tolist():
            for other in group.type.graph[centre]:
                if element[other] == 1 and other not in arms:
                    hydrogens[group.atoms[:, centre]] = group.atoms[:, other]
    return hydrogens
