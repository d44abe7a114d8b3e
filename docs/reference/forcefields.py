"""docs/force-fields.md: which force fields were compared with GROMACS, and how far they are from it."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).resolve().parents[2] / "tests" / "beside_gromacs.json"

HEAD = """\
<!-- Written by docs/generate.py from tests/beside_gromacs.json, which `python -m tests.beside_gromacs` measures. -->
# Force fields beside GROMACS

*This page is generated from what was measured.* The force fields that GROMACS ships, and CHARMM36 (July 2022), are read
from their topologies and evaluated for one configuration each: {systems} systems of {fields} force fields. Beside them
stand the energies and forces of `gmx_d mdrun -rerun` (GROMACS in double precision), with a cut-off of 1.1 nm and a
reaction field.

* **A term's deviation** is that of its energy, of the sum of the absolute values of its contributions; the largest of
  all terms is listed, and which it is. 1e-5 is allowed.
* **Forces**: the largest difference of a force, of the largest force of all. `gmx_d dump` prints six digits of forces,
  and this is what most of it is. 1e-5 is allowed.
* Both are of backmap's own energies, with which it draws and moves atoms; those through OpenMM follow in brackets.
* Proteins (ubiquitin, 1UBQ) and CHARMM27's POPC have their topology from `pdb2gmx`. Lipids and ethanol have made-up
  configurations, minimised. Water is flexible here (`define = -DFLEXIBLE`).

| force field | system | atoms | terms | largest deviation of a term | of a force |
|---|---|---|---|---|---|
"""

TAIL = """
## What is read

| section | functions |
|---|---|
| `[ bonds ]` | 1 harmonic, 2 GROMOS, 5 connection, 6 harmonic restraint |
| `[ angles ]` | 1 harmonic, 2 GROMOS, 5 Urey-Bradley |
| `[ dihedrals ]` | 1, 9 proper, 2 harmonic improper, 3 Ryckaert-Bellemans, 4 periodic improper, 5 Fourier |
| `[ cmap ]` | 1: correction maps of two torsions, periodic cubic splines |
| `[ pairs ]`, `[ pairs_nb ]` | 1, 2; with `gen-pairs` and `[ pairtypes ]` |
| non-bonded | Lennard-Jones by the combination rules 1, 2, 3, and `[ nonbond_params ]` |

Types that come up again, wildcards of dihedrals, and lines of one torsion are taken as `gmx grompp` takes them. Where
it asks for `-maxwarn`, because types come up again with other values, backmap stops with both lines. Forms that no
shipped force field uses, tables, Drude particles and polarisation stop with one line: see
[what can go wrong](errors.md).
"""


def page() -> str:
    """The whole page."""
    measured = list(json.loads(MEASURED.read_text(encoding="utf-8")).values())
    fields = {one["force field"] for one in measured}
    return HEAD.format(systems=len(measured), fields=len(fields)) + "".join(map(row, measured)) + TAIL


def row(one: dict[str, Any]) -> str:
    """A line of the table."""
    (own, term), (through, _) = (max((values[which], name) for name, values in one["terms"].items())
                                 for which in ("own", "openmm"))
    force = one["force"]
    return (f"| {one['force field']} | {one['system']} | {one['atoms']} | {', '.join(one['terms'])} | "
            f"{own:.0e} {term} ({through:.0e}) | {force['own']:.0e} ({force['openmm']:.0e}) |\n")
