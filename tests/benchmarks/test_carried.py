"""Frames carried one from the other: memory does not grow with how many there are."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames

from tests.everything import MOLECULES
from tests.scenes import RECIPE as DEMO
from tests.scenes import write_trr

pytestmark = pytest.mark.slow

RECIPE = """\
recipe: 1
seed: 7
output: out
steps:
  - topology: {{atoms: {{gromacs: {demo}/octane.top}}, mapping: {{votca: {demo}/octane.xml}}, molecules: {{OCT: 8}}}}
  - forcefield: {{gromacs: {demo}/octane.top, cutoff: 0.9, epsilon_rf: 1.9}}
  - read: {{beads: {{gromacs: [beads.gro, beads.trr]}}}}
  - carry:
      start:
        - forward: template
        - hamiltonian: {{sweeps: 2, steps: 4, temperature: 350, second_start: 0}}
      refresh:
        - hamiltonian: {{sweeps: 1, steps: 4, temperature: 350, second_start: 0, friction: 2}}
      extra_jumps: {{CT-CT-CT-HC: 0.5}}
{assess}  - write: {{atoms: {{gromacs: [atoms.gro, atoms.xtc]}}}}
"""
ASSESS = "  - assess: {assessors: [dynamics, energy, consistency], view: false}\n"

#: Carries frames, and says how much memory it holds after some of them, KiB.
CHILD = """
import sys
from pathlib import Path
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running import runner
checked = recipe.load(sys.argv[1], Registry().discover(), [])
work, done = runner.Pipeline.work, 0
wanted = sorted(int(number) for number in sys.argv[2:])
last = wanted[-1]
def counted(*arguments):
    global done
    found = work(*arguments)
    done += found.n_frames
    while wanted and done >= wanted[0]:
        wanted.pop(0)
        lines = Path("/proc/self/status").read_text().splitlines()
        print(next(line.split()[1] for line in lines if line.startswith("VmRSS")), flush=True)
    return found
runner.Pipeline.work = counted
runner.run(checked, chosen=f"0:{last}")
"""


def held(folder: Path, numbers: list[int], assess: str = "") -> list[float]:
    """MiB that a run holds after so many frames of eight molecules whose beads wander."""
    info, rng = next(iter(GromacsFrames([DEMO / "cg.gro"]))), np.random.default_rng(1)
    beads, place = info.positions[:4 * MOLECULES], 0.0
    frames = []
    for _ in range(max(numbers)):
        place = 0.99 * place + rng.normal(0, 0.001, beads.shape)
        frames.append(beads + place)
    write_trr(folder / "beads.trr", frames, info.box, np.arange(len(frames), dtype=float))
    rows = (DEMO / "cg.gro").read_text().splitlines()
    (folder / "beads.gro").write_text("\n".join([rows[0], str(len(beads)), *rows[2:2 + len(beads)], rows[-1]]) + "\n")
    (folder / "run.yaml").write_text(RECIPE.format(demo=DEMO, assess=assess))
    done = subprocess.run([sys.executable, "-c", CHILD, str(folder / "run.yaml"), *map(str, numbers)],
                          env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [float(line) / 1024 for line in done.stdout.split()]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_frames_that_are_carried(tmp_path: Path) -> None:
    few, many = held(tmp_path, [200, 2000])
    assert many < 1.03 * few, f"{few:.0f} MiB after 200 frames, {many:.0f} MiB after 2,000"
