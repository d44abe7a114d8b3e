"""The contracts of what takes whole frames: refiners, morphers, assessors, checkers."""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from .plugin import Plugin

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from ..engine.random import Stream
    from ..engine.sites.snapshot import Snapshot
    from ..model.assessment import Assessment, BeadValues
    from ..model.inputs import BeadsAre
    from ..model.morphed import Morphed
    from ..model.parameters import ForceField
    from ..model.sampling import Sampled
    from ..model.survey import Finding, Survey
    from ..model.system import System, Window
    from ..model.tally import Tally
    from .generators import Generator


class Refiner(Plugin):
    """A method that improves frames whose atoms are all placed, such as minimisation or constrained dynamics."""

    #: What it needs beyond atoms: ``forcefield``.
    needs: frozenset[str] = frozenset()
    #: To be called with the fraction of the window that is done, 0 to 1; set by the step.
    progress: Callable[[float], None] = staticmethod(lambda fraction: None)

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        """Prepare for a system; called once, before the first window.

        Raises:
            BackmapError: If it cannot refine this system, e.g. because parameters are missing.
        """

    @abstractmethod
    def refine(self, window: Window, system: System, rng: Stream, only: np.ndarray | None) -> Window:
        """Refine the frames of a window; the result of a frame must not depend on the others.

        Args:
            window: Frames, every atom placed; not to be changed.
            system: The one of ``begin``.
            rng: A stream with one site per frame.
            only: Beads whose atoms may move, (W, B) bool; None means all.

        Returns:
            A new window.
        """


class Morpher(Plugin):
    """A method that turns the beads of one coarse-grained model into those of another, frame by frame.

    Beads of a frame follow from what they were, the box and the seed alone. What it counts of a frame it hands back
    with the beads; the step sums it up for the log and the report.
    """

    #: Remarks of ``begin`` for the log of the run, one line each.
    remarks: Sequence[str] = ()
    #: Molecule types that it leaves exactly as they are, by name; known after ``begin``, and said in the log.
    left: Sequence[str] = ()
    #: Kinds of moves that it accepts or rejects, in the order of reports.
    moves: Sequence[str] = ()
    #: What stays where it is but for ``Morphed.drift``, in the plural, e.g. ``mass centres of residues``.
    kept: str = ""
    #: Place in the recipe, for messages; set by the step.
    where: str = ""
    #: To be called with the fraction of the frame that is done, 0 to 1; set by the step.
    progress: Callable[[float], None] = staticmethod(lambda fraction: None)

    def begin(self, system: System, device: str, seed: tuple[int | str, ...]) -> None:
        """Prepare for a system; called once, before the first frame.

        Args:
            system: The molecules, of which there are beads alone: every bead is an atom of its own.
            device: The torch device to compute on.
            seed: The first words of the names of all random streams.

        Raises:
            BackmapError: For molecules that it can neither morph nor leave as they are.
        """

    @abstractmethod
    def morph(self, window: Window, seed: tuple[int | str, ...]) -> Morphed:
        """Turn the beads of one frame into others.

        Args:
            window: One frame, of the system of ``begin``; not to be changed.
            seed: As for ``begin``, but of the replica. Draws are also named by the number of the frame
                (``Window.frames``), so that they differ among frames.
        """


class Assessor(Plugin):
    """A measurement of trajectories, made frame by frame and evaluated at the end.

    It keeps no results itself: what it measures goes into a tally of integer counts and per-frame rows,
    so that figures do not depend on windows or processes. The same assessor measures every trajectory of a
    run, the reference included, each into its own tally.
    """

    #: What it needs beyond atoms: ``forcefield``, ``generator`` (handed to ``use``).
    needs: frozenset[str] = frozenset()
    #: What the run's own atoms should follow, known before ``begin``: what the last step samples, else the simulation
    #: that uses the force field; None where neither is known.
    sampled: Sampled | None = None
    #: What the recipe says of the beads; None where it does not say, or where they are not those that were read.
    beads_are: BeadsAre | None = None

    def use(self, generator: Generator | None, seed: int, device: str) -> None:
        """Take what draws need; called once, before ``begin``. By default nothing is drawn.

        Args:
            generator: The one that earlier steps used last, prepared; None before any.
            seed: Of the run. Draws are named by it, by ``Snapshot.replica`` and by ``Snapshot.number``, so that they
                do not depend on the order of frames.
            device: The torch device to compute on.
        """

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        """Prepare for a system; called once, before the first frame.

        Raises:
            BackmapError: If it cannot measure this system, e.g. because a selection matches no atom.
        """
        self.system = system

    @abstractmethod
    def measure(self, frame: Snapshot, tally: Tally) -> dict[str, np.ndarray] | None:
        """Measure one frame.

        Args:
            frame: The frame; ``frame.reference`` has its true atoms, where a file gave them.
            tally: Where to count.

        Returns:
            Flagged beads by name of the physics warning, (B,) bool each, or None.
        """

    @abstractmethod
    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        """Compute figures and curves.

        Args:
            tally: What ``measure`` counted of all frames.
            reference: The same of the reference, for figures of distance to it (``Figure.distance``); None without one.
        """

    def distances(self, tally: Tally, reference: Tally) -> dict[tuple[str, str], float]:
        """Distances from the reference by name and quantity, from rows of the tallies alone.

        They are taken again of frames drawn at random, which gives them errors, and two models their ranks. By default
        there are none.
        """
        return {}

    def of_beads(self, frame: Snapshot) -> Sequence[BeadValues]:
        """Numbers of single beads, by which reports colour the frame that they show; by default none.

        Args:
            frame: As for ``measure``.
        """
        return ()

    def paths(self) -> Sequence[Path]:
        """Files that it writes when all is concluded, relative to the output folder; by default none."""
        return ()

    def files(self) -> Mapping[Path, bytes]:
        """Their content; called once, after the last ``conclude``. What there is nothing to say about is left out."""
        return {}


class Checker(Plugin):
    """A test of recipes and their files for errors and doubtful input, which ``backmap check`` runs."""

    @abstractmethod
    def check(self, survey: Survey) -> Iterable[Finding]:
        """Return what was found; a BackmapError that is raised becomes a finding, too."""
