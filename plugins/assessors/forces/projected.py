"""The ``projected_forces`` assessor: forces that beads feel from the atoms that stand for them."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Assessor
from backmap.engine.forces.projected import BeadForces, ForceProjection, Origin
from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.model.assessment import Assessment, BeadValues, Curve, Figure
from backmap.model.bootstrap import errors
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

from ..worst import WorstOptions, flagged, named, remember
from .distributions import LOGARITHM, TAIL, ForceBins, distances
from .members import members_of

Array = NDArray[np.float64]
SECTION = "forces on beads"
UNIT = "kJ/mol/nm"
#: Errors below are those of sums: distributions that do not overlap are as far apart however frames are drawn.
ROUNDING = 1e-12


class ProjectedForcesOptions(WorstOptions):
    """Options of the ``projected_forces`` assessor."""

    temperature: float = Field(300.0, gt=0, description="Of the frames, K: of the restraint, and of the velocities "
                                                        "over which forces of rigid bonds are averaged.")
    sigma: float = Field(0.001, gt=0, description="Standard deviation of the Gaussian that holds beads, nm and "
                                                  "coordinate; its force is a part of the measure.")
    bin_width: float = Field(20.0, gt=0, description="Bins of |F|, kJ/mol/nm.")
    highest: float = Field(10_000.0, gt=0, description="Bins end here, kJ/mol/nm; the last one is open.")
    forces: Origin = Field(
        "computed", description="computed: by the force field of the recipe. file: those that the frames hold (.trr, "
                                "LAMMPS dumps), which must be of the potential alone, without constraints.")
    flag_above: float | None = Field(None, gt=0, description="Beads with a larger force are flagged `large_force`, "
                                                             "kJ/mol/nm; an index file can hold their atoms. The "
                                                             "report has the 99.9 % quantile of the reference.")


class ProjectedForces(Assessor):
    """Forces of an atomistic force field on the beads, F_I = sum_i B_Ii f_i, beside those of the reference.

    A coarse-grained model can match every distribution that it was fitted to and visit arrangements of beads that no
    atoms can meet: there, forces are large. Forces of rigid bonds count (multipliers averaged over velocities), B is
    that of VOTCA's <d>, of sums where atoms are in one bead each, or the one of least variance. M. Stieffenhofer, PhD
    thesis, Mainz 2022, chapter 6; W. G. Noid et al., J. Chem. Phys. 128, 244114 (2008).
    """

    Options = ProjectedForcesOptions
    options: ProjectedForcesOptions
    needs = frozenset({"forcefield"})

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        super().begin(system, forcefield)
        if forcefield is None:
            raise BackmapError("forces need a force field", hint="Put a forcefield step before.")
        options = self.options
        self.projection = ForceProjection(system, forcefield, options.temperature, options.sigma)
        self.bins = ForceBins(options.bin_width, options.highest)
        self.members, _ = members_of(system)
        self.drawn = self.members["all"]

    def measure(self, frame: Snapshot, tally: Tally) -> dict[str, NDArray[np.bool_]]:
        found = self.projection.measured(frame, self.options.forces)
        for name, values in self._measured(found).items():
            counts = [self.bins.counts(values[beads]) for beads in self.members.values()]
            for which in counts[0]:
                tally.row(f"{name}/{which}", frame.index, [one[which] for one in counts])
        squares = (found.residual**2).sum(axis=1)
        tally.row("residual", frame.index, [squares[beads].mean() for beads in self.members.values()])
        size = self._size(found)
        remember(tally, "worst", frame.index, frame.number, size)
        mask = flagged(size, self.options.flag_above, self.options.flag_worst)
        return {} if mask is None else {"large_force": mask}

    def of_beads(self, frame: Snapshot) -> list[BeadValues]:
        if self.options.forces == "file" and frame.forces is None:
            return []
        return [BeadValues("force", UNIT, self._size(self.projection.measured(frame, self.options.forces)))]

    def _size(self, found: BeadForces) -> Array:
        """|F| of each bead, (B,), NaN for beads that are given; that of atoms in one place is infinite."""
        size = np.full(len(found.total), np.nan)
        size[self.drawn] = np.nan_to_num(np.linalg.norm(found.total[self.drawn], axis=1), nan=np.inf)
        return size

    def _measured(self, found: BeadForces) -> dict[str, Array]:
        """What histograms are made of, by name, (B, 3)."""
        rigid = any(bonds.parts for bonds in self.projection.rigid)
        return {"force": found.total, "restraint": found.restraint} | (
            {"without rigid bonds": found.atoms} if rigid else {})

    def distances(self, tally: Tally, reference: Tally) -> dict[tuple[str, str], float]:
        """Distances of the forces from those of the reference, by name and quantity."""
        found = {}
        for name in self._names(tally):
            ours, theirs = self._counts(tally, name), self._counts(reference, name)
            for which in ours:
                found |= {(_label(name, which), quantity): value
                          for quantity, value in distances(ours[which], theirs[which]).items()}
        return found

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        figures = [*self._values(tally), *(self._compared(tally, reference) if reference is not None else ())]
        return Assessment(figures, self._curves(tally), self._notes(tally))

    def _values(self, tally: Tally) -> list[Figure]:
        found = []
        for name in self._names(tally):
            for which, counts in self._counts(tally, name).items():
                found += [Figure(SECTION, _label(name, which), quantity,
                                 10**LOGARITHM.quantile(counts["logarithm"], share), UNIT)
                          for quantity, share in (("median", 0.5), ("99 %", 0.99), ("99.9 %", TAIL))]
        if "residual" in tally:
            residual = np.sqrt(tally.rows("residual").mean(axis=0))
            found += [Figure(SECTION, f"M(r) - R, {which}", "RMSD", float(value), "nm", ideal=0.0)
                      for which, value in zip(self.members, residual)]
        return found

    def _compared(self, tally: Tally, reference: Tally) -> list[Figure]:
        spread = errors(self.distances, tally, reference)
        return [Figure(SECTION, name, quantity, value, distance=quantity != "tail mass",
                       error=spread[name, quantity] if spread[name, quantity] > ROUNDING else None)
                for (name, quantity), value in self.distances(tally, reference).items()]

    def _curves(self, tally: Tally) -> list[Curve]:
        found = []
        for which, counts in (self._counts(tally, "force") if "force/linear" in tally else {}).items():
            found += [Curve(SECTION, f"|F|, {which}", "|F|, the last bin is open", UNIT, self.bins.linear.edges,
                            self.bins.linear.density(counts["linear"]), samples=int(counts["linear"].sum())),
                      Curve(SECTION, f"log |F|, {which}", f"log10 of |F| in {UNIT}", "", LOGARITHM.edges[::5],
                            counts["logarithm"].reshape(-1, 5).sum(axis=1) / (counts["logarithm"].sum() * 5
                                                                              * LOGARITHM.width))]
        return found

    def _notes(self, tally: Tally) -> list[str]:
        notes = self.projection.notes()
        notes += named(tally, "worst", self.system, f"largest forces, {UNIT}")
        return notes

    def _names(self, tally: Tally) -> list[str]:
        return [name for name in ("force", "without rigid bonds", "restraint") if f"{name}/linear" in tally]

    def _counts(self, tally: Tally, name: str) -> dict[str, dict[str, NDArray]]:
        """Histograms of all frames by kind of bead, then by bins; of what is beside the forces, of all beads alone."""
        sums = {which: tally.rows(f"{name}/{which}").sum(axis=0) for which in ("linear", "logarithm", "component")}
        return {label: {which: sums[which][k] for which in sums} for k, label in enumerate(self.members)
                if name == "force" or label == "all"}


def _label(name: str, which: str) -> str:
    return which if name == "force" else f"{which}, {name}"
