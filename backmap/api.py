"""The contracts of the plugin kinds. A plugin author reads this file and needs no other.

Units everywhere: nm, kJ/mol, ps, K, e, radians; degrees only at the user's door. Shapes: S sites
(blocks drawn in one batch), K candidates, F atoms of the largest fragment, W frames of the window,
B beads, A atoms. A plugin is built from its options alone; ``Options`` is a pydantic model in which
every field is typed and described and unknown keys are refused.
"""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import pydantic

from .fields import InputPath, Nested, OutputPath, Several

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from .engine.contracts import Draw, LocalEnvironment, Order, View
    from .engine.random import Stream
    from .model.mapping import Mapping
    from .model.molecule import MoleculeType
    from .model.system import System, Window

__all__ = [
    "Assessor", "AtomMolecule", "AtomTopology", "BeadModel", "FrameInfo", "FrameSource", "Generator", "InputPath",
    "MappingReader", "Nested", "Options", "OutputFiles", "OutputPath", "Plugin", "Reader", "Refiner", "Regularizer",
    "Several", "State", "Step", "TopologyReader", "Traversal", "Writer",
]


class Options(pydantic.BaseModel):
    """Options of one plugin: typed, with defaults, frozen; an unknown key is refused."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Plugin(ABC):  # noqa: B024 (the kinds below have the abstract methods)
    """A thing that a recipe names. Its options are all that it is built from."""

    Options: ClassVar[type[Options]] = Options

    def __init__(self, options: Options) -> None:
        self.options = options


class Generator(Plugin):
    """Draws the atoms of many fragments at once, each from what its site sees.

    It reads the environment and ``rng`` only, so a batch of sites that do not see each other is
    the same as drawing them one after the other.
    """

    #: True if it reads beads alone, so that all fragments can be drawn at once (a parallel start).
    parallel: ClassVar[bool] = False
    #: True if turning what it sees turns what it draws; ``testing.check_generator`` holds it to that.
    equivariant: ClassVar[bool] = False

    @property
    @abstractmethod
    def view(self) -> View:
        """How far it sees."""

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

    def save(self, path: Path, system: System, conformers: Any, training: dict[str, Any]) -> None:
        """Write a checkpoint, from which the generator can be built again: for generators that learn.

        Args:
            path: A .safetensors file.
            system: Molecule types with what training learned of them.
            conformers: For the parallel start (``backmap_plugins.common.library.Library``).
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

    def loss(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> Tensor:
        """Training loss per site (S,) for true positions ``target`` (S, F, 3).

        Only for generators that learn.
        """
        raise TypeError(f"{type(self).__name__} does not learn")


class Traversal(Plugin):
    """Says in which order the beads of a molecule type are reconstructed."""

    @abstractmethod
    def order(self, molecule: MoleculeType, rng: np.random.Generator) -> Order:
        """Ranks and parents of the beads; ranks are contiguous from 0."""


class Regularizer(Plugin):
    """A differentiable energy of fragments in their environments."""

    @abstractmethod
    def energy(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        """Energy (S, K), kJ/mol, of candidates ``positions`` (S, K, F, 3), nm from the anchor."""


class Refiner(Plugin):
    """Improves frames whose atoms are all placed: minimisation, constrained dynamics."""

    @abstractmethod
    def refine(self, window: Window, system: System, rng: Stream, only: np.ndarray | None) -> Window:
        """A new window. ``only`` is a mask of beads, (W, B) bool; None means all."""


class Assessor(Plugin):
    """Scores windows in one pass, against a reference where there is one."""

    @abstractmethod
    def begin(self, system: System) -> None: ...

    @abstractmethod
    def add(self, window: Window) -> None: ...

    @abstractmethod
    def merge(self, other: Assessor) -> None: ...

    @abstractmethod
    def finish(self) -> dict[str, Any]: ...


@dataclass(frozen=True, eq=False)
class FrameInfo:
    """One frame as read from a file: positions (n, 3) nm, box (3, 3) nm or None, time ps."""

    positions: np.ndarray
    box: np.ndarray | None
    time: float


class Reader(Plugin):
    """Reads trajectories of one format. Angstrom and 1-based indices end here."""

    @abstractmethod
    def open(self) -> FrameSource:
        """Check the files and return their frames.

        Raises:
            BackmapError: With the file and line, what stands there, what was expected.
        """


class FrameSource(Protocol):
    """Frames on disk, read when asked for."""

    n_frames: int
    n_points: int
    where: str

    def frame(self, number: int) -> FrameInfo:
        """Frame ``number``, counted from 0."""


class TopologyReader(Plugin):
    """Reads atomistic topologies: molecule types without beads, and how many of each."""

    @abstractmethod
    def read(self) -> AtomTopology: ...


@dataclass(frozen=True, eq=False)
class AtomMolecule:
    """A molecule type as the topology alone knows it; see ``model.molecule.MoleculeType``."""

    name: str
    atom_names: list[str]
    atom_types: list[str]
    residue_names: list[str]
    residues: np.ndarray
    element: np.ndarray  #: atomic numbers, (A,)
    mass: np.ndarray
    partial_charge: np.ndarray
    bonds: np.ndarray  #: smaller index first, sorted, (n_bonds, 2)
    bond_length: np.ndarray  #: equilibrium length, nm, NaN if unknown, (n_bonds,)
    constrained: np.ndarray  #: bonds the topology itself constrains, (n_bonds,) bool


@dataclass(frozen=True, eq=False)
class AtomTopology:
    """All molecule types of a topology file, and the list of [ molecules ] if it has one."""

    types: dict[str, AtomMolecule]
    blocks: list[tuple[str, int]]
    where: str


class MappingReader(Plugin):
    """Reads mapping files."""

    @abstractmethod
    def read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        """The bead model of each molecule type that the files describe, by molecule type name."""


@dataclass(frozen=True, eq=False)
class BeadModel:
    """The beads of one molecule type.

    Attributes:
        bead_names, bead_types, bead_residue_names: (B,).
        bead_residues: (B,).
        bead_bonds: Pairs of beads if the file gives bonds, else None, (m, 2).
        mapping: Weights and owners.
    """

    bead_names: list[str]
    bead_types: list[str]
    bead_residue_names: list[str]
    bead_residues: np.ndarray
    bead_bonds: np.ndarray | None
    mapping: Mapping


class Writer(Plugin):
    """Writes one kind of file. ``write`` is called once per window; bytes are only ever appended."""

    @abstractmethod
    def paths(self) -> Sequence[Path]:
        """Files it writes, relative to the output folder."""

    @abstractmethod
    def encode(self, window: Window, system: System, first: bool) -> Iterable[bytes]:
        """Bytes to append to each of ``paths``; ``first`` is True for the first window of the run."""


class OutputFiles(Protocol):
    """The files of a run that grow window by window; the runner makes them whole and resumable."""

    n_frames: int  #: frames that are whole in the files so far, 0 in the first window of the run

    def claim(self, path: Path) -> None:
        """Say, once and at the start, that this run writes ``path`` (relative to the output folder).

        Raises:
            BackmapError: If it exists already, or another step writes it.
        """

    def append(self, path: Path, data: bytes) -> None:
        """Add bytes to a claimed file. They count once the whole window has been written."""


@dataclass(eq=False)
class State:
    """What the steps of a run share.

    Attributes:
        folder: Folder of the recipe; output: where files go; seed, device: as in the recipe.
        title: Of the recipe.
        log: Prints one line for the user.
        progress: Called with a fraction of the current window's work that is done, 0 to 1.
        system: What is there (given by ``topology``).
        source: Frames of beads (given by ``read``); reference: frames of true atoms, or None.
        generator: The generator used last, for steps that name none.
        n_frames: Frames this run goes through; known once a step has given ``source``.
        files: Where steps append what they write, window by window.
        extra: Room for plugins, by plugin name.
    """

    folder: Path
    output: Path
    seed: int
    device: str
    title: str = ""
    resume: bool = False
    log: Callable[[str], None] = print
    progress: Callable[[float], None] = lambda fraction: None
    system: System | None = None
    source: FrameSource | None = None
    reference: FrameSource | None = None
    generator: Generator | None = None
    n_frames: int = 0
    files: OutputFiles | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Step(Plugin):
    """One line of a recipe. What it needs and gives is checked before anything runs.

    The names in use: ``system``, ``beads``, ``reference``, ``atoms``, ``generator``.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()
    #: Place in the recipe, e.g. ``run.yaml: steps[3].gibbs``; set by the recipe, for messages.
    where: str = ""
    #: Number of the step in the recipe, counted from 0; part of the name of every random draw.
    index: int = 0

    def start(self, state: State) -> None:
        """Called once, before the first window."""

    def frames(self, window: Window, state: State) -> Window:
        """Called for every window, in order."""
        return window

    def finish(self, state: State) -> None:
        """Called once, after the last window."""
