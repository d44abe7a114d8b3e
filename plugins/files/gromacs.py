"""What the readers of GROMACS' topologies share: their options, and how lines are told apart."""
from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pydantic

from backmap.api import InputPath, Options

from .preprocessor import TopologyLine, preprocess

#: Bond functions that mean a chemical bond; along which exclusions are counted; 6, 9 and 10 are restraints.
CHEMICAL_BONDS = {"1", "2", "3", "4", "5", "7", "8"}


class TopologyFile(Options):
    """A topology with all that it includes."""

    file: InputPath = pydantic.Field(description="A .top, or an .itp with its [ moleculetype ] sections; energies need "
                                                 "[ defaults ] and [ atomtypes ] as well.")
    include: list[InputPath] = pydantic.Field(
        default=[], description="Folders for #include, before those of an installed GROMACS.")
    define: dict[str, Any] = pydantic.Field(
        default={}, description="Macros for #ifdef and parameters, as -DNAME=value in an .mdp.")

    def lines(self) -> Iterator[TopologyLine]:
        """Its lines of data, preprocessed."""
        define = {name: "" if value is None else str(value) for name, value in self.define.items()}
        return preprocess(self.file, self.include, define)


def finite(word: str) -> float:
    """A number of a line; ValueError for what is none, ``nan`` and ``inf`` included."""
    value = float(word)
    if not math.isfinite(value):
        raise ValueError(word)
    return value


def atom_type_columns(words: list[str]) -> tuple[str, str, list[str]]:
    """Bonded type, atomic number ("" if not given) and the columns from the mass on, of a line of [ atomtypes ].

    ``name [bonded type] [number] mass charge ptype ...``: told apart as GROMACS does, by where the particle type stands
    and whether the second word begins with a letter.
    """
    if _is_particle(words, 5):
        return words[1], words[2], words[3:]
    if _is_particle(words, 3):
        return words[0], "", words[1:]
    if words[1][0].isalpha():
        return words[1], "", words[2:]
    return words[0], words[1], words[2:]


def _is_particle(words: list[str], column: int) -> bool:
    return len(words) > column and len(words[column]) == 1 and words[column].isalpha()
