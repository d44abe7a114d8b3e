"""Fits the friction of dipeptide.yaml: runs it at several ones, and says how far rates and correlations are off.

    python dipeptide.py --trajectory ../../../shared/data/alanine_dipeptide --pieces 18 --frames 250 --folder half
    BACKMAP_DIPEPTIDE=half python fit.py --friction 1 2 4 --frames 0:250

What is fitted: jump rates and correlations of hidden torsions after 1, 2 and 5 frames, as the assessor ``dynamics`` has
them, each in units of what it allows: 10 % of a rate, .03 of a correlation, or two standard errors of the difference.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from backmap import session

HERE = Path(__file__).parent
FRICTION = "steps.carry.refresh[1].hamiltonian.friction"  #: in the recipe
NEAR, RATE, SIGMAS = 0.03, 0.1, 2.0
LAGS = ("C(1 ps)", "C(2 ps)", "C(5 ps)")


def compared(report: Path) -> Iterator[tuple[str, str, float, float, float]]:
    """Torsion, quantity, value, that of the reference, and how far that is off in units of what is allowed."""
    for row in json.loads(report.read_text())["figures"]:
        found, true = (row["values"].get(name) for name in ("backmap", "reference"))
        if row["section"] == "dynamics" and row["quantity"] in ("jumps", *LAGS) and found and true:
            error = np.hypot(found["error"] or 0.0, true["error"] or 0.0)
            allowed = max(SIGMAS * error, RATE * true["value"] if row["quantity"] == "jumps" else NEAR)
            if row["name"].startswith("torsion"):
                yield (row["name"], row["quantity"], found["value"], true["value"],
                       (found["value"] - true["value"]) / allowed)


def main() -> None:
    """Run, and print a table for each friction and the best of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, default=HERE / "dipeptide.yaml")
    parser.add_argument("--friction", type=float, nargs="+", default=[1.0, 2.0, 4.0], help="1/ps")
    parser.add_argument("--frames", help="as of backmap run; all by default")
    parser.add_argument("--folder", type=Path, default=Path("fit"), help="where runs go")
    options = parser.parse_args()
    off = {}
    for friction in options.friction:
        output = options.folder / f"friction_{friction:g}"
        session.run(options.recipe, set={FRICTION: friction}, frames=options.frames, output=output, force=True)
        rows = list(compared(output / "report.json"))
        off[friction] = float(np.sqrt(np.mean([row[-1]**2 for row in rows])))
        print(f"friction {friction:g} / ps")
        for name, quantity, found, true, away in rows:
            print(f"  {name:30s} {quantity:8s} {found:9.3f} {true:9.3f} {away:7.2f}")
        print(f"  root mean square {off[friction]:.3f}", flush=True)
    print(f"best: {min(off, key=off.get):g} / ps")


if __name__ == "__main__":
    main()
