"""Reads the force field."""
from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from backmap import api
from backmap.api import ForceFieldReader, Nested, State
from backmap.model.parameters import FUNCTIONS, ForceField
from backmap.model.system import System

from .. import handed


class Forcefield(api.Step):
    """Reads the force-field parameters that energies, acceptance and minimisation use."""

    needs = frozenset({"system"})
    gives = frozenset({"forcefield"})

    class Options(api.Options):
        parameters: Nested[ForceFieldReader] = Field(description="Where parameters come from.")
        cutoff: float = Field(1.0, gt=0, description="Cut-off of Lennard-Jones and Coulomb, nm; plain, neither shifted "
                                                     "nor switched (rvdw and rcoulomb of an .mdp).")
        coulomb: Literal["reaction_field", "cutoff", "pme", "none"] = Field(
            "reaction_field", description="Coulomb beyond the cut-off: reaction_field as in GROMACS; cutoff: nothing; "
                                          "pme: whole frames only, through OpenMM; none: no Coulomb at all.")
        epsilon_rf: float = Field(0.0, ge=0, description="Dielectric constant beyond the cut-off (epsilon-rf of an "
                                                         ".mdp); 0 stands for infinity, as there.")

    options: Options

    def start(self, state: State) -> None:
        options = self.options
        parameters = handed.forcefield(options.parameters, state.system)
        field = replace(parameters, cutoff=options.cutoff, coulomb=options.coulomb,
                        epsilon_rf=options.epsilon_rf)
        field.of(state.system)
        state.forcefield = field
        state.log(summary(field, state.system))


def summary(field: ForceField, system: System) -> str:
    """One line for the user: terms of all molecules."""
    counts: dict[str, int] = {}
    for group, known in zip(system.groups, field.of(system)):
        for bonded in known.bonded:
            term = FUNCTIONS[bonded.function][0]
            counts[term] = counts.get(term, 0) + len(bonded.atoms) * len(group.atoms)
        if len(known.pairs):
            counts["1-4"] = counts.get("1-4", 0) + len(known.pairs) * len(group.atoms)
    listed = "".join(f"{n} {term}, " for term, n in counts.items())
    coulomb = {"reaction_field": "reaction field", "cutoff": "plain Coulomb", "pme": "PME", "none": "no Coulomb"}
    return (f"force field: {listed}{len(field.kinds)} Lennard-Jones types, cut-off {field.cutoff:g} nm, "
            f"{coulomb[field.coulomb]}")
