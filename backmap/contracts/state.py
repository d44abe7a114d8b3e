"""The state that the steps of a run share, and the files they write to."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..model.assessment import Judgement
    from ..model.inputs import BeadsAre, FrameSource
    from ..model.parameters import ForceField
    from ..model.sampling import Sampled, Sampling
    from ..model.system import System, Window
    from .generators import Generator

#: Value until it is given; hidden from type checkers, as no step that needs it runs before.
_NOT_YET: Any = None


class OutputFiles(Protocol):
    """The output files of a run, which grow window by window; the runner makes them complete and resumable."""

    def claim(self, path: Path, once: bool = False) -> None:
        """Register a file that this run writes, relative to the output folder; called once, at the start.

        Every replica of the frames has a file of its own, ``atoms.replica1.xtc`` after ``atoms.xtc``, unless the run
        writes this one ``once``, as it does a report.

        Raises:
            BackmapError: If the file exists already, another step writes it, or the run reads it.
        """

    def append(self, path: Path, data: bytes) -> None:
        """Append bytes to a claimed file; they are committed with the whole window."""

    def place(self, path: Path, data: bytes | None) -> None:
        """Write the whole content of a claimed file, at the end of the run; with None there is to be no such file."""


class Bar(Protocol):
    """A progress bar for work that a step does in ``start``, before there are frames."""

    def at(self, done: float, said: str = "") -> None:
        """Show that ``done`` of the total is done, with the text ``said``."""

    def tell(self, line: str) -> None:
        """Print a line where no bar is shown, as in a log file."""


class Unseen:
    """A progress bar that shows nothing."""

    def at(self, done: float, said: str = "") -> None:
        """See ``Bar``."""

    def tell(self, line: str) -> None:
        """See ``Bar``."""


class Kept:
    """What is kept of a large frame between the sweeps of a step, so that a resumed run goes on inside it: nothing.

    A step asks ``last`` when it gets a frame and tells ``keep`` after every sweep whatever the next ones need beside
    the window that it got.
    """

    def last(self, index: int) -> tuple[int, dict[str, NDArray[Any]]]:
        """Sweeps that an interrupted run has done, of the step with this ``index``, and what it kept after them."""
        return 0, {}

    def keep(self, index: int, sweeps: int, arrays: dict[str, NDArray[Any]]) -> None:
        """So many sweeps are done, and ``arrays`` are what there is after them."""


@contextmanager
def unseen(name: str, total: float = 1.0, unit: str | None = None, done: float = 0.0) -> Iterator[Bar]:
    """See ``State.working``."""
    yield Unseen()


@dataclass(eq=False)
class State:
    """The state that the steps of a run share.

    Attributes:
        folder: Folder of the recipe.
        output: Folder that output files go to.
        seed: Seed of all random numbers, as in the recipe; while frames pass, that of their replica.
        device: Torch device to compute on, ``cpu`` or ``cuda``.
        title: Title of the recipe.
        resume: Whether an interrupted run is continued.
        log: Prints one line for the user.
        progress: Called with the fraction of the current window's work that is done, 0 to 1.
        doing: Called with a word or two on what is done now, as ``sweep 3 of 8``; shown beside the progress.
        kept: What an interrupted run kept of the frame, and keeps: see ``Kept``.
        working: ``working(name, total, unit, done)``: context manager that yields a ``Bar``, for work that a step does
            in ``start``; without a unit the bar shows per cent.
        system: The molecules (given by ``topology``).
        source: Frames of beads (given by ``read``).
        reference: Frames of true atoms, or None.
        generator: The ``Generator`` used last, for steps that name none; None before one.
        forcefield: Parameters (given by ``forcefield``), or None.
        judgement: Results of ``assess``, for reports; complete once that step has finished.
        provenance: Returns recipe, versions, seed and hashes of inputs, as in run.json.
        chosen: Numbers of the frames this run goes through; known once a step has given ``source``.
        n_frames: How many these are, whatever the number of replicas.
        files: Output files, to which steps append window by window.
        spent: Time that the frames have taken so far, s, by ``Step.index``.
        beads_from: Files of the other beads that a step reads in place of those of the run; empty without.
        beads_are: What the recipe says of the beads that are read: ``mapped`` from atoms, or those of a coarse-grained
            ``model``; None where it does not say.
        loaded: Whether the atoms were read from a file, so that times do not measure how fast atoms are made.
        sampling: Acceptance of steps that accept or reject, for reports; added as each finishes.
        sampled: What the atoms follow after the steps that have started so far; None where nothing is accepted or
            rejected by a force field, or a later step has changed the atoms. A step that samples says so in ``start``.
        given: Whatever else steps hand on to later ones, by the names in their ``gives``.
        earlier: What there was before steps changed it (``change``), in order, as the last steps that knew it left it.
        read_level: The ``level`` of the frames of ``source`` and ``reference``.
        previous: The frame before the one that passes, as the steps left it, where one of them ``follows``; None at
            the first frame of a run, of a part of it, and of each replica.
        judges: The first step at each ``level`` that says what is wrong with atoms, which those that move them later
            ask anew.
    """

    folder: Path
    output: Path
    seed: int
    device: str
    title: str = ""
    resume: bool = False
    log: Callable[[str], None] = print
    progress: Callable[[float], None] = lambda fraction: None
    doing: Callable[[str], None] = lambda said: None
    kept: Kept = field(default_factory=Kept)
    working: Callable[..., AbstractContextManager[Bar]] = unseen
    system: System = _NOT_YET
    source: FrameSource = _NOT_YET
    reference: FrameSource | None = None
    generator: Generator | None = None
    forcefield: ForceField | None = None
    judgement: Judgement = _NOT_YET
    provenance: Callable[[], dict[str, Any]] = dict
    chosen: Sequence[int] = ()
    n_frames: int = 0
    files: OutputFiles = _NOT_YET
    spent: dict[int, float] = field(default_factory=dict)
    beads_from: str = ""
    beads_are: BeadsAre | None = None
    loaded: bool = False
    sampling: list[Sampling] = field(default_factory=list)
    sampled: Sampled | None = None
    given: dict[str, Any] = field(default_factory=dict)
    earlier: list[System] = field(default_factory=list)
    read_level: int = 0
    previous: Window | None = None
    judges: dict[int, Any] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """How often what there is has been changed so far."""
        return len(self.earlier)

    @property
    def systems(self) -> list[System]:
        """What there is at each level; those of later levels are added as steps start."""
        return [*self.earlier, self.system]

    def change(self, system: System) -> None:
        """Change what there is; a step does so in ``start``.

        From ``frames`` it hands on windows of ``systems[level]``, with the level right after the change: later steps
        may learn more about the same molecules, such as rigid lengths, and put that in place of ``system``.
        """
        self.earlier.append(self.system)
        self.system, self.generator, self.forcefield, self.loaded = system, None, None, False
        self.given.pop("contents", None)

    def order(self, window: Window) -> NDArray[np.int64]:
        """Place of each frame of a window among the frames of its replica, counted from 0, (W,)."""
        return window.place % self.n_frames if self.n_frames else window.place
