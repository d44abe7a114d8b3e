"""The ``structure`` assessor: geometry, packing, stereochemistry and shape."""
from __future__ import annotations

import numpy as np
from pydantic import Field

from backmap.api import Assessor, Options
from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.model.assessment import UNUSABLE, Aspect, Assessment
from backmap.model.molecule import TOUCHING
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

from . import density, planar, stereo, wholeness
from .density import Density
from .distributions import Distributions
from .histograms import Bins
from .packing import Packing
from .part import Measurement, beads_of, counts_of
from .planar import Side, Sides
from .rings import Rings
from .shape import Shape
from .stereo import Stereo
from .wholeness import Wholeness

BOND = 0.15  #: nm; of atoms, for which the options' defaults are


class StructureOptions(Options):
    """Options of the ``structure`` assessor."""

    rdf: dict[str, tuple[str, str]] | None = Field(
        None, description="Radial distribution functions: a name and two selections in MDAnalysis' language, e.g. "
                          "{ring-ring: [type C_AR, type C_AR]}. By default carbon and carbon; {} makes none.")
    rdf_bin: float = Field(0.01, gt=0, description="Bin width of g(r), nm.")
    rdf_cutoff: float = Field(1.0, gt=0, description="g(r) ends here, nm.")
    bond_bin: float = Field(0.002, gt=0, description="Bin width of bond lengths, nm.")
    angle_bin: float = Field(2.0, gt=0, le=180, description="Bin width of angles, degrees.")
    proper_bin: float = Field(4.0, gt=0, le=360, description="Bin width of proper torsions, degrees.")
    improper_bin: float = Field(2.0, gt=0, le=360, description="Bin width of improper torsions, degrees.")
    contact_bin: float = Field(0.005, gt=0, description="Bin width of nearest contacts, nm.")
    end_bin: float = Field(0.05, gt=0, description="Bin width of end-to-end distances, nm.")
    gyration_bin: float = Field(0.02, gt=0, description="Bin width of radii of gyration, nm.")
    clash: float = Field(0.12, ge=0, description="Any two atoms closer than this clash, nm.")
    heavy_clash: float = Field(0.25, ge=0, description="Two heavy atoms closer than this clash, nm; if they share a "
                                                                   "hydrogen, or one is an ion and the other polar, "
                                                                   "closer than 0.225 and 0.17.")
    double_bonds: dict[str, Side] = Field(
        {}, description="Molecule type: cis, trans or either, of its double bonds. By default natural lipids are cis, "
                        "by their residue names, and others must be alike in all molecules.")
    long_bond: float = Field(0.2, gt=0, description="Bonds longer than this are counted and flagged, nm; where "
                                                    "heavy elements meet, 1.3 times their covalent radii.")


class Structure(Assessor):
    """Distributions of bonds, angles and torsions, g(r), contacts, clashes, stereochemistry, rings and shape."""

    Options = StructureOptions
    options: StructureOptions
    verdict_rules = (*wholeness.RULES, *planar.RULES, *stereo.RULES, density.RULE)

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        super().begin(system, forcefield)
        options = self.options
        if not system.n_molecules:
            raise BackmapError("there are no molecules to measure")
        unit = max(kind.length_unit for kind in system.types)
        stretch = 1.0 if unit == 1 else unit * TOUCHING / BOND

        def length(name: str, by: float = unit) -> float:
            """An option in nm; one that is as it is for atoms is longer for beads."""
            return getattr(options, name) * (1.0 if name in options.model_fields_set else by)

        widths = {"bonds": length("bond_bin", stretch), "angles": options.angle_bin, "propers": options.proper_bin,
                  "impropers": options.improper_bin}
        self.parts: list[Measurement] = [
            Distributions(system, forcefield, widths, length("long_bond", stretch), stretch),
            Packing(system, options.rdf, Bins(0.0, length("rdf_cutoff"), length("rdf_bin")), length("contact_bin"),
                    length("clash"), self._nearest(length("heavy_clash")), unit),
            Rings(system), Stereo(system), Sides(system, options.double_bonds),
            Wholeness(system, forcefield), Density(system),
            Shape(system, length("end_bin"), length("gyration_bin"))]

    def _nearest(self, distance: float) -> float:
        """Distance at which beads clash, nm: what training frames tell where they do, as atoms' radii say nothing."""
        known = [float(row[-1]) for kind in self.system.types for row in kind.limits.get("contacts", [])]
        return distance if "heavy_clash" in self.options.model_fields_set else min([distance, *known])

    def measure(self, frame: Snapshot, tally: Tally) -> dict[str, np.ndarray]:
        nowhere = ~np.isfinite(frame.atoms).all(axis=1)
        tally.count("atoms nowhere", frame.index, np.array([nowhere.sum(), nowhere.size]))
        if nowhere.any():
            return {"not_finite": beads_of(frame, nowhere)}
        flags: dict[str, np.ndarray] = {}
        for part in self.parts:
            for name, beads in part.measure(frame, tally).items():
                flags[name] = flags[name] | beads if name in flags else beads
        return flags

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        found = [part.conclude(tally, reference) for part in self.parts]
        lost, all_atoms = counts_of(tally, "atoms nowhere", 2).tolist()
        if lost:
            found.append(Assessment(findings=[Aspect(
                UNUSABLE, "positions", f"The positions of {lost} of {all_atoms} atoms are not finite. Frames with such "
                "atoms were not measured.")]))
        return Assessment([figure for one in found for figure in one.figures],
                          [curve for one in found for curve in one.curves],
                          [note for one in found for note in one.notes],
                          [finding for one in found for finding in one.findings],
                          [surface for one in found for surface in one.surfaces])
