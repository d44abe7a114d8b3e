"""Backmapped water beside the frames it was mapped from: ``python compare.py folder/md.tpr atoms.gro atoms.xtc``.

Potential energy a molecule (``gmx mdrun -rerun``), g(OO) and g(OH) up to 0.85 nm in bins of 0.01 nm, and how hot 2 ps
of NVE become that start from each of the first frames without any minimisation.
"""
from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import MDAnalysis
import numpy as np
from MDAnalysis.analysis.rdf import InterRDF

warnings.filterwarnings("ignore")
STARTS = 3


def gmx(folder: Path, *command: str, text: str = "") -> None:
    subprocess.run(["gmx", "-nobackup", *command], cwd=folder, check=True, capture_output=True, input=text.encode())


def series(folder: Path, name: str, term: str) -> np.ndarray:
    """Times and values of an energy file, (n, 2)."""
    gmx(folder, "energy", "-f", f"{name}.edr", "-o", f"{name}.xvg", text=f"{term}\n\n")
    lines = (folder / f"{name}.xvg").read_text().splitlines()
    return np.array([line.split() for line in lines if line[0] not in "#@"], dtype=float)


def pair_distributions(universe: MDAnalysis.Universe, times: np.ndarray) -> np.ndarray:
    """g(OO) and g(OH) of each frame at one of ``times``, (2, n, bins)."""
    oxygen, hydrogen = universe.select_atoms("name OW"), universe.select_atoms("name HW*")
    found: list[list[np.ndarray]] = [[], []]
    frames = [step.frame for step in universe.trajectory if np.abs(times - step.time).min() < 0.01]
    for listed, other, block in ((found[0], oxygen, (1, 1)), (found[1], hydrogen, (1, 2))):
        rdf = InterRDF(oxygen, other, nbins=75, range=(1.0, 8.5), exclusion_block=block)
        for frame in frames:
            rdf.run(start=frame, stop=frame + 1)
            listed.append(rdf.results.rdf.copy())
    return np.array(found)


def main(tpr: Path, gro: Path, xtc: Path) -> None:
    folder, work = tpr.parent.resolve(), gro.parent.resolve() / "compare"
    work.mkdir(exist_ok=True)
    ours = MDAnalysis.Universe(str(gro), str(xtc))
    count, times = len(ours.select_atoms("name OW")), np.array([step.time for step in ours.trajectory])
    gmx(work, "mdrun", "-nt", "1", "-s", str(folder / "md.tpr"), "-rerun", str(xtc.resolve()), "-deffnm", "rerun")
    ours_energy = series(work, "rerun", "Potential")[:, 1] / count
    whole = series(folder, "md", "Potential")
    whole = whole[whole[:, 0] >= times.min()]
    same = np.array([whole[np.abs(whole[:, 0] - time).argmin(), 1] for time in times]) / count
    off = ours_energy - same
    print(f"kJ/mol a molecule: run {whole[:, 1].mean() / count:.2f}, its {len(times)} frames {same.mean():.2f}, "
          f"drawn {ours_energy.mean():.2f}; off by {off.mean():.2f} +- {off.std(ddof=1) / len(off)**0.5:.2f}, "
          f"{100 * off.mean() / -same.mean():.1f} %")
    true = MDAnalysis.Universe(str(folder / "em.gro"), str(folder / "md.trr"))
    true_g, our_g = pair_distributions(true, times), pair_distributions(ours, times)
    for name, one, other in zip(("g(OO)", "g(OH)"), true_g, our_g, strict=True):
        error = np.sqrt(one.var(axis=0, ddof=1) / len(one) + other.var(axis=0, ddof=1) / len(other))
        away = np.abs(other.mean(axis=0) - one.mean(axis=0))
        outside = (away > np.maximum(2 * error, 0.02 * one.mean(axis=0))).sum()
        peak = one.mean(axis=0).argmax()
        print(f"{name}: {outside} of {len(away)} bins outside of 2 % and 2 standard errors; highest peak "
              f"{other.mean(axis=0)[peak]:.3f} of {one.mean(axis=0)[peak]:.3f}; mean deviation {away.mean():.3f}")
    nve = (folder / "md.mdp").read_text().replace("tcoupl = v-rescale", "tcoupl = no")
    (work / "nve.mdp").write_text(nve.replace("nsteps = 110000", "nsteps = 1000").replace("nstenergy = 100",
                                                                                         "nstenergy = 10"))
    for name, universe, listed in (("drawn", ours, times[:STARTS]), ("true", true, times[:STARTS])):
        hottest = []
        for time in listed:
            universe.trajectory[int(np.abs([step.time - time for step in universe.trajectory]).argmin())]
            universe.atoms.write(str(work / "start.gro"))
            gmx(work, "grompp", "-f", "nve.mdp", "-c", "start.gro", "-p", str(folder / "topol.top"), "-o", "nve.tpr",
                "-maxwarn", "3")
            gmx(work, "mdrun", "-nt", "1", "-deffnm", "nve")
            hottest.append(series(work, "nve", "Temperature")[:, 1])
        half = np.mean([one[len(one) // 2:].mean() for one in hottest])
        print(f"2 ps NVE from {name} atoms: hottest {max(one.max() for one in hottest):.0f} K, "
              f"second half {half:.0f} K")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
