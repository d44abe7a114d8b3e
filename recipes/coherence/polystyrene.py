"""Simulates a polystyrene melt for polystyrene.yaml with GROMACS: true atoms every picosecond, and beads by csg_map.

    python polystyrene.py --folder runs/polystyrene_in_time
"""
from __future__ import annotations

import argparse
from pathlib import Path

from octane import Simulation, simulated

DEMO = Path(__file__).resolve().parents[1] / "polystyrene"
#: As of the melt of that folder, whose aa.gro is where it begins, but for its pressure.
MELT = Simulation(DEMO / "polystyrene.top", DEMO / "polystyrene.xml", 568, 500, {"equilibrated": 5_000, "aa": 50_000}, {
    "epsilon-rf": 2.5, "vdw-modifier": "none", "coulomb-modifier": "none", "tau-t": 0.5, "lincs-order": 8})


def main() -> None:
    """Read the arguments, simulate and map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where everything goes")
    simulated(MELT, DEMO / "aa.gro", parser.parse_args().folder.resolve())


if __name__ == "__main__":
    main()
