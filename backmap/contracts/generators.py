"""The contracts of what draws atoms: generators, and what orders and weighs their draws.

A generator draws. One whose draws have a density can be accepted or rejected; one that learns can be trained: each is a
class of its own here, and a generator that is several derives from several.
"""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .plugin import Plugin

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from ..engine.checkpoints.library import Library
    from ..engine.random import Stream
    from ..engine.sites.contracts import Draw, LocalEnvironment, Objective, Order, View
    from ..model.molecule import MoleculeType
    from ..model.parameters import ForceField
    from ..model.system import System


class Generator(Plugin):
    """Draws the atoms of many fragments at once, each from what its site sees.

    It reads the environment and ``rng`` only, so a batch of sites that do not see each other is
    the same as drawing them one after the other. Draws that are to be accepted or rejected come from a
    ``DensityGenerator``, or from a ``Proposer`` where the density is a sum over latent variables; what can be
    trained is a ``Learner``.
    """

    #: True if it reads beads alone, so that all fragments can be drawn at once (a parallel start).
    parallel: ClassVar[bool] = False
    #: True if turning what it sees turns what it draws; ``testing.check_generator`` holds it to that.
    equivariant: ClassVar[bool] = False
    #: What it needs beyond the system: ``forcefield``, handed to ``use``.
    needs: frozenset[str] = frozenset()
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
    def training(self) -> dict[str, Any]:
        """How its weights were made: ``temperature`` (K, a list), ``bead_noise`` (nm), what else ``save`` was told."""
        return {}

    @abstractmethod
    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        """Draw ``candidates`` independent configurations of every site's block.

        Args:
            env: What S sites see.
            rng: A stream with one site for each of them; every random number comes from it.
            candidates: K.

        Returns:
            Positions (S, K, F, 3), nm from the anchor, with their log-densities if it has any.
        """


class Proposer(Generator):
    """A generator whose draws can be accepted or rejected: what it draws has a weight that can be evaluated."""

    @abstractmethod
    def log_proposal(self, env: LocalEnvironment, positions: Tensor, rng: Stream) -> Tensor:
        """What acceptance divides the weight of given positions (S, F, 3) by, a logarithm (S,): their density.

        A generator with latent variables z has none that it could evaluate. It draws z from q(z|x) here, anew whenever
        it is asked, and says ln P(z) P(x|z) / q(z|x); its draws come with the same, of the z that they were made from
        (``docs/theory``; pseudo-marginal acceptance: Andrieu and Roberts, Ann. Stat. 37, 697 (2009)).
        """


class DensityGenerator(Proposer):
    """A generator that can say how probable any positions are."""

    @abstractmethod
    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        """Log-density (S,) of given positions (S, F, 3), in the measure that ``draw`` reports (``docs/theory``)."""

    def log_proposal(self, env: LocalEnvironment, positions: Tensor, rng: Stream) -> Tensor:
        return self.log_density(env, positions)


class Learner(Generator):
    """A generator that can be trained, by the step ``train``."""

    @property
    @abstractmethod
    def network(self) -> nn.Module | None:
        """What learns; None before ``study`` has told it what there is to tell apart."""

    @abstractmethod
    def save(self, path: Path, system: System, library: Library, training: dict[str, Any]) -> None:
        """Write a checkpoint, from which the generator can be built again (``Checkpoint`` writes and reads one).

        Args:
            path: A .safetensors file.
            system: Molecule types with what training learned of them.
            library: Conformers for the parallel start.
            training: How it was made, for people.
        """

    def study(self, system: System) -> None:
        """Take a look at what is to be learned, once and before the first step: for networks made to measure."""

    def loss(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> Tensor:
        """Training loss per site (S,) for true positions ``target`` (S, F, 3): for those that learn alone."""
        raise NotImplementedError(f"{type(self).__name__} has neither a loss nor objectives of its own")

    def objectives(self, progress: float) -> Sequence[Objective]:
        """Who learns in a training step, in their order; ``progress`` is the share of the steps done, 0 to 1.

        By default the network alone, by ``loss``. Networks against one another, as with a critic, say so here.
        """
        from ..engine.sites.contracts import Loss, Objective

        def loss(env: LocalEnvironment, target: Tensor, rng: Stream) -> Loss:
            return Loss(self.loss(env, target, rng).sum() / env.block.sum())

        assert self.network is not None  # `study` came first
        return [Objective("network", self.network, loss)]

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
    needs: frozenset[str] = frozenset()
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
