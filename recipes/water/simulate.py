"""Liquid water by GROMACS, and its beads by csg_map: ``python simulate.py tip4p folder``.

216 molecules or so at the density of the box that GROMACS ships, 300 K, 220 ps; one bead a molecule, at its centre of
mass. Then, in the folder, ``backmap init`` as README.md has it.
"""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path("/usr/share/gromacs/top")
#: Abascal, Vega, J. Chem. Phys. 123, 234505 (2005), which GROMACS does not ship.
TIP4P_2005 = """\
[ atomtypes ]
OW5 8 15.9994 0.0 A 0.31589 0.77491
HW5 1 1.008 0.0 A 0.0 0.0
MW5 0 0.0 0.0 D 0.0 0.0
[ moleculetype ]
SOL 2
[ atoms ]
1 OW5 1 SOL OW 1 0.0 15.9994
2 HW5 1 SOL HW1 1 0.5564 1.008
3 HW5 1 SOL HW2 1 0.5564 1.008
4 MW5 1 SOL MW 1 -1.1128 0.0
[ settles ]
1 1 0.09572 0.15139
[ virtual_sites3 ]
4 1 2 3 1 0.13193828 0.13193828
[ exclusions ]
1 2 3 4
2 1 3 4
3 1 2 4
4 1 2 3
"""
MDP = """\
dt = 0.002
nstxout = 1000
nstenergy = 100
nstcalcenergy = 10
verlet-buffer-tolerance = -1
nstlist = 5
rlist = 0.925
rcoulomb = 0.85
rvdw = 0.85
coulombtype = reaction-field
epsilon-rf = 0
vdw-modifier = none
constraints = h-bonds
"""
RUN = ("integrator = md\nnsteps = 110000\ntcoupl = v-rescale\ntc-grps = System\ntau-t = 0.2\nref-t = 300\n"
       "gen-vel = yes\ngen-temp = 300\n")
STEEP = "integrator = steep\nnsteps = 500\nemtol = 200\n"
MAPPING = """\
<cg_molecule><name>SOL</name><ident>SOL</ident>
  <topology><cg_beads><cg_bead><name>W</name><type>W</type><mapping>A</mapping>
    <beads>1:SOL:OW 1:SOL:HW1 1:SOL:HW2</beads></cg_bead></cg_beads></topology>
  <maps><map><name>A</name><weights>15.9994 1.008 1.008</weights></map></maps>
</cg_molecule>
"""


def main(model: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sites = 4 if model.startswith("tip4p") else 5 if model == "tip5p" else 3
    start = TOP / {3: "spc216.gro", 4: "tip4p.gro", 5: "tip5p.gro"}[sites]
    count = int(start.read_text().splitlines()[1]) // sites
    own = TIP4P_2005 if model == "tip4p2005" else f'#include "oplsaa.ff/{model}.itp"\n'
    (folder / "topol.top").write_text(f'#include "oplsaa.ff/forcefield.itp"\n{own}[ system ]\nwater\n[ molecules ]\n'
                                      f"SOL {count}\n")
    (folder / "md.mdp").write_text(MDP + RUN)
    (folder / "em.mdp").write_text(MDP + STEEP)
    (folder / "water.xml").write_text(MAPPING)

    def run(*command: str) -> None:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    for name, conf in (("em", str(start)), ("md", "em.gro")):
        run("gmx", "grompp", "-f", f"{name}.mdp", "-c", conf, "-o", f"{name}.tpr", "-maxwarn", "2")
        run("gmx", "mdrun", "-nt", "1", "-deffnm", name)
    beads = ("csg_map", "--top", "md.tpr", "--trj", "md.trr", "--cg", "water.xml", "--out")
    run(*beads, "cg.trr")
    run(*beads, "cg.gro", "--nframes", "1")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
