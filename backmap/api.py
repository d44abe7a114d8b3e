"""The contracts of the plugin kinds. A plugin author reads this file and needs no other.

Units everywhere: nm, kJ/mol, ps, K, e, radians; degrees only at the user's door. Shapes: S sites
(blocks drawn in one batch), K candidates, F atoms of the largest fragment, W frames of the window,
B beads, A atoms. A plugin is built from its options alone; ``Options`` is a pydantic model in which
every field is typed and described and unknown keys are refused.
"""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .contracts.ensembles import Chain, Model, Sampler, Target
from .contracts.plugin import Options, Plugin
from .contracts.state import OutputFiles, State
from .errors import BackmapError
from .fields import InputPath, Nested, OutputPath, Several, WeightsPath
from .model.inputs import AtomMolecule, AtomTopology, BeadModel, FrameInfo, FrameSource, also_read

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from .engine.random import Stream
    from .engine.sites.contracts import Draw, LocalEnvironment, Order, Player, View
    from .engine.sites.snapshot import Snapshot
    from .model.assessment import Assessment
    from .model.memory import Memory
    from .model.molecule import MoleculeType
    from .model.parameters import ForceField
    from .model.survey import Finding, Survey
    from .model.system import System, Window
    from .model.tally import Tally

__all__ = [
    "Assessor", "AtomMolecule", "AtomTopology", "BeadModel", "Bridge", "Chain", "Checker", "ForceFieldReader",
    "FrameInfo", "FrameSource", "Generator", "InputPath", "MappingReader", "Memory", "Model", "Nested", "Options",
    "OutputFiles", "OutputPath", "Plugin", "Reader", "Refiner", "Regularizer", "Sampler", "Several", "State", "Step",
    "Target", "TopologyReader", "Traversal", "WeightsPath", "Writer", "also_read",
]


