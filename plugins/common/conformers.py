"""Idealised conformers from RDKit, for molecules without a trajectory."""
from __future__ import annotations

from backmap.model.system import System

from .library import Library


def ideal_library(system: System, conformers: int) -> Library:
    return Library()
