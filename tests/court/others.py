"""Cases of true atoms that were simulated otherwise than the recipe says, or are judged by a slip in its files."""
from __future__ import annotations

import re

import numpy as np

from .cases import ALL, boxes, colder, foreign, library, topology
from .liquids import gmx
from .shipped import as_they_are
from .trial import Case, Change, Scene, system_of


def simulated(duration: float, start: str = "aa.gro", **options: object) -> Change:
    """Frames of other dynamics, evenly over ``duration`` (ps), from ``start``: options of run.mdp that differ."""
    def change(scene: Scene) -> None:
        import MDAnalysis

        given = dict(line.split(" = ") for line in (scene.folder / "run.mdp").read_text().splitlines())
        made = given | {"gen-vel": "yes", "gen-temp": given["ref-t"]} | {
            name.replace("_", "-"): value for name, value in options.items()}
        steps = round(duration / float(made["dt"]))
        made |= {"nsteps": steps, "nstxout-compressed": max(1, steps // ALL)}
        (scene.folder / "other.mdp").write_text("".join(f"{name} = {value}\n" for name, value in made.items()))
        gmx("grompp", "-f", "other.mdp", "-c", start, "-p", "topol.top", "-o", "other.tpr", "-maxwarn", "9",
            folder=scene.folder)
        gmx("mdrun", "-deffnm", "other", "-ntmpi", "1", "-ntomp", "1", folder=scene.folder)
        system = system_of(scene.folder / "beads.yaml")
        universe = MDAnalysis.Universe(str(scene.folder / "aa.gro"), str(scene.folder / "other.xtc"))
        frames, edges = [], []
        for frame in universe.trajectory[1:ALL + 1]:
            edges.append(MDAnalysis.lib.mdamath.triclinic_vectors(frame.dimensions) / 10)
            frames.append(system.whole_atoms(frame.positions.astype(float) / 10, edges[-1]))
        scene.frames, scene.boxes = np.stack(frames), np.stack(edges)
        scene.beads = system.map(scene.frames)
    return change


def constrained(how: str) -> Change:
    """run.mdp says other constraints than those of the simulation."""
    def change(scene: Scene) -> None:
        path = scene.folder / "run.mdp"
        path.write_text(re.sub(r"constraints = .*", f"constraints = {how}", path.read_text()))
    return change


def _angles_wider(scene: Scene) -> None:
    """By four degrees."""
    library("ffbonded.itp", "angletypes", lambda words: words.__setitem__(4, f"{float(words[4]) + 4:.3f}"))(scene)


def _bonds_longer(scene: Scene) -> None:
    """By 4 %."""
    library("ffbonded.itp", "bondtypes", lambda words: words.__setitem__(3, f"{1.04 * float(words[3]):.5f}"))(scene)


def _whole_neighbours(scene: Scene) -> None:
    """Lennard-Jones of atoms three bonds apart in full, where OPLS has half."""
    library("forcefield.itp", "defaults", lambda words: words.__setitem__(3, "1.0"))(scene)


def _case(liquid: str, name: str, what: str, files: Change | None = None, recipe: Change | None = None) -> Case:
    return Case(f"{liquid}-{name}", "sampling", liquid, what, files, recipe or foreign(as_they_are), ALL)


#: Dynamics whose lengths are those of another temperature if steps are long, as those of GROMACS' sd are not.
VERLET = {"integrator": "md", "tcoupl": "v-rescale", "tau_t": 0.2}
_said = "dynamics of the force field, judged"
OTHERS = [
    _case("hexane", "warm", "dynamics of 300 K, said to be of 345 K", colder(345)),
    _case("hexane", "neighbours", f"{_said} with Lennard-Jones between third neighbours in full, not by half",
          _whole_neighbours),
    _case("hexane", "angles-wider", f"{_said} by angles 4 degrees wider", _angles_wider),
    _case("hexane", "bonds-longer", f"{_said} by bonds 4 % longer", _bonds_longer),
    _case("hexane", "as-rigid", "dynamics of bonds that are springs, said to be rigid", constrained("all-bonds")),
    _case("methanol", "as-springs", "dynamics of rigid bonds, said to be springs", constrained("none")),
    _case("methanol", "signs", f"{_said} by charges of hydroxyl and methyl hydrogens exchanged",
          topology((r"opls_156 (.*) 0.04 ", r"opls_156 \1 0.418 "), (r"opls_155 (.*) 0.418 ", r"opls_155 \1 0.04 "))),
    _case("ethanol", "wide", "true atoms where they are, in a box 3 % wider", boxes(1.03)),
    _case("hexane", "narrow", "true atoms where they are, in a box 3 % narrower", boxes(0.97)),
    _case("hexane", "digits", "true atoms, written with a digit too few", recipe=foreign(
        lambda atoms, scene: np.round(atoms, 2))),
    _case("hexane", "long-step", "dynamics with leapfrog steps of 2.5 fs, of bonds that are springs",
          simulated(6, dt=0.0025, **VERLET)),
    _case("propane", "long-step", "dynamics with leapfrog steps of 5 fs, of rigid bonds",
          simulated(15, dt=0.005, **VERLET)),
    _case("mixture", "two-temperatures", "dynamics that keep ethanol at 240 K and hexane at 400 K, for 320 K",
          simulated(6, tc_grps="ETH HEX", tau_t="0.05 0.05", ref_t="240 400")),
    _case("hexane", "begun", "a third of a picosecond of dynamics, from rest at 0 K", simulated(0.3, gen_temp=0)),
]
