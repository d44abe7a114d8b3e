"""The ``landscape`` assessor: are whole molecules, among their neighbours, what true ones are?"""
from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Assessor, InputPath, Options, OutputPath
from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import Assessment
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally

from ...environments.extra import sklearn
from ...environments.spectra import Spectrum
from .centres import centres_of
from .chart import Chart, Drawing
from .descriptors import Environments
from .kernels import MoleculeKernel
from .memo import Memo
from .said import RULES, Findings
from .sample import ENVIRONMENTS, FRAME, LEFT_OUT, Sample
from .telling import Telling

#: Radii of environments where the recipe says none, nm.
RADII = {"molecules": 0.6, "environments": 0.5}


def _ending(path: Path) -> Path:
    if path.suffix != ".npz":
        raise ValueError("should end in .npz")
    return path


class LandscapeOptions(Options):
    """Options of the ``landscape`` assessor."""

    molecules: list[str] | None = Field(None, min_length=1, description="Molecule types that are compared; by default "
                                                                        "all that are backmapped.")
    centres: Literal["beads"] | dict[str, list[str]] | None = Field(
        None, description="Points around which neighbours are described: names of atoms by molecule type, e.g. "
                          "{PS1: [C2, C5]}, or beads. By default one atom of each bead, that in its middle.")
    points: Literal["molecules", "environments"] = Field(
        "molecules", description="What a point of the map is: a molecule, or the environment of one centre.")
    kernel: Literal["rematch", "average", "ordered"] = Field(
        "rematch", description="How molecules are compared: by the best match of their environments, their average, or "
                               "in their order along a linear molecule.")
    gamma: float = Field(0.1, gt=0, description="Of rematch: small for the best match alone, large for the average.")
    zeta: int = Field(2, ge=1, le=8, description="Exponent of the kernel of environments.")
    radius: float | None = Field(None, gt=0, description="Neighbours farther away are not seen, nm; by default 0.6 for "
                                                         "molecules, 0.5 for environments.")
    smoothing: float = Field(0.1, gt=0, description="Over so much before the radius neighbours fade, nm.")
    sigma: float = Field(0.03, gt=0, description="Width of the Gaussians that stand for atoms, nm; 0.05 to 0.1 where "
                                                 "atoms are beads.")
    n_max: int = Field(8, ge=1, le=20, description="Number of radial functions.")
    l_max: int = Field(6, ge=0, le=20, description="Largest degree of the spherical harmonics.")
    hydrogen: bool = Field(False, description="Whether hydrogen is seen.")
    permutations: int = Field(500, ge=100, description="How often frames are exchanged for a p-value.")
    limit: int = Field(3000, ge=10, description="Of longer trajectories, every n-th molecule is taken, so that there "
                                                "are no more than this.")
    landmarks: int = Field(600, ge=0, description="Points by which the map is drawn, at most; 0 draws none.")
    exponents: tuple[float, float, float, float] = Field(
        (6.0, 6.0, 2.0, 2.0), description="A, B, a, b of the sketch-map: how sharply distances count as short or long, "
                                          "in many dimensions and on the map.")
    restarts: int = Field(10, ge=1, description="Starts of the map, of which the best is kept.")
    clusters: Literal["auto"] | Annotated[int, Field(ge=1, le=8)] = Field(
        "auto", description="Number of clusters, at most 8; auto: the one from 2 to 8 with the largest silhouette.")
    bins: int = Field(50, ge=2, le=500, description="Bins of the map, along each side.")
    temperature: float | None = Field(None, gt=0, description="Of the frames, K, for a free energy on the map.")
    map: InputPath | None = Field(None, description="A map that was saved, to be drawn on again.")
    save: Annotated[OutputPath, pydantic.AfterValidator(_ending)] | None = Field(
        None, description="File for the map, .npz, in the output folder.")
    seed: int = Field(1, ge=0, description="Of exchanges, folds and starts.")

    @pydantic.model_validator(mode="after")
    def _fitting(self) -> LandscapeOptions:
        if min(self.exponents) <= 0:
            raise ValueError("exponents should be above 0")
        if self.save is not None and (self.landmarks == 0 or self.map is not None):
            raise ValueError("there is no new map to save: leave 'save' out, or draw a map")
        if self.radius is not None and self.smoothing > self.radius:
            raise ValueError("smoothing is wider than the radius")
        return self


