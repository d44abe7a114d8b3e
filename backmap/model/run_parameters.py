"""What the input of a simulation says beside its force field: how interactions end, and in which ensemble."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunParameters:
    """What an input file such as GROMACS' .mdp says.

    Attributes:
        where: The file.
        treatment: Options of the step ``forcefield`` that follow from it, by name.
        instead: Other values of these options that do not contradict it either, as ``pme`` where it has been replaced.
        epsilon_r: Relative permittivity by which all Coulomb energies are divided.
        temperature: K; None where it holds none.
        constraints: Which bonds are rigid, as the step ``topology`` calls it.
        places: Where each of these stands, by name: ``run.mdp:7: rvdw = 1.2``.
        remarks: What is done otherwise here than there, or passed over, one line each.
    """

    where: str
    treatment: Mapping[str, Any]
    instead: Mapping[str, frozenset[Any]] = field(default_factory=dict)
    epsilon_r: float = 1.0
    temperature: float | None = None
    constraints: str = "none"
    places: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def said(self, name: str) -> str:
        """Where and how it says something, for messages."""
        return self.places.get(name, f"{self.where} has another")
