"""The ``energy`` regularizer: bonded and Lennard-Jones energies of a fragment in its surroundings, by a force field."""
from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from torch import Tensor

from backmap.api import Options, Regularizer
from backmap.engine.sites.contracts import LocalEnvironment
from backmap.engine.sites.fragments import FragmentTable
from backmap.errors import BackmapError
from backmap.model.parameters import ForceField

from .block_energy import BlockEnergy

Term = Literal["bond", "angle", "dihedral", "lennard_jones"]


class EnergyOptions(Options):
    """Options of the ``energy`` regularizer."""

    changed_names: ClassVar = {"steepest": "is called 'max_force' now"}

    form: Literal["force_field", "flat_bottom"] = Field(
        "force_field", description="force_field: bonded terms as they are. flat_bottom: nothing as long as a bond, "
                                   "angle or dihedral is within its limits, harmonic beyond them.")
    terms: dict[Term, float] = Field(
        {"bond": 1.0, "angle": 1.0, "dihedral": 1.0, "lennard_jones": 1.0}, min_length=1,
        description="Which terms count, and what each is multiplied by. Dihedrals are proper and improper ones; "
                    "lennard_jones includes explicit pairs (1-4).")
    deviations: float = Field(2.0, gt=0, description="With flat_bottom: limits, in standard deviations at the "
                                                     "temperature about the equilibrium value.")
    limits: dict[Literal["bond", "angle", "dihedral"], float] = Field(
        {}, description="With flat_bottom: limits about the equilibrium value instead of these, in nm or degrees.")
    rigid_stiffness: float = Field(3.0e5, gt=0, description="Force constant of rigid bonds about their length, "
                                                            "kJ/mol/nm^2; they have none of their own.")
    cap: float = Field(100.0, gt=0, description="Lennard-Jones energy of a pair, kJ/mol, from which on it rises "
                                                "linearly as atoms come closer.")
    max_force: float = Field(1.0e5, gt=0, description="Largest force of one term on one atom that a gradient shows, "
                                                      "kJ/mol/nm; energies are as they are.")

    @field_validator("terms")
    @classmethod
    def _weighted(cls, terms: dict[str, float]) -> dict[str, float]:
        if min(terms.values()) < 0:
            raise ValueError("a term cannot count negatively")
        return terms

    @model_validator(mode="after")
    def _consistent(self) -> EnergyOptions:
        if self.form == "force_field" and {"deviations", "limits"} & self.model_fields_set:
            raise ValueError("'deviations' and 'limits' are for form: flat_bottom")
        if self.limits and min(self.limits.values()) <= 0:
            raise ValueError("'limits' must be above zero")
        return self


class ForceFieldEnergy(Regularizer):
    """Force-field energy of the drawn atoms with each other and with the placed atoms that the site sees.

    Bonds, angles, dihedrals and Lennard-Jones of the recipe's force field, without charges. A term counts if at least
    one of its atoms is drawn and all others are drawn or placed. Lennard-Jones reaches as far as the force field's
    cut-off or as the site sees, whichever is nearer. Rigid bonds count as springs about their length.

    ``flat_bottom`` makes of a bonded term U with its minimum U0 and limits at U1

        (sqrt(U - U0) - sqrt(U1 - U0))^2 beyond the limits, 0 within,

    which is k/2 (|x - x0| - w)^2 of k/2 (x - x0)^2 with limits x0 +- w, and as well defined for torsions. By default
    U1 - U0 = n^2 kT / 2: n standard deviations of a harmonic term.
    """

    Options = EnergyOptions
    options: EnergyOptions
    needs = frozenset({"forcefield"})
    absolute = False

    def __init__(self, options: EnergyOptions) -> None:
        super().__init__(options)
        self.field: ForceField | None = None
        self._known: dict[FragmentTable, BlockEnergy] = {}

    def use(self, forcefield: ForceField) -> None:
        self.field = forcefield
        self._known.clear()

    def energy(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        return sum(self.terms(env, positions).values())

    def terms(self, env: LocalEnvironment, positions: Tensor) -> dict[str, Tensor]:
        found = self._of(env.fragments).terms(env, positions)
        return {name: weight * found[name] for name, weight in self.options.terms.items()}

    def _of(self, fragments: FragmentTable) -> BlockEnergy:
        """The force field laid over the fragments; made once."""
        if self.field is None:
            raise BackmapError("the energy regularizer needs a force field", where="energy",
                               hint="Read one in an earlier step, e.g. 'forcefield: {gromacs: topol.top}'.")
        if fragments not in self._known:
            options = self.options
            flat = options.form == "flat_bottom"
            self._known[fragments] = BlockEnergy.of(
                fragments, self.field, tuple(options.terms), options.rigid_stiffness, options.cap, options.max_force,
                options.deviations if flat else None, options.limits if flat else {})
        return self._known[fragments]
