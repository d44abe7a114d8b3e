"""The ``coarse_structure`` assessor: local statistics of beads, and the shape of their chains."""
from __future__ import annotations

import numpy as np
from pydantic import Field

from backmap.api import Assessor, Options
from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.model.assessment import Assessment, Figure
from backmap.model.bootstrap import errors
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

from ..histograms import Bins
from .bonded import BondedBeads
from .pairs import PairFunctions
from .part import BLOCKS, SECTION, UNITS, CoarsePart
from .said import RULES, compared, kept
from .sizes import MovedBeads, Sizes


class CoarseStructureOptions(Options):
    """Options of the ``coarse_structure`` assessor."""

    bond_bin: float = Field(0.01, gt=0, description="Bin width of bond lengths, nm.")
    longest_bond: float = Field(2.0, gt=0, description="Bins of bond lengths end here, nm; the last one is open.")
    angle_bin: float = Field(2.0, gt=0, le=180, description="Bin width of angles, degrees.")
    torsion_bin: float = Field(4.0, gt=0, le=360, description="Bin width of torsions, degrees.")
    rdf_bin: float = Field(0.02, gt=0, description="Bin width of g(r), nm.")
    rdf_cutoff: float = Field(2.0, gt=0, description="g(r) ends here, nm.")
    apart: int = Field(1, ge=1, le=8, description="g(r) counts two beads of one molecule from so many bonds on: 1 for "
                                                  "all pairs; 4 leaves out what bonds, angles and torsions say.")
    size_bin: float = Field(0.25, gt=0, description="Bin width of end-to-end distances, radii of gyration and contour "
                                                    "lengths, nm.")


class CoarseStructure(Assessor):
    """Bonds, angles and torsions of beads, g(r), and the shape of chains: <R^2(n)>/n, Re, Rg, L, Kuhn length, n_K.

    For atoms that are beads; ``assess: {of: beads}`` looks at the beads of atoms in the same way. Every distance from
    the reference has a noise floor (one half of the reference against the other) and an error, from a bootstrap over
    ten blocks of successive frames. Where a step has moved the beads, it also says how far, and what became of sizes
    frame by frame.

    Divergences are those of Jensen and Shannon, with the natural logarithm, and of Jeffreys, with no probability below
    1e-6. The Kuhn length is b = <Re^2>/L and the Kuhn number n_K = rho_K b^3, rho_K the density of Kuhn segments. Rings
    and branched molecules have what is defined for them. All beads of a molecule weigh the same.
    """

    Options = CoarseStructureOptions
    options: CoarseStructureOptions
    verdict_rules = RULES

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        super().begin(system, forcefield)
        options = self.options
        if not system.n_molecules:
            raise BackmapError("there are no molecules to measure")
        bins = {"bonds": Bins(0.0, options.longest_bond, options.bond_bin),
                "angles": Bins(0.0, 180.0, options.angle_bin), "propers": Bins(-180.0, 180.0, options.torsion_bin)}
        sizes = Sizes(system, options.size_bin, options.longest_bond)
        self.parts: list[CoarsePart] = [
            BondedBeads(system, bins),
            PairFunctions(system, Bins(0.0, options.rdf_cutoff, options.rdf_bin), options.apart),
            sizes, MovedBeads(sizes)]

    def measure(self, frame: Snapshot, tally: Tally) -> dict[str, np.ndarray]:
        for part in self.parts:
            part.measure(frame, tally)
        return {}

    def distances(self, tally: Tally, reference: Tally) -> dict[tuple[str, str], float]:
        return {key: value for part in self.parts for key, value in part.distances(tally, reference).items()}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        found = [part.conclude(tally, reference) for part in self.parts]
        figures = [figure for one in found for figure in one.figures]
        findings = list(kept(figures))
        if reference is not None and min(tally.n_frames, reference.n_frames):
            distances = self.distances(tally, reference)
            spread = errors(self.distances, tally, reference, blocks=BLOCKS)
            figures = [Figure(SECTION, name, quantity, value, UNITS.get(quantity, ""), distance=True,
                              error=spread[name, quantity]) for (name, quantity), value in distances.items()] + figures
            halves = reference.half(0), reference.half(1)
            floors = self.distances(*halves) if min(half.n_frames for half in halves) else {}
            findings += compared(distances, floors)
        return Assessment(figures, [curve for one in found for curve in one.curves],
                          [note for one in found for note in one.notes], findings)
