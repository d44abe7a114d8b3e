"""The ``released_beads`` assessor: whether energies stay where they are once beads are let go."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Assessor, Options
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.hamiltonian.release import SPLITS, Release, places
from backmap.engine.identities.balance import Balance
from backmap.engine.identities.slopes import CLASSES
from backmap.engine.relaxation import Change
from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import CARE, GOOD, UNUSABLE, Aspect, Assessment, Curve, Figure, VerdictRule
from backmap.model.parameters import BOLTZMANN, ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

from .equipartition.assessor import temperature_of

Array = NDArray[np.float64]

SECTION = TOPIC = "released beads"
ALL = "all terms"
CALLED = {"bond": "bonds", "angle": "angles", "proper": "torsions", "improper": "impropers",
          "cmap": "correction maps", "lj": "Lennard-Jones", "coulomb": "Coulomb", "solvent": "implicit solvent"}
#: kT an atom: smaller changes do not matter; larger ones are known to be of something that is no sample.
TOLERANCE, FAR = 0.02, 0.2
BLIND = 0.04  #: kT an atom: if only larger changes would be seen, it cannot be told
ERRORS = 3.0  #: standard errors beyond which a change is not usable
DOUBT = 2.0  #: standard errors beyond which a change that may be chance is not called good
ATOMS = 20_000  #: of all frames that are let go, about


class ReleasedBeadsOptions(Options):
    """Options of the ``released_beads`` assessor."""

    sweeps: int = Field(24, ge=4, description="Sweeps of moves without beads; the second half of them is compared with "
                                              "what there was before.")
    frames: int | None = Field(None, ge=1, description="Frames that are let go, evenly over the run; by default so "
                                                       f"many as have {ATOMS} atoms.")
    timestep: float | None = Field(None, gt=0, le=10, description="fs; by default 2 where all bonds are rigid, else "
                                                                  "1.8. Any is right; it changes what is accepted.")
    temperature: float | None = Field(None, gt=0, description="K; by default that at which an earlier step samples.")


class ReleasedBeads(Assessor):
    """Energies before and after beads are let go, by moves that are accepted or rejected by the force field.

    Beads that were mapped from atoms of the force field hold nothing: atoms that sample it on such beads are, taken by
    themselves, a sample of the force field without any, and their energies stay where they are on average. Those of
    atoms that are trapped about their beads fall. It is asked of beads that were mapped from atoms alone
    (``beads: mapped`` in the recipe).
    """

    Options = ReleasedBeadsOptions
    options: ReleasedBeadsOptions
    verdict_rules = (VerdictRule(
        TOPIC, "beads", f"an energy that changes by {TOLERANCE:g} kT an atom and {DOUBT:g} standard errors once beads "
        f"are let go, or of which only changes above {BLIND:g} kT an atom would be seen",
        f"{FAR:g} kT an atom, beyond {ERRORS:g} standard errors"),)
    needs = frozenset({"forcefield"})
    seed = 0

    def use(self, generator: object, seed: int, device: str) -> None:
        self.seed = seed

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        super().begin(system, forcefield)
        self.temperature, self.unmade = temperature_of(self, self.options.temperature, forcefield)
        if self.beads_are != "mapped":
            self.unmade = (f"{self.name}: not made, as only beads that were mapped from atoms leave energies where "
                           "they are once they are let go; 'beads: mapped' at the top of the recipe says that they "
                           "were.")
        self.forcefield, self._release = forcefield, None
        self.fixman = self.sampled is not None and self.sampled.fixman_potential
        if not self.unmade:
            self.projector = SystemProjector(system)
            self.balance = Balance(system, forcefield, rigid_measure=not self.fixman)

    @property
    def release(self) -> Release:
        """Made when the first frame is there."""
        if self._release is None:
            self._release = Release(self.system, self.forcefield, self.temperature, self.fixman, self.options.timestep)
        return self._release

    def measure(self, frame: Snapshot, tally: Tally) -> None:
        tally.row(f"frames of {TOPIC}", frame.index, 1.0)
        if self.unmade or not self._chosen(frame, tally.period):
            return
        atoms = self.system.atoms_near_beads(frame.atoms, frame.beads, frame.box)
        if not np.isfinite(atoms).all():
            tally.row(f"{TOPIC}: lost", frame.index, 1.0)
            return
        words = (self.seed, TOPIC, frame.replica, frame.number)
        tally.row(f"{TOPIC}: unbalanced", frame.index, self._unbalanced(frame, places(self.system, atoms, frame.box)))
        (atoms,), _ = self.projector.project(atoms[None], self.system.map(atoms)[None])
        course, accepted = self.release.course(atoms, frame.box, self.options.sweeps, words)
        tally.row(TOPIC, frame.index, course)
        tally.row(f"{TOPIC}: accepted", frame.index, accepted)

    def _unbalanced(self, frame: Snapshot, piece: NDArray[np.int64]) -> Array:
        """By how much equipartition is off in each piece of a frame, by class of terms, (classes, pieces), kJ^2/mol^2.

        Its mean is 0, also where atoms are trapped; where vibrations happen to have much energy, it is above that.
        """
        found = np.zeros((len(CLASSES), 2**SPLITS))
        for number, sums in self.balance.of(frame).items():
            first = self.system.groups[number].beads[self.balance.molecules(number), 0]
            off = sums[..., 0] - self._heat * sums[..., 1]
            found += [np.bincount(piece[first], row, minlength=2**SPLITS) for row in off.T]
        return found

    def _chosen(self, frame: Snapshot, count: int) -> bool:
        """Whether a frame is one of those that are let go, out of so many."""
        wanted = self.options.frames or -(-ATOMS // self.system.n_atoms)
        return frame.replica == 0 and (count <= wanted or frame.index * wanted % count < wanted)

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        lost = f"{TOPIC}: lost" in tally
        if self.unmade or not (lost or TOPIC in tally):
            return Assessment(notes=[self.unmade] * bool(self.unmade))
        course = np.array([np.nan]) if lost else tally.rows(TOPIC)  # frames, looks, terms, pieces
        if not np.isfinite(course).all():
            return Assessment(findings=[Aspect(UNUSABLE, TOPIC, "Energies are not finite.", "beads")])
        late = course[:, -(self.options.sweeps // 2):].mean(axis=1)
        parts = (late - course[:, 0]).transpose(1, 0, 2) / (len(course) * self.system.n_atoms)
        known = tally.rows(f"{TOPIC}: unbalanced").transpose(1, 0, 2)
        limit, none = TOLERANCE * self._heat, known[:0]
        changes = {CALLED.get(term, term): change(own, known, limit)
                   for term, own in zip(self.release.terms, parts) if own.any()}
        both = [change(parts.sum(axis=0), each, limit, tests=2) for each in (known, none)]
        whole = next((one for one in both if one.seen and abs(one.value) > limit), both[0])
        figures = [Figure(SECTION, name, "change", one.value, "kJ/mol an atom", ideal=0.0, error=one.error)
                   for name, one in {ALL: whole, **changes}.items()]
        figures.append(Figure(SECTION, "moves", "share accepted", float(tally.rows(f"{TOPIC}: accepted").mean())))
        mean = course.sum(axis=(2, 3)).mean(axis=0) / self.system.n_atoms
        curve = Curve(SECTION, ALL, "sweep", "", np.arange(len(mean) + 1) - 0.5, mean, "energy, kJ/mol an atom")
        return Assessment(figures, [curve], findings=[self._finding(whole, len(course))])

    @property
    def _heat(self) -> float:
        """kT, kJ/mol."""
        return BOLTZMANN * self.temperature

    def _finding(self, whole: Change, count: int) -> Aspect:
        heat, frames = self._heat, f"{count} frame{'s' * (count > 1)}"
        said = f"{whole.value / heat:+.2g} ± {whole.error / heat:.1g} kT an atom"
        if whole.seen and abs(whole.value) > whole.tolerance:
            level = UNUSABLE if abs(whole.value) - ERRORS * whole.error > FAR * heat else CARE
            goes = "falls" if whole.value < 0 else "rises"
            return Aspect(level, TOPIC, (
                f"Not relaxed: once the beads of {frames} are let go, the energy {goes} ({said}). Mapped beads would "
                "leave it where it is: these atoms are trapped about them, or beads are of another force field, "
                "temperature or density. More annealing_sweeps (of molecules of one bead), rotation_sweeps (of two), "
                "sifting_rounds, tempering with a higher peak, or more sweeps may lead out."), "beads")
        if not whole.visible < BLIND * heat or abs(whole.value) > max(whole.tolerance, DOUBT * whole.error):
            return Aspect(CARE, TOPIC, (
                f"Whether atoms are trapped about their beads cannot be told from {frames}: once let go, only "
                f"changes above {whole.visible / heat:.2g} kT an atom would be seen ({said}). More frames tell."),
                          "beads")
        return Aspect(GOOD, TOPIC, (
            f"The energy stays where it is once the beads of {frames} are let go ({said}; {whole.visible / heat:.2g} "
            "would be seen), as that of samples on beads mapped from them does."), "beads")


def change(parts: Array, known: Array, tolerance: float, tests: int = 1) -> Change:
    """The sum of what frames have in their pieces, with its standard error, less what is known to be chance.

    Args:
        parts: Changes by frames and pieces, (f, u).
        known: Numbers with a mean of 0, (k, f, u), by which they are corrected as a straight line in each has it.
        tolerance: Smaller sums do not matter.
        tests: How many such sums are looked at together.
    """
    values, others = parts.ravel(), known.reshape(len(known), parts.size)
    others = others[others.std(axis=1) > 0]
    others = others / others.std(axis=1, keepdims=True)
    columns = np.column_stack([np.ones(len(values)), *others])
    slopes = np.linalg.lstsq(columns, values, rcond=None)[0]
    left = values - others.T @ slopes[1:]
    freedom = len(values) - len(slopes)
    error = np.sqrt(((left - left.mean())**2).sum() / freedom * len(values))
    return Change(float(left.sum()), float(error), float(freedom), float("nan"), tolerance, tests)
