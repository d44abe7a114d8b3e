"""What a recipe and its files hold, as far as they can be read; and what there is to say about them."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import BackmapError
from .inputs import AtomTopology, BeadModel, FrameSource

if TYPE_CHECKING:
    from .parameters import ForceField
    from .system import System

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")  #: the worst first


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, doubtful or good to know.

    Attributes:
        severity: error: a run would fail, or its result be wrong; warning: it is probably not what was meant;
            note: it is all right, but somebody might not expect it.
        where: File and line, and the place in a recipe.
        problem: What there is, in one sentence without a full stop at the end.
        hint: What to do; may be empty.
    """

    severity: Severity
    where: str
    problem: str
    hint: str = ""

    @classmethod
    def of(cls, error: BackmapError) -> Finding:
        """The finding that an error is."""
        return cls("error", error.where, error.problem, error.hint)


@dataclass(eq=False)
class Survey:
    """A recipe and its files, read as far as they can be. What could not be read is None or missing.

    Attributes:
        place: The recipe's file, for messages.
        steps: All that could be built, in order; they know their ``where``.
        output: The output folder; None if the recipe does not say.
        topology: What the atomistic topology says.
        blocks: (molecule type, count) in order.
        models: Bead model of each mapped molecule type.
        system: What is there, with what trained generators remember.
        forcefield: Its parameters.
        beads, reference: Frames of beads, and of true atoms.
        where: Place of a step, or of an option in it, with its line: ``where(step, "temperature")``.
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
    reference: FrameSource | None = None
    where: Callable[..., str] = lambda step, *options: step.where

    def named(self, *names: str) -> Iterator[Any]:
        """The steps of these names, in order."""
        return (step for step in self.steps if step.name in names)

    def place_of(self, given: str, *options: str) -> str:
        """Place of the step that gives something, or of an option in it; the recipe's, if there is no such step."""
        step = next((step for step in self.steps if given in step.gives), None)
        return self.where(step, *options) if step else self.place
