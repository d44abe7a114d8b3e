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
    """Energies of identical particles in the plane on a square grid, each due to the particles to its left.

    Particles are ordered by their first coordinate, so that only a window of columns from the last one on matters.
    The Boltzmann factor is exp(-energy / kT). Shapes: S particles, G nodes along a side of the grid, W columns of the
    window, n configurations, m obstacles.
    """

    @property
    def particles(self) -> int:
        """Number of particles S."""

    @property
    def fixed(self) -> int:
        """Number of coordinates of a configuration before those of the particles."""

    @property
    def edge(self) -> float:
        """Half the side of the grid, which reaches from -edge to +edge."""

    @property
    def spacing(self) -> float:
        """Distance between neighbouring nodes."""

    @property
    def rows(self) -> int:
        """Number of nodes along a side of the grid, G."""

    @property
    def columns(self) -> int:
        """Number of columns of the window, W."""

    def column(self, place: Any) -> Any:
        """Convert first coordinates, an array or a tensor, to multiples of the spacing from the edge of the grid."""

    def begin(self, obstacles: np.ndarray) -> np.ndarray:
        """Return the energies of walls and obstacles (n, m, 2) at every node, (n, G, G), float32."""

    def add(self, field: np.ndarray, places: np.ndarray) -> None:
        """Add the energy of one particle each, at ``places`` (n, 2), to ``field`` (n, G, G), in place."""

    def window(self, field: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return Boltzmann factors (n, W, G) from the column of the last particle on, at first coordinates (n,)."""

    def windows(self, obstacles: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return Boltzmann factors (n, S, W, G) for particles (n, S, 2): of obstacles (n, m, 2) and those before."""


class Target(Plugin):
    """A probability density that can be evaluated up to a constant factor."""

    #: What each coordinate is: ``binary`` (0 or 1), ``angle`` (on a circle, radians) or ``real``; (D,) entries.
    variables: tuple[str, ...] = ()
    #: Sides of the periodic square lattice whose sites the coordinates are, row by row; empty if they are not.
    grid: tuple[int, ...] = ()
    #: Group of each coordinate, (D,): those of a group depend alike on their ``surroundings``; None without groups.
    groups: tuple[int, ...] | None = None
    #: For identical particles in the plane, whose positions are the last coordinates, from left to right: the energy of
    #: each due to those to its left; needs ``obstacles``. None if there are no such particles.
    front: ParticleFront | None = None

    @property
    def size(self) -> int:
        """Number of coordinates D."""
        return len(self.variables)

    @abstractmethod
    def log_density(self, x: Tensor) -> Tensor:
        """Return ln p(x) + constant of configurations (n, D) in the measure dx, (n,) float64; -inf where p is 0."""

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return U and ln m of configurations (n, D), (n,) each, with ln p = ln m - U.

        m is the measure, which stays as it is where p is made hotter. By default all of ln p is energy.
        """
        energy = -self.log_density(x)
        return energy, energy.new_zeros(energy.shape)

    @abstractmethod
    def start(self, n: int, rng: np.random.Generator) -> Tensor:
        """Return ``n`` configurations (n, D) from which local moves can start; they need not be equilibrated."""

    @abstractmethod
    def local(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> tuple[Tensor, float]:
        """Make ``sweeps`` sweeps of local Monte Carlo moves that leave p invariant.

        Returns:
            Configurations, (n, D), and the share of moves accepted, 0 to 1.
        """

    def collective(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> Tensor:
        """Make moves (n, D) -> (n, D) that leave p invariant and cross its barriers, for training data.

        By default these are the local moves, which need not cross any.
        """
        return self.local(x, sweeps, rng)[0]

    def augment(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """Return images (n, D) of configurations under random symmetry operations of p, for training."""
        return x

    def surroundings(self, x: Tensor, columns: range) -> Tensor:
        """Return features on which an autoregressive model conditions ``columns``, (n, len(columns), F), float32.

        Those of a coordinate are functions of the coordinates before it alone. For targets with ``groups``.

        Raises:
            TypeError: If the target has no groups.
        """
        raise TypeError(f"{type(self).__name__} tells of no surroundings")

    def obstacles(self, x: Tensor) -> np.ndarray:
        """Return positions (n, m, 2) of what the particles of ``front`` interact with besides one another.

        They follow from the coordinates before those of the particles.

        Raises:
            TypeError: If the target has no front.
        """
        raise TypeError(f"{type(self).__name__} has no front")

    def log_normaliser(self) -> float | None:
        """Return ln of the integral of exp(``log_density``) if it is known exactly, else None."""
        return None

    def canonical(self, x: Tensor) -> Tensor:
        """Tell whether configurations (n, D) have the labels of identical particles that the model uses, (n,) bool.

        Samplers reject proposals that have not. By default all have.
        """
        return x.new_ones(len(x)).bool()

    def observables(self, x: Tensor) -> dict[str, np.ndarray]:
        """Measure configurations (n, D): observables (n,) by name."""
        return {}

    def basins(self, x: Tensor) -> np.ndarray:
        """Return the number of the basin of each configuration, (n,) int; acceptance is reported for each basin."""
        import numpy as np

        return np.zeros(len(x), dtype=np.int64)


class Model(Plugin):
    """A latent-variable model of a target: encoder q(z|x), prior P(z) and decoder P(x|z).

    Log-densities are natural logarithms in the measures dz and dx, (n,) float64.
    """

    @property
    @abstractmethod
    def network(self) -> nn.Module:
        """The torch module that is trained; built by ``prepare``."""

    @abstractmethod
    def prepare(self, target: Target) -> None:
        """Build the network for the coordinates of ``target``."""

    def adapt(self, x: Tensor) -> None:
        """Set scales from training data (n, D); called once, after ``prepare`` and before the first training step."""

    @abstractmethod
    def encode(self, x: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw z (n, L) from q(z|x) for configurations (n, D); return z and ln q(z|x)."""

    @abstractmethod
    def log_encoder(self, x: Tensor, z: Tensor) -> Tensor:
        """Return ln q(z|x) of pairs x (n, D) and z (n, L)."""

    @abstractmethod
    def prior(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw z (n, L) from P(z); return z and ln P(z)."""

    @abstractmethod
    def log_prior(self, z: Tensor) -> Tensor:
        """Return ln P(z) of latent variables (n, L)."""

    @abstractmethod
    def decode(self, z: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw x (n, D) from P(x|z); return x and ln P(x|z)."""

    @abstractmethod
    def log_decoder(self, x: Tensor, z: Tensor) -> Tensor:
        """Return ln P(x|z) of pairs x (n, D) and z (n, L); -inf where the decoder cannot produce x."""

    @abstractmethod
    def loss(self, x: Tensor, annealing: float, rng: np.random.Generator) -> Tensor:
        """Return the negative ELBO (n,), differentiable; ``annealing``, 0 to 1, scales the divergence of q from P."""

    @abstractmethod
    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write weights, options and ``training``, how they were made, to a .safetensors file."""

    @abstractmethod
    def load(self, path: Path) -> None:
        """Read what ``save`` wrote.

        Raises:
            BackmapError: If the file is damaged, or belongs to another model or target.
        """


@dataclass(eq=False)
class Chain:
    """The states that a sampler visited: T kept states of n parallel chains.

    Attributes:
        x: The last configurations, (n, D).
        rows: Observables at every kept state by name, (T, n) each, ``basin`` among them. Where a model proposes,
            ``log_weight`` is ln p(x) q(z|x) / (P(z) P(x|z)) of the proposal, accepted or not, and ``state_log_weight``
            that of the state before the move. Where chains sample another density than the target's, ``reweight`` is
            the ln of a state's weight in averages over the target.
        accepted: Numbers of accepted moves by kind of move and basin of the state before, e.g. ``{"vae": {0: 812}}``;
            basin -1 stands for all.
        tried: Numbers of attempted moves, in the same form.
        longest: The longest run of rejections in any chain, by kind of move.
        seconds: CPU time by kind of move, s.
    """

    x: Any
    rows: dict[str, Any] = field(default_factory=dict)
    accepted: dict[str, dict[int, int]] = field(default_factory=dict)
    tried: dict[str, dict[int, int]] = field(default_factory=dict)
    longest: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class Sampler(Plugin):
    """A Monte Carlo sampler of a target, with or without a model."""

    #: Whether ``run`` must be given a model.
    needs_model: ClassVar[bool] = False

    @abstractmethod
    def run(self, target: Target, model: Model | None, x: Tensor, steps: int, rng: np.random.Generator,
            progress: Callable[[float], None] = lambda fraction: None) -> Chain:
        """Run n parallel chains.

        Args:
            target: The density to sample.
            model: What proposes moves; None for samplers that need none.
            x: Configurations from which the chains start, (n, D).
            steps: Number of moves of each chain.
            rng: Source of all random numbers.
            progress: Called with the fraction done, 0 to 1.
        """


class EnsembleAssessor(Plugin):
    """An assessor of the chains of a sampler."""

    @abstractmethod
    def assess(self, target: Target, chain: Chain, beside: Chain | None) -> Assessment:
        """Assess the chains.

        Args:
            target: The density they sample.
            chain: The states after those that are discarded; not to be changed.
            beside: The chains of another sampler of the same target, for comparison, or None.
        """
