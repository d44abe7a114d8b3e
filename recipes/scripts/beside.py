"""Beside a finished run: what one would do otherwise for the same beads, and a row of a table for each.

The other way is rigid templates on the beads (`forward: template`), steepest descent by GROMACS, then 2 ps of dynamics
at 1 fs, both with one heavy atom of every bead held where the template put it: the one that is nearest to the bead's
centre, by 1000 kJ/mol/nm^2. Everything is done for the first frame of the run. All are judged by backmap in the same
way, but for their beads, of which a row says how far they are missed: how softly beads are to be met, only a run knows.
The verdict of the run is that of its own report. CPU seconds are of this process and of GROMACS, those of the run are
what you say that it took.

    python beside.py runs/recipe --topology topol.top --mdp md.mdp --cpu 312
"""
from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from simulating import LOG, gmx, stage

import backmap
from backmap.api import System

FORCE = 1000.0  #: kJ/mol/nm^2, that holds an atom of each bead
STEPS, LENGTH = 5000, 2.0  #: of steepest descent, and ps of dynamics
WORDS = ("Good to use", "Samples the force field", "Usable with care", "Not usable as it is", "No verdict")
LEVELS = ("nothing stands out", "Usable with care", "Not usable as it is")
WAYS = ("template", "minimized", "dynamics")
SAID = {"run": "backmap", "template": "template", "minimized": "template, EM", "dynamics": "template, EM, 2 ps",
        "reference": "true atoms"}


