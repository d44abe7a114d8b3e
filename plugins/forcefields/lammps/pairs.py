"""Non-bonded styles of LAMMPS: Lennard-Jones by types, mixing, cut-offs, Coulomb, and what bonds leave out."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError

from ...files.lammps.script import ScriptCommand, number
from .contents import Coefficients, ScriptContents

Array = NDArray[np.float64]

#: Pair styles: Coulomb, and whether Lennard-Jones is switched as in CHARMM.
PAIR_STYLES = {"lj/cut": ("none", False), "lj/cut/coul/cut": ("cutoff", False), "lj/cut/coul/long": ("long", False),
               "lj/cut/coul/msm": ("long", False), "lj/charmm/coul/long": ("long", True),
               "lj/charmm/coul/msm": ("long", True)}
_ADVICE = {"lj/cut/tip4p/long": "Its massless site is no atom of the data file: give a GROMACS topology.",
           "lj/cut/tip4p/cut": "Its massless site is no atom of the data file: give a GROMACS topology.",
           "hybrid": "Give one style for all pairs.", "hybrid/overlay": "Give one style for all pairs."}


@dataclass(frozen=True)
class PairStyle:
    """What pair_style, pair_modify and special_bonds say, in the units of the file.

    Attributes:
        command: pair_style.
        coulomb: none, cutoff or long.
        inner: Where Lennard-Jones begins to be switched; None if it is not.
        cutoff: Of Lennard-Jones.
        coulomb_cutoff: Of Coulomb.
        shifted: Whether Lennard-Jones is moved to 0 at the cut-off.
        mix: How coefficients of two types are mixed.
        weights: Of Lennard-Jones and of Coulomb between atoms 1, 2 and 3 bonds apart, (2, 3).
        own: Whether dihedrals of style charmm have pairs of their own, with coefficients of their own.
    """

    command: ScriptCommand
    coulomb: str
    inner: float | None
    cutoff: float
    coulomb_cutoff: float
    shifted: bool
    mix: str
    weights: Array

    @property
    def charmm(self) -> bool:
        """Whether coefficients of 1-4 pairs stand behind the others."""
        return self.inner is not None

    @classmethod
    def of(cls, contents: ScriptContents) -> PairStyle:
        """What is said.

        Raises:
            BackmapError: For a style that is not known.
        """
        command = contents.pair
        if command is None:
            raise BackmapError("has no pair_style", where=str(contents.path), hint="Energies need it.")
        style = command.words[0] if command.words else ""
        if style not in PAIR_STYLES:
            raise command.refused("is not supported", _ADVICE.get(style, f"Known: {', '.join(PAIR_STYLES)}."))
        coulomb, switched = PAIR_STYLES[style]
        values = [command.number(place, "a cut-off") for place in range(1, len(command.words))]
        least, most = (2, 3) if switched else (1, 1 if coulomb == "none" else 2)
        if not least <= len(values) <= most or min(values) <= 0:
            raise command.refused(f"needs {least} to {most} cut-offs, larger than 0")
        inner = values.pop(0) if switched else None
        if inner is not None and inner >= values[0]:
            raise command.refused("the inner cut-off is not before the outer one")
        mix, _ = contents.modify.get("mix", ("arithmetic" if switched else "geometric", command))
        if mix not in ("geometric", "arithmetic", "sixthpower"):
            raise contents.modify["mix"][1].refused(f"'{mix}' is no way to mix")
        shifted = contents.modify.get("shift", ("no", command))[0] == "yes"
        if inner is not None and shifted:
            raise contents.modify["shift"][1].refused(f"{style} is switched off, and not shifted")
        return cls(command, coulomb, inner, values[0], values[-1], shifted, mix, _weights(contents))

    def table(self, contents: ScriptContents, types: list[int], close: bool) -> Array:
        """epsilon and sigma of every pair of some atom types, (n, n, 2); of 1-4 pairs if ``close``."""
        found = np.zeros((len(types), len(types), 2))
        own = {}
        for kind in types:
            each = contents.pairs.get((kind, kind))
            if each is None:
                contents.errors.add(BackmapError(f"there are no coefficients of atom type {kind}",
                                                 where=self.command.where, hint="Give pair_coeff, or Pair Coeffs in "
                                                                                "the data file."))
            own[kind] = contents.errors.attempt(self._values, each, close) if each is not None else None
        for row, a in enumerate(types):
            for column, b in enumerate(types):
                given = contents.pairs.get((min(a, b), max(a, b)))
                if a == b or own[a] is None or own[b] is None:
                    values = own[a] or (0.0, 0.0)
                elif given is not None:
                    values = contents.errors.attempt(self._values, given, close) or (0.0, 0.0)
                else:
                    values = self._mixed(own[a], own[b])
                found[row, column] = values
        return found

    def _values(self, given: Coefficients, close: bool) -> tuple[float, float]:
        words = given.words
        names = ("epsilon", "sigma", "epsilon_14", "sigma_14") if self.charmm else ("epsilon", "sigma")
        if not self.charmm and len(words) in (3, 4):
            self._expect_cutoffs(given)
            words = words[:2]
        if len(words) not in (2, len(names)):
            raise BackmapError(f"{len(words)} numbers stand where {len(names)} should be: {' '.join(names)}",
                               where=given.where)
        values = [number(word, f"the {name}", given.where) for word, name in zip(words, names, strict=False)]
        for name, value in zip(names, values, strict=False):
            if value < 0:
                raise BackmapError(f"{name} is negative, {value:g}", where=given.where)
        return (values[-2], values[-1]) if close else (values[0], values[1])

    def _expect_cutoffs(self, given: Coefficients) -> None:
        """Raise BackmapError for cut-offs of a pair of its own."""
        for word, usual in zip(given.words[2:], (self.cutoff, self.coulomb_cutoff), strict=False):
            if number(word, "a cut-off", given.where) != usual:
                raise BackmapError(f"has a cut-off of its own, {word}, but pair_style says {usual:g}",
                                   where=given.where, hint="There is one cut-off for all pairs here.")

    def _mixed(self, one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
        """See the manual's pair_modify."""
        epsilon, sigma = (one[0] * other[0])**0.5, (one[1] * other[1])**0.5
        if self.mix == "arithmetic":
            sigma = (one[1] + other[1]) / 2
        elif self.mix == "sixthpower":
            powers = one[1]**6 + other[1]**6
            epsilon = 2 * epsilon * one[1]**3 * other[1]**3 / powers if powers else 0.0
            sigma = (powers / 2)**(1 / 6)
        return epsilon, sigma

    def treatment(self, length: float) -> tuple[dict[str, Any], dict[str, frozenset[Any]], list[str]]:
        """Options of the step ``forcefield``, other values that do not contradict them, and what should be said."""
        told: dict[str, Any] = {"cutoff": self.cutoff * length, "tail": "shift" if self.shifted else "none"}
        instead, remarks = {}, []
        if self.inner is not None:
            told |= {"tail": "potential_switch", "switch": self.inner * length}
            remarks.append(f"{self.command.said}: Lennard-Jones is switched off over the same distance by the function "
                           "of GROMACS (potential_switch), which differs from CHARMM's in between")
        if self.coulomb == "long":
            told |= {"coulomb": "reaction_field", "epsilon_rf": 0.0}
            instead["coulomb"] = frozenset({"pme"})
            apart = "" if self.coulomb_cutoff == self.cutoff else (
                f"; the cut-off of Coulomb, {self.coulomb_cutoff * length:g} nm, is not used")
            remarks.append(
                f"{self.command.said}: moves count pairs up to {self.cutoff * length:g} nm and a conductor beyond "
                f"(reaction_field, epsilon_rf 0){apart}. Left out is by how much the sum over the lattice differs from "
                "that; 'coulomb: pme' counts it in refine and in the energies of assess, through OpenMM")
        else:
            if self.coulomb == "cutoff" and self.coulomb_cutoff != self.cutoff:
                raise self.command.refused("has two cut-offs", "There is one for Lennard-Jones and Coulomb here.")
            told["coulomb"] = self.coulomb
        return told, instead, remarks


def _weights(contents: ScriptContents) -> Array:
    """Weights that special_bonds gives to atoms 1, 2 and 3 bonds apart: of Lennard-Jones, and of Coulomb."""
    weights, command = np.zeros((2, 3)), contents.settings.get("special_bonds")
    words = command.words if command is not None else ()
    at = 0
    while at < len(words):
        if words[at] in ("amber", "charmm", "dreiding"):
            weights[:, 2] = {"amber": (0.5, 5 / 6), "charmm": (0.0, 0.0), "dreiding": (1.0, 1.0)}[words[at]]
            at += 1
        elif words[at] in ("lj/coul", "lj", "coul"):
            rows = {"lj/coul": (0, 1), "lj": (0,), "coul": (1,)}[words[at]]
            for row in rows:
                weights[row] = [command.number(at + 1 + k, "a weight") for k in range(3)]
            at += 4
        elif words[at] in ("angle", "dihedral", "one/five") and words[at + 1:at + 2] == ("no",):
            at += 2
        else:
            raise command.refused(f"'{words[at]}' is not supported",
                                  "Known: lj, coul, lj/coul, amber, charmm, dreiding.")
    if ((weights < 0) | (weights > 1)).any():
        raise command.refused("weights are between 0 and 1")
    return weights
