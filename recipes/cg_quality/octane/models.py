"""Coarse-grained models of liquid octane, made by VOTCA and LAMMPS from the frames that reference.py makes.

    python recipes/cg_quality/octane/models.py B D control --work ~/.cache/backmap/octane_350K

csg_map makes beads of the reference and csg_stat their radial distributions; bonded terms are inverted directly;
csg_inverse finds pair potentials by iterative Boltzmann inversion, with LAMMPS; LAMMPS runs the model. What is left of
a model is in the folder of its name: `beads.trr` to judge, tables to go on with. What is there is kept. It takes ten
minutes of one core a model.

A: bonds nearly rigid, angle, torsion. B: all flexible. C: B without torsion. D: bonds alone. control: B with three
times its torsion, and B's pair potentials. matched: the tables that match.yaml makes. nm, kJ/mol, radians.
"""
from __future__ import annotations

import argparse
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from string import Template

import MDAnalysis as mda
import numpy as np
from backmap_plugins.files import tables
from numpy.typing import NDArray

from backmap.engine.tabulated.inversion import boltzmann_inverse
from backmap.engine.tabulated.spline import resampled
from backmap.model.parameters import BOLTZMANN
from backmap.model.tabulated import Potential, even_grid

HERE = Path(__file__).resolve().parent
MAPPING = HERE.parents[1] / "octane" / "octane.xml"
TEMPERATURE = 350.0
MASSES = {"E": 29.062, "M": 28.054}
TYPES = ("E", "M", "M", "E")
PAIRS = ("E-E", "E-M", "M-M")
#: Beads of a molecule by interaction, in the order of octane.xml.
BONDED = {"end-middle": [(0, 1), (2, 3)], "middle-middle": [(1, 2)], "bend": [(0, 1, 2), (1, 2, 3)],
          "twist": [(0, 1, 2, 3)]}
KINDS = {2: "bond", 3: "angle", 4: "dihedral"}
#: Points of a table, and of the grid that is inverted: noise of fine bins would be large forces, which torsions of
#: nearly straight angles make larger still.
FINE, COARSE = 361, 37
#: Angstrom/fs: sqrt(kT/m) of a bead.
THERMAL = 3.2e-3
#: nm: width of bonds that are nearly rigid, since LAMMPS has no rigid bonds of chains of beads.
NARROW = 0.001


@dataclass(frozen=True)
class Model:
    """What a model has of the inverted terms.

    Attributes:
        terms: Factor of each inverted term that is not left out.
        rigid: Bonds are harmonic and narrow.
        pairs: The model whose pair potentials it takes, in place of its own inversion.
        matched: All tables are those of match.yaml.
        timestep: fs.
    """

    terms: dict[str, float]
    rigid: bool = False
    pairs: str | None = None
    matched: bool = False
    timestep: float = 2.0


BONDS = {"end-middle": 1.0, "middle-middle": 1.0}
MODELS = {
    "A": Model({**BONDS, "bend": 1.0, "twist": 1.0}, rigid=True, timestep=1.0),
    "B": Model({**BONDS, "bend": 1.0, "twist": 1.0}),
    "C": Model({**BONDS, "bend": 1.0}),
    "D": Model(BONDS),
    "control": Model({**BONDS, "bend": 1.0, "twist": 3.0}, pairs="B"),
    "matched": Model({}, matched=True),
}


