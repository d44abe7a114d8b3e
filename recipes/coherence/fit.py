"""Fits the friction of dipeptide.yaml: runs it at several ones, and says how far rates and correlations are off.

    python dipeptide.py --trajectory ../../../shared/data/alanine_dipeptide --pieces 18 --frames 2680 --folder half
    BACKMAP_DIPEPTIDE=half python fit.py --friction 1 2 4 --frames 0:250
    BACKMAP_DIPEPTIDE=half python fit.py --friction 2 --rotor HC-CT-CT-N

What is fitted: jump rates and correlations of hidden torsions after 1, 2 and 5 frames, as the assessor ``dynamics`` has
them, each in units of what it allows: 10 % of a rate, .03 of a correlation, or two standard errors of the difference.

With a rotor, also how many jumps of thirds of a circle are missing of its, as a share of those made, which the option
``extra_jumps`` of ``carry`` adds: at a rate k they multiply its correlation after a time t by exp(-3/2 k t). That takes
many frames.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from backmap import session

HERE = Path(__file__).parent
FRICTION, EXTRA = "steps.carry.refresh[1].hamiltonian.friction", "steps.carry.extra_jumps"  #: in the recipe
NEAR, RATE, SIGMAS = 0.03, 0.1, 2.0
LAGS = ("C(1 ps)", "C(2 ps)", "C(5 ps)")


def compared(report: Path, lags: tuple[str, ...] | None = LAGS) -> Iterator[tuple[str, str, float, float, float]]:
    """Torsion, quantity, value, that of the reference, and what is allowed; correlations after ``lags``, or all."""
    for row in json.loads(report.read_text())["figures"]:
        found, true = (row["values"].get(name) for name in ("backmap", "reference"))
        name, quantity = row["name"].rpartition("torsion ")[2], row["quantity"]
        wanted = quantity == "jumps" or (quantity.startswith("C(") if lags is None else quantity in lags)
        if row["section"] == "dynamics" and row["name"].startswith("torsion") and wanted and found and true:
            error = np.hypot(found["error"] or 0.0, true["error"] or 0.0)
            allowed = max(SIGMAS * error, RATE * true["value"] if quantity == "jumps" else NEAR)
            yield name, quantity, found["value"], true["value"], allowed


def missing(report: Path, rotor: str) -> tuple[float, list[tuple[str, float, float, float]]]:
    """Jumps to be added to a rotor for each of its own, and every quantity without and with them, and the true one.

    The sum of squares of what is off, in units of what is allowed, is least.
    """
    rows = [row for row in compared(report, None) if row[0] == rotor]
    if not rows:
        raise SystemExit(f"{report} has no torsion {rotor}")
    made = next(value for _, quantity, value, _, _ in rows if quantity == "jumps")
    shares = np.linspace(0.0, 2.0, 2001)

    def added(quantity: str, value: float) -> np.ndarray:
        if quantity == "jumps":
            return value * (1 + shares)
        return value * np.exp(-1.5e-3 * made * shares * float(quantity[2:].split()[0]))

    off = sum(((added(quantity, value) - true) / allowed)**2 for _, quantity, value, true, allowed in rows)
    best = int(np.argmin(off))
    return float(shares[best]), [(quantity, value, float(added(quantity, value)[best]), true)
                                 for _, quantity, value, true, _ in rows]


def main() -> None:
    """Run, and print a table for each friction and the best of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, default=HERE / "dipeptide.yaml")
    parser.add_argument("--friction", type=float, nargs="+", default=[1.0, 2.0, 4.0], help="1/ps")
    parser.add_argument("--rotor", help="name of a torsion, of which jumps that are missing are said, too")
    parser.add_argument("--frames", help="as of backmap run; all by default")
    parser.add_argument("--folder", type=Path, default=Path("fit"), help="where runs go")
    options = parser.parse_args()
    off = {}
    for friction in options.friction:
        output = options.folder / f"friction_{friction:g}"
        session.run(options.recipe, set={FRICTION: friction, EXTRA: {}}, frames=options.frames, output=output,
                    force=True)
        rows = list(compared(output / "report.json"))
        away = [(found - true) / allowed for _, _, found, true, allowed in rows]
        off[friction] = float(np.sqrt(np.mean(np.square(away))))
        print(f"friction {friction:g} / ps")
        for (name, quantity, found, true, _), one in zip(rows, away, strict=True):
            print(f"  {name:30s} {quantity:8s} {found:9.3f} {true:9.3f} {one:7.2f}")
        print(f"  root mean square {off[friction]:.3f}", flush=True)
        if options.rotor:
            share, quantities = missing(output / "report.json", options.rotor)
            print(f"  {options.rotor}: {share:.2f} of those made are missing; without, with them, and the simulation")
            for quantity, without, found, true in quantities:
                print(f"    {quantity:10s} {without:9.3f} {found:9.3f} {true:9.3f}")
    print(f"best: {min(off, key=off.get):g} / ps")


if __name__ == "__main__":
    main()
