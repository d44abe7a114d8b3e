"""The ``block_free_energies`` assessor: how hard each bead is to fill with atoms, given all the rest."""
from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Assessor, Generator, Learner, Nested, Proposer
from backmap.engine.metropolis.filling import BeadFilling, Fillings
from backmap.engine.random import seed_of
from backmap.engine.sites import handed
from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.model.assessment import Assessment, BeadValues, Curve, Figure, divergence
from backmap.model.bootstrap import errors
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window
from backmap.model.tally import Tally

from .histograms import Bins
from .worst import WorstOptions, flagged, named, remember

Array = NDArray[np.float64]
SECTION = "free energies of beads"
UNIT = "kJ/mol"
#: How closely draws of a generator meet beads if its training had exact ones, nm.
LEARNED_SIGMA = 1e-4
#: The tail begins at this quantile of the reference.
TAIL = 0.999
#: Errors below those of sums are none.
ROUNDING = 1e-12
#: A share of values in the open bins from which on a note says so.
OUTSIDE = 0.01


class BlockFreeEnergiesOptions(WorstOptions):
    """Options of the ``block_free_energies`` assessor."""

    generator: Nested[Generator] | None = Field(None, description="What draws; by default the generator that earlier "
                                                                  "steps have used. It needs a density.")
    temperature: float = Field(300.0, gt=0, description="Of the frames, K.")
    sigma: float = Field(0.001, gt=0, le=0.1, description="Standard deviation of beads about where they are given, nm "
                                                          "per coordinate.")
    candidates: int = Field(16, ge=2, description="Draws per bead, K. Few make free energies too high, those of beads "
                                                  "that are hard to fill above all.")
    bin_width: float = Field(2.0, gt=0, description="Bins of free energies, kJ/mol.")
    range: float = Field(500.0, gt=0, description="Bins reach this far above and half as far below what is usual for "
                                                  "beads of a kind, kJ/mol; the first and the last one are open.")
    flag_above: float | None = Field(None, gt=0, description="Beads are flagged `hard_to_fill` whose free energy lies "
                                                             "this far above the median of beads of their kind in "
                                                             "the frame, kJ/mol.")