def seconds() -> float:
    """User CPU seconds of this process and those that it has started."""
    return sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def steps_of(record: dict[str, Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The steps of a run's recipe that have these names."""
    return [step for step in record["options"]["steps"] if next(iter(step)) in names]


def held_atoms(system: System, atoms: np.ndarray, beads: np.ndarray) -> dict[str, list[int]]:
    """By molecule type, the heavy atom of each bead that is nearest to it on average, counted from 1."""
    found = {}
    for group in system.groups:
        kind, chosen = group.type, []
        places, centres = atoms[group.atoms], beads[group.beads]
        heavy = np.array([element != "H" for element in kind.chemistry.element])
        for bead in range(kind.n_beads):
            own = np.flatnonzero((kind.mapping.owner == bead) & heavy)
            if len(own):
                off = np.linalg.norm(places[:, own] - centres[:, [bead]], axis=2).mean(axis=0)
                chosen.append(int(own[off.argmin()]) + 1)
        found[kind.name] = chosen
    return found


def restrained(processed: str, held: dict[str, list[int]]) -> str:
    """A topology without includes, in which these atoms of each molecule type are held."""
    lines, kind, section, named = [], None, "", False
    for line in processed.splitlines():
        word = line.strip().strip("[] ").lower() if line.strip().startswith("[") else ""
        if word in ("moleculetype", "system", "intermolecular_interactions") and kind in held:
            rows = "".join(f"{atom} 1 {FORCE:g} {FORCE:g} {FORCE:g}\n" for atom in held[kind])
            lines += ["[ position_restraints ]", rows]
            kind = None
        section, named = (word, False) if word else (section, named)
        if section == "moleculetype" and not word and not named and (words := line.partition(";")[0].split()):
            kind, named = words[0], True
        lines.append(line)
    return "\n".join(lines) + "\n"


def options(mdp: Path) -> dict[str, object]:
    """Options of an .mdp, by names with dashes."""
    pairs = (line.partition(";")[0].partition("=")[::2] for line in mdp.read_text().splitlines() if "=" in line)
    return {name.strip().lower().replace("_", "-"): value.strip() for name, value in pairs if value.strip()}


def main() -> None:
    """Make the other ways, judge them, print rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the output folder of a finished run that wrote a .gro")
    parser.add_argument("--topology", type=Path, required=True, help="of GROMACS")
    parser.add_argument("--mdp", type=Path, required=True)
    parser.add_argument("--cpu", type=float, default=float("nan"), help="user CPU seconds of the run")
    parser.add_argument("--atoms", default="atoms.gro", help="what the run wrote, its first frame first")
    parser.add_argument("--aa", type=Path, help="the true atoms of that frame, a .gro")
    chosen = parser.parse_args()
    run, topology, mdp = chosen.run.resolve(), chosen.topology.resolve(), chosen.mdp.resolve()
    aa = chosen.aa.resolve() if chosen.aa else None
    record = json.loads((run / "run.json").read_text())
    frame = 0 if record["frames"] == "all" else int(str(record["frames"]).split(":")[0].split(",")[0] or 0)
    folder = run / "beside"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    os.chdir(Path(record["recipe"]).parent)
    said = {"recipe": 1, "seed": record["seed"], "beads": record["beads"]}
    base = steps_of(record, ("topology", "forcefield", "read"))
    made = backmap.run({**said, "steps": [*base, {"forward": {"generator": "template"}},
                                          {"write": {"atoms": {"gromacs": "template.gro"},
                                                     "beads": {"gromacs": "beads.gro"}}}]},
                       frames=[frame], output=folder / "template")
    cpu = {"run": chosen.cpu, "template": seconds()}
    for name in ("template", "beads"):
        shutil.copy(folder / "template" / f"{name}.gro", folder)
    other_ways(folder, made.system, topology, options(mdp), cpu)
    lines = (run / chosen.atoms).read_text().splitlines(keepends=True)
    (folder / "run.gro").write_text("".join(lines[:int(lines[1]) + 3]))
    judged(folder, {**said, "steps": base}, frame, aa)
    rows(folder, run, cpu)


def other_ways(folder: Path, system: System, topology: Path, md: dict[str, object], cpu: dict[str, float]) -> None:
    """Steepest descent and dynamics of template.gro, as minimized.gro and dynamics.gro."""
    held = held_atoms(system, positions(folder / "template.gro"), positions(folder / "beads.gro"))
    gone = ("energygrps", "define", "pcoupl", "nstxout", "nstfout", "nstvout")
    md = {name: value for name, value in md.items() if name not in gone} | {"nstenergy": 100, "nstcalcenergy": 100}
    (folder / "plain.mdp").write_text("".join(f"{name} = {value}\n" for name, value in md.items()))
    gmx(folder, "grompp", "-f", "plain.mdp", "-c", "template.gro", "-p", topology, "-o", "plain.tpr", "-pp",
        "processed.top", "-maxwarn", 9)
    (folder / "held.top").write_text(restrained((folder / "processed.top").read_text(), held))
    started = seconds()
    steep = md | {"integrator": "steep", "nsteps": STEPS, "emtol": 100, "emstep": 0.01}
    stage(folder, "minimized", "template.gro", steep, "held.top", "template.gro")
    cpu["minimized"] = cpu["template"] + seconds() - started
    warm = {"dt": 0.001, "nsteps": round(LENGTH / 0.001), "gen-vel": "yes", "gen-seed": 7, "ld-seed": 7,
            "gen-temp": md["ref-t"], "continuation": "no", "nstcomm": 100}
    try:
        stage(folder, "dynamics", "minimized.gro", md | warm, "held.top", "template.gro")
    except SystemExit:
        print("the dynamics broke off, see", folder / LOG)
    cpu["dynamics"] = cpu["template"] + seconds() - started


def positions(path: Path) -> np.ndarray:
    """Of a .gro as backmap writes it, molecules whole, nm, (n, 3)."""
    lines = path.read_text().splitlines()
    return np.array([[float(row[20 + 8 * k:28 + 8 * k]) for k in range(3)] for row in lines[2:2 + int(lines[1])]])


def judged(folder: Path, said: dict[str, Any], frame: int, aa: Path | None) -> None:
    """Judge all ways, into report.json."""
    ways = {name: {"read_atoms": {"gromacs": str(folder / f"{name}.gro")}} for name in WAYS
            if (folder / f"{name}.gro").exists()}
    steps = [*said["steps"], {"read_atoms": {"gromacs": str(folder / "run.gro")}},
             {"assess": {"assessors": ["structure", "energy", "consistency"], "name": "run", "compare_with": ways,
                         "view": False, **({"reference": {"gromacs": str(aa)}} if aa else {})}},
             {"write": {"report": "report.json"}}]
    for step in steps:  # what is said below is of this frame alone
        step.get("read", {}).pop("reference", None)
    backmap.run({**said, "steps": steps}, frames=[frame], output=folder / "judged")
    shutil.copy(folder / "judged" / "report.json", folder)


def rows(folder: Path, run: Path, cpu: dict[str, float]) -> None:
    """A row for each way, also into rows.json."""
    report, table = json.loads((folder / "report.json").read_text()), {}
    for figure in report["figures"]:
        for name, found in figure["values"].items():
            row = table.setdefault(name, {"isomers wrong": 0.0})
            if (figure["section"], figure["name"]) == ("energy", "total"):
                row["energy, kJ/mol an atom"] = found["value"]
            if (figure["name"], figure["quantity"]) == ("all beads", "RMSD"):
                row["beads off, nm"] = found["value"]
            if figure["name"].startswith("stereocentres") and figure["ideal"] == 1.0:
                row["isomers wrong"] = max(row["isomers wrong"], 1 - found["value"])
    own = next((text for path in sorted(run.glob("report.*")) if (text := path.read_text(errors="ignore"))), "")
    for name, row in table.items():
        row["CPU s"] = cpu.get(name)
        found = [each for each in report["verdicts"].get(name, {}).get("findings", ()) if "bead" not in each["topic"]]
        row["verdict"] = LEVELS[max((each["level"] for each in found), default=0)]
    table["run"]["verdict"] = min((own.find(word), word) for word in WORDS if word in own)[1] if own else None
    (folder / "rows.json").write_text(json.dumps(table, indent=1))
    for name in sorted(table, key=list(SAID).index):
        print(SAID[name], table[name])


if __name__ == "__main__":
    main()
