"""Writing a folder from which GROMACS goes on: atoms, the user's topology with its files, parameters of runs."""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pydantic

from backmap.api import InputPath, Options, OutputPath, Writer, also_read
from backmap.model import box as periodic
from backmap.model.system import System, Window

from ...files.mdp import RunFile
from ...files.reading import reading
from ..writing import folder_name
from . import planar, run_files
from .topology_writer import INCLUDE, conditional, counted
from .writers import Gromacs

NAMES = ("conf.gro", "topol.top", "em.mdp", "nvt.mdp", "npt.mdp", "README.md")


class GromacsReady(Writer):
    """A folder for GROMACS: conf.gro, topol.top with what it includes, .mdp files, and a README.md with the commands.

    Atoms are those of the first frame. Of the topology's files those in its own folder are copied; others are
    GROMACS' own. The .mdp files are for minimisation, 20 ps at constant volume, and 100 ps at constant pressure. In the
    first two planar bonds of known side, as peptide bonds, are held within 15 degrees of it: strain would go into them.
    """

    class Options(Options):
        folder: Annotated[OutputPath, pydantic.AfterValidator(folder_name)] = pydantic.Field(
            description="The folder, in the output folder.")
        of: InputPath = pydantic.Field(description="The .top in which the molecule types stand.")
        temperature: float = pydantic.Field(gt=0, description="Of the runs, K.")
        mdp: InputPath | None = pydantic.Field(
            None, description="The .mdp of your simulations, for cut-offs, electrostatics and constraints. By default "
                              "those that are usual with CHARMM if the topology or a file of it is called so, else "
                              "with Amber and OPLS.")
        coupling: Literal["isotropic", "semiisotropic"] = pydantic.Field(
            "isotropic", description="Of the pressure; semiisotropic for bilayers in the plane of x and y.")

        @pydantic.model_validator(mode="after")
        def _writable(self) -> GromacsReady.Options:
            number = conditional(Path(self.of).read_text(encoding="utf-8", errors="replace").splitlines())
            if number:
                raise ValueError(f"{self.of.name}:{number}: [ molecules ] stand under a condition, so that their "
                                 "counts cannot be written anew: take them out of #ifdef")
            twice = sorted({*map(str, own_files(self.of))} & {*NAMES})
            if twice:
                raise ValueError(f"{self.of.name} includes '{twice[0]}', which is the name of a file that is written: "
                                 "call it otherwise")
            return self

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._own = own_files(options.of)
        self._told = RunFile.read(options.mdp) if options.mdp is not None else None
        for path in self._own.values():
            also_read(path)

    def paths(self) -> Sequence[Path]:
        return [self.options.folder / name for name in (*NAMES, *self._own)]

    def encode(self, window: Window, system: System, first: bool) -> Iterable[bytes]:
        if not first:
            return [b""] * len(self.paths())
        return list(self._encoded(window.take([0]), system))

    def _encoded(self, window: Window, system: System) -> Iterator[bytes]:
        conf = Gromacs(Gromacs.Options(files=[self.options.folder / NAMES[0]]))
        yield from conf.encode(window, system, True)
        texts = [counted(self.options.of, system, apart=[*map(str, self._own)]), *map(_verbatim, self._own.values())]
        restraints = planar.sections(system.types)
        held = [planar.held(text, restraints) for text in texts]
        yield held[0].encode()
        box = np.asarray(window.boxes[0])
        half = 0.5 * periodic.smallest_width(box) if periodic.is_valid(box) else np.inf
        treatment = run_files.treatment(self._told, run_files.is_called(self.options.of, "charmm"), half)
        flat = planar.MACRO if held != texts else ""
        for text in run_files.runs(treatment, self.options.temperature, self.options.coupling, flat):
            yield text.encode()
        gromos = run_files.is_called(self.options.of, "gromos")
        pme = treatment.get("coulombtype", "").lower() == "pme"
        charge = sum(count * float(kind.partial_charge.sum()) for kind, count in system.blocks) if pme else 0.0
        yield run_files.readme(system.listed, run_files.said(self._told, treatment), gromos, flat, charge).encode()
        for text in held[1:]:
            yield text.encode("latin-1")


def _verbatim(path: Path) -> str:
    """The bytes of a file, one character each: they are written as they are."""
    with reading(path):
        return path.read_bytes().decode("latin-1")


def own_files(top: Path) -> dict[str, Path]:
    """Files in the folder of a topology that it includes, whatever the conditions, by their path from there.

    Raises:
        BackmapError: If one cannot be read.
    """
    found: dict[str, Path] = {}
    todo = [top]
    while todo:
        path = todo.pop()
        with reading(path):
            text = path.read_text(encoding="utf-8", errors="replace")
        for match in filter(None, map(INCLUDE.match, text.splitlines())):
            for folder in (path.parent, top.parent):
                inside = Path(os.path.relpath(folder / match[3], top.parent))
                if (folder / match[3]).is_file() and ".." not in inside.parts:
                    if inside.as_posix() not in found:
                        todo.append(folder / match[3])
                    found.setdefault(inside.as_posix(), folder / match[3])
                    break
    return found
