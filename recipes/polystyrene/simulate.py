"""Makes the polystyrene data of this folder: short simulations of two all-atom melts, and the beads of test frames.

`python simulate.py` runs GROMACS, one thread for each melt, and writes the files; analyse.py measures what they hold.
The force field, the number of chains and the mapping are those of model.py.
Units: nm, ps, kJ/mol, K, bar.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import model
import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile
from rdkit import Chem
from rdkit.Chem import AllChem
from scipy.spatial.transform import Rotation

HERE = Path(__file__).resolve().parent
TEMPERATURE = 568.0  # K
CUTOFF = 1.0  # nm
#: nm; isolated chains that feel themselves no further have about the shape they have in a melt, where all that is
#: around them screens the rest.
LOCAL_CUTOFF = 0.6
HOT = 750.0  # K, from where a melt is cooled: backbones turn there some ten times as often
TIME_STEP = 0.002  # ps
LONG_TIME_STEP = 0.0025  # ps, with
HEAVY_HYDROGEN = 3.0  # g/mol, on the way to equilibrium; what is kept is simulated with the masses of nature
SHORT_TIME_STEP = 0.001  # ps, while a gas becomes a melt
LOG_INTERVAL = 2.0  # ps
XTC_PRECISION = 10000.0  # positions are stored in steps of 0.0001 nm
ENERGIES = ("Potential", "Temperature", "Density")
MINIMISATION = {"integrator": "steep", "nsteps": 1000, "emtol": 100.0, "constraints": "none"}
NONBONDED = {
    "rvdw": CUTOFF,
    "rcoulomb": CUTOFF,
    "vdw-modifier": "none",
    "coulomb-modifier": "none",
    "DispCorr": "EnerPres",
    "coulombtype": "reaction-field",
    "epsilon-rf": 2.5,
}


@dataclass(frozen=True)
class Frame:
    """Positions in nm (atoms, 3), whole molecules; box vectors in nm (3, 3); time in ps."""

    positions: np.ndarray
    box: np.ndarray
    time: float


def smiles() -> str:
    """A syndiotactic chain: handedness, seen along the chain, alternates. The last monomer has no stereocentre."""
    hands = ["@@" if monomer % 2 else "@" for monomer in range(model.MONOMERS - 1)]
    return "".join(f"C[C{hand}H](c1ccccc1)" for hand in hands) + "CCc1ccccc1"


def start_frame(seed: int) -> Frame:
    """Conformers with random orientations on random sites of a wide cubic lattice, atoms in the order of model.py."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles()))
    found = AllChem.EmbedMultipleConfs(molecule, model.CHAINS, randomSeed=seed, useRandomCoords=True)
    if len(found) < model.CHAINS:
        raise RuntimeError(f"RDKit found {len(found)} conformers of {model.CHAINS}")
    order = []
    for carbon in (atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 6):
        order += [carbon.GetIdx(), *(a.GetIdx() for a in carbon.GetNeighbors() if a.GetAtomicNum() == 1)]
    conformers = np.array([conformer.GetPositions()[order] for conformer in molecule.GetConformers()]) / 10.0
    conformers -= conformers.mean(axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    orientations = Rotation.random(model.CHAINS, rng=rng).as_matrix()
    spacing = 2.0 * np.linalg.norm(conformers, axis=2).max() + 0.2  # so that nothing overlaps
    edge = int(np.ceil(model.CHAINS ** (1 / 3) - 1e-9))
    sites = rng.permutation(np.argwhere(np.ones((edge, edge, edge))))[: model.CHAINS]
    placed = np.einsum("mij,maj->mai", orientations, conformers) + (sites[:, None] + 0.5) * spacing
    return Frame(placed.reshape(-1, 3), np.eye(3) * edge * spacing, 0.0)


def dynamics(duration: float, spacing: float, step: float = TIME_STEP) -> dict[str, object]:
    """Options of a GROMACS run of `duration` ps with rigid bonds; positions are kept every `spacing` ps."""
    return {
        "dt": step,
        "nsteps": round(duration / step),
        "nstlist": 20,
        "constraints": "all-bonds",
        "lincs-order": 8,  # rings of rigid bonds are strongly coupled
        "lincs-iter": 2,
        "tc-grps": "System",
        "ref-t": TEMPERATURE,
        "nstenergy": round(LOG_INTERVAL / step),
        "nstxout": round(spacing / step),
    }


def isolated() -> dict[str, object]:
    """Options that keep chains apart and coupled only to a heat bath."""
    return {"integrator": "sd", "tau-t": 2.0, "rvdw": LOCAL_CUTOFF, "rcoulomb": LOCAL_CUTOFF, "DispCorr": "no"}


def together(pressure: float) -> dict[str, object]:
    """Options of a melt at `pressure` bar."""
    bath = {"integrator": "md", "tcoupl": "v-rescale", "tau-t": 0.5}
    return bath | {"pcoupl": "C-rescale", "tau-p": 2.0, "compressibility": 1e-4, "ref-p": pressure}


def cooling(duration: float) -> dict[str, object]:
    """Options that lead a melt from `HOT` to the temperature asked for within `duration` ps."""
    points = {"annealing-npoints": 2, "annealing-time": f"0 {duration}", "annealing-temp": f"{HOT} {TEMPERATURE}"}
    return {"annealing": "single", **points}


def gromacs(work: Path, *arguments: str, answer: str = "") -> None:
    """Runs a GROMACS command in the folder `work`."""
    done = subprocess.run(["gmx", *arguments], cwd=work, input=answer, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"gmx {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")


def run_stage(work: Path, name: str, before: str, settings: dict[str, object]) -> None:
    """Runs `name` from the coordinates (and velocities, where there are) of the stage `before`.

    Hydrogens are heavy where steps are long.
    """
    lines = [f"{key} = {value}" for key, value in {**NONBONDED, **settings}.items()]
    (work / f"{name}.mdp").write_text("\n".join(lines) + "\n")
    heavy = settings.get("dt") == LONG_TIME_STEP
    (work / "polystyrene.top").write_text(model.topology(HEAVY_HYDROGEN) if heavy else model.topology())
    restart = ["-t", f"{before}.cpt"] if (work / f"{before}.cpt").exists() else []
    files = ["-f", f"{name}.mdp", "-c", f"{before}.gro", "-p", "polystyrene.top", "-o", f"{name}.tpr"]
    gromacs(work, "grompp", *files, *restart)
    gromacs(work, "mdrun", "-nt", "1", "-reprod", "-deffnm", name)


def read_energies(work: Path, name: str, terms: tuple[str, ...]) -> np.ndarray:
    """Time in ps and the energy terms of a stage, one row per stored step."""
    gromacs(work, "energy", "-f", f"{name}.edr", "-o", f"{name}.xvg", answer="\n".join(terms) + "\n\n")
    return np.loadtxt(work / f"{name}.xvg", comments=("#", "@"), ndmin=2)


def whole_chains(positions: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Chains in one piece, with their centre in the (rectangular) box."""
    edges = np.diag(box).astype(float)
    chains = positions.astype(float).reshape(model.CHAINS, -1, 3)
    steps = np.diff(chains, axis=1)  # between neighbours in the list: at most 0.6 nm
    steps -= np.round(steps / edges) * edges
    chains = np.concatenate([chains[:, :1], chains[:, :1] + np.cumsum(steps, axis=1)], axis=1)
    return (chains - np.floor(chains.mean(axis=1, keepdims=True) / edges) * edges).reshape(-1, 3)


def read_frames(path: Path) -> list[Frame]:
    """All frames of a .trr or .xtc file."""
    with (TRRFile if path.suffix == ".trr" else XTCFile)(str(path)) as file:
        return [Frame(whole_chains(frame.x, frame.box), frame.box, frame.time) for frame in file]


def coarsen(frame: Frame) -> Frame:
    """The beads of a frame of atoms."""
    names = model.atoms()
    weights = np.zeros((len(model.beads()), len(names)))
    for row, members in zip(weights, model.beads().values()):
        row[[names.index(atom) for atom in members]] = list(members.values())
    weights /= weights.sum(axis=1, keepdims=True)
    chains = frame.positions.reshape(model.CHAINS, -1, 3)
    return Frame(np.einsum("ba,maj->mbj", weights, chains).reshape(-1, 3), frame.box, frame.time)


def write_gro(path: Path, names: list[model.Atom], frame: Frame) -> None:
    """A .gro file of chains that all have atoms (or beads) of these monomers and names."""
    lines = [f"syndiotactic polystyrene t= {frame.time:.3f}", f"{len(frame.positions):5d}"]
    for index, (x, y, z) in enumerate(frame.positions):
        monomer, name = names[index % len(names)]
        lines.append(f"{monomer:5d}{'STY':<5s}{name:>5s}{index + 1:5d}{x:8.3f}{y:8.3f}{z:8.3f}")
    lines.append("".join(f"{length:10.5f}" for length in np.diag(frame.box)))
    path.write_text("\n".join(lines) + "\n")


def write_xtc(path: Path, frames: list[Frame]) -> None:
    """A .xtc file, more precise than usual so that rigid bonds are still seen to be rigid."""
    with XTCFile(str(path), "w") as file:
        for frame in frames:
            step = round(frame.time / TIME_STEP)
            file.write(frame.positions.astype("f4"), frame.box.astype("f4"), step, frame.time, XTC_PRECISION)


def melt(options: argparse.Namespace, work: Path, seed: int, production: float) -> list[Frame]:
    """Frames of the production run of a melt that is built and equilibrated for it; all else is left in `work`."""
    started, spacing = time.perf_counter(), options.spacing
    work.mkdir(parents=True, exist_ok=True)
    write_gro(work / "start.gro", model.atoms(), start_frame(seed))
    run_stage(work, "minimise", "start", MINIMISATION)
    velocities = {"gen-vel": "yes", "gen-temp": TEMPERATURE, "gen-seed": seed}
    stages = {
        "relax": dynamics(options.relaxation, spacing) | isolated() | velocities,
        "compress": dynamics(options.compression, spacing, SHORT_TIME_STEP) | together(2000.0),
        "heat": dynamics(options.heating, spacing, LONG_TIME_STEP) | together(1.0) | {"ref-t": HOT},
        "cool": dynamics(options.cooling, spacing, LONG_TIME_STEP) | together(1.0) | cooling(options.cooling),
        "equilibrate": dynamics(options.equilibration, spacing, LONG_TIME_STEP) | together(1.0),
        "settle": dynamics(options.settling, spacing) | together(1.0),
        "produce": dynamics(production, spacing) | together(1.0),
    }
    for number, (before, (name, settings)) in enumerate(zip(("minimise", *stages), stages.items())):
        run_stage(work, name, before, settings | {"ld-seed": 10 * seed + number})
        print(f"{work.name}: {name} done after {time.perf_counter() - started:.0f} s", flush=True)
    return read_frames(work / "produce.trr")[1:]


def simulate(options: argparse.Namespace, work: Path) -> None:
    """Makes a melt for training and, with another seed, one to validate and test with."""
    output, seed, spacing = options.output, options.seed, options.spacing
    n_kept = options.validation_frames + options.test_frames
    apart = round(options.test_spacing / spacing)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(melt, options, work / "train", seed, spacing * options.train_frames)
        second = pool.submit(melt, options, work / "test", seed + 1, spacing * apart * n_kept)
        train, kept = first.result(), second.result()[apart - 1 :: apart]
    validation, test = kept[: options.validation_frames], kept[options.validation_frames :]
    beads = [coarsen(frame) for frame in test]
    names = [(int(name[1:]), name) for name in model.beads()]
    output.mkdir(parents=True, exist_ok=True)
    write_gro(output / "aa.gro", model.atoms(), train[0])
    write_xtc(output / "train.xtc", train)
    write_xtc(output / "validation.xtc", validation)
    write_xtc(output / "test_aa.xtc", test)
    write_gro(output / "cg.gro", names, beads[0])
    write_xtc(output / "cg.xtc", beads)
    header = ",".join(("time_ps", "potential_kJ_per_mol", "temperature_K", "density_kg_per_m3"))
    energies = read_energies(work / "train", "produce", ENERGIES)
    np.savetxt(output / "log.csv", energies, fmt=("%.0f", "%.2f", "%.2f", "%.3f"), delimiter=",", header=header)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7, help="of the melt for training; the other one takes the next")
    parser.add_argument("--relaxation", type=float, default=200.0, help="ps of isolated chains")
    parser.add_argument("--compression", type=float, default=60.0, help="ps at 2000 bar, from gas to melt")
    parser.add_argument("--heating", type=float, default=120.0, help=f"ps at {HOT:g} K and 1 bar")
    parser.add_argument("--cooling", type=float, default=360.0, help="ps from there to the temperature of the melt")
    parser.add_argument("--equilibration", type=float, default=600.0, help="ps, not kept")
    parser.add_argument("--settling", type=float, default=24.0, help="ps with the masses of nature, not kept")
    parser.add_argument("--spacing", type=float, default=12.0, help="ps between training frames")
    parser.add_argument("--train-frames", type=int, default=60)
    parser.add_argument("--test-spacing", type=float, default=24.0, help="ps, a multiple of the spacing")
    parser.add_argument("--validation-frames", type=int, default=3)
    parser.add_argument("--test-frames", type=int, default=3)
    parser.add_argument("--output", type=Path, default=HERE)
    parser.add_argument("--work", type=Path, help="folder for GROMACS' files; by default a temporary one")
    options = parser.parse_args()
    if options.work:
        simulate(options, options.work.resolve())
        return
    with tempfile.TemporaryDirectory() as folder:
        simulate(options, Path(folder))


if __name__ == "__main__":
    main()
