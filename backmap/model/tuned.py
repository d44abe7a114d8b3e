"""What the pilot of a run has chosen for options that the recipe leaves to it."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: What a recipe writes for an option that the pilot is to choose.
AUTO = "auto"


@dataclass(frozen=True)
class Tuned:
    """The values of a step's options that were left to the pilot, and what they rest on: plain data, all of it.

    Attributes:
        values: By the name of the option.
        measured: Tables for people, by what they are about; each row has entries by name.
        remark: What could not be reached, in one sentence without a full stop; empty if nothing is missing.
    """

    values: Mapping[str, Any]
    measured: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    remark: str = ""

    @property
    def said(self) -> str:
        """The values, for people: ``timestep 1.5, steps 40``."""
        return ", ".join(f"{name} {value:g}" if isinstance(value, float) else
                         f"{name} {'none' if value is None else value}" for name, value in self.values.items())
