"""The content of a recipe and its files, as far as they can be read, and findings about them."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import BackmapError
from .inputs import AtomTopology, BeadModel, BeadsAre, FrameSource

if TYPE_CHECKING:
    from .parameters import ForceField
    from .system import System

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")  #: the worst first


@dataclass(frozen=True)
class Finding:
    """One result of a checker: an error, a warning or a note.

    Attributes:
        severity: ``error`` (a run would fail, or its result be wrong), ``warning`` (probably not what was meant) or
            ``note`` (correct, but perhaps unexpected).
        where: File and line, and the place in a recipe.
        problem: What was found, in one sentence without a full stop at the end.
        hint: What to do; may be empty.
    """

    severity: Severity
    where: str
    problem: str
    hint: str = ""

    @property
    def line(self) -> str:
        """Where, what and what to do, as one line."""
        return str(BackmapError(self.problem, where=self.where, hint=self.hint))

    @classmethod
    def of(cls, error: BackmapError) -> Finding:
        """Build the finding of severity ``error`` with the content of a BackmapError."""
        return cls("error", error.where, error.problem, error.hint)


def every_frame(source: FrameSource) -> Sequence[int]:
    """Return the numbers of all frames."""
    return range(source.n_frames)


@dataclass(eq=False)
class Survey:
    """The content of a recipe and its files, as far as they can be read; the rest is None or missing.

    Attributes:
        place: File of the recipe, for messages.
        steps: The steps that could be built, in order; their ``where`` is set.
        output: The output folder; None if the recipe does not say.
        topology: Content of the atomistic topology.
        blocks: (molecule type, number of molecules) in order.
        models: Bead models by name of the molecule type.
        system: The molecules, with the rigid lengths and signs known from trained generators.
        forcefield: Parameters of the system.
        beads: Frames of beads.
        beads_are: What the recipe says of them; None if it does not.
        reference: Frames of true atoms.
        chosen: Returns the numbers of the frames of a source that the run takes; all by default.
        later: Steps that come once one of them has changed what there is; each change has a survey of its own.
        where: Returns the place of a step, or of an option in it, with its line: ``where(step, "temperature")``.
    """

    place: str
    steps: Sequence[Any] = ()
    output: Path | None = None
    topology: AtomTopology | None = None
    blocks: Sequence[tuple[str, int]] = ()
    models: Mapping[str, BeadModel] = field(default_factory=dict)
    system: System | None = None
    forcefield: ForceField | None = None
    beads: FrameSource | None = None
    beads_are: BeadsAre | None = None
    reference: FrameSource | None = None
    later: Sequence[Any] = ()
    where: Callable[..., str] = lambda step, *options: step.where
    chosen: Callable[[FrameSource], Sequence[int]] = every_frame

    def named(self, *names: str) -> Iterator[Any]:
        """Iterate over the steps of these names, in order."""
        return (step for step in self.steps if step.name in names)

    def place_of(self, given: str, *options: str) -> str:
        """Return the place of the step that gives ``given``, or of an option in it; that of the recipe without one."""
        step = next((step for step in self.steps if given in step.gives), None)
        return self.where(step, *options) if step else self.place