def __getattr__(name: str) -> Any:
    """What is imported when it is asked for, as numpy comes with it."""
    if name == "Memory":
        from .model.memory import Memory

        return Memory
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Generator(Plugin):
    """Draws the atoms of many fragments at once, each from what its site sees.

    It reads the environment and ``rng`` only, so a batch of sites that do not see each other is
    the same as drawing them one after the other.
    """

    #: True if it reads beads alone, so that all fragments can be drawn at once (a parallel start).
    parallel: ClassVar[bool] = False
    #: True if turning what it sees turns what it draws; ``testing.check_generator`` holds it to that.
    equivariant: ClassVar[bool] = False
    #: What it needs beyond the system: ``forcefield``, handed to ``use``.
    needs: ClassVar[frozenset[str]] = frozenset()
    #: What ``prepare`` found that the run should say, a line each.
    remarks: Sequence[str] = ()

    @property
    @abstractmethod
    def view(self) -> View:
        """How far it sees."""

    def use(self, forcefield: ForceField) -> None:
        """Take the force field, once and before ``prepare``: for generators that need one."""

    def prepare(self, system: System, device: str) -> System:
        """Take a look at the system once, before the first draw, and return it.

        A generator that was trained may return a system whose molecule types know more than the
        topology told: rigid bond lengths and signs of stereocentres.

        Raises:
            BackmapError: If it cannot draw one of the molecule types.
        """
        return system

    def starter(self) -> Generator | None:
        """A generator for the parallel start, or None if this one has none."""
        return self if self.parallel else None

    @property
    def network(self) -> nn.Module | None:
        """What learns, for generators that do."""
        return None

    @property
    def training(self) -> dict[str, Any]:
        """How its weights were made: ``temperature`` (K, a list), ``bead_noise`` (nm), what else ``save`` was told."""
        return {}

    def save(self, path: Path, system: System, conformers: Any, training: dict[str, Any]) -> None:
        """Write a checkpoint, from which the generator can be built again: for generators that learn.

        Args:
            path: A .safetensors file.
            system: Molecule types with what training learned of them.
            conformers: For the parallel start (``backmap_plugins.learning.library.Library``).
            training: How it was made, for people.
        """
        raise TypeError(f"{type(self).__name__} does not learn")

    @abstractmethod
    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        """Draw ``candidates`` independent configurations of every site's block."""

    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        """Log-density (S,) of given positions (S, F, 3), in the measure that ``draw`` reports.

        Only for generators whose draws come with a log-density.
        """
        raise TypeError(f"{type(self).__name__} has no density")

    def log_proposal(self, env: LocalEnvironment, positions: Tensor, rng: Stream) -> Tensor:
        """What acceptance divides the weight of given positions (S, F, 3) by, a logarithm (S,): their density.

        A generator with latent variables z has none that it could evaluate. It draws z from q(z|x) here, anew whenever
        it is asked, and says ln P(z) P(x|z) / q(z|x); its draws come with the same, of the z that they were made from
        (``docs/theory``).
        """
        return self.log_density(env, positions)

    @classmethod
    def weighable(cls) -> bool:
        """Whether draws can be accepted or rejected."""
        return cls.log_density is not Generator.log_density or cls.log_proposal is not Generator.log_proposal

    def loss(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> Tensor:
        """Training loss per site (S,) for true positions ``target`` (S, F, 3).

        Only for generators that learn.
        """
        raise TypeError(f"{type(self).__name__} does not learn")

    def study(self, system: System) -> None:
        """Take a look at what is to be learned, once and before the first step: for networks made to measure."""

    def players(self, progress: float) -> Sequence[Player]:
        """Who learns in a training step, in their order; ``progress`` is the share of the steps done, 0 to 1.

        By default the network alone, by ``loss``. Networks against one another, as with a critic, say so here.
        """
        from .engine.sites.contracts import Lesson, Player

        def lesson(env: LocalEnvironment, target: Tensor, rng: Stream) -> Lesson:
            return Lesson(self.loss(env, target, rng).sum() / env.block.sum())

        return [Player("network", self.network, lesson)]

    def watch(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> dict[str, float]:
        """Figures of held-out sites, by name; training ends with a clear message if ``spread``, nm, vanishes."""
        return {"loss": float(self.loss(env, target, rng).sum() / env.block.sum())}


class Traversal(Plugin):
    """Says in which order the beads of a molecule type are reconstructed."""

    @abstractmethod
    def order(self, molecule: MoleculeType, rng: np.random.Generator) -> Order:
        """Ranks and parents of the beads; ranks are contiguous from 0."""


class Regularizer(Plugin):
    """A differentiable energy of fragments in their environments.

    It chooses among candidates when sampling, and is a part of the loss in training.
    """

    #: What it needs beyond the system: ``forcefield``, handed to ``use``.
    needs: ClassVar[frozenset[str]] = frozenset()
    #: True if it is about zero wherever nothing is wrong: then fragments above a threshold can be flagged and redrawn.
    absolute: ClassVar[bool] = True

    def use(self, forcefield: ForceField) -> None:
        """Take the force field, once and before the first energy: for regularizers that need one."""

    @abstractmethod
    def energy(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        """Energy (S, K), kJ/mol, of candidates ``positions`` (S, K, F, 3), nm from the anchor."""

    def terms(self, env: LocalEnvironment, positions: Tensor) -> dict[str, Tensor]:
        """The parts whose sum is ``energy``, (S, K) each, by name: training can match them one by one.

        Only for regularizers whose energy has parts; by default it is one.
        """
        return {"energy": self.energy(env, positions)}


class Refiner(Plugin):
    """Improves frames whose atoms are all placed: minimisation, constrained dynamics."""

    #: What it needs beyond atoms: ``forcefield``.
    needs: ClassVar[frozenset[str]] = frozenset()
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
    needs: ClassVar[frozenset[str]] = frozenset()

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


class ForceFieldReader(Plugin):
    """Reads force-field parameters of one format."""

    @abstractmethod
    def read(self, system: System) -> ForceField:
        """Parameters of the molecule types of ``system``.

        Raises:
            BackmapError: With the file, and line where there is one, if parameters are missing.
        """


class Reader(Plugin):
    """Reads trajectories of one format. Angstrom and 1-based indices end here."""

    @abstractmethod
    def open(self) -> FrameSource:
        """Check the files and return their frames.

        Raises:
            BackmapError: With the file and line, what stands there, what was expected.
        """


class TopologyReader(Plugin):
    """Reads atomistic topologies: molecule types without beads, and how many of each."""

    @abstractmethod
    def read(self) -> AtomTopology: ...


class MappingReader(Plugin):
    """Reads mapping files."""

    @abstractmethod
    def read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        """The bead model of each molecule type that the files describe, by molecule type name."""

    def problems(self, topology: AtomTopology) -> Iterator[BackmapError]:
        """All that is wrong with the files, for ``backmap check``; by default the first that ``read`` meets."""
        try:
            self.read(topology)
        except BackmapError as error:
            yield error


class Writer(Plugin):
    """Writes one kind of file. ``write`` is called once per window; bytes are only ever appended."""

    @abstractmethod
    def paths(self) -> Sequence[Path]:
        """Files it writes, relative to the output folder."""

    @abstractmethod
    def encode(self, window: Window, system: System, first: bool) -> Iterable[bytes]:
        """Bytes to append to each of ``paths``; ``first`` is True for the first window of the run."""


class Checker(Plugin):
    """Looks a recipe and its files over for what is wrong or doubtful: ``backmap check`` asks every one of them."""

    @abstractmethod
    def check(self, survey: Survey) -> Iterable[Finding]:
        """What there is to say; a BackmapError that is raised becomes a finding, too."""


class Bridge(Plugin):
    """Carries frames over from an object of another Python library, and what a run made back to it.

    Recipes do not name it: it serves those who call ``backmap.run`` from Python.
    """

    @abstractmethod
    def knows(self, thing: object) -> bool:
        """True if ``thing`` is an object of that library that holds frames."""

    @abstractmethod
    def frames(self, thing: object) -> FrameSource:
        """The frames that ``thing`` holds; it stays as it is."""

    @abstractmethod
    def atoms(self, system: System, files: Sequence[Path]) -> object:
        """The atoms of ``system`` with the trajectory that a run has written, as an object of that library.

        Raises:
            BackmapError: If none of ``files`` is a trajectory of these atoms.
        """


class Step(Plugin):
    """One line of a recipe. What it needs and gives is checked before anything runs.

    The names in use: ``system``, ``beads``, ``reference``, ``atoms``, ``generator``, ``forcefield``,
    ``judgement``.

    Frames may be shared out among processes and parts of a run, and a run may be stopped and resumed at any moment:
    what a step does to a frame follows from the frame, the recipe and the seed alone, and what it has to remember of
    the frames until ``finish`` it counts into ``memory``, each frame under its ``Window.place``.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()
    #: True if ``start`` does all the work and writes what comes of it: other processes cannot share it.
    beforehand: ClassVar[bool] = False
    #: Place in the recipe, e.g. ``run.yaml: steps[3].gibbs``; set by the recipe, for messages.
    where: str = ""
    #: Number of the step in the recipe, counted from 0; part of the name of every random draw.
    index: int = 0

    def __init__(self, options: Options) -> None:
        from .model.memory import Memory  # late: numpy comes with it

        super().__init__(options)
        #: What it has counted of the frames; whole in ``finish``. The runner replaces it from window to window.
        self.memory = Memory()

    @property
    def branches(self) -> dict[str, Sequence[Step]]:
        """Steps nested in this one's options, by branch. They start where this step stands: the recipe gives
        them a place and checks their needs; running them is this step's business."""
        return {}

    def start(self, state: State) -> None:
        """Called once, before the first window."""

    def frames(self, window: Window, state: State) -> Window:
        """Called for every window, in order."""
        return window

    def finish(self, state: State) -> None:
        """Called once, after the last window."""
