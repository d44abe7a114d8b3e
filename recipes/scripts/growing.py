"""How time and memory of a run grow with its atoms: the published melt many times over, by its own recipe.

Needs the reference data, in ../shared/data beside the project or where BACKMAP_REFERENCE_DATA says. Every size is a
process of its own. Small ones have their frame twice, and the second counts, as compiled functions are loaded with the
first: that is a second or less, and nothing beside a frame of the others.

    python growing.py --copies 1 2 3 6x6x5 --figure growing.svg
"""
from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from backmap_plugins.formats.gromacs.frames import GromacsFrames

from backmap.model.box import minimum_image

RECIPES = Path(__file__).parents[1]
PUBLISHED = RECIPES / "polystyrene_published" / "benchmark.yaml"
DATA = Path(os.environ.get("BACKMAP_REFERENCE_DATA", RECIPES.parent.parent / "shared" / "data")) / "polystyrene"
CHAINS = 36
LARGE = 27  #: copies from which on a frame is run once

Copies = tuple[int, int, int]

#: Runs a recipe with so many threads; says the processor time of all frames, of the last, and of all, how long the last
#: took, s, and the most memory that there was, KiB.
CHILD = """
import resource, sys, time
from pathlib import Path
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running import runner
checked = recipe.load(sys.argv[1], Registry().discover(), [])
work, times, walls = runner.Pipeline.work, [], []
def timed(*arguments):
    began, wall = time.process_time(), time.perf_counter()
    done = work(*arguments)
    times.append(time.process_time() - began)
    walls.append(time.perf_counter() - wall)
    return done
runner.Pipeline.work = timed
runner.run(checked, n_sharing=int(sys.argv[2]))
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print()
print(sum(times), times[-1], time.process_time(), walls[-1], peak)
"""


def copies_of(text: str) -> Copies:
    """Along each edge: ``3``, or ``6x6x5``."""
    along = [int(part) for part in text.split("x")]
    return tuple(along * 3)[:3] if len(along) == 1 else tuple(along)


def frames_of(copies: Copies) -> int:
    """How often a box is there."""
    return 2 if np.prod(copies) < LARGE else 1


def write_beads(folder: Path, copies: Copies) -> int:
    """The first frame of the test set so many times in each direction; returns the number of beads."""
    frame = GromacsFrames([DATA / "test_568K" / "cg.gro"]).frame(0)
    steps = np.meshgrid(*map(np.arange, copies), indexing="ij")
    shifts = np.stack(steps, axis=-1).reshape(-1, 1, 3) @ frame.box
    names = [line[5:15] for line in (DATA / "test_568K" / "cg.gro").read_text().splitlines()[2:-1]]
    chains = frame.positions.reshape(CHAINS, -1, 3)  # whole ones: in a larger box a broken one would be torn
    steps = np.diff(chains, axis=1, prepend=chains[:, :1])
    chains = chains[:, :1] + np.cumsum(minimum_image(steps, frame.box), axis=1)
    points = (chains.reshape(-1, 3) + shifts).reshape(-1, 3)
    lines = [f"{number % 100000:5d}{names[number % len(names)]}{(number + 1) % 100000:5d}{x:8.3f}{y:8.3f}{z:8.3f}"
             for number, (x, y, z) in enumerate(points)]
    edges = (frame.box * np.array(copies)[:, None])[[0, 1, 2, 0, 0, 1, 1, 2, 2], [0, 1, 2, 1, 2, 0, 2, 0, 1]]
    whole = "\n".join(["melt", str(len(points)), *lines, "".join(f"{edge:10.5f}" for edge in edges), ""])
    for number in range(frames_of(copies)):
        (folder / f"cg{number}.gro").write_text(whole)
    return len(points)


def write_recipe(folder: Path, copies: Copies, moves: bool) -> Path:
    """The published melt's recipe without what judges it; without ``moves`` it ends before these."""
    topology = re.sub(rf"(?m)^(PS1\s+){CHAINS}\s*$", rf"\g<1>{CHAINS * int(np.prod(copies))}",
                      (DATA / "topol.top").read_text())
    (folder / "topol.top").write_text(topology.replace('#include "', f'#include "{DATA}/'))
    recipe = yaml.safe_load(PUBLISHED.read_text())
    steps = {name: step for step in recipe["steps"] for name in step}  # of several of a name the last
    recipe["output"] = "out"
    steps["topology"]["topology"] |= {"atoms": {"gromacs": "topol.top"}, "mapping": {"votca": str(DATA / "PS1.xml")},
                                      "owners": {"PS1": str(DATA / "PS1.map")}}
    steps["forcefield"]["forcefield"]["gromacs"] = "topol.top"
    steps["read"]["read"] = {"beads": {"gromacs": [f"cg{number}.gro" for number in range(frames_of(copies))]}}
    steps["forward"]["forward"]["generator"]["equivariant"] = str(PUBLISHED.parent / "ps_568K.safetensors")
    steps["write"]["write"] = {"atoms": {"gromacs": "atoms.xtc"}}
    order = [next(iter(step)) for step in recipe["steps"]]
    last = len(order) if moves else order.index("hamiltonian")
    recipe["steps"] = [step for step in recipe["steps"][:last] if "assess" not in step and "write" not in step]
    recipe["steps"].append(steps["write"])
    recipe["window"] = 1
    (folder / "run.yaml").write_text(yaml.safe_dump(recipe))
    return folder / "run.yaml"


def measured(copies: Copies, moves: bool, threads: int) -> dict[str, float]:
    """Atoms; processor seconds of a frame once compiled functions are loaded, those of the start, and how long the
    frame took, s; memory, MB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        beads = write_beads(folder, copies)
        command = [sys.executable, "-c", CHILD, str(write_recipe(folder, copies, moves)), str(threads)]
        done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise SystemExit(done.stderr or done.stdout)
    frames, last, total, wall, peak = map(float, done.stdout.split()[-5:])
    return {"atoms": beads // 20 * 162, "frame": last, "start": total - frames, "wall": wall, "memory": peak / 1024}


def exponents(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of time and memory as powers of the number of atoms; memory without what the smallest has whatever its size."""
    atoms = np.log([row["atoms"] for row in rows])
    return {name: float(np.polyfit(atoms, np.log([row[name] for row in rows]), 1)[0]) for name in ("frame", "memory")}


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """Time and memory over atoms, with straight proportion beside them."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, plots = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
    atoms = np.array([row["atoms"] for row in rows])
    for plot, name, title in zip(plots, ("frame", "memory"), ("processor time of a frame (s)", "memory (MB)"),
                                 strict=True):
        values = np.array([row[name] for row in rows])
        plot.loglog(atoms, values, "o-", label="measured")
        plot.loglog(atoms, values[0] * atoms / atoms[0], ":", color="grey", label="as the number of atoms")
        plot.set(xlabel="atoms", title=title)
        plot.legend()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=copies_of, nargs="+", default=[(n,) * 3 for n in (1, 2, 3)],
                        help="along each edge, such as 3 or 6x6x5")
    parser.add_argument("--threads", type=int, default=1, help="that share a frame")
    parser.add_argument("--draws", action="store_true", help="draws of the network alone, without moves")
    parser.add_argument("--figure", type=Path, help="a file to draw to (.svg)")
    options = parser.parse_args()
    rows = []
    for copies in options.copies:
        rows.append(measured(copies, not options.draws, options.threads))
        print(json.dumps(rows[-1]), flush=True)
    if len(rows) > 1:
        print(json.dumps({"exponents": exponents(rows)}))
    if options.figure:
        draw(rows, options.figure)


if __name__ == "__main__":
    main()
