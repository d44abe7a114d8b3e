"""The ``force_residual`` assessor: by how much forces of a coarse-grained force field miss those of the atoms."""
from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Assessor, Options
from backmap.engine.forces.projected import ForceProjection, Origin
from backmap.engine.sites.snapshot import Snapshot
from backmap.engine.tabulated.forces import TabulatedForces
from backmap.errors import BackmapError, at
from backmap.model.assessment import Assessment, Figure
from backmap.model.bootstrap import errors
from backmap.model.interactions import EXCLUDED, interactions_of
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

from ...files.reading import Files
from ...files.tables import read_tables
from .members import members_of

Array = NDArray[np.float64]
SECTION = "residual of coarse-grained forces"
UNIT = "(kJ/mol/nm)^2"


class ForceResidualOptions(Options):
    """Options of the ``force_residual`` assessor."""

    tables: Files = Field(min_length=1, description="The coarse-grained force field: VOTCA tables called by their "
                                                    "interactions, such as E-M.pot, or a folder of them. Interactions "
                                                    "without one do not act.")
    excluded: int = Field(EXCLUDED, ge=0, description="Pairs of beads of one molecule that are so many bonds apart or "
                                                      "fewer do not interact.")
    temperature: float = Field(300.0, gt=0, description="Of the velocities over which forces of rigid bonds are "
                                                        "averaged, K.")
    forces: Origin = Field("computed", description="computed: by the force field of the recipe. file: those that the "
                                                   "frames hold, without constraints.")
    noise_beads: int = Field(1000, ge=1, description="Beads of which differences are kept for the noise floor, evenly "
                                                     "chosen; it needs replicas.")


class ForceResidual(Assessor):
    """Mean squared difference of tabulated coarse-grained forces and those of the atoms, chi2, beside its noise floor.

    chi2 = 1/3N <sum_I |F_CG,I(R) - F_I|^2>, of the reference and of backmapped frames of beads, whose sum is chi2_BM.
    Forces F_I of a single arrangement of atoms have the noise of all that beads do not see: half the mean squared
    difference of two draws for the same beads, which replicas tell and which is subtracted. W. G. Noid et al., J. Chem.
    Phys. 128, 244114 (2008); M. Stieffenhofer, PhD thesis, Mainz 2022, equations 6.4 and 6.5.
    """

    Options = ForceResidualOptions
    options: ForceResidualOptions
    needs = frozenset({"forcefield"})

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        super().begin(system, forcefield)
        if forcefield is None:
            raise BackmapError("forces need a force field", hint="Put a forcefield step before.")
        self.projection = ForceProjection(system, forcefield, self.options.temperature, sigma=1.0)
        self.tables = TabulatedForces(system, read_tables(self.options.tables, interactions_of(system)),
                                      self.options.excluded)
        self.members, kinds = members_of(system)
        drawn = self.members["all"]
        some = drawn[np.unique(np.linspace(0, len(drawn) - 1, min(len(drawn), self.options.noise_beads)).astype(int))]
        self.kept, self.kinds_kept = some, kinds[some]

    def measure(self, frame: Snapshot, tally: Tally) -> None:
        with at(f"frame {frame.number}"):
            given = self.tables.of(frame.beads, frame.box)
        forces = self.projection.measured(frame, self.options.forces).total
        difference = given - forces
        if not np.isfinite(difference).all():
            bead = self.system.bead_label(int((~np.isfinite(difference)).any(axis=1).argmax()))
            raise BackmapError(f"the force on {bead} is not a number", where=f"frame {frame.number}",
                               hint="Atoms that lie on each other have no forces; leave the frame out.")
        for name, product in (("square", difference**2), ("force", forces**2), ("tables", given**2),
                              ("overlap", given * forces)):
            tally.row(name, frame.index, [product[beads].mean() for beads in self.members.values()])
        tally.row("difference", frame.index, difference[self.kept])

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        own = self._by_frame(tally)
        true = self._by_frame(reference) if reference is not None else None
        values, spread = self._values(own, true), {}
        if own.n_bead_frames > 1:
            spread = errors(lambda a, b: self._values(a, b if true is not None else None), own, true or own)
        figures = [Figure(SECTION, name, quantity, value, "" if quantity == "correlation" else UNIT,
                          error=_known(spread.get((name, quantity))))
                   for (name, quantity), value in values.items()]
        return Assessment(figures, notes=self._notes(own))

    def _by_frame(self, tally: Tally) -> Tally:
        """Averages over the replicas of every frame of beads, and the noise between them if there are some."""
        n = tally.n_bead_frames
        joined, found = tally.resampled(range(n)), Tally()  # the replicas of a frame follow each other
        sums = {name: joined.rows(name) for name in ("square", "force", "tables", "overlap")}
        replicas = len(sums["square"]) // n
        whole = len(sums["square"]) == n * replicas
        for name, rows in sums.items():
            for k in range(n):
                found.row(name, k, rows[k * replicas:(k + 1) * replicas].mean(axis=0) if whole else rows[k])
        if whole and replicas > 1:
            rows = joined.rows("difference").reshape(n, replicas, -1, 3)
            variance = rows.var(axis=1, ddof=1).mean(axis=2)
            for k in range(n):
                found.row("noise", k, [variance[k].mean()] + [
                    variance[k, self.kinds_kept == name[5:]].mean() for name in list(self.members)[1:]])
        return found

    def _values(self, own: Tally, reference: Tally | None) -> Mapping[Hashable, float]:
        """Figures by name and quantity, of averages by frame."""
        mean = {name: own.rows(name).mean(axis=0) for name in own.names()}
        without = mean["square"] - mean["noise"] if "noise" in mean else mean["square"]
        true = None if reference is None else reference.rows("square").mean(axis=0)
        found: dict[Hashable, float] = {}
        for k, name in enumerate(self.members):
            found[name, "chi2"] = float(mean["square"][k])
            if "noise" in mean:
                found[name, "noise floor"] = float(mean["noise"][k])
                found[name, "chi2 without noise"] = float(without[k])
            if true is not None:
                found[name, "chi2_BM"] = float(true[k] + without[k])
            found[name, "mean squared force"] = float(mean["force"][k])
            size = np.sqrt(mean["force"][k] * mean["tables"][k])
            found[name, "correlation"] = float(mean["overlap"][k] / size) if size > 0 else 0.0
        return found

    def _notes(self, own: Tally) -> list[str]:
        notes = self.projection.notes()
        if self.tables.missing:
            notes.append(f"without a table, and so without a force: {', '.join(self.tables.missing)}")
        if "noise" not in own:
            notes.append("chi2 contains the noise of single arrangements of atoms; 'replicas: 4' tells how much that "
                         "is for backmapped frames.")
        return notes


def _known(error: float | None) -> float | None:
    return error if error is not None and np.isfinite(error) else None
