"""What recipes may say to ``hamiltonian``."""
from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from backmap.api import Options
from backmap.engine.hamiltonian import timestep as lengths
from backmap.engine.hamiltonian.moves import Tempering
from backmap.model.tuned import AUTO

SELDOM = 4  #: sweeps to a tempered one, where soft beads let torsions turn by themselves
WORTH = 0.05  #: share of tempered trajectories that is accepted at least, if they are to be worth their time
HOT, HOTTER = 600.0, 2.0  #: K, and of the temperature: the larger is where frames are cooled from
WARMER = 2.5  #: times the temperature at which molecules begin to be turned
SOFTEST, HARDEST = 10.0, 1000.0  #: caps of the repulsion in soft-core sweeps, kJ/mol

Width = Annotated[float, Field(ge=1e-7, le=0.1)]


class SoftBeads(Options):
    """Beads that are met softly."""

    sigma: Width | dict[str, Width] = Field(
        0.0003, description="Standard deviation of every coordinate of M(r) about its bead, nm, or one for each bead "
                            "type; the rounding of a gro or xtc file is 0.0003.")


class Tempered(Options):
    """Trajectories that heat up to their middle and cool down again: they end in other wells than they began in."""

    peak: float = Field(Tempering.peak, gt=1, le=100, description="Energies half-way, in multiples of those at both "
                                                                  "ends. More cross higher barriers, and are accepted "
                                                                  "less often.")
    time: float = Field(Tempering.time, ge=10, le=1e5, description="Mean length of such a trajectory, fs. Longer ones "
                                                                   "are accepted more often.")
    every: int = Field(1, ge=1, description="Of the sweeps, every so many-th has one of such trajectories before it.")


