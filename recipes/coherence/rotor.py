"""A known rate over as many frames in a row as are asked for: a hidden rotor of some five jumps per ns.

    PYTHONPATH=../.. python rotor.py --frames 100000

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
    parser.add_argument("--rotors", type=int, default=1, help="that do not see each other")
    options = parser.parse_args()
    true, uncertain = known.jumps(known.langevin(1500, 250))
    print(f"by Langevin's equation {true:.2f} ({uncertain:.2f}) jumps per ns", flush=True)
    phi, piece = [], max(options.frames // PIECES, 1)
    for number, atoms in enumerate(rotors.course(
            known.SWEEPS, options.frames + BURN, barrier=known.BARRIER, count=options.rotors, steps=known.STEPS,
            timestep=known.TIMESTEP, friction=known.FRICTION), 1 - BURN):
        if number > 0:
            phi.append(rotors.torsions(atoms))
            if number % piece == 0:
                tell(np.array(phi), true, uncertain)


def tell(phi: np.ndarray, true: float, uncertain: float) -> None:
    """Print how often torsions (n, m) a picosecond apart have changed sides, beside a known rate per ns."""
    jumped = (phi[1:] > 0) != (phi[:-1] > 0)
    pieces = 1e3 * np.array([piece.mean(axis=0) for piece in np.array_split(jumped, PIECES)])
    found, error = pieces.mean(), pieces.std(ddof=1) / np.sqrt(pieces.size)
    print(f"{len(phi)} frames: {found:.2f} ({error:.2f}) jumps per ns, off by "
          f"{abs(found - true) / np.hypot(error, uncertain):.1f} standard errors; on one side "
          f"{(phi > 0).mean():.3f} of the time", flush=True)


if __name__ == "__main__":
    main()