class BlockFreeEnergies(Assessor):
    """How hard beads are to fill, F_I = -kT ln <w>, over fresh draws for the block of each bead given all the rest.

    Draws come from a generator with a density; their weights w are those by which ``metropolis`` accepts, so that <w>
    is the partition function of the block, estimated by importance sampling with K draws. It depends on beads and on
    the rest of the atoms, and not on where the bead's own atoms are: a large force on a bead whose free energy is usual
    is one of atoms that are badly placed, and a large free energy one of a bead that is hard to fill.

    A block is the whole fragment of the bead, where a draw meets all its rigid bonds, else its hydrogens; beads
    with neither have no free energy. Values count from the median of all beads of a kind in their frame: same molecule
    type, bead type and atoms.
    """

    Options = BlockFreeEnergiesOptions
    options: BlockFreeEnergiesOptions

    def __init__(self, options: BlockFreeEnergiesOptions) -> None:
        super().__init__(options)
        given = options.generator
        self.needs = frozenset({"forcefield"}) | (given.needs if given else {"generator"})
        self._used: tuple[Generator | None, int, str] = (None, 0, "cpu")

    def use(self, generator: Generator | None, seed: int, device: str) -> None:
        self._used = (generator, seed, device)

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        super().begin(system, forcefield)
        options, (generator, self.seed, device) = self.options, self._used
        if forcefield is None:
            raise BackmapError("free energies need a force field", hint="Put a forcefield step before.")
        if options.generator is not None:
            generator = options.generator
            if "forcefield" in generator.needs:
                generator.use(forcefield)
            system = handed.prepared(generator, system, device)
        if not isinstance(generator, Proposer):
            raise BackmapError("the generator has no density, so its draws cannot be weighed", where=self.name,
                               hint="Name one that has, e.g. generator: {equivariant: weights.safetensors}.")
        meets = options.sigma
        if isinstance(generator, Learner):
            meets = float(generator.training.get("bead_noise", LEARNED_SIGMA))
        self.filling = BeadFilling(system, forcefield, generator, options.temperature, options.sigma, meets,
                                   options.candidates, device)
        self.bins = Bins(-options.range / 2, options.range, options.bin_width)
        self._sort(system)

    def _sort(self, system: System) -> None:
        """Beads by kind and by type, of those that have a block."""
        kinds: dict[tuple, list[int]] = defaultdict(list)
        types: dict[str, list[int]] = defaultdict(list)
        for group in system.groups:
            element, own = group.type.chemistry.element, group.type.mapping.fragments()
            for bead, name in enumerate(group.type.bead_types):
                here = group.beads[:, bead][self.filling.filled[group.beads[:, bead]]].tolist()
                kinds[group.type.name, name, tuple(sorted(element[own[bead]].tolist()))] += here
                types[name] += here
        self.kinds = [np.array(beads) for beads in kinds.values() if beads]
        named_types = {f"bead {name}": np.array(sorted(beads)) for name, beads in sorted(types.items()) if beads}
        self.members = {"all": np.flatnonzero(self.filling.filled)} | named_types

    def _found(self, frame: Snapshot) -> tuple[Fillings, Array]:
        """Free energies, and by how much they are above the median of beads of their kind, (B,)."""
        atoms, box = frame.atoms[None], np.zeros((1, 3, 3)) if frame.box is None else frame.box[None]
        window = Window(np.array([frame.number]), np.zeros(1), box, frame.beads[None], atoms,
                        np.ones(atoms.shape[:2], dtype=bool), replica=np.array([frame.replica]))
        found = self.filling.of(window, (seed_of(self.seed, frame.replica), "block free energies"))
        beyond = np.full(len(frame.beads), np.nan)
        for beads in self.kinds:
            values = found.free_energy[beads]
            usual = np.median(values)
            beyond[beads] = values - usual if np.isfinite(usual) else values
        return found, beyond

    def measure(self, frame: Snapshot, tally: Tally) -> dict[str, NDArray[np.bool_]]:
        found, beyond = self._found(frame)
        tally.row("beyond", frame.index, [self.bins.count(beyond[beads]) for beads in self.members.values()])
        tally.row("usual", frame.index, [np.median(found.free_energy[beads]) for beads in self.members.values()])
        tally.row("effective", frame.index, [np.median(found.effective[beads]) for beads in self.members.values()])
        tally.row("impossible", frame.index, [np.isinf(beyond[beads]).mean() for beads in self.members.values()])
        remember(tally, "hardest", frame.index, frame.number, beyond)
        mask = flagged(beyond, self.options.flag_above, self.options.flag_worst)
        return {} if mask is None else {"hard_to_fill": mask}

    def of_beads(self, frame: Snapshot) -> list[BeadValues]:
        return [BeadValues("free energy above the median of its kind", UNIT, self._found(frame)[1])]

    def distances(self, tally: Tally, reference: Tally) -> dict[tuple[str, str], float]:
        """Distances of the free energies from those of the reference, by name and quantity."""
        found = {}
        ours, theirs = (each.rows("beyond").sum(axis=0) for each in (tally, reference))
        usual, expected = (each.rows("usual").mean(axis=0) for each in (tally, reference))
        for k, name in enumerate(self.members):
            found[name, "JSD"] = divergence(ours[k], theirs[k])
            found[name, "tail mass"] = self._above(ours[k], self.bins.quantile(theirs[k], TAIL))
            if name != "all":  # its median is that of one type or the other
                found[name, "shift of the median"] = float(usual[k] - expected[k])
        return found

    def _above(self, counts: Array, value: float) -> float:
        """Share of a histogram above a value, to within a bin evenly spread."""
        below = np.concatenate([[0.0], np.cumsum(counts)])
        return float(1 - np.interp((value - self.bins.low) / self.bins.width, np.arange(self.bins.n + 1), below)
                     / below[-1]) if below[-1] else float("nan")

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        found, curves, notes = [], [], named(tally, "hardest", self.system, f"hardest to fill, {UNIT} above the median")
        rows = {name: tally.rows(name) for name in ("beyond", "usual", "effective", "impossible") if name in tally}
        for k, name in enumerate(self.members if rows else ()):
            counts = rows["beyond"].sum(axis=0)[k]
            usual, effective, impossible = (float(rows[which].mean(axis=0)[k])
                                            for which in ("usual", "effective", "impossible"))
            if name != "all":
                found.append(Figure(SECTION, name, "median", usual, UNIT))
            found += [Figure(SECTION, name, f"{quantity} above the median", self.bins.quantile(counts, share), UNIT)
                      for quantity, share in (("99 %", 0.99), ("99.9 %", TAIL))]
            found += [Figure(SECTION, name, "share without any possible draw", impossible, ideal=0.0),
                      Figure(SECTION, name, f"effective draws of {self.options.candidates}", effective)]
            curves.append(Curve(SECTION, f"free energy, {name}", "free energy above the median of a kind, ends open",
                                UNIT, self.bins.edges, self.bins.density(counts)))
            if name == "all" and (counts[0] + counts[-1]) > OUTSIDE * counts.sum():
                notes.append(f"{(counts[0] + counts[-1]) / counts.sum():.1%} of free energies lie beyond the bins; "
                             "a wider range tells them apart")
        if reference is not None and rows:
            found += self._compared(tally, reference)
        return Assessment(found, curves, notes)

    def _compared(self, tally: Tally, reference: Tally) -> list[Figure]:
        spread = errors(self.distances, tally, reference)
        return [Figure(SECTION, name, quantity, value, UNIT if quantity.startswith("shift") else "",
                       distance=quantity != "tail mass",
                       error=spread[name, quantity] if spread[name, quantity] > ROUNDING else None)
                for (name, quantity), value in self.distances(tally, reference).items()]
