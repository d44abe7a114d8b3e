"""Makes the octane data of this folder: a short simulation of the all-atom liquid, and the beads of its last frames.

`python simulate.py` runs GROMACS on one thread and writes the files, `python simulate.py --analyse` measures what they
hold. The force field, the number of molecules and the mapping are read from octane.top and octane.xml.
Units: nm, ps, kJ/mol, K, bar.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile
from openmm import app, unit
from rdkit import Chem
from rdkit.Chem import AllChem
from scipy.spatial.transform import Rotation

HERE = Path(__file__).resolve().parent
SMILES = "CCCCCCCC"
NUMBER_OF_MOLECULES = int((HERE / "octane.top").read_text().split()[-1])
LATTICE_SPACING = 1.4  # nm, longer than a stretched molecule, so that nothing overlaps at the start
CUTOFF = 1.0  # nm
TIME_STEP = 0.002  # ps
LOG_INTERVAL = 2.0  # ps
XTC_PRECISION = 10000.0  # positions are stored in steps of 0.0001 nm
ENERGIES = ("Potential", "Temperature", "Density")
MINIMISATION = {"integrator": "steep", "nsteps": 500, "emtol": 100.0, "constraints": "none"}
NONBONDED = {
    "rvdw": CUTOFF,
    "rcoulomb": CUTOFF,
    "vdw-modifier": "none",
    "coulomb-modifier": "none",
    "DispCorr": "EnerPres",
    "coulombtype": "reaction-field",
    "epsilon-rf": 1.9,  # that of liquid octane itself
}


@dataclass(frozen=True)
class Frame:
    """Positions in nm (atoms, 3), whole molecules; box vectors in nm (3, 3); time in ps."""

    positions: np.ndarray
    box: np.ndarray
    time: float


def atom_names() -> list[str]:
    """Atom names of one molecule in the order of octane.top."""
    topology = app.GromacsTopFile(str(HERE / "octane.top")).topology
    return [atom.name for atom in next(topology.residues()).atoms()]


def start_frame(seed: int) -> Frame:
    """Conformers with random orientations on a cubic lattice of low density, atoms in the order of octane.top."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(SMILES))
    AllChem.EmbedMultipleConfs(molecule, NUMBER_OF_MOLECULES, randomSeed=seed)
    order = []
    for carbon in range(len(SMILES)):
        neighbours = molecule.GetAtomWithIdx(carbon).GetNeighbors()
        order += [carbon, *(atom.GetIdx() for atom in neighbours if atom.GetAtomicNum() == 1)]
    conformers = np.array([conformer.GetPositions()[order] for conformer in molecule.GetConformers()]) / 10.0
    conformers -= conformers.mean(axis=1, keepdims=True)
    orientations = Rotation.random(NUMBER_OF_MOLECULES, rng=np.random.default_rng(seed)).as_matrix()
    edge = int(np.ceil(NUMBER_OF_MOLECULES ** (1 / 3) - 1e-9))
    sites = np.argwhere(np.ones((edge, edge, edge)))[:NUMBER_OF_MOLECULES]
    placed = np.einsum("mij,maj->mai", orientations, conformers) + (sites[:, None] + 0.5) * LATTICE_SPACING
    return Frame(placed.reshape(-1, 3), np.eye(3) * edge * LATTICE_SPACING, 0.0)


def dynamics(options: argparse.Namespace, duration: float, pressure: float) -> dict[str, object]:
    """Options of a GROMACS run of `duration` ps at `pressure` bar: Langevin dynamics with rigid bonds."""
    return {
        "integrator": "sd",
        "dt": TIME_STEP,
        "nsteps": round(duration / TIME_STEP),
        "ld-seed": options.seed,
        "constraints": "all-bonds",
        "lincs-iter": 2,
        "tc-grps": "System",
        "tau-t": 1.0,
        "ref-t": options.temperature,
        "pcoupl": "C-rescale",
        "tau-p": 1.0,
        "compressibility": 1e-4,
        "ref-p": pressure,
        "nstenergy": round(LOG_INTERVAL / TIME_STEP),
        "nstxout": round(options.spacing / TIME_STEP),
    }


def gromacs(work: Path, *arguments: str, answer: str = "") -> None:
    """Runs a GROMACS command in the folder `work`."""
    done = subprocess.run(["gmx", *arguments], cwd=work, input=answer, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"gmx {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")


