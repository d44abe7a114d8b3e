"""Force fields from Amber's prmtop files."""
from __future__ import annotations

import pydantic
from openmm import app

from backmap.api import ForceFieldReader, InputPath, Options
from backmap.model.parameters import ForceField
from backmap.model.system import System

from ..openmm_bridge.parameters import translate
from .matching import molecules_of, read_by_openmm


class Amber(ForceFieldReader):
    """Amber .prmtop, read by OpenMM; molecules are found by their bonds and matched by their elements."""

    class Options(Options):
        file: InputPath = pydantic.Field(description="A .prmtop (.parm7) with the molecules of the system.")

    options: Options

    def read(self, system: System) -> ForceField:
        path = self.options.file
        prmtop = read_by_openmm(lambda: app.AmberPrmtopFile(str(path)), path)
        molecules = molecules_of(prmtop.topology, system, path)
        made = read_by_openmm(lambda: prmtop.createSystem(
            nonbondedMethod=app.NoCutoff, constraints=None, rigidWater=False, removeCMMotion=False), path)
        return translate(made, molecules, str(path))
