"""The step ``match_forces``: tables of coarse-grained potentials whose forces are those that the atoms have."""
from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import openmm
from pydantic import Field, field_validator

from backmap import api
from backmap.api import FrameStep, Nested, OutputPath, Reader, State
from backmap.engine.forces.projected import ForceProjection, Origin
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.engine.tabulated.fitted import table_of
from backmap.engine.tabulated.folds import Fit
from backmap.engine.tabulated.forces import TabulatedForces, named
from backmap.engine.tabulated.matching import Sums, count
from backmap.errors import BackmapError, at
from backmap.model.interactions import EXCLUDED, interactions_of
from backmap.model.system import Window
from backmap.model.tabulated import Potential
from backmap.model.tally import Tally

from ..files.reading import Files
from ..files.tables.folder import contents_of, paths_of
from ..files.tables.option import read_tables
from ..openmm_bridge.tabulated import half_width, system_of
from .match_ranges import seen, splines_of
from .unpaired import opened_unpaired, true_frames

REFERENCE, BACKMAPPED = "reference", "backmapped"
UNIT = "(kJ/mol/nm)^2"


class MatchForcesOptions(api.Options):
    """Options of ``match_forces``."""

    reference: Nested[Reader] | None = Field(
        None, description="True atoms of other frames, as many as there are, where 'read' has none that belong to the "
                          "beads: their forces are matched, too.")
    reference_weight: float = Field(1.0, ge=0, description="Weight of the reference in the least squares.")
    backmapped_weight: float = Field(1.0, ge=0, description="Weight of frames of beads to which atoms were put back.")
    fit: list[str] | None = Field(None, min_length=1, description="Names of the interactions that are matched; by "
                                                                  "default all.")
    tables: Files = Field([], description="The force field before: VOTCA tables called by their interactions, or a "
                                          "folder of them. Residuals are compared with its own; those of its tables "
                                          "that 'fit' does not name act and stay.")
    splines: int = Field(30, ge=6, le=200, description="Cubic B-splines of each interaction.")
    ranges: dict[str, tuple[float, float]] = Field(
        {}, description="Where the splines of an interaction begin and end, nm or radians, by name; by default as 20 "
                        "of the frames show. Beyond it forces are those at the ends.")
    cutoff: float = Field(1.2, gt=0, description="Pairs interact up to here, nm.")
    excluded: int = Field(EXCLUDED, ge=0, description="Pairs of beads of one molecule that are so many bonds apart or "
                                                      "fewer do not interact.")
    smoothness: float = Field(1e-6, ge=0, description="What second differences of coefficients cost, as a share of the "
                                                      "mean diagonal of the normal equations of an interaction.")
    folds: int = Field(10, ge=1, description="Blocks of frames, each of which is left out once: for the residual of "
                                             "frames that were not seen, and for errors.")
    temperature: float = Field(300.0, gt=0, description="Of the velocities over which forces of rigid bonds are "
                                                        "averaged, K.")
    forces: Origin = Field("computed", description="computed: by the force field of the recipe. file: those that the "
                                                   "frames hold, without constraints.")
    output: OutputPath = Field(Path("tables"), description="Folder of the tables.")

    @field_validator("ranges")
    @classmethod
    def _rising(cls, ranges: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (low, high) in ranges.items():
            if not 0 <= low < high:
                raise ValueError(f"the range of '{name}' is not rising from 0 or above")
        return ranges


class MatchForces(FrameStep):
    """Fits tabulated potentials of the beads to the forces on them, by least squares, of the reference and of
    backmapped frames.

    Potentials are sums of cubic B-splines, by default 30 of each interaction. S. Izvekov and G. A. Voth, J. Phys. Chem.
    B 109, 2469 (2005); W. G. Noid et al., J. Chem. Phys. 128, 244114 (2008); both ensembles: M. Stieffenhofer, PhD
    thesis, Mainz 2022, equation 6.5.
    """

    Options = MatchForcesOptions
    options: MatchForcesOptions
    needs: ClassVar = frozenset({"system", "beads", "forcefield"})

    def start(self, state: State) -> None:
        options, system = self.options, state.system
        self.system = system
        known = interactions_of(system)
        chosen = list(known) if options.fit is None else list(dict.fromkeys(options.fit))
        for name in (*chosen, *options.ranges):
            named(known, name)
        self.projection = ForceProjection(system, state.forcefield, options.temperature, sigma=1.0)
        before = read_tables(options.tables, known)
        self.fixed = {name: one for name, one in before.items() if name not in chosen}
        self.before = TabulatedForces(system, before, options.excluded) if before else None
        self.staying = TabulatedForces(system, self.fixed, options.excluded) if self.fixed else None
        self.atoms, self.source = AtomIndex(system), opened_unpaired(options.reference, state, self.where)
        self.box, met = seen(state, self.source, [known[name] for name in chosen], options.cutoff, options.excluded)
        self.splines = splines_of(system, {name: known[name] for name in chosen}, met, options)
        if not self.splines.bases:
            raise BackmapError("none of the interactions is met in the frames", hint="Give a larger cutoff.")
        self.never = [name for name in chosen if name not in self.splines.bases]
        self.files = paths_of({name: known[name] for name in (*self.splines.bases, *self.fixed)}, options.output)
        self.files += [options.output / "fit.json", *([self.system_file] if self._fits(state) else [])]
        for path in self.files:
            state.files.claim(path, once=True)

    @property
    def system_file(self) -> Path:
        """OpenMM's file."""
        return self.options.output / "system.xml"

    def _fits(self, state: State) -> bool:
        """Whether OpenMM can have a box of this size."""
        ends = [one.high for one in self.splines.bases.values() if one.kind == "pair"]
        longest = max([*ends, *(one.grid[-1] for one in self.fixed.values() if one.kind == "pair")], default=0.0)
        if self.box is None or longest <= half_width(self.box):
            return True
        state.log(f"no {self.system_file}: OpenMM wants a cutoff of {half_width(self.box):.3g} nm, "
                  "half the box, at most")
        return False

    def frame(self, window: Window, state: State) -> Window:
        if window.atoms is None and window.reference is None:
            raise BackmapError("there are no forces to match: no earlier step makes atoms, and read has no reference",
                               hint="Put it after a step that makes atoms, or give read a reference.")
        frame = next(Snapshot.all_of(window, window.system, self.atoms, window.place))
        order = int(state.order(window)[0])
        if window.atoms is not None:
            self._count(BACKMAPPED, frame, self._group(order, state.n_frames))
        if frame.reference is not None and frame.index == order:  # it is the same for all replicas
            self._count(REFERENCE, frame.reference, self._group(order, state.n_frames))
        return window

    def _group(self, order: int, n_frames: int) -> int:
        """Blocks of frames that follow each other, as they are not independent."""
        return order * min(self.options.folds, n_frames) // n_frames

    def _count(self, ensemble: str, frame: Snapshot, group: int) -> None:
        tally = self.memory[ensemble]
        with at(f"frame {frame.number}"):
            staying = 0.0 if self.staying is None else self.staying.of(frame.beads, frame.box)
            before = 0.0 if self.before is None else self.before.of(frame.beads, frame.box)
        forces = self.projection.measured(frame, self.options.forces).total
        design, met = self.splines.design(frame.beads, frame.box)
        with at(f"frame {frame.number}"):
            count(tally, group, design, forces - staying)
        tally.row("square", frame.index, [group, ((forces - staying)**2).sum(), ((forces - before)**2).sum()])
        for name, (bins, beyond) in met.items():
            tally.count(f"visits {name}", frame.index, bins)
            tally.count(f"beyond {name}", frame.index, [beyond])

    def finish(self, state: State) -> None:
        if self.source is not None:
            for number, frame in enumerate(true_frames(self.source, self.system, state, self.atoms)):
                self._count(REFERENCE, frame, self._group(number, self.source.n_frames))
        weights = {REFERENCE: self.options.reference_weight, BACKMAPPED: self.options.backmapped_weight}
        tallies = {name: self.memory[name] for name in weights if "square" in self.memory[name]}
        if not any(weights[name] for name in tallies):
            raise BackmapError("there are no frames with forces to match, or all have the weight 0",
                               hint="Give frames, a reference, or other weights.")
        groups = 1 + max(int(tally.rows("square")[:, 0].max()) for tally in tallies.values())
        components = 3 * self.system.n_beads
        sums = {name: Sums.of(tally, groups, self.splines.n, tally.rows("square")[:, :2], components, weights[name])
                for name, tally in tallies.items()}
        fit = Fit.of(self.splines, list(sums.values()), self.options.smoothness)
        self._write(fit, tallies, state)

    def _write(self, fit: Fit, tallies: dict[str, Tally], state: State) -> None:
        for line in (*self.projection.notes(), *(f"{name}: never met, it gets no table" for name in self.never)):
            state.log(line)
        report = {"splines": {}, "residuals": {}, "unit": UNIT, "smoothness": self.options.smoothness}
        for number, (name, tally) in enumerate(tallies.items()):
            squares = tally.rows("square")[:, 2] / (3 * self.system.n_beads)
            error = squares.std(ddof=1) / np.sqrt(len(squares)) if len(squares) > 1 else float("nan")
            held, spread = fit.held_out[number]
            report["residuals"][name] = found = {
                "frames": len(squares), "before": float(squares.mean()), "before_error": float(error),
                "after": float(fit.after[number]), "held_out": float(held), "held_out_error": float(spread)}
            state.log(f"{name}: {len(squares)} frames, residual {found['before']:,.0f} ± {error:,.0f} before, "
                      f"{found['after']:,.0f} after, {held:,.0f} ± {spread:,.0f} in frames left out, {UNIT}")
        potentials, errors = dict(self.fixed), {}
        for name, basis in self.splines.bases.items():
            visits, beyond = (sum(tally.counts(f"{what} {name}") for tally in tallies.values())
                              for what in ("visits", "beyond"))
            own = self.splines.columns[name]
            made = potentials[name] = table_of(basis, fit.coefficients[own], visits)
            others = [basis.force(row[own], made.grid) for row in fit.without]
            errors[name] = fit.errors(np.reshape(others, (-1, len(made.grid))))
            report["splines"][name] = told = {
                "kind": basis.kind, "low": basis.low, "high": basis.high, "splines": basis.n,
                "values": int(visits.sum()), "beyond": int(beyond[0]), "known": float(made.known.mean()),
                "force_error": _typical(errors[name], made)}
            state.log(f"{name}: {basis.n} splines from {basis.low:.4g} to {basis.high:.4g}, {told['values']:,} values, "
                      f"{told['beyond']} beyond, error of the force {told['force_error']:.3g}")
        errors = {name: one for name, one in errors.items() if np.isfinite(one).all()}
        for path, text in contents_of(potentials, errors, self.options.output):
            state.files.place(path, text.encode())
        state.files.place(self.options.output / "fit.json", json.dumps(_plain(report), indent=1).encode())
        if self.system_file in self.files:
            made = system_of(self.system, potentials, self.box, self.options.excluded)
            state.files.place(self.system_file, openmm.XmlSerializer.serialize(made).encode())
        state.log(f"tables -> {self.options.output}")


def _typical(errors: np.ndarray, potential: Potential) -> float:
    """Median error of the force where it is known; NaN if there is none."""
    return float(np.median(errors[potential.known])) if potential.known.any() else float("nan")


def _plain(value: object) -> object:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value
