"""How time and memory of a run grow with its atoms: the published melt many times over, by its own recipe.

Needs the reference data, in ../shared/data beside the project or where BACKMAP_REFERENCE_DATA says. Every size is a
process of its own; what is read and started once is measured by the frame that is there twice.

    python growing.py --copies 1 2 3 --figure growing.svg
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

RECIPES = Path(__file__).parents[1]
PUBLISHED = RECIPES / "polystyrene_published" / "benchmark.yaml"
DATA = Path(os.environ.get("BACKMAP_REFERENCE_DATA", RECIPES.parent.parent / "shared" / "data")) / "polystyrene"
CHAINS = 36

#: Runs a recipe; says the processor time of every frame, s, and the most memory that there was, KiB.
CHILD = """
import resource, sys, time
from pathlib import Path
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running import runner
checked = recipe.load(sys.argv[1], Registry().discover(), [])
work, times = runner.Pipeline.work, []
def timed(*arguments):
    began = time.process_time()
    done = work(*arguments)
    times.append(time.process_time() - began)
    return done
runner.Pipeline.work = timed
runner.run(checked)
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print()
print(times[0], times[-1], time.process_time(), peak)
"""


def write_beads(folder: Path, copies: int) -> int:
    """The first frame of the test set so many times in each direction, twice; returns the number of beads."""
    frame = GromacsFrames([DATA / "test_568K" / "cg.gro"]).frame(0)
    shifts = np.stack(np.meshgrid(*[np.arange(copies)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3) @ frame.box
    names = [line[5:15] for line in (DATA / "test_568K" / "cg.gro").read_text().splitlines()[2:-1]]
    points = (frame.positions + shifts).reshape(-1, 3)
    lines = [f"{number % 100000:5d}{names[number % len(names)]}{(number + 1) % 100000:5d}{x:8.3f}{y:8.3f}{z:8.3f}"
             for number, (x, y, z) in enumerate(points)]
    edges = (frame.box * copies)[[0, 1, 2, 0, 0, 1, 1, 2, 2], [0, 1, 2, 1, 2, 0, 2, 0, 1]]
    whole = "\n".join(["melt", str(len(points)), *lines, "".join(f"{edge:10.5f}" for edge in edges), ""])
    (folder / "cg.gro").write_text(whole)
    return len(points)


def write_recipe(folder: Path, copies: int) -> Path:
    """The published melt's recipe without what judges it."""
    topology = re.sub(rf"(?m)^(PS1\s+){CHAINS}\s*$", rf"\g<1>{CHAINS * copies**3}", (DATA / "topol.top").read_text())
    (folder / "topol.top").write_text(topology.replace('#include "', f'#include "{DATA}/'))
    recipe = yaml.safe_load(PUBLISHED.read_text())
    steps = {name: step for step in recipe["steps"] for name in step}
    recipe["output"] = "out"
    steps["topology"]["topology"] |= {"atoms": {"gromacs": "topol.top"}, "mapping": {"votca": str(DATA / "PS1.xml")},
                                      "owners": {"PS1": str(DATA / "PS1.map")}}
    steps["forcefield"]["forcefield"]["gromacs"] = "topol.top"
    steps["read"]["read"] = {"beads": {"gromacs": ["cg.gro", "cg.gro"]}}
    steps["forward"]["forward"]["generator"]["equivariant"] = str(PUBLISHED.parent / "ps_568K.safetensors")
    steps["write"]["write"] = {"atoms": {"gromacs": "atoms.xtc"}}
    recipe["steps"] = [step for step in recipe["steps"] if "assess" not in step]
    recipe["window"] = 1
    (folder / "run.yaml").write_text(yaml.safe_dump(recipe))
    return folder / "run.yaml"


def measured(copies: int) -> dict[str, float]:
    """Atoms, processor seconds of a frame once compiled functions are loaded, those of the start, and memory, MB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        beads = write_beads(folder, copies)
        command = [sys.executable, "-c", CHILD, str(write_recipe(folder, copies))]
        done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise SystemExit(done.stderr or done.stdout)
    first, second, total, peak = map(float, done.stdout.split()[-4:])
    return {"atoms": beads // 20 * 162, "frame": second, "start": total - first - second, "memory": peak / 1024}


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
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 2, 3], help="in each direction")
    parser.add_argument("--figure", type=Path, help="a file to draw to (.svg)")
    options = parser.parse_args()
    rows = []
    for copies in options.copies:
        rows.append(measured(copies))
        print(json.dumps(rows[-1]), flush=True)
    if len(rows) > 1:
        print(json.dumps({"exponents": exponents(rows)}))
    if options.figure:
        draw(rows, options.figure)


if __name__ == "__main__":
    main()
