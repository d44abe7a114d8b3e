"""The contracts of Monte Carlo on a density that can be evaluated: target, model, sampler, chain.

A target is p(x) ~ exp(-beta U(x)) in the measure of its coordinates x: every Jacobian belongs into
``log_density``. A model proposes configurations by way of latent variables z, and knows the density of
each of its parts, so that a sampler can accept or reject what it proposes (Monroe and Shen, J. Chem.
Theory Comput. 18, 3622 (2022)). Shapes: n configurations (rows), D coordinates each, L latent variables;
x and z are float64.
"""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from .plugin import Plugin

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from ..model.assessment import Assessment


class ParticleFront(Protocol):
    """What identical particles in the plane feel of those to their left, on the nodes of a square grid.

    A particle to come is right of the last one, so that only a window of columns from there on matters. "Room" is
    exp(-energy / kT). G is the number of nodes along a side of the grid, W that of the columns of the window.
    """

    @property
    def particles(self) -> int:
        """How many particles there are, S."""

    @property
    def fixed(self) -> int:
        """How many coordinates of a configuration come before theirs."""

    @property
    def edge(self) -> float:
        """The grid reaches from minus to plus this."""

    @property
    def spacing(self) -> float:
        """Distance of its nodes."""

    @property
    def rows(self) -> int:
        """G."""

    @property
    def columns(self) -> int:
        """W."""

    def column(self, place: Any) -> Any:
        """First coordinates in units of the spacing, from the grid's edge; arrays or tensors."""

    def begin(self, obstacles: np.ndarray) -> np.ndarray:
        """Energies (n, G, G), float32, that walls and obstacles (n, m, 2) make."""

    def add(self, field: np.ndarray, places: np.ndarray) -> None:
        """Put a particle each at places (n, 2) into energies (n, G, G), in place."""

    def window(self, field: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Room (n, W, G) from the column on in which the last particle is, at first coordinates (n,)."""

    def windows(self, obstacles: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Room (n, S, W, G) for each of particles (n, S, 2), made by obstacles (n, m, 2) and those before it."""


class Target(Plugin):
    """A density that can be evaluated, up to a constant."""

    #: What each coordinate is: ``binary`` (0 or 1), ``angle`` (on a circle, radians) or ``real``; (D,) entries.
    variables: tuple[str, ...] = ()
    #: Sides of the periodic square lattice whose sites the coordinates are, row by row; empty if they are not.
    grid: tuple[int, ...] = ()
    #: Which coordinates behave alike, seen from their ``surroundings``: a number each, (D,); None if nothing is told.
    groups: tuple[int, ...] | None = None
    #: For identical particles in the plane whose places are the last coordinates, from left to right: what each feels
    #: of those to its left; needs ``obstacles``. None if there are none.
    front: ParticleFront | None = None

    @property
    def size(self) -> int:
        """Number of coordinates D."""
        return len(self.variables)

    @abstractmethod
    def log_density(self, x: Tensor) -> Tensor:
        """ln p(x) + constant of configurations (n, D), in the measure dx: (n,), float64; -inf where forbidden."""

    @abstractmethod
    def start(self, n: int, rng: np.random.Generator) -> Tensor:
        """Configurations (n, D) from which local moves can set out; not equilibrated."""

    @abstractmethod
    def local(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> tuple[Tensor, float]:
        """Local Monte Carlo moves that leave p invariant: configurations (n, D), and the share accepted."""

    def collective(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> Tensor:
        """Moves (n, D) -> (n, D) that leave p invariant and cross its barriers where a way is known: for training data.

        By default these are the local moves, which cross no barrier.
        """
        return self.local(x, sweeps, rng)[0]

    def augment(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """Images (n, D) of configurations under symmetries of p, drawn at random: for training."""
        return x

    def surroundings(self, x: Tensor, columns: range) -> Tensor:
        """What a model of coordinates one after another may know of each of ``columns``, (n, len(columns), F), float32.

        Functions of the coordinates before it alone, the same F for all: for targets with ``groups``.
        """
        raise TypeError(f"{type(self).__name__} tells of no surroundings")

    def obstacles(self, x: Tensor) -> np.ndarray:
        """Places (n, m, 2) of what particles of a ``front`` feel besides one another, by coordinates before them."""
        raise TypeError(f"{type(self).__name__} has no front")

    def log_normaliser(self) -> float | None:
        """ln of the integral of exp(``log_density``), where it is known exactly."""
        return None

    def canonical(self, x: Tensor) -> Tensor:
        """Whether configurations (n, D) are labelled as the model was taught, (n,) bool.

        A target that relabels identical particles for the model says no to what breaks its labels, and
        samplers reject that.
        """
        return x.new_ones(len(x)).bool()

    def observables(self, x: Tensor) -> dict[str, np.ndarray]:
        """What is measured of configurations (n, D): named rows (n,)."""
        return {}

    def basins(self, x: Tensor) -> np.ndarray:
        """Number of the basin of each configuration, (n,) int: acceptance is quoted for each."""
        import numpy as np

        return np.zeros(len(x), dtype=np.int64)


class Model(Plugin):
    """Latent-variable model of a target: q(z|x), P(z) and P(x|z), each with its density.

    Densities are natural logarithms in the measures dz and dx, float64, (n,).
    """

    @property
    @abstractmethod
    def network(self) -> nn.Module:
        """What learns; built by ``prepare``."""

    @abstractmethod
    def prepare(self, target: Target) -> None:
        """Build the network for the coordinates of ``target``."""

    def adapt(self, x: Tensor) -> None:
        """See training data (n, D) once, after ``prepare`` and before the first step: scales of reals, say."""

    @abstractmethod
    def encode(self, x: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw z (n, L) from q(z|x); returns z and ln q(z|x)."""

    @abstractmethod
    def log_encoder(self, x: Tensor, z: Tensor) -> Tensor:
        """ln q(z|x) of given pairs."""

    @abstractmethod
    def prior(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw z (n, L) from P(z); returns z and ln P(z)."""

    @abstractmethod
    def log_prior(self, z: Tensor) -> Tensor:
        """ln P(z)."""

    @abstractmethod
    def decode(self, z: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw x (n, D) from P(x|z); returns x and ln P(x|z)."""

    @abstractmethod
    def log_decoder(self, x: Tensor, z: Tensor) -> Tensor:
        """ln P(x|z) of given pairs; -inf where the decoder cannot make x."""

    @abstractmethod
    def loss(self, x: Tensor, annealing: float, rng: np.random.Generator) -> Tensor:
        """Negative ELBO (n,) with the divergence of q from P weighted by ``annealing``, 0 to 1; differentiable."""

    @abstractmethod
    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write weights and options (safetensors + JSON)."""

    @abstractmethod
    def load(self, path: Path) -> None:
        """Read them; one clear line (BackmapError) if they are another target's or damaged."""


@dataclass(eq=False)
class Chain:
    """What a sampler has visited: T kept states of n parallel chains.

    Attributes:
        x: The last configurations, (n, D).
        rows: Observables at every kept state, (T, n) each; ``basin`` among them, and ``log_weight`` where a model
            proposes: ln p(x) q(z|x) / (P(z) P(x|z)) of what it proposed then, whether or not that was accepted;
            ``state_log_weight``: the same of the state that was set out from. ``reweight`` where chains sample another
            density: ln of the weight that a state has in averages over the target.
        accepted, tried: By kind of move and basin it sets out from, e.g. ``{"vae": {0: 812}}``; -1 is all of them.
        longest: The longest run of rejections of any chain, by kind of move.
        seconds: CPU seconds by kind of move.
    """

    x: Any
    rows: dict[str, Any] = field(default_factory=dict)
    accepted: dict[str, dict[int, int]] = field(default_factory=dict)
    tried: dict[str, dict[int, int]] = field(default_factory=dict)
    longest: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class Sampler(Plugin):
    """Monte Carlo on a target, with or without a model."""

    #: Whether ``run`` must be given a model.
    needs_model: ClassVar[bool] = False

    @abstractmethod
    def run(self, target: Target, model: Model | None, x: Tensor, steps: int, rng: np.random.Generator,
            progress: Callable[[float], None] = lambda fraction: None) -> Chain:
        """``steps`` moves of each of the chains that start from ``x`` (n, D)."""


class EnsembleAssessor(Plugin):
    """Judges what a sampler has visited."""

    @abstractmethod
    def assess(self, target: Target, chain: Chain, beside: Chain | None) -> Assessment:
        """What the chains show.

        Args:
            target: What they sample.
            chain: States without those that are discarded; stays as it is.
            beside: The chains of another sampler of the same target, if there are any.
        """
