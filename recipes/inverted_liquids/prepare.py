"""Beads of a coarse-grained model that is made here: Boltzmann inversion of an all-atom run, and frames of the model.

Frames of atoms are mapped, and the step `invert` finds tables of bonds, angles, dihedrals and pairs whose distributions
are those of the mapped beads. Metropolis moves by these tables alone, from some of the mapped frames on and in
their boxes, then make frames of the model. Left behind are tables, cg.gro and cg.xtc.

    python prepare.py octane.top octane.xml aa.gro train.xtc --temperature 350 --folder runs/octane
"""
from __future__ import annotations

import argparse
from pathlib import Path

import MDAnalysis
import numpy as np
from backmap_plugins.files.tables.option import read_tables

import backmap
from backmap.api import System
from backmap.engine.tabulated.sampler import BeadSampler, Held
from backmap.model.interactions import interactions_of

SEED = 7


def inverted(options: argparse.Namespace) -> System:
    """Tables of the model, and the mapped beads they are made of as mapped.gro and mapped.trr; the system of beads."""
    atoms = {"gromacs": [str(options.structure), str(options.trajectory)]}
    steps = [{"topology": {"atoms": {"gromacs": str(options.topology)}, "mapping": {"votca": str(options.mapping)}}},
             {"read": {"reference": atoms}},
             {"invert": {"temperature": options.temperature, "iterations": options.iterations, "sweeps": 60,
                         "cutoff": options.cutoff}},
             {"write": {"beads": {"gromacs": ["mapped.gro", "mapped.trr"]}}}]
    made = backmap.run({"recipe": 1, "seed": SEED, "steps": steps}, output=options.folder / "model", force=True)
    return made.system.as_beads


def main() -> None:
    """Invert, sample, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, said in (("topology", "of GROMACS"), ("mapping", "of VOTCA"), ("structure", "a .gro of the atoms"),
                       ("trajectory", "their frames")):
        parser.add_argument(name, type=Path, help=said)
    parser.add_argument("--temperature", type=float, required=True)
    parser.add_argument("--cutoff", type=float, default=1.2, help="of pairs, nm")
    parser.add_argument("--iterations", type=int, default=8)
    parser.add_argument("--frames", type=int, default=4, help="of the model")
    parser.add_argument("--sweeps", type=int, default=4000, help="before each of them")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where to write")
    options = parser.parse_args()
    system, model = inverted(options), options.folder / "model"
    potentials = read_tables([model / "tables"], interactions_of(system))
    sampler = BeadSampler(system, potentials, Held.free(system), options.temperature)
    universe = MDAnalysis.Universe(str(model / "mapped.gro"), str(model / "mapped.trr"))
    starts = np.linspace(0, len(universe.trajectory) - 1, options.frames).round().astype(int)
    with MDAnalysis.Writer(str(options.folder / "cg.xtc"), universe.atoms.n_atoms) as writer:
        for place, number in enumerate(starts):
            universe.trajectory[number]
            beads = universe.atoms.positions.astype(np.float64) / 10
            box = universe.trajectory.ts.triclinic_dimensions.astype(np.float64) / 10
            made, counts = sampler.sample(beads, beads, box, options.sweeps, (SEED, "model", place))
            tried, accepted = counts.sum(axis=(0, 1))
            print(f"frame {place}, from {number}: {accepted / tried:.2f} of the moves accepted", flush=True)
            universe.atoms.positions = 10 * made
            universe.trajectory.ts.time = float(place)
            writer.write(universe.atoms)
            if not place:
                universe.atoms.write(str(options.folder / "cg.gro"))


if __name__ == "__main__":
    main()