def run_stage(work: Path, name: str, before: str, settings: dict[str, object]) -> None:
    """Runs `name` from the coordinates (and velocities, where there are) of the stage `before`."""
    lines = [f"{key} = {value}" for key, value in {**NONBONDED, **settings}.items()]
    (work / f"{name}.mdp").write_text("\n".join(lines) + "\n")
    restart = ["-t", f"{before}.cpt"] if (work / f"{before}.cpt").exists() else []
    top = str(HERE / "octane.top")
    gromacs(work, "grompp", "-f", f"{name}.mdp", "-c", f"{before}.gro", "-p", top, "-o", f"{name}.tpr", *restart)
    gromacs(work, "mdrun", "-nt", "1", "-reprod", "-deffnm", name)


def read_energies(work: Path, name: str, terms: tuple[str, ...]) -> np.ndarray:
    """Time in ps and the energy terms of a stage, one row per stored step."""
    gromacs(work, "energy", "-f", f"{name}.edr", "-o", f"{name}.xvg", answer="\n".join(terms) + "\n\n")
    return np.loadtxt(work / f"{name}.xvg", comments=("#", "@"), ndmin=2)


def whole_molecules(positions: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Molecules in one piece, with their centre in the (rectangular) box."""
    edges = np.diag(box).astype(float)
    molecules = positions.astype(float).reshape(NUMBER_OF_MOLECULES, -1, 3)
    steps = np.diff(molecules, axis=1)  # between neighbours in the list: at most 0.3 nm
    steps -= np.round(steps / edges) * edges
    molecules = np.concatenate([molecules[:, :1], molecules[:, :1] + np.cumsum(steps, axis=1)], axis=1)
    return (molecules - np.floor(molecules.mean(axis=1, keepdims=True) / edges) * edges).reshape(-1, 3)


def read_frames(path: Path) -> list[Frame]:
    """All frames of a .trr or .xtc file."""
    with (TRRFile if path.suffix == ".trr" else XTCFile)(str(path)) as file:
        return [Frame(whole_molecules(frame.x, frame.box), frame.box, frame.time) for frame in file]


def read_mapping(atom_names: list[str]) -> tuple[list[str], np.ndarray]:
    """Bead names of octane.xml and the weights (beads, atoms) of one molecule, each row with sum 1."""
    root = ElementTree.parse(HERE / "octane.xml").getroot()
    maps = {m.findtext("name"): [float(w) for w in m.findtext("weights", "").split()] for m in root.iter("map")}
    beads = list(root.iter("cg_bead"))
    weights = np.zeros((len(beads), len(atom_names)))
    for row, bead in zip(weights, beads):
        names = [entry.split(":")[2] for entry in bead.findtext("beads", "").split()]
        row[[atom_names.index(name) for name in names]] = maps[bead.findtext("mapping")]
    return [bead.findtext("name", "") for bead in beads], weights / weights.sum(axis=1, keepdims=True)


def coarsen(frame: Frame, weights: np.ndarray) -> Frame:
    """The beads of a frame of atoms."""
    molecules = frame.positions.reshape(NUMBER_OF_MOLECULES, -1, 3)
    return Frame(np.einsum("ba,maj->mbj", weights, molecules).reshape(-1, 3), frame.box, frame.time)


def write_gro(path: Path, names: list[str], frame: Frame) -> None:
    """A .gro file of molecules OCT that all have atoms (or beads) with these names."""
    lines = [f"liquid n-octane t= {frame.time:.3f}", f"{len(frame.positions):5d}"]
    for index, (x, y, z) in enumerate(frame.positions):
        residue, name = index // len(names) + 1, names[index % len(names)]
        lines.append(f"{residue:5d}{'OCT':<5s}{name:>5s}{index + 1:5d}{x:8.3f}{y:8.3f}{z:8.3f}")
    lines.append("".join(f"{length:10.5f}" for length in np.diag(frame.box)))
    path.write_text("\n".join(lines) + "\n")


def write_xtc(path: Path, frames: list[Frame]) -> None:
    """A .xtc file, more precise than usual so that rigid bonds are still seen to be rigid."""
    with XTCFile(str(path), "w") as file:
        for frame in frames:
            step = round(frame.time / TIME_STEP)
            file.write(frame.positions.astype("f4"), frame.box.astype("f4"), step, frame.time, XTC_PRECISION)


def simulate(options: argparse.Namespace, work: Path) -> None:
    """Compresses, equilibrates, then writes the training frames and, after a gap, the test frames."""
    started = time.perf_counter()
    production = options.spacing * (options.train_frames + options.test_frames) + options.gap
    velocities = {"gen-vel": "yes", "gen-temp": options.temperature, "gen-seed": options.seed}
    names = atom_names()
    write_gro(work / "start.gro", names, start_frame(options.seed))
    run_stage(work, "minimise", "start", MINIMISATION)
    run_stage(work, "compress", "minimise", dynamics(options, options.compression, 1000.0) | velocities)
    run_stage(work, "equilibrate", "compress", dynamics(options, options.equilibration, options.pressure))
    run_stage(work, "produce", "equilibrate", dynamics(options, production, options.pressure))

    frames = read_frames(work / "produce.trr")[1:]
    train, test = frames[: options.train_frames], frames[-options.test_frames :]
    bead_names, weights = read_mapping(names)
    beads = [coarsen(frame, weights) for frame in test]
    output = options.output
    output.mkdir(parents=True, exist_ok=True)
    write_gro(output / "aa.gro", names, train[0])
    write_xtc(output / "train.xtc", train)
    write_xtc(output / "test_aa.xtc", test)
    write_gro(output / "cg.gro", bead_names, beads[0])
    write_xtc(output / "cg.xtc", beads)
    header = ",".join(("time_ps", "potential_kJ_per_mol", "temperature_K", "density_kg_per_m3"))
    energies = read_energies(work, "produce", ENERGIES)
    np.savetxt(output / "log.csv", energies, fmt=("%.0f", "%.2f", "%.2f", "%.3f"), delimiter=",", header=header)
    print(f"simulated in {time.perf_counter() - started:.0f} s")


def torsion_angles(positions: np.ndarray) -> np.ndarray:
    """Dihedral angles in radians along chains of carbons: positions (..., carbons, 3) to angles (..., carbons - 3)."""
    bonds = np.diff(positions, axis=-2)
    first, axis, last = bonds[..., :-2, :], bonds[..., 1:-1, :], bonds[..., 2:, :]
    left, right = np.cross(first, axis), np.cross(axis, last)
    sine = np.sum(first * right, axis=-1) * np.linalg.norm(axis, axis=-1)
    return np.arctan2(sine, np.sum(left * right, axis=-1))


def correlation(values: np.ndarray, lag: int) -> float:
    """Normalised autocorrelation over frames, averaged over molecules and components; the mean is subtracted."""
    values = values - values.mean()
    return float(np.mean(values[lag:] * values[:-lag]) / np.mean(values**2))


def analyse_log(path: Path) -> None:
    """Prints means of the production run with the standard errors from ten blocks, and the drift of the energy."""
    log = np.loadtxt(path, delimiter=",")
    for column, name in enumerate(("potential energy, kJ/mol", "temperature, K", "density, kg/m3"), start=1):
        blocks = np.array([block.mean() for block in np.array_split(log[:, column], 10)])
        print(f"{name}: {blocks.mean():.2f} +- {blocks.std(ddof=1) / 10**0.5:.2f}")
    times = [block.mean() for block in np.array_split(log[:, 0], 10)]
    energies = [block.mean() for block in np.array_split(log[:, 1], 10)]
    slope, covariance = np.polyfit(times, energies, 1, cov=True)
    print(f"drift of the potential energy, kJ/mol per ps: {slope[0]:.3f} +- {covariance[0, 0] ** 0.5:.3f}")


def analyse_structure(train: list[Frame]) -> None:
    """Prints what the training frames hold: box, rigid bonds, torsions, ends, and how fast they change."""
    carbons = [index for index, name in enumerate(atom_names()) if name.startswith("C")]
    chains = np.array([f.positions.reshape(NUMBER_OF_MOLECULES, -1, 3)[:, carbons] for f in train])
    lengths = np.linalg.norm(np.diff(chains, axis=2), axis=-1)
    trans = np.abs(torsion_angles(chains)) > np.radians(120.0)
    ends = chains[:, :, -1] - chains[:, :, 0]
    distances = np.linalg.norm(ends, axis=-1)
    spacing = train[1].time - train[0].time
    print(f"smallest box edge, nm: {min(np.diag(f.box).min() for f in train):.3f}")
    print(f"C-C bond, nm: {lengths.mean():.5f}, standard deviation {lengths.std():.5f}")
    print(f"trans fraction: {trans.mean():.3f}; per bond {np.round(trans.mean(axis=(0, 1)), 3)}")
    print(f"end-to-end distance, nm: {distances.mean():.3f}, standard deviation {distances.std():.3f}")
    for lag in (1, 2, 3, 5):
        print(
            f"correlation after {lag * spacing:.0f} ps: end-to-end direction "
            f"{correlation(ends / distances[..., None], lag):.3f}, end-to-end distance "
            f"{correlation(distances, lag):.3f}, trans or gauche {correlation(trans, lag):.3f}"
        )


def analyse_beads(output: Path) -> None:
    """Prints how far the beads of cg.xtc are from the mapped atoms of test_aa.xtc."""
    _, weights = read_mapping(atom_names())
    with XTCFile(str(output / "cg.xtc")) as file:
        beads = [(frame.x, np.diag(frame.box)) for frame in file]
    largest = 0.0
    for (positions, edges), atoms in zip(beads, read_frames(output / "test_aa.xtc"), strict=True):
        shift = positions - coarsen(atoms, weights).positions
        largest = max(largest, float(np.abs(shift - np.round(shift / edges) * edges).max()))
    print(f"largest difference between {len(beads)} frames of beads and their mapped atoms, nm: {largest:.5f}")


def openmm_energies(path: Path) -> dict[str, float]:
    """Energy in kJ/mol of a .gro file by force of OpenMM: double precision, particle-mesh Ewald, plain LJ cut-off."""
    gro = app.GromacsGroFile(str(path))
    topology = app.GromacsTopFile(str(HERE / "octane.top"), periodicBoxVectors=gro.getPeriodicBoxVectors())
    system = topology.createSystem(
        app.PME, CUTOFF * unit.nanometer, ewaldErrorTolerance=1e-6, useDispersionCorrection=False
    )
    for group, force in enumerate(system.getForces()):
        force.setForceGroup(group)
    integrator = openmm.VerletIntegrator(TIME_STEP)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(gro.positions)
    return {
        force.getName(): context.getState(energy=True, groups={group}).getPotentialEnergy()._value
        for group, force in enumerate(system.getForces())
    }


def analyse_energies(output: Path, work: Path) -> None:
    """Prints the energy of aa.gro by term from GROMACS and from OpenMM, no constraints, no dispersion correction."""
    pairs = {
        "HarmonicBondForce": ("Bond",),
        "HarmonicAngleForce": ("Angle",),
        "RBTorsionForce": ("Ryckaert-Bell.",),
        "LennardJonesExceptions": ("LJ-14",),
        "LennardJonesForce": ("LJ-(SR)",),
        "NonbondedForce": ("Coulomb-14", "Coulomb-(SR)", "Coul.-recip."),
    }
    terms = ("Bond", "Angle", "Ryckaert-Bell.", "LJ-14", "Coulomb-14", "LJ-(SR)", "Coulomb-(SR)", "Coul.-recip.")
    ewald = {"coulombtype": "PME", "ewald-rtol": 1e-6, "fourierspacing": 0.05, "pme-order": 6}
    (work / "aa.gro").write_bytes((output / "aa.gro").read_bytes())
    run_stage(work, "single", "aa", {"integrator": "md", "nsteps": 0, "continuation": "yes", **ewald})
    found = dict(zip(terms, read_energies(work, "single", terms)[0, 1:], strict=True))
    other = openmm_energies(output / "aa.gro")
    for name, names in pairs.items():
        print(f"{' + '.join(names)}, kJ/mol: GROMACS {sum(found[n] for n in names):.3f}, OpenMM {other[name]:.3f}")


def analyse(options: argparse.Namespace, work: Path) -> None:
    """Measures the files of the output folder."""
    analyse_log(options.output / "log.csv")
    analyse_structure(read_frames(options.output / "train.xtc"))
    analyse_beads(options.output)
    analyse_energies(options.output, work)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--analyse", action="store_true", help="measure the files in the output folder instead")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of the files (default: the script's own)")
    parser.add_argument("--seed", type=int, default=7, help="everything follows from it")
    parser.add_argument("--temperature", type=float, default=350.0, help="K")
    parser.add_argument("--pressure", type=float, default=1.0, help="bar")
    parser.add_argument("--compression", type=float, default=40.0, help="ps at 1000 bar, from the lattice to a liquid")
    parser.add_argument("--equilibration", type=float, default=300.0, help="ps")
    parser.add_argument("--train-frames", type=int, default=40)
    parser.add_argument("--test-frames", type=int, default=5)
    parser.add_argument("--spacing", type=float, default=10.0, help="ps between frames")
    parser.add_argument("--gap", type=float, default=50.0, help="ps between the training and the test frames, not kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        (analyse if options.analyse else simulate)(options, Path(work))


if __name__ == "__main__":
    main()
