"""A known rate over as many frames in a row as are asked for: a hidden rotor of some five jumps per ns.

    PYTHONPATH=../.. python rotor.py --frames 100000 --rotors 3

The rotor, beads that wander, and the integration of Langevin's equation that says how often it jumps are those of the
tests (tests/unit/engine/test_carrying_known.py), which follow 300 rotors for 334 frames.
"""
from __future__ import annotations

import argparse

import numpy as np

from tests import rotors
from tests.unit.engine import test_carrying_known as known

PIECES = 10  #: of the frames of each rotor, from whose scatter the error is taken
BURN = 6  #: frames that are left out


def main() -> None:
    """Read the arguments, follow the rotors, and say how often they jump."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000, help="in a row, a picosecond apart")
    parser.add_argument("--rotors", type=int, default=3, help="that do not see each other")
    options = parser.parse_args()
    true, uncertain = known.jumps(known.langevin(1500, 250))
    phi = rotors.torsions(rotors.carried(known.SWEEPS, options.frames + BURN, BURN, barrier=known.BARRIER,
                                         count=options.rotors, steps=known.STEPS, timestep=known.TIMESTEP,
                                         friction=known.FRICTION))
    jumped = (phi[1:] > 0) != (phi[:-1] > 0)
    pieces = 1e3 * np.array([piece.mean(axis=0) for piece in np.array_split(jumped, PIECES)])
    found, error = pieces.mean(), pieces.std(ddof=1) / np.sqrt(pieces.size)
    print(f"{options.frames} frames of {options.rotors} rotors: {found:.2f} ({error:.2f}) jumps per ns, "
          f"by Langevin's equation {true:.2f} ({uncertain:.2f}): "
          f"{abs(found - true) / np.hypot(error, uncertain):.1f} standard errors")
    print("by tenths:", ", ".join(f"{piece.mean():.2f}" for piece in pieces))
    share = (phi > 0).mean(axis=1)
    print(f"on one side: {share.mean():.3f} of the frames; within 60 degrees of a well: "
          f"{(np.abs(np.abs(phi) - np.pi / 2) < np.pi / 3).mean():.4f}")


if __name__ == "__main__":
    main()
