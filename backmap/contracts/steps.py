"""The contract of steps, the lines of a recipe."""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from ..errors import BackmapError
from .plugin import Options, Plugin
from .state import State

if TYPE_CHECKING:
    from ..model.inputs import BeadsSaid
    from ..model.run_parameters import RunParameters
    from ..model.system import System, Window
    from ..model.tuned import Tuned


class Step(Plugin):
    """One step of a recipe.

    Frames may be shared among processes and parts of a run, and a run may be stopped and resumed at any moment: the
    result for a frame must follow from the frame, the recipe and the seed alone, unless the step ``follows``, and
    whatever ``finish`` needs of the frames is counted into ``memory``, each frame under its ``Window.place``.
    """

    #: What must be there before the step, checked before anything runs: ``system``, ``beads``, ``reference``,
    #: ``atoms``, ``generator``, ``forcefield``, ``judgement``, or a name that another step gives.
    needs: frozenset[str] = frozenset()
    #: What is there after the step, by the same names.
    gives: frozenset[str] = frozenset()
    #: What is no longer there after it, by the same names, as in a step that changes what there is.
    takes: frozenset[str] = frozenset()
    #: What is there for the steps of a branch besides, by its name (``branches``).
    inside: Mapping[str, frozenset[str]] = MappingProxyType({})
    #: What is there before the step, by the same names; set by the recipe.
    there: frozenset[str] = frozenset()
    #: True if ``start`` does all the work and writes the results, so that processes cannot share it.
    beforehand: ClassVar[bool] = False
    #: True if what comes of a frame also follows from what came of the one before (``State.previous``): then frames
    #: pass one by one, in order, through one process.
    follows: bool = False
    #: Options for which a recipe may write ``auto``: ``tune`` chooses them.
    tunable: ClassVar[tuple[str, ...]] = ()
    #: What the pilot of the run has chosen for them; None before, and where nothing was left to it.
    tuned: Tuned | None = None
    #: What the recipe says of its beads: ``mapped``, ``model``, ``auto``, or None; set by the recipe.
    beads_said: BeadsSaid | None = None
    #: Place in the recipe, e.g. ``run.yaml: steps[3].gibbs``; set by the recipe, for messages.
    where: str = ""
    #: Number of the step in the recipe, counted from 0; it enters the name of every random stream.
    index: int = 0

    def __init__(self, options: Options) -> None:
        from ..model.memory import Memory  # late: numpy comes with it

        super().__init__(options)
        #: What the step has counted of the frames; complete in ``finish``. The runner replaces it for every window.
        self.memory = Memory()

    @property
    def finest(self) -> str:
        """What the finest particles before the step are: ``atoms`` where earlier steps made some, else ``beads``."""
        return "atoms" if "atoms" in self.there else "beads"

    def particles(self, state: State) -> System:
        """What there is before the step, with its finest particles for atoms; to be asked in ``start``."""
        return state.system if self.finest == "atoms" else state.system.as_beads

    @property
    def branches(self) -> dict[str, Sequence[Step]]:
        """Steps nested in the options of this one, by branch.

        The recipe checks their needs as if they came at the place of this step; this step runs them.
        One that gives them a state of their own hands on the ``seed`` of every window: each replica has another.
        """
        return {}

    def settle(self, run: RunParameters | None) -> None:
        """Take the temperature of the simulation whose force field is used, where the recipe gives none.

        Called once, before ``start``.

        Raises:
            BackmapError: If the recipe gives another.
        """
        options, name = self.options, "temperature"
        if run is None or run.temperature is None:
            return
        for step in (step for steps in self.branches.values() for step in steps):
            step.settle(run)
        if "beads" not in self.needs or name not in type(options).model_fields:
            return
        if name not in options.model_fields_set:
            self.options = options.model_copy(update={name: run.temperature})
        elif getattr(options, name) != run.temperature:
            raise BackmapError(f"is {getattr(options, name):g} K, but {run.said(name)}", where=f"{self.where}.{name}",
                               hint="Leave one of them out.")

    @property
    def automatic(self) -> tuple[str, ...]:
        """The options that are left to the pilot, by name; none once it has chosen."""
        return tuple(name for name in self.tunable if getattr(self.options, name) == "auto")

    @property
    def draws_alike(self) -> bool:
        """Whether a pilot may draw as the run does, so that what it makes on the way need not be made twice.

        Only where nothing is sampled: choices would depend on the draws of the frames that they are for.
        """
        return False

    def tune(self, window: Window, state: State) -> Tuned:
        """Choose the options that are ``automatic``, by some frames of the run; called once, before its frames pass.

        All frames of the run then have these values: the choice must not depend on anything but the window, the options
        and the seed.

        Args:
            window: Some frames, as the steps before this one made them; not to be changed.
            state: The state of the run, with which this step has started; but the ``seed`` is the pilot's, so that no
                draw is one of those that the run makes, unless steps have ``draws_alike``.
        """
        raise NotImplementedError(f"{type(self).__name__} has options to be tuned, but no 'tune'")

    def adopt(self, tuned: Tuned) -> None:
        """Take what the pilot has chosen, as if the recipe had said so; called before ``start`` or after ``tune``."""
        self.tuned = tuned
        self.options = self.options.model_copy(update=dict(tuned.values))

    def begin(self, state: State) -> None:
        """Start; what earlier steps sampled is forgotten if this one makes atoms and does not say that it samples."""
        before = state.sampled
        self.start(state)
        if "atoms" in self.gives and state.sampled is before:
            state.sampled = None

    def start(self, state: State) -> None:
        """Prepare; called once, before the first window."""

    def frames(self, window: Window, state: State) -> Window:
        """Process a window and return it, or a new one; called for every window, in order."""
        return window

    def finish(self, state: State) -> None:
        """Conclude; called once, after the last window."""


class FrameStep(Step):
    """A step that processes a window frame by frame.

    The rounding of batched matrix products and linear solvers depends on the whole batch, so the result for a frame
    follows from that frame alone only if no other frame takes part in the computation.
    """

    @abstractmethod
    def frame(self, window: Window, state: State) -> Window:
        """Process a window of one frame and return it, or a new one."""

    def frames(self, window: Window, state: State) -> Window:
        from ..model.system import Window

        whole = state.progress
        try:
            made = []
            for number in range(window.size):
                state.progress = _share(whole, number, window.size)
                made.append(self.frame(window.take([number]), state))
        finally:
            state.progress = whole
        return Window.joined(made)


def _share(progress: Callable[[float], None], frame: int, n_frames: int) -> Callable[[float], None]:
    """Convert the fraction done of one frame into that of the window."""
    return lambda fraction: progress((frame + fraction) / n_frames)
