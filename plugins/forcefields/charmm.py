"""Force fields from CHARMM's psf and parameter files."""
from __future__ import annotations

import pydantic
from openmm import app

from backmap.api import ForceFieldReader, InputPath, Options
from backmap.model.parameters import ForceField
from backmap.model.system import System

from ..openmm_bridge.parameters import translate
from .matching import molecules_of, read_by_openmm


class Charmm(ForceFieldReader):
    """CHARMM .psf with parameter files, read by OpenMM."""

    class Options(Options):
        psf: InputPath = pydantic.Field(description="A .psf with the molecules of the system.")
        parameters: list[InputPath] = pydantic.Field(
            min_length=1, description="Topology, parameter and stream files (.rtf, .prm, .str) of the force field.")

    options: Options

    def read(self, system: System) -> ForceField:
        path, files = self.options.psf, [str(file) for file in self.options.parameters]
        psf = read_by_openmm(lambda: app.CharmmPsfFile(str(path)), path)
        molecules = molecules_of(psf.topology, system, path)
        values = read_by_openmm(lambda: app.CharmmParameterSet(*files), ", ".join(files))
        made = read_by_openmm(lambda: psf.createSystem(
            values, nonbondedMethod=app.NoCutoff, constraints=None, rigidWater=False, removeCMMotion=False), path)
        return translate(made, molecules, str(path))
