"""What judging takes: memory that does not grow with the frames, and time beside GROMACS for the same figures."""
from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.assessors.terms import SectionTerms, terms_of
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules.assemble import assemble

from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running import runner
from tests import forcefields, gmx, judging

pytestmark = pytest.mark.slow

N_FRAMES = 20
#: Large arrays are given back at once, so that what the program keeps is measured, and not the holes that malloc keeps.
WITHOUT_HOLES = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
#: Judges a trajectory and says its peak memory, KiB. Not ru_maxrss: a process inherits that from the one that started
#: it, so that it would be the memory of the tests.
CHILD = """
import sys
from pathlib import Path
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running import runner
runner.run(recipe.load(sys.argv[1], Registry().discover(), sys.argv[2:]))
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""
#: Beads stand for nothing here but the frames.
MELT = """\
recipe: 1
title: Polystyrene, judged
output: out
steps:
  - topology: {{atoms: {{gromacs: {data}/topol.top}}, mapping: {{votca: {data}/PS1.xml}}}}
  - forcefield: {{gromacs: {data}/topol.top, cutoff: 1.0, epsilon_rf: 2.5}}
  - read: {{beads: {{gromacs: [{data}/test_568K/cg.gro, {data}/test_568K/cg.xtc]}}}}
  - read_atoms: {{atoms: {{gromacs: {data}/test_568K/aa.xtc}}}}
  - assess: {{assessors: [structure, energy], view: false}}
  - write: {{report: report.json}}
"""


def peak(folder: Path, n_frames: int) -> float:
    """MiB that judging this many frames of octane takes at most, in windows of one size."""
    path = judging.octane(folder, n_frames)
    done = subprocess.run([sys.executable, "-c", CHILD, str(path), "window=50"], capture_output=True, text=True,
                          check=False, env=os.environ | {"OMP_NUM_THREADS": "1"} | WITHOUT_HOLES)
    assert done.returncode == 0, done.stderr
    assert judging.found(folder / "out")["n_frames"] == {"reference": n_frames, "backmap": n_frames}
    return float(done.stdout) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_frames(tmp_path: Path) -> None:
    few, many = (peak(tmp_path / str(n_frames), n_frames) for n_frames in (100, 1000))
    print(f"\n{few:.0f} MiB for 100 frames of 1664 atoms, {many:.0f} MiB for 1000")
    assert many < 1.1 * few, f"{few:.0f} MiB for 100 frames, {many:.0f} MiB for 1000"


def command(*words: str, folder: Path, stdin: str = "") -> float:
    """Processor time, s, of one ``gmx`` command on one thread."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["gmx", *words], cwd=folder, input=stdin, text=True, capture_output=True, check=False,
                          env=os.environ | {"GMX_MAXBACKUP": "-1", "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, f"gmx {' '.join(words)}:\n{done.stderr[-3000:]}"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def write_index(path: Path, groups: dict[str, np.ndarray]) -> None:
    """Groups of atoms, from 0 here."""
    with path.open("w") as file:
        for name, atoms in groups.items():
            rows = (atoms.ravel() + 1).tolist()
            file.write(f"[ {name} ]\n")
            file.writelines(" ".join(map(str, rows[k:k + 12])) + "\n" for k in range(0, len(rows), 12))


def theirs(data: Path, folder: Path) -> dict[str, float]:
    """Processor time, s, of GROMACS' programs by what they find out of the first frames."""
    topology = Gromacs(Gromacs.Options(file=data / "topol.top")).read()
    system = assemble(topology, Votca(Votca.Options(files=data / "PS1.xml")).read(topology))
    source = GromacsFrames([data / "test_568K" / "aa.xtc"])
    infos = [source.frame(number) for number in range(N_FRAMES)]
    boxes = np.stack([info.box for info in infos])
    atoms = np.stack([system.whole_atoms(info.positions, info.box) for info in infos])
    judging.write_xtc(folder / "aa.xtc", atoms, boxes)
    gmx.write_gro(folder / "first.gro", atoms[:1], boxes[:1])
    (folder / "rerun.mdp").write_text("".join(f"{key} = {value}\n" for key, value in gmx.MDP.items()))
    command("grompp", "-f", "rerun.mdp", "-c", "first.gro", "-p", str(data / "topol.top"), "-o", "rerun.tpr", "-po",
            "out.mdp", "-maxwarn", "20", folder=folder)
    took = {"energies": command("mdrun", "-s", "rerun.tpr", "-rerun", "aa.xtc", "-deffnm", "rerun", "-nt", "1",
                                folder=folder)}
    carbon = np.concatenate([np.tile(kind.chemistry.element == 6, count) for kind, count in system.blocks])
    write_index(folder / "carbon.ndx", {"C": np.flatnonzero(carbon)})
    took["g(r)"] = command("rdf", "-f", "aa.xtc", "-s", "rerun.tpr", "-n", "carbon.ndx", "-ref", "0", "-sel", "0",
                           "-excl", "-bin", "0.01", "-rmax", "1.0", "-o", "rdf.xvg", folder=folder)
    terms = terms_of(system, forcefields.read(data / "topol.top", system))
    took["angles and torsions"] = sum(
        angles(terms[section], "angle" if section == "angles" else "dihedral", folder)
        for section in ("angles", "propers", "impropers"))
    return took


def angles(terms: SectionTerms, kind: str, folder: Path) -> float:
    """Processor time, s, of the distributions of all names."""
    took = 0.0
    for number, _ in enumerate(terms.names):
        write_index(folder / "angle.ndx", {"group": terms.atoms[terms.name == number]})
        took += command("angle", "-f", "aa.xtc", "-n", "angle.ndx", "-type", kind, "-od", "angle.xvg", "-binwidth", "2",
                        folder=folder, stdin="0\n")
    return took


def ours(data: Path, folder: Path) -> float:
    """Processor time, s, of judging the first frames; what is compiled was compiled before."""
    path = folder / "run.yaml"
    path.write_text(MELT.format(data=data))
    took = 0.0
    for chosen in ("0:1", f"0:{N_FRAMES}"):
        checked = recipe.load(path, Registry().discover())
        before = time.process_time()
        runner.run(checked, chosen=chosen, force=True)
        took = time.process_time() - before
    return took


def test_judging_beside_gromacs(reference_data: Path, tmp_path: Path) -> None:
    if shutil.which("gmx") is None:
        pytest.skip("GROMACS' gmx is not on the PATH")
    data, threads = reference_data.resolve() / "polystyrene", torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        spent = ours(data, tmp_path)
    finally:
        torch.set_num_threads(threads)
    took = theirs(data, tmp_path)
    whole = sum(took.values())
    parts = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in took.items())
    print(f"\n{N_FRAMES} frames of 5832 atoms on one thread: assess [structure, energy] {spent:.2f} s "
          f"({N_FRAMES / spent:.1f} frames/s), GROMACS {whole:.2f} s ({N_FRAMES / whole:.1f} frames/s): {parts}; "
          f"{whole / spent:.2f} times as fast")
    found = {row["section"] for row in json.loads((tmp_path / "out" / "report.json").read_text())["figures"]}
    assert {"bonds", "angles", "propers", "impropers", "packing", "energy"} <= found
    assert whole / spent > 0.3, f"only {whole / spent:.2f} times as fast as GROMACS"