class Landscape(Assessor):
    """Local environments (SOAP) and molecules compared with the true ones: two-sample tests, and a map of clusters.

    The maximum mean discrepancy and a classifier say whether frames can be told from the reference; the sketch-map
    shows where. M. Stieffenhofer, PhD thesis, Mainz 2022, chapters 3.2.3 and 5.
    """

    Options = LandscapeOptions
    options: LandscapeOptions
    verdict_rules = RULES

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        super().begin(system, forcefield)
        options = self.options
        self.centres = centres_of(system, options.centres, options.molecules)
        radius = RADII[options.points] if options.radius is None else options.radius
        self.spectrum = Spectrum(radius, min(options.smoothing, radius), options.sigma, options.n_max, options.l_max,
                                 options.hydrogen)
        self.environments = Environments(system, self.centres, self.spectrum)
        sklearn("linear_model", "cluster")  # it is missed now, not after hours
        self.memo = Memo(self.kernel, options.zeta)
        self.given = None
        if options.map is not None:
            self.given = Chart.read(options.map)
            self.given.expect(self.settings, options.map)

    @cached_property
    def kernel(self) -> MoleculeKernel:
        """The kernel of points."""
        name = self.options.kernel if self.options.points == "molecules" else "environment"
        return MoleculeKernel(name, self.options.gamma, self.options.zeta)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What a map has to have been made with, as plain data."""
        spectrum = self.spectrum
        return {"points": self.options.points, "centres": list(self.centres.names), "beads": self.centres.beads,
                "elements": self.environments.species, "radius": spectrum.radius, "smoothing": spectrum.width,
                "sigma": spectrum.sigma, "n_max": spectrum.n_max, "l_max": spectrum.l_max,
                "hydrogen": spectrum.hydrogen, "kernel": self.kernel.name,
                "gamma": self.kernel.gamma if self.kernel.name == "rematch" else None,
                "zeta": self.kernel.zeta if self.kernel.name == "environment" else None}

    def stride(self, n_frames: int) -> int:
        """Every how many molecules one is taken."""
        return -(-n_frames * len(self.centres.points) // self.options.limit)

    def measure(self, frame: Snapshot, tally: Tally) -> dict[str, NDArray[np.bool_]]:
        if not np.isfinite(frame.atoms).all() or not np.isfinite(self.centres.positions(frame)).all():
            tally.row(LEFT_OUT, frame.index, [frame.number])
            return {}
        centres = self.centres.every(min(self.stride(max(1, tally.period)), len(self.centres.points)))
        tally.row(ENVIRONMENTS, frame.index, self.environments.of(frame, centres).reshape(*centres.points.shape, -1))
        tally.row(FRAME, frame.index, [frame.number, frame.replica, _fingerprint(frame)])
        return {}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        ours = Sample.of(tally)
        theirs = None if reference is None else Sample.of(reference)
        stride = 1 if not ours.n_frames else -(-len(self.centres.points) // len(ours.environments[0]))
        said = Findings(self.options, self.centres.every(stride), stride)
        said.left_out(ours, theirs)
        if not ours.n_frames:
            return said.assessment
        if theirs is not None and theirs.n_frames:
            said.told(Telling.of(theirs, ours, self.memo, self.options), theirs)
        said.alike(self.memo, ours)
        chart = self._chart(theirs if theirs is not None and theirs.n_frames else ours)
        if chart is not None:
            said.mapped(chart, self.memo, ours, theirs if theirs is not None and theirs.n_frames else None)
        return said.assessment

    def _chart(self, sample: Sample) -> Chart | None:
        """The map that was given, one that these frames are on already, or a new one."""
        if self.given is not None or self.options.landmarks == 0:
            return self.given
        options = self.options
        known = next((chart for chart in self.memo.charts if set(sample.digests) <= set(chart.frames)), None)
        if known is None:
            points = self.memo.points(sample)
            drawing = Drawing(options.landmarks, options.exponents, options.restarts,
                              None if options.clusters == "auto" else options.clusters, options.seed)
            known = Chart.drawn(points, self.kernel, drawing, self.settings, tuple(sample.digests))
            self.memo.charts.append(known)
        return known

    def paths(self) -> Sequence[Path]:
        return [] if self.options.save is None else [self.options.save]

    def files(self) -> Mapping[Path, bytes]:
        if self.options.save is None or not self.memo.charts:
            return {}
        return {self.options.save: self.memo.charts[0].to_bytes()}


def _fingerprint(frame: Snapshot) -> float:
    """A number that tells the given beads of a frame from those of others."""
    beads = np.ascontiguousarray(frame.beads, dtype=np.float64).tobytes()
    return float(int.from_bytes(hashlib.sha256(beads).digest()[:6], "big"))