def run(folder: Path, *arguments: object) -> None:
    """A program in a folder; RuntimeError with its last words where it failed."""
    done = subprocess.run([*map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False)
    (folder / f"{arguments[0]}.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} failed in {folder}:\n{(done.stdout + done.stderr)[-3000:]}")


def write_topology(path: Path, molecules: int) -> None:
    """Beads and bonded terms as VOTCA reads them; the latter exclude pairs within a molecule from its distributions."""
    beads = "\n".join(f'    <bead name="B{k + 1}" type="{kind}" mass="{MASSES[kind]}" q="0"/>'
                      for k, kind in enumerate(TYPES))
    bonded = "\n".join(
        f"    <{KINDS[len(members[0])]}><name>{name}</name><beads>\n"
        + "\n".join("      " + " ".join(f"OCT:B{k + 1}" for k in one) for one in members)
        + f"\n    </beads></{KINDS[len(members[0])]}>" for name, members in BONDED.items())
    path.write_text(f'<topology>\n  <molecules>\n  <molecule name="OCT" nmols="{molecules}" nbeads="{len(TYPES)}">\n'
                    f"{beads}\n  </molecule>\n  </molecules>\n  <bonded>\n{bonded}\n  </bonded>\n</topology>\n")


def write_start(path: Path, positions: NDArray, box: NDArray) -> None:
    """A LAMMPS data file, Angstrom; types of bonded terms count from 1 in the order of BONDED, for each kind."""
    molecules = len(positions) // len(TYPES)
    sections: dict[str, list[str]] = {"Bonds": [], "Angles": [], "Dihedrals": []}
    kinds = dict.fromkeys(sections, 0)
    for members in BONDED.values():
        section = list(sections)[len(members[0]) - 2]
        kinds[section] += 1
        sections[section] += [f"{kinds[section]} " + " ".join(str(4 * molecule + k + 1) for k in one)
                              for molecule in range(molecules) for one in members]
    lines = ["liquid octane, four beads a molecule", "", f"{len(positions)} atoms"]
    lines += [f"{len(entries)} {section.lower()}" for section, entries in sections.items()]
    lines += ["2 atom types", *(f"{kinds[section]} {section.lower()[:-1]} types" for section in sections)]
    lines += [f"0 {10 * edge:.6f} {axis}lo {axis}hi" for axis, edge in zip("xyz", box)]
    lines += ["", "Masses", "", *(f"{k + 1} {mass}" for k, mass in enumerate(MASSES.values())), "", "Atoms", ""]
    lines += [f"{k + 1} {k // 4 + 1} {list(MASSES).index(TYPES[k % 4]) + 1} " + " ".join(f"{10 * x:.5f}" for x in one)
              for k, one in enumerate(positions)]
    for section, entries in sections.items():
        lines += ["", section, "", *(f"{k + 1} {entry}" for k, entry in enumerate(entries))]
    path.write_text("\n".join(lines) + "\n")


def beads_of(folder: Path) -> mda.Universe:
    """The frames of a model or of the reference."""
    return mda.Universe(folder / "beads.gro", folder / "beads.trr")


def geometry(frames: mda.Universe) -> dict[str, NDArray]:
    """Lengths (nm), angles and torsions (radians) of all frames, by interaction."""
    measures = {2: mda.lib.distances.calc_bonds, 3: mda.lib.distances.calc_angles,
                4: mda.lib.distances.calc_dihedrals}
    found: dict[str, list[NDArray]] = {name: [] for name in BONDED}
    for step in frames.trajectory:
        positions = frames.atoms.positions.reshape(-1, len(TYPES), 3)
        for name, members in BONDED.items():
            columns = [np.concatenate([positions[:, one[k]] for one in members]) for k in range(len(members[0]))]
            values = measures[len(columns)](*columns, box=step.dimensions)
            found[name].append(values / 10 if len(columns) == 2 else values)
    return {name: np.concatenate(values) for name, values in found.items()}


def bonded_potentials(model: Model, samples: dict[str, NDArray]) -> dict[str, Potential]:
    """Potentials by interaction: inverted, scaled, or zero where the model has none."""
    found = {}
    for name, values in samples.items():
        kind, factor = KINDS[len(BONDED[name][0])], model.terms.get(name, 0.0)
        both = np.concatenate([values, -values]) if kind == "dihedral" else values  # mirror images are as frequent
        coarse = boltzmann_inverse(both, kind, TEMPERATURE, even_grid(kind, 0.15, 0.35, COARSE))
        inverted = resampled(coarse, even_grid(kind, 0.05, 0.50, FINE))
        energy, force = factor * inverted.energy, factor * inverted.force
        if model.rigid and kind == "bond":
            away, stiffness = inverted.grid - values.mean(), BOLTZMANN * TEMPERATURE / NARROW**2
            energy, force = stiffness * away**2 / 2, -stiffness * away
        found[name] = Potential(kind, inverted.grid, energy, force, inverted.known)
    return found


def prepare_reference(work: Path) -> Path:
    """Beads of the reference by csg_map, and their radial distributions by csg_stat."""
    folder = work / "target"
    if not (folder / "M-M.dist.tgt").exists():
        folder.mkdir(exist_ok=True)
        common = ("--top", work / "reference.tpr", "--trj", work / "reference.trr", "--cg", MAPPING)
        run(folder, "csg_map", *common, "--out", "beads.trr")
        run(folder, "csg_map", *common, "--nframes", 1, "--out", "beads.gro")
        settings = Template((HERE / "votca" / "settings.xml").read_text()).substitute(iterations=1)
        (folder / "settings.xml").write_text(settings)
        run(folder, "csg_stat", *common, "--options", "settings.xml", "--ext", "dist.tgt")
    return folder


def write_inputs(folder: Path, model: Model, potentials: dict[str, Potential], target: Path, settling: int, steps: int,
                 every: int) -> None:
    """All that LAMMPS reads but pair tables; durations in fs."""
    for kind in KINDS.values():
        sections = {name: potential for name, potential in potentials.items() if potential.kind == kind}
        tables.write_lammps(folder / f"{kind}s.table", sections, kind)
    for name, potential in potentials.items():
        tables.write_votca(folder / f"{name}.pot", potential)
    frames = beads_of(target)
    frames.trajectory[-1]
    write_start(folder / "start.data", frames.atoms.positions / 10, frames.dimensions[:3] / 10)
    write_topology(folder / "topology.xml", len(frames.atoms) // len(TYPES))
    script = Template((HERE / "votca" / "model.lmp").read_text())
    (folder / "model.lmp").write_text(script.substitute(
        timestep=model.timestep, seed=1234, longest=8 * THERMAL * model.timestep,
        settling=round(settling / model.timestep), steps=round(steps / model.timestep),
        every=round(every / model.timestep)))


def invert(folder: Path, model: Model, target: Path, iterations: int) -> None:
    """Pair potentials by csg_inverse; 10 ps are left out and 50 ps measured in every iteration."""
    folder.mkdir(parents=True, exist_ok=True)
    write_inputs(folder, model, bonded_potentials(model, geometry(beads_of(target))), target, 10_000, 50_000, 500)
    for name in PAIRS:
        shutil.copy(target / f"{name}.dist.tgt", folder)
    settings = Template((HERE / "votca" / "settings.xml").read_text()).substitute(iterations=iterations)
    (folder / "settings.xml").write_text(settings)
    run(folder, "csg_inverse", "--options", "settings.xml")


def write_inverted(folder: Path, model: Model, target: Path, last: Path) -> dict[str, Potential]:
    """Pair tables of the last step of an inversion, and the bonded potentials."""
    for name in PAIRS:
        shutil.copy(last / f"{name}.table", folder)
        shutil.copy(last / f"{name}.pot.cur", folder / f"{name}.pot")
    return bonded_potentials(model, geometry(beads_of(target)))


def write_matched(folder: Path, matched: Path) -> dict[str, Potential]:
    """Pair tables of a force-matching step, and its bonded potentials."""
    for name in PAIRS:
        potential = tables.read_votca(matched / f"{name}.pot", "pair")
        tables.write_lammps(folder / f"{name}.table", {"VOTCA": potential}, "pair")
        tables.write_votca(folder / f"{name}.pot", potential)
    return {name: tables.read_votca(matched / f"{name}.pot", KINDS[len(members[0])])
            for name, members in BONDED.items()}


def simulate(folder: Path, model: Model, potentials: dict[str, Potential], target: Path) -> None:
    """400 ps of the model, a frame every 2 ps, as beads.trr."""
    write_inputs(folder, model, potentials, target, 50_000, 400_000, 2_000)
    run(folder, "lmp", "-in", "model.lmp")
    common = ("--top", "topology.xml", "--trj", "beads.dump", "--no-map")
    run(folder, "csg_map", *common, "--nframes", 1, "--out", "beads.gro")
    run(folder, "csg_map", *common, "--out", "beads.trr")


def make(name: str, work: Path, iterations: int) -> Path:
    """Frames of a model, made unless they are there."""
    model, target, folder = MODELS[name], prepare_reference(work), work / name
    if (folder / "beads.trr").exists():
        return folder / "beads.trr"
    folder.mkdir(exist_ok=True)
    if model.matched:
        potentials = write_matched(folder, work / "match" / "tables")
    else:
        inversion = work / (model.pairs or name) / "inversion"
        last = inversion / f"step_{iterations:03d}"
        if not (last / "done").exists():
            invert(inversion, MODELS[model.pairs or name], target, iterations)
        potentials = write_inverted(folder, model, target, last)
    simulate(folder, model, potentials, target)
    return folder / "beads.trr"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", choices=MODELS)
    parser.add_argument("--work", type=Path, required=True, help="the folder of reference.py")
    parser.add_argument("--iterations", type=int, default=10)
    options = parser.parse_args()
    for name in options.models:
        print(f"model {name}: {make(name, options.work, options.iterations)}", flush=True)


if __name__ == "__main__":
    main()
