"""What generators with a trained network share: their checkpoint."""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from backmap.api import BackmapError, Checkpoint, Generator, Learner, Library, MoleculeType, Options, System, View
from backmap.engine.checkpoints.soundness import taken_apart

from .template.generator import Template


class Trained(Learner):
    """A generator whose network is read from a checkpoint, or made anew where its options name none.

    Attributes:
        kind: Its recipe name, which checkpoints bear.
        checkpoint: What was read, or None.
        sizes: What the network was built with, as checkpoints keep it.
    """

    kind: ClassVar[str]
    sizes: dict[str, Any]

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.checkpoint = Checkpoint.load(options.checkpoint, self.kind) if options.checkpoint else None

    @property
    @abstractmethod
    def network(self) -> nn.Module | None:
        """What is trained and saved; None before it is known what it must tell apart."""

    @property
    def view(self) -> View:
        return self.checkpoint.view if self.checkpoint else View(self.options.cutoff)

    @property
    def training(self) -> dict[str, Any]:
        return self.checkpoint.training if self.checkpoint else {}

    def expect_weights(self) -> Checkpoint:
        """The checkpoint.

        Raises:
            BackmapError: If options name none.
        """
        if self.checkpoint is None:
            raise BackmapError(f"the {self.kind} generator needs trained weights", where=self.kind,
                               hint=f"Write '{self.kind}: weights.safetensors', or use the template generator.")
        return self.checkpoint

    def prepare(self, system: System, device: str) -> System:
        checkpoint = self.expect_weights()
        self.network.to(device).eval()
        return checkpoint.enrich(system)

    @contextmanager
    def rebuilding(self) -> Iterator[None]:
        """Context in which the network is built, by sizes that may come from a checkpoint.

        Raises:
            BackmapError: If no network can be built by these.
        """
        if self.checkpoint is None:
            yield
            return
        with taken_apart(self.checkpoint.path):
            yield

    def fill(self, network: nn.Module) -> None:
        """Give a network the weights of the checkpoint, if there is one.

        Raises:
            BackmapError: If they are of another network.
        """
        if self.checkpoint is None:
            return
        try:
            network.load_state_dict(self.checkpoint.weights)
        except RuntimeError:
            raise BackmapError(f"its weights do not fit the network of the {self.kind} generator",
                               where=self.checkpoint.path, hint="They are of another version, or the file was changed "
                                                                "by hand: train anew.") from None

    def save(self, path: Path, system: System, library: Library, training: dict[str, Any]) -> None:
        """Write a checkpoint of the network as it is now."""
        weights = {name: value.clone() for name, value in self.network.state_dict().items()}
        Checkpoint(self.kind, weights, self.sizes, self.view, system.types, library, training).save(path)

    def unseen(self, system: System) -> Sequence[MoleculeType]:
        return self.checkpoint.unseen(system) if self.checkpoint else ()

    def starter(self) -> Generator | None:
        return Template.from_library(self.checkpoint.library) if self.checkpoint else None
