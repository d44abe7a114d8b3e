"""The contracts of what draws atoms: generators, and what orders and weighs their draws.

A ``Generator`` draws. A ``Proposer`` or ``DensityGenerator`` draws what can be accepted or rejected, and a ``Learner``
can be trained; a generator that is several of these derives from several.
"""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
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
    """A method that draws the atoms of many fragments at once, each from the local environment of its site.

    A draw depends on the environment and ``rng`` alone, so that drawing a batch of sites that do not see each other
    is the same as drawing them one after the other. Draws that are to be accepted or rejected come from a
    ``DensityGenerator``, or from a ``Proposer`` where the density is an integral over latent variables; a generator
    that can be trained is a ``Learner``.
    """

    #: True if draws depend on beads alone, so that all fragments can be drawn at once (a parallel start).
    parallel: ClassVar[bool] = False
    #: True if draws rotate with the environment; ``testing.check_generator`` tests it.
    equivariant: ClassVar[bool] = False
    #: True if all draws are to their beads as they should be, so that nothing has to be projected onto them: exactly
    #: at them, unless beads are soft (``Learner.softness``).
    meets_beads: ClassVar[bool] = False
    #: True if draws also depend on the frame before (``LocalEnvironment.before``), so that frames come in order.
    follows: ClassVar[bool] = False
    #: What it needs beyond the system: ``forcefield``, handed to ``use``.
    needs: frozenset[str] = frozenset()
    #: Remarks of ``prepare`` for the log of the run, one line each.
    remarks: Sequence[str] = ()
    #: What ``prepare`` found that its draws are not to be trusted for, for the verdict of reports, a sentence each.
    doubts: Sequence[str] = ()

    @property
    @abstractmethod
    def view(self) -> View:
        """The range of its local environments."""

    def use(self, forcefield: ForceField) -> None:
        """Take the force field; called once, before ``prepare``, for generators that need one."""

    def prepare(self, system: System, device: str) -> System:
        """Prepare for a system; called once, before the first draw.

        Args:
            system: The molecules.
            device: The torch device to compute on, ``cpu`` or ``cuda``.

        Returns:
            The system. A trained generator may add to its molecule types what training found: rigid bond lengths and
            signs of stereocentres.

        Raises:
            BackmapError: If it cannot draw one of the molecule types.
        """
        return system

    def starter(self) -> Generator | None:
        """Return a generator for the parallel start, or None if this one has none."""
        return self if self.parallel else None

    @property
    def training(self) -> dict[str, Any]:
        """How its weights were made: ``temperature`` (K, a list), ``bead_noise`` (nm) and what else ``save`` got."""
        return {}

    @abstractmethod
    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        """Draw ``candidates`` independent configurations of every site's block.

        Args:
            env: Local environments of S sites.
            rng: A stream with one row per site; the source of all random numbers.
            candidates: Number of configurations K.

        Returns:
            Positions (S, K, F, 3), nm from the anchor, with their log-densities if it has any.
        """


class Proposer(Generator):
    """A generator whose draws can be accepted or rejected: their proposal density can be evaluated or estimated."""

    @abstractmethod
    def log_proposal(self, env: LocalEnvironment, positions: Tensor, rng: Stream) -> Tensor:
        """Return the logarithm (S,) of the proposal density by which acceptance divides the weight of ``positions``.

        A generator with latent variables z cannot evaluate its density. It draws z from q(z|x) here, anew in every
        call, and returns ln P(z) P(x|z) / q(z|x); its draws come with the same of the z they were made from
        (``docs/theory``; pseudo-marginal acceptance: Andrieu and Roberts, Ann. Stat. 37, 697 (2009)).

        Args:
            env: Local environments of S sites.
            positions: Positions to be judged, (S, F, 3), nm from the anchor.
            rng: A stream with one row per site.
        """


class DensityGenerator(Proposer):
    """A generator that can evaluate the density of any positions."""

    @abstractmethod
    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        """Return the log-density (S,) of positions (S, F, 3), nm from the anchor, in the measure of ``docs/theory``."""

    def log_proposal(self, env: LocalEnvironment, positions: Tensor, rng: Stream) -> Tensor:
        return self.log_density(env, positions)


