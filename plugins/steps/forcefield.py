"""Reads the force field."""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pydantic
from pydantic import Field

from backmap import api
from backmap.api import ForceFieldReader, Nested, State
from backmap.errors import BackmapError
from backmap.model.parameters import FUNCTIONS, ForceField
from backmap.model.run_parameters import RunParameters
from backmap.model.system import System

from .. import handed


class Forcefield(api.Step):
    """Reads the force-field parameters that energies, acceptance and minimisation use."""

    needs = frozenset({"system"})
    gives = frozenset({"forcefield"})

    class Options(api.Options):
        parameters: Nested[ForceFieldReader] = Field(description="Where parameters come from.")
        cutoff: float = Field(1.0, gt=0, description="Cut-off of Lennard-Jones and Coulomb, nm (rvdw and rcoulomb of "
                                                     "an .mdp). An .mdp beside the topology gives this and all that "
                                                     "follows.")
        coulomb: Literal["reaction_field", "cutoff", "pme", "none"] = Field(
            "reaction_field", description="Coulomb beyond the cut-off: reaction_field as in GROMACS; cutoff: nothing; "
                                          "pme: whole frames only, through OpenMM; none: no Coulomb at all.")
        epsilon_rf: float = Field(0.0, ge=0, description="Dielectric constant beyond the cut-off (epsilon-rf of an "
                                                         ".mdp); 0 stands for infinity, as there.")
        tail: Literal["none", "shift", "force_switch", "potential_switch"] = Field(
            "none", description="How Lennard-Jones ends at the cut-off (vdw-modifier of an .mdp): just so, moved by a "
                                "constant to 0 there, or switched off from 'switch' on, its force or its energy.")
        switch: float = Field(0.0, ge=0, description="Where switching begins, nm (rvdw-switch of an .mdp).")

        @pydantic.field_validator("epsilon_rf")
        @classmethod
        def _of_a_medium(cls, value: float) -> float:
            if 0 < value < 1:
                raise ValueError(f"{value:g} is the dielectric constant of no medium: should be 1 or more, or 0 for "
                                 "infinity")
            return value

    options: Options

    def start(self, state: State) -> None:
        run = self.options.parameters.run_parameters()
        field = replace(handed.forcefield(self.options.parameters, state.system), run=run, **self._treatment(run))
        if run is not None:
            expect_rigid(run, field, state.system)
            field = field.screened(run.epsilon_r)
        expect_plain(field, self.where)
        field.of(state.system)
        state.forcefield = field
        state.log(summary(field, state.system))
        for remark in run.remarks if run is not None else ():
            state.log(remark)

    def _treatment(self, run: RunParameters | None) -> dict[str, Any]:
        """How interactions end: as the options say, and where they do not, as the simulation does."""
        options, found = self.options, {}
        told = run.treatment if run is not None else {}
        for name in ("cutoff", "coulomb", "epsilon_rf", "tail", "switch"):
            found[name] = own = getattr(options, name)
            if name not in told:
                continue
            if name not in options.model_fields_set:
                found[name] = told[name]
            elif own != told[name] and own not in run.instead.get(name, ()):
                raise BackmapError(f"is {own}, but {run.said(name)}", where=f"{self.where}.{name}",
                                   hint=f"Leave one of them out; from there it would be {told[name]}.")
        if found["tail"].endswith("switch") and found["switch"] >= found["cutoff"]:
            raise BackmapError(f"{found['switch']:g} nm is not before the cut-off of {found['cutoff']:g} nm",
                               where=f"{self.where}.switch")
        return found


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
    tail = {"none": "", "shift": " (shifted)"}.get(field.tail, f" ({field.tail.replace('_', ' ')} from "
                                                               f"{field.switch:g} nm)")
    if any(known.solvent is not None for known in field.of(system)):
        listed += "implicit solvent, "
    return (f"force field: {listed}{len(field.kinds)} Lennard-Jones types, cut-off {field.cutoff:g} nm{tail}, "
            f"{coulomb[field.coulomb]}")


def expect_plain(field: ForceField, where: str) -> None:
    """Raise BackmapError if Coulomb is not as it is in an implicit solvent: plain."""
    if field.coulomb != "cutoff" and any(known.solvent is not None for known in field.molecules.values()):
        raise BackmapError(f"is {field.coulomb}, but {field.where} has an implicit solvent, in which Coulomb is plain",
                           where=f"{where}.coulomb", hint="Write 'coulomb: cutoff', and a cutoff larger than molecules "
                                                          "are.")


def expect_rigid(run: RunParameters, field: ForceField, system: System) -> None:
    """Raise BackmapError if bonds with an energy are rigid, or flexible, where the simulation has them otherwise.

    As long as none is rigid, trained weights may know better.
    """
    for kind, known in zip(system.types, field.of(system), strict=True):
        if kind.given or kind.coarse:
            continue
        springs = {tuple(sorted(map(int, atoms))) for bonded in known.bonded if bonded.term == "bond"
                   for atoms in bonded.atoms}
        asked = np.array([tuple(sorted(map(int, bond))) in springs for bond in kind.bonds], dtype=bool)
        rigid = np.isfinite(kind.bond_length) & asked
        if not rigid.any() and run.constraints != "none":
            continue
        hydrogen = (kind.chemistry.element[kind.bonds] == 1).any(axis=1)
        wanted = {"none": np.zeros_like(hydrogen), "h-bonds": hydrogen, "all-bonds": np.ones_like(hydrogen)}
        wrong = np.flatnonzero(asked & (rigid != wanted[run.constraints]))
        if len(wrong):
            i, j = kind.bonds[wrong[0]]
            raise BackmapError(f"bond {kind.atom_names[i]}-{kind.atom_names[j]} of {kind.name} is "
                               f"{'rigid' if rigid[wrong[0]] else 'flexible'}, but {run.said('constraints')}",
                               hint=f"Write 'constraints: {run.constraints}' in topology.")
