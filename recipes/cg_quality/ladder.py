"""Models whose order is known: beads of true atoms, displaced by Gaussian noise of growing width, judged by forces.

    python recipes/cg_quality/ladder.py --seeds 10 --output runs/cg_quality/ladder

writes ladder.json: for each way to the atoms and each seed, the excess of every rung with its error. It needs the
published reference data, and two minutes and a half a seed.
"""
from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import MDAnalysis as mda
import numpy as np

import backmap

HERE = Path(__file__).parent
DATA = Path(os.environ.get("BACKMAP_REFERENCE_DATA", HERE.parents[2] / "shared" / "data")) / "polystyrene"
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
    universe = mda.Universe(DATA / "test_568K" / "cg.gro", DATA / "test_568K" / "cg.xtc")
    found = {}
    for width in RUNGS:
        rng, path = np.random.default_rng([seed, round(1e6 * width)]), folder / f"{width:g}.trr"
        with mda.Writer(str(path), universe.atoms.n_atoms) as writer:
            for number in range(FRAMES):
                universe.trajectory[number]
                noise = rng.normal(size=universe.atoms.positions.shape) * 10 * width  # Angstrom
                universe.atoms.positions = universe.atoms.positions + noise
                writer.write(universe)
        found[f"{width:g} nm"] = [DATA / "test_568K" / "cg.gro", path]
    return found


def excesses(result: backmap.Result) -> dict[str, list[float]]:
    """Excess and error of the JSD of |F| of all beads, by rung."""
    found = {}
    for label, by_assessor in result.judgement.by_trajectory.items():
        for figure in by_assessor.get("projected_forces, ranking", backmap.api.Assessment()).figures:
            if (figure.name, figure.quantity) == ("all", "excess JSD"):
                found[label] = [figure.value, figure.error]
    return found


def judged(folder: Path, seed: int, way: str) -> dict[str, list[float]]:
    """The ladder of one seed by one way to the atoms."""
    recipe, changes = WAYS[way]
    result = backmap.judge(HERE / recipe, displaced(folder, seed), frames=f"0:{FRAMES}", seed=seed, set=changes,
                           output=folder / way.replace(", ", "_").replace(" ", "_"), force=True)
    return excesses(result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--ways", nargs="+", default=["drawn"], choices=WAYS)
    parser.add_argument("--output", type=Path, default=Path("runs/cg_quality/ladder"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    table = options.output / "ladder.json"
    found = json.loads(table.read_text()) if table.exists() else {}
    for way in options.ways:
        for seed in range(1, options.seeds + 1):
            if str(seed) not in found.setdefault(way, {}):
                found[way][str(seed)] = judged(options.output, seed, way)
                table.write_text(json.dumps(found, indent=1))
            rungs = [value for value, _ in found[way][str(seed)].values()]
            print(f"{way}, seed {seed}: {' '.join(f'{value:.4f}' for value in rungs)}",
                  "monotonic" if (np.diff(rungs) > 0).all() else "NOT MONOTONIC", flush=True)


if __name__ == "__main__":
    main()
