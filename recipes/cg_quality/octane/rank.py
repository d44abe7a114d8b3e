"""Ranks the models of models.py by the atoms that they imply, beside the distributions that they were fitted to.

    python recipes/cg_quality/octane/rank.py B D control --work ~/.cache/backmap/octane_350K --frames 20

backmap.judge puts atoms onto beads of each model, by judge.yaml; rank.json and rank.md in the same folder hold what it
says, the Jensen-Shannon divergences of bonds, angles and torsions, and the integrals of |g - g_ref| in nm.
"""
from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
from models import BONDED, MODELS, PAIRS, beads_of, geometry, run
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

import backmap

HERE = Path(__file__).resolve().parent
RANGES = {2: (0.15, 0.35), 3: (0.0, np.pi), 4: (-np.pi, np.pi)}


def divergence(one: NDArray, other: NDArray, limits: tuple[float, float]) -> float:
    """Jensen-Shannon divergence of two sets of samples, natural logarithm, in 60 bins."""
    counts = [np.histogram(np.clip(values, *limits), bins=60, range=limits)[0] for values in (one, other)]
    return float(jensenshannon(*counts)**2)


def fitted(work: Path, name: str) -> dict[str, float]:
    """How far the distributions of a model are from those that it was fitted to."""
    target, folder = work / "target", work / name
    theirs, own = (geometry(beads_of(place)) for place in (target, folder))
    found = {f"JSD {term}": divergence(theirs[term], own[term], RANGES[len(members[0])])
             for term, members in BONDED.items()}
    run(folder, "csg_stat", "--options", target / "settings.xml", "--top", "topology.xml", "--trj", "beads.dump")
    for pair in PAIRS:
        r, wanted = np.loadtxt(target / f"{pair}.dist.tgt", usecols=(0, 1)).T
        met = np.loadtxt(folder / f"{pair}.dist.new", usecols=1)
        found[f"g(r) {pair}"] = float(np.trapezoid(np.abs(met - wanted), r))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", choices=MODELS)
    parser.add_argument("--work", type=Path, required=True, help="the folder of reference.py and models.py")
    parser.add_argument("--frames", type=int, default=20)
    options = parser.parse_args()
    work = options.work.resolve()
    os.environ["BACKMAP_OCTANE"] = str(work)
    beads = {name: [work / name / "beads.gro", work / name / "beads.trr"] for name in options.models}
    last = beads_of(work / "target").trajectory.n_frames
    step = max(1, last // 2 // options.frames)  # of the second half: weights were trained on frames of the first
    frames = f"{last - step * options.frames}:{last}:{step}"
    judged = backmap.judge(HERE / "judge.yaml", beads, frames=frames, seed=1, output=work / "judgement", force=True)
    found = {}
    for name in options.models:
        figures = judged.judgement.by_trajectory[name]["projected_forces, ranking"].figures
        excess = next(one for one in figures if one.name == "all" and one.quantity == "excess JSD")
        found[name] = {"excess": excess.value, "error": excess.error, **fitted(work, name)}
    (work / "rank.json").write_text(json.dumps(found, indent=1))
    columns = list(next(iter(found.values())))
    rows = ["| model | " + " | ".join(columns) + " |", "|" + "---|" * (len(columns) + 1)]
    rows += [f"| {name} | " + " | ".join(f"{values[column]:.4f}" for column in columns) + " |"
             for name, values in found.items()]
    (work / "rank.md").write_text("\n".join(rows) + "\n")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
