"""What models have in common that are one torch module: it is built from options, and saved with them."""
from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from backmap.api import Model, Options, Target
from backmap.engine.checkpoints import store
from backmap.engine.checkpoints.soundness import expect_weights, taken_apart
from backmap.errors import BackmapError

Network = TypeVar("Network", bound=nn.Module)


class NetworkModel(Model, Generic[Network]):
    """A model that is one torch module.

    Its options have ``weights``, which bring the options that they were made with.

    Attributes:
        kind: Of its checkpoints.
        sizes: The options that its network is of.
    """

    kind: ClassVar[str]
    options: Any

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._network: Network | None = None

    @property
    def network(self) -> Network:
        if self._network is None:
            raise RuntimeError("prepare comes first")
        return self._network

    @abstractmethod
    def built(self, options: Any) -> Network:
        """Return a network with these options for ``target``, untrained."""

    def expect(self, target: Target) -> None:
        """Refuse targets that it is not for.

        Raises:
            BackmapError: If it is not for this one.
        """

    def prepare(self, target: Target) -> None:
        self.expect(target)
        self.target = target
        if self.options.weights is not None:
            self.load(self.options.weights)
        else:
            self._build(self.options)

    def _build(self, options: Any) -> None:
        self.sizes, self._network = options, self.built(options)

    def kept(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights as they are written."""
        return tensors

    def taken(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights from what is written, once the network is built."""
        return tensors

    def shape_of(self, target: Target) -> dict[str, Any]:
        """Return what has to be the same of a target that weights are to be used for, as plain data."""
        return {"size": target.size}

    def described(self, shape: dict[str, Any]) -> str:
        """Return that in words."""
        return f"{shape['size']} coordinates"

    def save(self, path: Path, training: dict[str, Any]) -> None:
        options = self.sizes.model_dump(mode="json", exclude={"weights"})
        store.save(path, self.kind, self.kept(self.network.state_dict()),
                   {"options": options, **self.shape_of(self.target), "training": training})

    def load(self, path: Path) -> None:
        tensors, header = store.load(path, self.kind)
        expect_weights(tensors, path)
        with taken_apart(path):
            self._load(tensors, header, path)

    def _load(self, tensors: dict[str, Tensor], header: dict[str, Any], path: Path) -> None:
        here = self.shape_of(self.target)
        there = {name: header[name] for name in here}
        if there != here:
            raise BackmapError(f"was trained on a target of {self.described(there)}, but this one has "
                               f"{self.described(here)}", where=path, hint="Use the target's own weights, or train "
                                                                           "some.")
        self._build(self.Options(**header["options"]))
        try:
            self.network.load_state_dict(self.taken(tensors))
        except RuntimeError as error:
            raise BackmapError("does not hold all weights of the model that it says it is", where=path,
                               hint=str(error).splitlines()[-1].strip()) from None
        self.training = header["training"]


def halved(tensors: dict[str, Tensor], precision: str) -> dict[str, Tensor]:
    """Weights in half precision, if that is wanted, where they were in single."""
    if precision != "half":
        return tensors
    return {name: value.half() if value.dtype == torch.float32 else value for name, value in tensors.items()}
