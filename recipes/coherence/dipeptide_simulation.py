"""Simulates alanine dipeptide with OpenMM: as the trajectory of dipeptide.py was, or otherwise.

    data=../../../shared/data/alanine_dipeptide
    python dipeptide_simulation.py --trajectory $data --temperature 400 --folder ../../runs/400K
    python dipeptide_simulation.py --trajectory $data --name gb96 --forcefield amber96.xml amber96_obc.xml \
        --temperature 330 --frames 40000 --folder ../../runs/solvent
"""
from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import openmm
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from openmm import app, unit

EQUILIBRATION = 20  #: frames that are left out
PRECISION = 1e6  #: of places, 1/nm


def main() -> None:
    """Read the arguments, simulate, and write a frame every picosecond."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trajectory", type=Path, required=True, help="folder of NAME_top.pdb, where it begins")
    parser.add_argument("--name", default="vac99sb", help="of files")
    parser.add_argument("--forcefield", nargs="+", default=["amber99sb.xml"],
                        help="files that OpenMM ships; one of an implicit solvent beside them is that")
    parser.add_argument("--temperature", type=float, default=400.0, help="K")
    parser.add_argument("--frames", type=int, default=9000, help="one a picosecond")
    parser.add_argument("--seed", type=int, default=1, help="of velocities and noise")
    parser.add_argument("--folder", type=Path, required=True, help="where NAME.xtc and NAME_top.pdb go")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    start = options.trajectory / f"{options.name}_top.pdb"
    shutil.copyfile(start, options.folder / start.name)
    molecule = app.PDBFile(str(start))
    system = app.ForceField(*options.forcefield).createSystem(molecule.topology, nonbondedMethod=app.NoCutoff,
                                                              constraints=app.HBonds)
    integrator = openmm.LangevinMiddleIntegrator(options.temperature, 1.0, 0.002)
    integrator.setRandomNumberSeed(options.seed)
    simulation = app.Simulation(molecule.topology, system, integrator, openmm.Platform.getPlatformByName("Reference"))
    simulation.context.setPositions(molecule.positions)
    simulation.minimizeEnergy()
    simulation.context.setVelocitiesToTemperature(options.temperature, options.seed)
    with XTCFile(str(options.folder / f"{options.name}.xtc"), "w") as written:
        for frame in range(-EQUILIBRATION, options.frames):
            simulation.step(500)
            if frame >= 0:
                places = simulation.context.getState(getPositions=True).getPositions(asNumpy=True)
                written.write(places.value_in_unit(unit.nanometer), [[0.0] * 3] * 3, frame,
                              float(frame), PRECISION)


if __name__ == "__main__":
    main()
