"""The ``consistency`` assessor: atoms mapped back to beads, against the beads that were given."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Assessor, Options
from backmap.engine.sites.snapshot import Snapshot
from backmap.model import box as periodic
from backmap.model.assessment import Assessment, Curve, Figure
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

from .bead_fit import RULE, BeadFit
from .histograms import Bins
from .part import counts_of, rows_of, share

_SECTION = "consistency"
#: Where deviations are told apart, and bins of their curve, nm.
_FINE, _COARSE = Bins(0.0, 1.0, 1e-4), Bins(0.0, 1.0, 2e-3)
#: Beads of one type in a molecule from which on its first and last are told apart from the inner ones.
_CHAIN = 3
#: Sigma that a soft bead may be off by before it is flagged: one in 60,000 of those that are sampled rightly is.
_STRAYING = 5.0


class ConsistencyOptions(Options):
    """Options of the ``consistency`` assessor."""

    tolerance: float = Field(0.01, gt=0, description="Beads whose atoms are farther off than this are flagged, nm; "
                                                   "soft ones, beyond five times their sigma.")
    free_molecule: bool = Field(True, description="With a force field: compare distances between beads with those of "
                                                  "each molecule alone, which is sampled for that.")


class Consistency(Assessor):
    """Deviation of the beads computed from the atoms, M(atoms), from the given beads, in nm.

    Over all beads, by bead type, and at the ends of chains; where the last step projected, also the residual that the
    projection left. A bead beyond the tolerance is flagged as ``off_bead``. With a force field, also whether the given
    beads fit their molecules at all.
    """

    Options = ConsistencyOptions
    options: ConsistencyOptions
    verdict_rules = (RULE,)

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        super().begin(system, forcefield)
        self.fit, self.allowed = None, self._allowed(system)
        if forcefield is not None and self.options.free_molecule:
            self.fit = BeadFit(system, forcefield, self.sampled.temperature if self.sampled else None, self.beads_are)
        local = [bead_classes(kind) for kind in system.types]
        self.names = ["all", *sorted({name for classes in local for name in classes})]
        self.members: list[NDArray[np.int64]] = [np.arange(system.n_beads)]
        for name in self.names[1:]:
            own = [group.beads[:, classes[name]].ravel() for group, classes in zip(system.groups, local)
                   if name in classes]
            self.members.append(np.concatenate(own))

    def _allowed(self, system: System) -> NDArray[np.float64]:
        """How far each bead may be off before it is flagged, nm, (B,)."""
        sigma = self.sampled.sigma if self.sampled is not None else None
        soft = np.zeros(system.n_beads)
        for group in system.groups if sigma is not None else ():
            soft[group.beads] = [sigma.get(name, 0.0) if isinstance(sigma, dict) else sigma
                                 for name in group.type.bead_types]
        return np.maximum(self.options.tolerance, _STRAYING * soft)

    def measure(self, frame: Snapshot, tally: Tally) -> dict[str, np.ndarray]:
        away = periodic.minimum_image(self.system.map(frame.atoms) - frame.beads, frame.box)
        off = np.linalg.norm(away, axis=1)
        tally.count("deviation", frame.index, _FINE.count(off))
        tally.row("squares", frame.index, [(off[beads] ** 2).sum() for beads in self.members])
        tally.row("largest", frame.index, [off.max()])
        if frame.residual is not None:
            residual = np.linalg.norm(frame.residual, axis=1)
            far = (residual > self.options.tolerance).sum()
            tally.row("residual", frame.index, [(residual**2).sum(), residual.max(), far])
        if self.fit is not None:
            self.fit.measure(frame, tally)
        return {"off_bead": off > self.allowed}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        squares, largest = rows_of(tally, "squares", len(self.names)), rows_of(tally, "largest", 1)
        counts = counts_of(tally, "deviation", _FINE.n)
        figures = [_deviation(f"{name} beads" if name == "all" else f"beads {name}", "RMSD",
                              np.sqrt(share(squares[:, k].sum(), len(squares) * len(beads))))
                   for k, (name, beads) in enumerate(zip(self.names, self.members))]
        most = largest.max() if len(largest) else np.nan
        figures += [_deviation("all beads", "median", np.fmin(most, _FINE.quantile(counts, 0.5))),
                    _deviation("all beads", "99 %", np.fmin(most, _FINE.quantile(counts, 0.99))),
                    _deviation("all beads", "maximum", most)]
        coarse = counts.reshape(_COARSE.n, -1).sum(axis=1)
        curve = Curve(_SECTION, "deviation", "distance from the given bead", "nm", _COARSE.edges,
                      _COARSE.density(coarse), samples=int(coarse.sum()))
        said = self.fit.conclude(tally, reference) if self.fit is not None else Assessment()
        return Assessment(figures + self._slack(tally), [curve] if counts.any() else [], said.notes, said.findings)

    def _slack(self, tally: Tally) -> list[Figure]:
        rows = rows_of(tally, "residual", 3)
        if not len(rows):
            return []
        n = len(rows) * self.system.n_beads
        return [_deviation("residual", "RMS", np.sqrt(rows[:, 0].sum() / n)),
                _deviation("residual", "maximum", rows[:, 1].max()),
                Figure(_SECTION, "residual", f"share above {self.options.tolerance:g} nm", float(rows[:, 2].sum() / n),
                       ideal=0.0)]


def _deviation(name: str, quantity: str, value: float) -> Figure:
    return Figure(_SECTION, name, quantity, float(value), "nm", ideal=0.0)


def bead_classes(kind: MoleculeType) -> dict[str, list[int]]:
    """Beads of each type; of types that come up three times or more, the first, the inner ones and the last as well."""
    classes: dict[str, list[int]] = {}
    for bead, name in enumerate(kind.bead_types):
        classes.setdefault(name, []).append(bead)
    for name, beads in list(classes.items()):
        if len(beads) >= _CHAIN:
            classes |= {f"{name} first": beads[:1], f"{name} inner": beads[1:-1], f"{name} last": beads[-1:]}
    return classes
