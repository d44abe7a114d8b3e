"""Force matching against VOTCA's csg_fmatch, on the same synthetic forces.

It has splines of its own: cubic ones of the force, where ours are of the potential. Angles are left out: csg_fmatch of
VOTCA 2022.1 does not find the force of an angle again in forces without noise (its gradients of an angle are not those
of the angle), while ours are held against numerical derivatives in ``test_coordinates``.
"""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.tables import read_votca_force
from MDAnalysis.lib.formats.libmdaxdr import TRRFile

from backmap.engine.tabulated.basis import SplineBasis
from backmap.engine.tabulated.forces import TabulatedForces
from backmap.engine.tabulated.matching import Splines, Sums, count, solved
from backmap.model.tally import Tally
from tests import tabulated

CHAINS, FRAMES, KNOTS = 12, 60, 24
BOX = np.diag([2.4, 2.3, 2.5])
TERMS = {name: one for name, one in tabulated.field().items() if name != "angle"}
EXACT = TabulatedForces(tabulated.system(CHAINS, named=True), TERMS)
POSITIONS = [tabulated.chains(CHAINS, BOX, seed=k) for k in range(FRAMES)]


def ranges() -> dict[str, tuple[float, float]]:
    """What is met: beyond its grid csg_fmatch would extrapolate."""
    met: dict[str, list[float]] = {}
    for beads in POSITIONS:
        for name, found in EXACT.geometry.of(beads, BOX):
            met.setdefault(name, []).extend([found.values.min(), found.values.max()])
    ends = {"dihedral": (-np.pi, np.pi)} | {name: (min(met[name]), 1.0) for name in TERMS if "-" in name}
    return {name: ends.get(name, (min(met[name]), max(met[name]))) for name in TERMS}


def write_inputs(folder: Path) -> None:
    """Topology, mapping, options and a .trr with forces."""
    with TRRFile(str(folder / "t.trr"), "w") as file:
        for k, beads in enumerate(POSITIONS):
            forces = EXACT.of(beads, BOX)
            file.write(*(x.astype(np.float32) for x in (beads, 0 * beads, forces, BOX)), k, float(k), 0.0, len(beads))
    with (folder / "c.gro").open("w") as file:
        file.write(f"chains\n{4 * CHAINS}\n")
        for k, (x, y, z) in enumerate(POSITIONS[0]):
            file.write(f"{k // 4 + 1:5d}{'CHN':<5s}{f'B{k % 4 + 1}':>5s}{k + 1:5d}{x:8.3f}{y:8.3f}{z:8.3f}\n")
        file.write("{:.4f} {:.4f} {:.4f}\n".format(*np.diag(BOX)))
    (folder / "top.xml").write_text('<topology base="c.gro"><molecules><define name="CHN" first="1" nbeads="4" '
                                    f'nmols="{CHAINS}"/></molecules></topology>')
    beads = "".join(f"<cg_bead><name>A{k}</name><type>{kind}</type><mapping>one</mapping><beads>1:CHN:B{k}</beads>"
                    "</cg_bead>" for k, kind in enumerate(tabulated.TYPES, 1))
    members = {kind: "\n".join(" ".join(f"A{bead + 1}" for bead in one) for one in each)
               for kind, each in tabulated.CHAIN.items()}
    bonded = "".join(f"<{kind}><name>{kind}</name><beads>{text}</beads></{kind}>" for kind, text in members.items())
    (folder / "map.xml").write_text(
        f"<cg_molecule><name>CHN</name><ident>CHN</ident><topology><cg_beads>{beads}</cg_beads><cg_bonded>{bonded}"
        "</cg_bonded></topology><maps><map><name>one</name><weights>1</weights></map></maps></cg_molecule>")
    options = [f"<cg><fmatch><frames_per_block>{FRAMES}</frames_per_block><constrainedLS>false</constrainedLS>"
               "</fmatch>"]
    for name, (low, high) in ranges().items():
        step = (high - low) / KNOTS
        grid = f"<min>{low}</min><max>{high}</max><step>{step}</step><out_step>{step / 10}</out_step>"
        tag = "non-bonded" if "-" in name else "bonded"
        types = "<type1>{}</type1><type2>{}</type2>".format(*name.split("-")) if "-" in name else ""
        options.append(f"<{tag}><name>{name}</name>{types}<fmatch>{grid}</fmatch></{tag}>")
    (folder / "options.xml").write_text("".join(options) + "</cg>")


def test_csg_fmatch_finds_the_same(tmp_path: Path) -> None:
    """Within 1.5 % of the largest force of each interaction, and 2 % of dihedrals, whose ends csg_fmatch does not join.

    The median difference is below 0.1 %; the largest are where few values were met.
    """
    if shutil.which("csg_fmatch") is None:
        pytest.skip("VOTCA's csg_fmatch is not on the PATH")
    write_inputs(tmp_path)
    subprocess.run(["csg_fmatch", "--top", "top.xml", "--trj", "t.trr", "--cg", "map.xml", "--options", "options.xml"],
                   cwd=tmp_path, check=True, capture_output=True)
    fit = Splines(EXACT.geometry, {name: SplineBasis(TERMS[name].kind, *ends, 30) for name, ends in ranges().items()})
    tally, squares = Tally(), []
    for beads in POSITIONS:
        forces = EXACT.of(beads, BOX).astype(np.float32).astype(np.float64)
        count(tally, 0, fit.design(beads, BOX)[0], forces)
        squares.append([0, (forces**2).sum()])
    sums = Sums.of(tally, 1, fit.n, np.array(squares), 12 * CHAINS, 1.0)
    coefficients = solved(fit, [sums], np.ones(1, bool), 1e-8)
    for name, basis in fit.bases.items():
        grid, theirs, _ = read_votca_force(tmp_path / f"{name}.force")
        ours = basis.force(coefficients[fit.columns[name]], grid)
        assert len(grid) == 10 * KNOTS + 1
        apart = np.abs(theirs - ours) / np.abs(theirs).max()
        assert apart.max() < (0.02 if name == "dihedral" else 0.015), name
        assert np.median(apart) < (0.005 if name == "dihedral" else 0.001), name