class HamiltonianOptions(Options):
    """Options of ``hamiltonian``."""

    changed_names: ClassVar = {"soften": "is called 'soft_core_sweeps' now", "block": "is called 'block_size' now",
                     "measure": "is called 'fixman_potential' now: false for rigid, true for stiff"}
    sweeps: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        10, description="Sweeps; in each, every atom takes part in a move. auto: as many as a pilot on some frames "
                        "needs until energies no longer change and forces along moves of mapped beads balance.")
    at_most: int = Field(200, ge=1, description="The most sweeps that auto may come to. Log and reports say if they "
                                                "are not enough.")
    soft_core_sweeps: int = Field(0, ge=0, description="Sweeps before these in which the repulsion of two atoms is "
                                                       f"capped, at {SOFTEST:g} kJ/mol first and {HARDEST:g} last, so "
                                                       "that overlaps part.")
    mend: int = Field(10, ge=0, description="Rounds, at most, before the sweeps that count, in which atoms that "
                                            "overlap, bonds through rings, and molecules that are bent as heat never "
                                            "bends them are led downhill, where they are. 0 leaves it out; so does "
                                            "only.")
    loosening_sweeps: int = Field(60, ge=0, description="Sweeps after mending, of molecules on soft beads of which "
                                                        "planar bonds, such as amides, are twisted more often than "
                                                        "heat does: held loosely and warm at first, with these bonds "
                                                        "kept flat, they find how planes lie side by side along a "
                                                        "chain. 0 leaves them out; so do mend: 0 and only.")
    for_start: bool = Field(
        False, description="Sweeps lead to where a simulation can begin, and sample nothing: planar bonds of known "
                           "side, such as amides, stay within 30 degrees of flat once they are, and what sweeps leave "
                           "wrong is mended once more.")
    annealing_sweeps: int = Field(0, ge=0, description="Sweeps between these and the others in which the temperature "
                                                       "falls from hottest to temperature, slowly at first, with "
                                                       "trajectories twice as long: chains find their wells sooner "
                                                       "than at the temperature. Molecules of one bead follow their "
                                                       "dynamics all at once in them, so that those that hinder each "
                                                       "other, as water on its beads does, find their orientations.")
    hottest: float | None = Field(None, gt=0, description="Temperature of the first of them, K: where hydrogen bonds "
                                                          f"change hands in a picosecond. By default {HOT:g}, or "
                                                          f"{HOTTER:g} times the temperature if that is more.")
    rotation_sweeps: int = Field(0, ge=0, description="Sweeps after these in which molecules of one bead or two are "
                                                      "turned about them as rigid bodies, one after the other, each "
                                                      "into one of 16 orientations by its energy among neighbours, "
                                                      f"while the temperature falls from {WARMER:g} times its value: "
                                                      "those that hold each other by hydrogen bonds find their "
                                                      "orientations sooner than by any dynamics. What comes of it is "
                                                      "a start, from which sweeps sample; 'only' leaves it out.")
    sifting_rounds: int = Field(0, ge=0, description="Rounds after these in which a copy of the frame is heated to "
                                                     "five times the temperature and cooled, and each molecule is "
                                                     "taken from where it has less energy, both led downhill: "
                                                     "molecules whose torsions exact beads hold in wrong wells leave "
                                                     "these; those of more than 8 beads take no part. What comes of "
                                                     "it is a start, from which sweeps sample; 'only' leaves it out.")
    downhill: int = Field(0, ge=0, le=100, description="Steps downhill that every block takes right before the sweeps "
                                                       "that count, for frames that come from elsewhere, as in "
                                                       "'carry': what was bent on the way does not stay as heat. They "
                                                       "sample nothing; too many leave frames cold.")
    steps: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        10, description="Time steps of a move, on average: every move draws a number from half as many to half as many "
                        f"more, so that no vibration stays in step with it. auto: as many as make "
                        f"{lengths.TRAJECTORY:g} fs.")
    timestep: Annotated[float, Field(gt=0, le=10)] | Literal["auto"] = Field(
        1.0, description="fs. Acceptance tells whether it is right: 0.6 to 0.95. auto: the one with which a pilot on "
                         f"some frames has {lengths.WANTED:g} of its moves accepted.")
    hydrogen_mass: float | None = Field(
        None, gt=0, le=100, description="Mass of hydrogens while they move, u, if that is more than their own. 4 allows"
                                        " time steps nearly twice as long; the distribution is the same.")
    temperature: float = Field(300.0, gt=0, description="K.")
    friction: float | None = Field(
        None, gt=0, le=1000, description="At which molecules that are one block forget their velocities, 1/ps: each "
                                         "move begins with what it keeps of those that the one before has left it "
                                         "with, and a move that is rejected turns round. Sweeps x steps x timestep are "
                                         "time then, also from frame to frame in 'carry'. By default every move draws "
                                         "velocities anew. The distribution is the same.")
    block_size: int = Field(8, ge=1, description="Beads whose atoms move together, those nearest to a central one "
                                                 "along the molecule. Few leave a backbone no room; many are accepted "
                                                 "less often.")
    beads: Literal["exact", "auto"] | SoftBeads | None = Field(
        None, description="exact: beads stay in place. {sigma: ...}: they follow a Gaussian. auto: one as wide as a "
                          "pilot on some frames finds beads to be off, by bead type, at most 0.1 nm. By "
                          "default auto where the recipe says 'beads: model' or 'beads: auto' at its top, else exact.")
    tempering: Tempered | Literal["auto"] | None = Field(
        None, description="Sweeps of tempered trajectories between the others: as exact as these, they leave torsional "
                          "wells in which others stay, at some five times the time of a sweep. {}: as by default. "
                          f"auto: before every {SELDOM}th sweep, if a pilot on some frames has {WORTH:g} of such "
                          "trajectories accepted, else none.")
    fixman_potential: bool = Field(
        False, description="Add the Fixman potential kT/2 ln det G of rigid bonds, so that they are sampled as very "
                           "stiff springs are. Without it the distribution is that of constrained dynamics.")
    second_start: float = Field(0.1, ge=0, le=1, description="Share of the frames, or where they are few of the beads "
                                                            "of some, that start a second time, from sweeps at three "
                                                            "times the temperature: what comes of it is compared with "
                                                            "the first and forgotten. Every fourth of its sweeps is "
                                                            "preceded by a tempered one, if 'tempering' says nothing. "
                                                            "It costs two to three times this share of the step; 0 "
                                                            "leaves it out.")
    only: list[str] | None = Field(None, description="Move only the surroundings of beads under these flags of earlier "
                                                     "steps, e.g. [clash].")

    @property
    def hot(self) -> float:
        """Temperature that sweeps cool from, K."""
        return max(HOT, HOTTER * self.temperature) if self.hottest is None else self.hottest

    @model_validator(mode="after")
    def _sound(self) -> HamiltonianOptions:
        if self.annealing_sweeps and self.hot < self.temperature:
            raise ValueError(f"'hottest' is {self.hottest:g} K, below the temperature of {self.temperature:g} K")
        if self.for_start and self.sweeps == AUTO:
            raise ValueError("'for_start' samples nothing, and 'sweeps: auto' is as many as samples take: write a "
                             "number, or leave 'for_start' out")
        if self.only is not None and AUTO in (self.sweeps, self.steps, self.timestep, self.tempering):
            raise ValueError("'auto' needs moves of all atoms to tell by, and 'only' leaves few: write numbers")
        return self
