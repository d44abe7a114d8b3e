"""Models whose order is known: beads of true atoms, displaced by Gaussian noise of growing width, judged by forces.

    python recipes/cg_quality/ladder.py --seeds 10 --output runs/cg_quality/ladder

writes ladder.json: for each way to the atoms and each seed, the excess of every rung with its error, and the share of
the displacement that the atoms take back (``shift.py``). It needs the published reference data, and two minutes and a
half a seed.
"""
from __future__ import annotations

import argparse
import json
import os
from itertools import pairwise
from pathlib import Path

import MDAnalysis as mda
import numpy as np

import backmap
from backmap.api import Assessment

HERE = Path(__file__).parent
DATA = Path(os.environ.get("BACKMAP_REFERENCE_DATA", HERE.parents[2] / "shared" / "data")) / "polystyrene"
#: Beads that are displaced.
TRUE = (DATA / "test_568K" / "cg.gro", DATA / "test_568K" / "cg.xtc")
RUNGS = (0.0, 0.005, 0.01, 0.02, 0.04)  #: nm and coordinate
FRAMES = 4
#: Ways to the atoms: recipe, and changes to it. Minimised with beads free, atoms take beads to where they fit.
WAYS: dict[str, tuple[str, dict[str, object]]] = {
    "drawn": ("polystyrene.yaml", {}),
    "minimised, beads free": ("minimised.yaml", {}),
    "minimised, beads held": ("minimised.yaml", {"steps.refine.refiners": {"minimize": {"restraint": 1e5}}}),
}


def displaced(folder: Path, seed: int) -> dict[str, list[Path]]:
    """Files of beads (.gro, .trr) by rung."""
    universe = mda.Universe(*TRUE)
    found = {}
    for width in RUNGS:
        rng, path = np.random.default_rng([seed, round(1e6 * width)]), folder / f"{width:g}.trr"
        with mda.Writer(str(path), universe.atoms.n_atoms) as writer:
            for number in range(FRAMES):
                universe.trajectory[number]
                noise = rng.normal(size=universe.atoms.positions.shape) * 10 * width  # Angstrom
                universe.atoms.positions = universe.atoms.positions + noise
                writer.write(universe)
        found[f"{width:g} nm"] = [TRUE[0], path]
    return found


def figures(result: backmap.Result, assessor: str, quantity: str) -> dict[str, list[float]]:
    """Value and error of what an assessor says of all beads, by rung."""
    return {label: [figure.value, figure.error] for label, by_assessor in result.judgement.by_trajectory.items()
            for figure in by_assessor.get(assessor, Assessment()).figures
            if (figure.name, figure.quantity) == ("all", quantity) and label.endswith(" nm")}


def judged(folder: Path, seed: int, way: str) -> dict[str, dict[str, list[float]]]:
    """The ladder of one seed by one way to the atoms: excess of the JSD of |F|, and share of the shift taken back."""
    recipe, changes = WAYS[way]
    changes = changes | {"steps.assess.assessors": [{"projected_forces": {"temperature": 568}},
                                                    {"shift_back": {"files": [str(path) for path in TRUE]}}]}
    result = backmap.judge(HERE / recipe, displaced(folder, seed), frames=f"0:{FRAMES}", seed=seed, set=changes,
                           output=folder / way.replace(", ", "_").replace(" ", "_"), force=True,
                           plugins=[HERE / "shift.py"])
    return {"excess": figures(result, "projected_forces, ranking", "excess JSD"),
            "shift": figures(result, "shift_back", "share")}


def separations(excess: dict[str, list[float]]) -> list[float]:
    """Differences of neighbouring rungs in standard errors, those of the two added as if they were independent."""
    return [(b - a) / np.hypot(*errors) for (a, b), errors in
            ((pair, spread) for pair, spread in zip(pairwise(value for value, _ in excess.values()),
                                                    pairwise(error for _, error in excess.values())))]


def summary(found: dict[str, dict[str, dict[str, list[float]]]]) -> list[str]:
    """Lines of one way, over its seeds: excess and shift of every rung, how many seeds have the order right."""
    excess = np.array([[value for value, _ in one["excess"].values()] for one in found.values()])
    lines = [f"  {'rung':>9} {'excess':>8} {'sd':>7} {'taken back':>11} {'sd':>7}"]
    for number, rung in enumerate(next(iter(found.values()))["excess"]):
        shift = np.array([one["shift"][rung][0] for one in found.values() if rung in one["shift"]])
        back = f"{shift.mean():>11.4f} {shift.std(ddof=min(1, len(shift) - 1)):>7.4f}" if len(shift) else ""
        spread = excess[:, number].std(ddof=min(1, len(excess) - 1))
        lines.append(f"  {rung:>9} {excess[:, number].mean():>8.4f} {spread:>7.4f} {back}")
    apart = np.array([separations(one["excess"]) for one in found.values()])
    ordered = (np.diff(excess, axis=1) > 0).all(axis=1)
    lines += [f"  monotonic: {int(ordered.sum())} of {len(excess)} seeds, by more than two standard errors at every "
              f"step: {int((apart > 2).all(axis=1).sum())}",
              f"  separation of neighbours: {' '.join(f'{each:.1f}' for each in apart.mean(axis=0))}, mean "
              f"{apart.mean():.1f} standard errors"]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--ways", nargs="+", default=["drawn"], choices=WAYS)
    parser.add_argument("--output", type=Path, default=Path("runs/cg_quality/ladder"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    table = options.output / "ladder.json"
    found = json.loads(table.read_text()) if table.exists() else {}
    for way in options.ways:
        for seed in range(options.first, options.first + options.seeds):
            if str(seed) not in found.setdefault(way, {}):
                found[way][str(seed)] = judged(options.output, seed, way)
                table.write_text(json.dumps(found, indent=1))
            rungs = [value for value, _ in found[way][str(seed)]["excess"].values()]
            print(f"{way}, seed {seed}: {' '.join(f'{value:.4f}' for value in rungs)}",
                  "monotonic" if (np.diff(rungs) > 0).all() else "NOT MONOTONIC", flush=True)
        print("\n".join(summary(found[way])), flush=True)


if __name__ == "__main__":
    main()
