"""The ``energy`` assessor: what a force field says of the atoms, term by term and molecule by molecule."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from backmap.api import Assessor, Options
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.energy.layout import TERMS
from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.model.assessment import Assessment, Curve, Figure, divergence
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

Array = NDArray[np.float64]

SECTION = "energy"
UNIT = "kJ/mol"
#: What terms are called in figures, in their order.
NAMES = dict(zip(TERMS, ("bond", "angle", "proper", "improper", "correction map", "Lennard-Jones", "Lennard-Jones 1-4",
                         "Coulomb", "Coulomb 1-4", "implicit solvent"), strict=True))


class EnergyOptions(Options):
    """Options of the ``energy`` assessor."""

    bin_width: float = Field(10.0, gt=0, description="Bins of the Lennard-Jones energy per molecule, kJ/mol.")
    lowest: float = Field(-1500.0, description="Lower end of these bins, kJ/mol; what is lower goes into the first.")
    highest: float = Field(3000.0, description="Upper end of these bins, kJ/mol; what is higher goes into the last.")
    flag_above: float = Field(100.0, description="Lennard-Jones energy of a bead's atoms, half of every pair, above "
                              "which the bead is flagged as an overlap, kJ/mol.")

    @model_validator(mode="after")
    def _in_order(self) -> EnergyOptions:
        if self.highest < self.lowest + self.bin_width:
            raise ValueError("'highest' leaves no room for a bin above 'lowest'")
        return self


class Energy(Assessor):
    """Energy per atom of each force-field term, and Lennard-Jones energy within and between molecules.

    In the energy between molecules each pair counts in full for both of them. A bead whose atoms repel too strongly is
    flagged as an ``overlap``.
    """

    Options = EnergyOptions
    options: EnergyOptions
    needs = frozenset({"forcefield"})

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        if forcefield is None:
            raise BackmapError("has no force field to compute energies with", where="energy",
                               hint="Put a step 'forcefield' before it.")
        super().begin(system, forcefield)
        self.ewald = Ewald(system, forcefield) if forcefield.coulomb == "pme" else None
        self.energy = FrameEnergy(system, replace(forcefield, coulomb="none") if self.ewald else forcefield)
        charged = self.ewald.present if self.ewald else ()
        self.terms = tuple(term for term in TERMS if term in {*self.energy.layout.present, *charged})

    @cached_property
    def edges(self) -> Array:
        """Of the bins of the Lennard-Jones energy per molecule, kJ/mol, (n + 1,)."""
        options = self.options
        return options.lowest + options.bin_width * np.arange(round((options.highest - options.lowest)
                                                                    / options.bin_width) + 1)

    def measure(self, frame: Snapshot, tally: Tally) -> dict[str, np.ndarray]:
        if not np.isfinite(frame.atoms).all():
            for name, n in (("per atom", len(self.terms) + 1), ("lj intra", self.system.n_molecules),
                            ("lj inter", self.system.n_molecules)):
                tally.row(f"energy {name}", frame.index, np.full(n, np.nan))
            for kind, _ in self._members():
                tally.count(f"energy lj {kind}", frame.index, np.zeros(len(self.edges) - 1, dtype=np.int64))
            return {}
        found = self.energy.of(frame)
        terms = {**found.terms, **(self.ewald.of(frame) if self.ewald else {})}
        values = [terms[term] for term in self.terms]
        tally.row("energy per atom", frame.index, np.array([*values, sum(values)]) / self.system.n_atoms)
        tally.row("energy lj intra", frame.index, found.intra)
        tally.row("energy lj inter", frame.index, found.inter)
        for kind, members in self._members():
            inside = np.clip(found.intra[members] + found.inter[members], self.edges[0], self.edges[-1])
            tally.count(f"energy lj {kind}", frame.index, np.histogram(inside, self.edges)[0])
        owner = self.energy.layout.where.owner
        of_bead = np.bincount(owner, found.lj_of_atom, minlength=self.system.n_beads)
        return {"overlap": of_bead > self.options.flag_above}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        figures = self._per_atom(tally)
        curves: list[Curve] = []
        if "lj" in self.terms:
            intra, inter = tally.rows("energy lj intra"), tally.rows("energy lj inter")
            for number, (kind, members) in enumerate(self._members()):
                title = f"Lennard-Jones per {self._called(kind)}"
                parts = {"intra": intra} if self._meets_itself(number) else {}
                for part, values in {**parts, "inter": inter, "sum": intra + inter}.items():
                    figures += _summary(f"{title}, {part}", values[:, members])
                counts = tally.counts(f"energy lj {kind}")
                if reference is not None:
                    apart = divergence(counts, reference.counts(f"energy lj {kind}"))
                    figures.append(Figure(SECTION, title, "JSD", apart, distance=True))
                curves.append(Curve(SECTION, title, "Lennard-Jones energy", UNIT, self.edges,
                                    counts / (max(1, counts.sum()) * np.diff(self.edges)),
                                    samples=int(counts.sum())))
        return Assessment(figures, curves)

    def _per_atom(self, tally: Tally) -> list[Figure]:
        rows = tally.rows("energy per atom")
        names = [NAMES[term] for term in self.terms] + ["total"]
        return [Figure(SECTION, name, "per atom", float(column.mean()), UNIT, spread=float(column.std()))
                for name, column in zip(names, rows.T, strict=True)]

    def _members(self) -> list[tuple[str, NDArray[np.int64]]]:
        """Name of each molecule type and the numbers of its molecules."""
        where = self.energy.layout.where
        return [(group.type.name, where.molecule[group.atom_offset]) for group in self.system.groups]

    def _meets_itself(self, number: int) -> bool:
        """Whether a molecule of a type has Lennard-Jones energy of its own; rigid water has none."""
        molecule = self.energy.layout.molecules[number]
        return len(molecule.left_out.other) < molecule.n_atoms**2 or bool(molecule.pair_parameters[:, :2].any())

    def _called(self, kind: str) -> str:
        """What a molecule of a type is called: by its name only where there are several types."""
        return kind if len(self.system.types) > 1 else "molecule"


class Ewald:
    """Coulomb energies of whole frames by particle-mesh Ewald, which the engine leaves to OpenMM.

    Attributes:
        present: Terms there are: coulomb, coulomb_14.
    """

    def __init__(self, system: System, field: ForceField) -> None:
        self.system, self.field, self.context = system, field, None
        plain = FrameEnergy(system, replace(field, coulomb="cutoff")).layout.present
        self.present: Sequence[str] = [term for term in plain if term.startswith("coulomb")]

    def of(self, frame: Snapshot) -> dict[str, float]:
        """kJ/mol, by term."""
        from ..openmm_bridge import system as openmm_system

        if self.context is None:
            self.context = openmm_system.Energies(self.field, self.system, frame.box)
        found = self.context.of(frame.atoms, frame.box)
        return {term: found.get(term, 0.0) for term in self.present}


def _summary(name: str, values: Array) -> list[Figure]:
    """Mean with spread, and median, over molecules and frames."""
    return [Figure(SECTION, name, "mean", float(values.mean()), UNIT, spread=float(values.std())),
            Figure(SECTION, name, "median", float(np.median(values)), UNIT)]
