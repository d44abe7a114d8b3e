"""The step ``bottleneck``: the mapping that coarsens beads once more, after a look whether two models agree there."""
from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from backmap.api import MappingReader, Nested, Options, OutputPath, Reader, State, Step, TopologyReader
from backmap.errors import BackmapError, at

from .. import handed
from ..bottleneck import telling
from ..bottleneck.beads import BeadFrames, Blocks, molecules_of
from ..bottleneck.diagnosis import Asked, coarsened, diagnose
from ..bottleneck.surroundings import describable
from ..molecules.bead_molecule import BeadMolecule
from ..molecules.groups import Remainder


class BottleneckOptions(Options):
    """Options of ``bottleneck``."""

    topology: Nested[TopologyReader] = Field(
        description="Molecules, bonds and masses of the beads: a topology whose atoms are the beads; or of the atoms, "
                    "with `mapping`.")
    mapping: Nested[MappingReader] | None = Field(None, description="What makes the beads of the topology's atoms.")
    beads: Nested[Reader] | None = Field(None, description="X: frames of the model that is to be corrected.")
    like: Nested[Reader] | None = Field(None, description="Y: frames of the same beads, of a faithful model.")
    sizes: list[Annotated[int, Field(ge=1)]] = Field(
        list(range(1, 9)), min_length=1, description="Beads of a group that are tried; 1 are the beads as they are.")
    size: int | None = Field(None, ge=1, description="Beads of a group in the mapping that is written; by default the "
                                                     "smallest of `sizes` that matches, and none if that is 1.")
    remainder: Remainder = Field("last", description="Of a chain that does not divide: a smaller last group; groups "
                                                     "that differ by one at most (spread); or an error.")
    bins: int | None = Field(None, ge=2, description="Bins of divergences; by default as many as the values can fill, "
                                                     "90 at most.")
    output: OutputPath = Field(Path("bottleneck.xml"), description="The mapping, as VOTCA has it; for several "
                                                                   "molecule types NAME_TYPE.xml, one for each.")

    @model_validator(mode="after")
    def _both_or_none(self) -> BottleneckOptions:
        if (self.beads is None) != (self.like is None):
            raise ValueError(f"'{'beads' if self.beads is None else 'like'}' is missing: two models are compared")
        if self.beads is None and self.size is None:
            raise ValueError("without frames to compare, give the size")
        return self


class Bottleneck(Step):
    """Compares two models of the same beads in groups of growing size; writes the mapping of the smallest that matches.

    Distances are Jensen-Shannon divergences of bonds, angles and torsions, the L1 distance of g(r), and the maximum
    mean discrepancy of environments, each with its error and the floor of the faithful frames.
    """

    Options = BottleneckOptions
    gives = frozenset({"bottleneck"})
    beforehand = True

    def start(self, state: State) -> None:
        options = self.options
        topology = handed.topology(options.topology)
        mapped = None if options.mapping is None else handed.bead_models(options.mapping, topology)
        blocks = molecules_of(topology, mapped)
        kinds = list(dict.fromkeys(kind for kind, _ in blocks))
        for kind in kinds:
            with at(topology.where):
                kind.labels()  # names that cannot be written are better known before frames are compared
            if not kind.weighed:
                state.log(f"{kind.name}: the topology has no masses of beads, so all weigh the same")
        found = self._diagnosed(blocks, state) if options.beads is not None else {}
        recommended = found.get("recommended") or 1
        size = options.size or (recommended if recommended > 1 else None)  # groups of one bead change nothing
        found |= {"size": size, "written": [] if size is None else self._written(kinds, size, state)}
        state.given["bottleneck"] = found

    def _diagnosed(self, blocks: Blocks, state: State) -> dict:
        options = self.options
        sources = [handed.opened(reader) for reader in (options.beads, options.like)]
        frames = []
        for name, source in zip("XY", sources, strict=True):
            with state.working(f"reading {name}", source.n_frames, "frames") as bar:
                frames.append(BeadFrames.read(source, blocks, bar.at))
            if frames[-1].n_frames * frames[-1].n_molecules < 2:
                raise BackmapError("holds one molecule in one frame: it has no halves that tell how much is noise",
                                   where=source.where, hint="Give more frames.")
        longest = max(kind.n_beads for kind, _ in blocks)
        sizes = sorted({min(size, longest) for size in options.sizes})
        if not describable():
            state.log("environments are not compared: pip install 'backmap-engine[landscape]'")
        asked = Asked(sizes, options.remainder, state.seed, options.bins, describable())
        with state.working("comparing", max(sizes), "beads in a group") as bar:
            diagnosis = diagnose(*frames, asked, bar.at)
        for line in telling.said(diagnosis):
            state.log(line)
        return telling.plain(diagnosis)

    def _written(self, kinds: list[BeadMolecule], size: int, state: State) -> list[str]:
        output = self.options.output
        written = []
        for name, coarse in coarsened(kinds, size, self.options.remainder).items():
            path = output if len(kinds) == 1 else output.with_name(f"{output.stem}_{name}{output.suffix}")
            remark = (f"Groups of {size} successive beads of {name}: {coarse.molecule.n_beads} beads to "
                      f"{len(coarse.groups)}; weights are masses")
            (state.output / path).parent.mkdir(parents=True, exist_ok=True)
            (state.output / path).write_text(coarse.xml([remark]), encoding="utf-8")
            state.log(f"groups of {size}: {coarse.molecule.n_beads} beads of {name} to {len(coarse.groups)} -> {path}")
            written.append(str(state.output / path))
        return written