class Learner(Generator):
    """A generator that can be trained, by the step ``train``."""

    #: nm and coordinate; how far, as a standard deviation, beads are off the mass centres that it learns to draw.
    softness: float = 0.0
    #: Whether its weights belong to no molecule type, so that they may learn one of them in several mappings.
    transferable: bool = False

    @property
    @abstractmethod
    def network(self) -> nn.Module | None:
        """The torch module that is trained; None before ``study`` where that builds it."""

    @abstractmethod
    def save(self, path: Path, system: System, library: Library, training: dict[str, Any]) -> None:
        """Write a checkpoint from which the generator can be built again (see ``Checkpoint``).

        Args:
            path: A .safetensors file.
            system: Molecule types, with the rigid lengths and signs that training found.
            library: Conformers for the parallel start.
            training: How it was made, such as temperature and steps; for people.
        """

    def unseen(self, system: System) -> Sequence[MoleculeType]:
        """Return the molecule types to be drawn that it was not trained on; ``init`` proposes no weights for these."""
        return ()

    def study(self, system: System) -> None:
        """Prepare for the training system, on which the size of a network may depend; called once, before training."""

    def loss(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> Tensor:
        """Return the training loss (S,) of sites with true positions ``target`` (S, F, 3), nm from the anchor.

        Needed unless ``objectives`` is overridden.
        """
        raise NotImplementedError(f"{type(self).__name__} has neither a loss nor objectives of its own")

    def objectives(self, progress: float) -> Sequence[Objective]:
        """Return what is updated in a training step, in order.

        By default ``network`` alone, by ``loss``; a generator that is trained against a critic returns two.

        Args:
            progress: Share of all training steps that is done, 0 to 1.
        """
        from ..engine.sites.contracts import Loss, Objective

        def loss(env: LocalEnvironment, target: Tensor, rng: Stream) -> Loss:
            return Loss(self.loss(env, target, rng).sum() / env.block.sum())

        assert self.network is not None  # `study` came first
        return [Objective("network", self.network, loss)]

    def conclude(self, sites: Callable[[int], tuple[LocalEnvironment, Tensor, Stream]]) -> None:
        """Fit what no gradient does, such as the law of latent variables; by default there is nothing.

        Called before every checkpoint is written, with the weights that go into it.

        Args:
            sites: Returns so many sites of training frames, true positions (S, F, 3), nm from the anchor, and a stream;
                always the same ones.
        """

    def watch(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> dict[str, float]:
        """Return figures of held-out sites by name; training stops with an error if ``spread``, nm, vanishes."""
        return {"loss": float(self.loss(env, target, rng).sum() / env.block.sum())}


class Traversal(Plugin):
    """An order in which the beads of a molecule type are reconstructed."""

    @abstractmethod
    def order(self, molecule: MoleculeType, rng: np.random.Generator) -> Order:
        """Return ranks and parents of the beads; ranks are contiguous from 0."""


class Regularizer(Plugin):
    """A differentiable energy of fragments in their local environments.

    In sampling it chooses among candidates; in training it can be a part of the loss.
    """

    #: What it needs beyond the system: ``forcefield``, handed to ``use``.
    needs: frozenset[str] = frozenset()
    #: True if the energy is close to zero for a good structure, so that fragments above a threshold can be flagged.
    absolute: ClassVar[bool] = True

    def use(self, forcefield: ForceField) -> None:
        """Take the force field; called once, before the first energy, for regularizers that need one."""

    @abstractmethod
    def energy(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        """Return the energy (S, K), kJ/mol, of candidates ``positions`` (S, K, F, 3), nm from the anchor."""

    def terms(self, env: LocalEnvironment, positions: Tensor) -> dict[str, Tensor]:
        """Return the terms whose sum is ``energy``, (S, K) each, by name; training can match them one by one.

        By default there is one, the whole energy.
        """
        return {"energy": self.energy(env, positions)}
