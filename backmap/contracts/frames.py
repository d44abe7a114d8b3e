"""The contracts of what takes whole frames: refiners, assessors, checkers."""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .plugin import Plugin

if TYPE_CHECKING:
    import numpy as np

    from ..engine.random import Stream
    from ..engine.sites.snapshot import Snapshot
    from ..model.assessment import Assessment
    from ..model.parameters import ForceField
    from ..model.survey import Finding, Survey
    from ..model.system import System, Window
    from ..model.tally import Tally


class Refiner(Plugin):
    """Improves frames whose atoms are all placed: minimisation, constrained dynamics."""

    #: What it needs beyond atoms: ``forcefield``.
    needs: frozenset[str] = frozenset()
    #: Told the fraction of the window that is done, 0 to 1; set by the step.
    progress: Callable[[float], None] = staticmethod(lambda fraction: None)

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        """Look at the system once, before the first window.

        Raises:
            BackmapError: If it cannot refine this system, e.g. parameters are missing.
        """

    @abstractmethod
    def refine(self, window: Window, system: System, rng: Stream, only: np.ndarray | None) -> Window:
        """A new window; the given one stays as it is, and a frame's result does not depend on the others.

        Args:
            window: Frames, every atom placed.
            system: The one of ``begin``.
            rng: A stream with one site per frame.
            only: Beads whose atoms may move, (W, B) bool; None means all.
        """


class Assessor(Plugin):
    """Measures frames one at a time, and says at the end what they show.

    It keeps no results itself: what it measures goes into a tally of integer counts and per-frame rows,
    so figures do not depend on windows or processes. The same assessor measures every trajectory of a
    run, the reference included, each into its own tally.
    """

    #: What it needs beyond atoms: ``forcefield``.
    needs: frozenset[str] = frozenset()

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        """Look at the system once, before the first frame.

        Raises:
            BackmapError: If it cannot measure this system, e.g. a selection matches no atom.
        """
        self.system = system

    @abstractmethod
    def measure(self, frame: Snapshot, tally: Tally) -> dict[str, np.ndarray] | None:
        """Measure one frame into ``tally``; returns flagged beads by physics warning, (B,) bool each, or None.

        ``frame.reference`` holds the true atoms of the same frame, for what is compared frame by frame.
        """

    @abstractmethod
    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        """What the frames show. With a reference, figures of distance to it (Figure.distance) as well."""


    def distances(self, tally: Tally, reference: Tally) -> dict[tuple[str, str], float]:
        """Distances from the reference by name and quantity, from rows of the tallies alone.

        They are taken again of frames drawn at random, which gives them errors, and two models their ranks. By default
        there are none.
        """
        return {}


class Checker(Plugin):
    """Looks a recipe and its files over for what is wrong or doubtful: ``backmap check`` asks every one of them."""

    @abstractmethod
    def check(self, survey: Survey) -> Iterable[Finding]:
        """What there is to say; a BackmapError that is raised becomes a finding, too."""
