"""What the steps of a run share, and the files they write to."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..model.assessment import Judgement
    from ..model.inputs import FrameSource
    from ..model.parameters import ForceField
    from ..model.sampling import Sampling
    from ..model.system import System
    from .generators import Generator

#: Until it is given; not told to type checkers, as no step that needs it is run before.
_NOT_YET: Any = None


class OutputFiles(Protocol):
    """The files of a run that grow window by window; the runner makes them whole and resumable."""

    def claim(self, path: Path) -> None:
        """Say, once and at the start, that this run writes ``path`` (relative to the output folder).

        Raises:
            BackmapError: If it exists already, another step writes it, or the run reads it.
        """

    def append(self, path: Path, data: bytes) -> None:
        """Add bytes to a claimed file. They count once the whole window has been written."""

    def place(self, path: Path, data: bytes) -> None:
        """Write a claimed file as a whole, at the end of the run."""


class Bar(Protocol):
    """Shows how far the work has come that a step does by itself, before there are frames."""

    def at(self, done: float, said: str = "") -> None:
        """So much is done, and this is to be said of it."""

    def tell(self, line: str) -> None:
        """A line that is printed where there is no bar to be seen."""


class Unseen:
    """A bar that nobody sees."""

    def at(self, done: float, said: str = "") -> None:
        """See ``Bar``."""

    def tell(self, line: str) -> None:
        """See ``Bar``."""


@contextmanager
def unseen(name: str, total: float = 1.0, unit: str | None = None, done: float = 0.0) -> Iterator[Bar]:
    """See ``State.working``."""
    yield Unseen()


@dataclass(eq=False)
class State:
    """What the steps of a run share.

    Attributes:
        folder: Folder of the recipe; output: where files go; seed, device: as in the recipe.
        title: Of the recipe.
        log: Prints one line for the user.
        progress: Called with a fraction of the current window's work that is done, 0 to 1.
        working: Context with a ``Bar``, for work that a step does as it starts: ``working(name, total, unit, done)``;
            without a unit it shows per cent.
        system: What is there (given by ``topology``).
        source: Frames of beads (given by ``read``); reference: frames of true atoms, or None.
        generator: The ``Generator`` used last, for steps that name none.
        forcefield: Parameters (given by ``forcefield``), or None.
        judgement: What ``assess`` found, for reports; whole once that step has finished.
        provenance: Says what is being run: recipe, versions, seed, hashes of inputs, as in run.json.
        chosen: Numbers of the frames this run goes through, and n_frames, how many; known once a step has
            given ``source``.
        files: Where steps append what they write, window by window.
        spent: Seconds that the frames have taken so far, by ``Step.index``.
        beads_from: Files of other beads that stand in for those of the run, where a step took some.
        loaded: Whether the atoms were read from a file instead of made, so that no time says how fast that was.
        sampling: What steps that accept or reject tell reports, each as it finishes.
        given: What steps hand on to later ones beside all this, by the names in their ``gives``.
    """

    folder: Path
    output: Path
    seed: int
    device: str
    title: str = ""
    resume: bool = False
    log: Callable[[str], None] = print
    progress: Callable[[float], None] = lambda fraction: None
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
    loaded: bool = False
    sampling: list[Sampling] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)
