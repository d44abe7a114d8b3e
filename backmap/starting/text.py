"""Recipes with comments, as text."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ..engine.hamiltonian.timestep import steps_of
from .plan import Plan

WIDTH = 112  #: of comments
STEPS = 15000  #: of training
CGSMILES = "cgsmiles"  #: reader of mappings that name no weights
#: Of whole boxes, to where a simulation can begin: sweeps that part overlaps, that cool, that count, of the pilot.
SOFT, COOLING, SWEEPS, LOOKING = 5, 40, 10, 60
#: Of liquids of rigid bodies alone, whose dynamics cost less than moves.
BODIES_COOLING, BODIES_SWEEPS = 80, 3
RELEASED = 100  #: sweeps without beads where molecules hinder each other from turning
#: Sweeps in which chains on soft beads find their wells, and times the temperature at which they begin.
ANNEALING, HOTTER = 80, 3
ROTATIONS = 300  #: sweeps in which molecules of two beads turn about these; 20 find the right sides of most
#: Rounds of sifting, and tempered trajectories, about exact beads: hotter and longer ones than by default.
SIFTING, CROSSING = 6, {"peak": 8, "time": 600}


def run_recipe(plan: Plan, name: str, trained: str) -> str:
    """The recipe that makes atoms.

    Args:
        plan: How.
        name: Of the output folder.
        trained: Where training leaves its weights, as this recipe names it.
    """
    lines = [f"# Puts the atoms back at {plan.temperature:g} K. Written by backmap init; change what you know better.",
             *_comment("", *(f"- {reason}" for reason in plan.why)),
             "# Paths of input are relative to this file, paths of output to 'output'.",
             "recipe: 1", "seed: 1                     # every random draw follows from it",
             *_beads(plan), f"output: runs/{name}", "steps:", *_topology(plan), *_forcefield(plan), *_read(plan),
             *_makers(plan, trained), *_judged(plan), *_written(plan)]
    return "\n".join(lines) + "\n"


def _beads(plan: Plan) -> Iterator[str]:
    meaning = {"mapped": "centres of the atoms of an all-atom simulation", "model": "from a coarse-grained simulation"}
    if plan.beads_are is None:
        said = "; ".join(f"{name}: {what}" for name, what in meaning.items())
        yield f"beads: auto                  # TODO: say it if you know it. {said}"
        return
    known, other = ("mapped", "model") if plan.beads_are == "mapped" else ("model", "mapped")
    yield f"beads: {known:21} # {meaning[known]}; {other}: {meaning[other]}"


def training_recipe(plan: Plan, output: str) -> str:
    """The recipe that trains the weights; ``output`` is its folder."""
    topology = {key: value for key, value in plan.topology.items() if key not in ("stereo", "constraints")}
    lines = [f"# Trains weights at {plan.temperature:g} K on atomistic frames. Written by backmap init.",
             "recipe: 1", "seed: 1", f"output: {output}", "steps:",
             f"  - topology: {_flow(topology)}",
             "  - prepare:                # the frames tell which bonds are rigid, and the chirality of stereocentres",
             f"      frames: {_flow(plan.training)}",
             f"      temperature: {plan.temperature:g}        # of the simulation of these frames, K",
             "  - train:", f"      generator: {plan.generator}",
             f"      steps: {STEPS}          # hours on a processor; look at the validation loss, more may help",
             "      output: weights.safetensors"]
    return "\n".join(lines) + "\n"


def _topology(plan: Plan) -> Iterator[str]:
    yield "  - topology:               # what there is, and how beads are made of atoms"
    for key, value in plan.topology.items():
        if key == "exclude":
            yield from _comment("      ", "Molecules without a mapping: not backmapped, and only ions are written. "
                                "{SOL: W} says what their beads are called.")
        if key == "fixed":
            yield from _comment("      ", "Molecules without a mapping whose atoms are in the file of beads: they stay "
                                "where they are, and all others see them.")
        if key == "several":
            yield from _comment("      ", "Beads that are several molecules: these begin in a cluster about their bead "
                                "and move freely from then on.")
        if key == "stereo":
            yield from _comment("      ", "Hands of stereocentres, and sides of double bonds, esters and amides"
                                + (", as in the first frame of these atoms." if isinstance(value, str) else "."))
        if key == "mapping" and CGSMILES in (value if isinstance(value, dict) else ()):
            yield from _comment("      ", "Beads are at the geometric centres of their atoms; where they are centres "
                                "of mass, write {cgsmiles: {molecules: STRING, weights: mass}}.")
        if key == "constraints" and plan.run is not None:
            yield "      # as in the input of the simulation"
        elif key == "constraints":
            yield from _comment("      ", "TODO: which bonds are rigid, as 'constraints' in your .mdp: none, h-bonds "
                                "or all-bonds. This is a guess; 'backmap init --mdp FILE' reads it, and what is TODO "
                                "of the force field.")
        yield f"      {key}: {_flow(value)}"


def _forcefield(plan: Plan) -> Iterator[str]:
    if plan.forcefield is None:
        return
    yield "  - forcefield:             # its energies, to correct and to judge by"
    (name, value), = plan.forcefield["parameters"].items()
    yield f"      parameters: {_flow({name: value})}"
    if plan.run is not None:
        told = ", ".join(f"{name} {value}" for name, value in plan.run.treatment.items())
        yield from _comment("      ", f"From {Path(plan.run.where).name}: {told}", *plan.run.remarks)
        return
    yield f"      cutoff: {plan.forcefield['cutoff']}           # TODO: rvdw and rcoulomb of your .mdp, nm"
    if plan.charged:
        yield from _comment("      ", "TODO: there are charges. Beyond the cut-off a reaction field counts, with "
                            "epsilon-rf as in your .mdp; 0 stands for infinity, as there. It is a guess, also if you "
                            "simulate with PME.")
        yield "      coulomb: reaction_field"
        yield "      epsilon_rf: 0"


def _read(plan: Plan) -> Iterator[str]:
    yield "  - read:                   # where it is"
    yield f"      beads: {_flow(plan.beads)}"
    if plan.reference is not None:
        yield f"      reference: {_flow(plan.reference)}   # true atoms, only to judge by"


def _makers(plan: Plan, trained: str) -> Iterator[str]:
    known = {plan.generator: plan.weights or trained}
    generator: Any = known if plan.way in ("weights", "training") else "template"
    if plan.way == "training":
        yield from _comment("  ", "These weights are there once the training recipe has run.")
    yield "  - forward:                # a first guess: every fragment placed as a rigid piece, all at once"
    yield f"      generator: {_flow(generator)}"
    if plan.way == "template":
        return
    if plan.whole_box:
        yield from _start_of_a_box(plan)
        return
    if plan.way != "force_field":
        yield "  - gibbs:                  # relaxes it: each fragment drawn anew, given all the others"
        yield "      sweeps: 4"
        yield f"      temperature: {plan.temperature:g}"
        yield "      regularizer: steric   # says which fragments still overlap;"
        yield "      repair: 5             # those are drawn again, at most five times"
    if plan.forcefield is not None:
        yield "  - hamiltonian:            # moves along the forces, accepted or rejected by the force field"
        soft = SOFT if plan.way == "force_field" else 3
        yield f"      soft_core_sweeps: {soft}   # sweeps before, which part overlaps"
        if plan.turning:
            yield (f"      annealing_sweeps: {_cooling(plan)} "
                   "# from 600 K: small molecules hinder each other from turning")
        elif plan.jumping and plan.way == "force_field" and plan.beads_are != "mapped":
            yield f"      annealing_sweeps: {ANNEALING}  # hotter ones first, in which chains find their wells"
            yield f"      hottest: {HOTTER * plan.temperature:g}          # K, of the first of them"
        if plan.rolling and plan.way == "force_field" and plan.beads_are != "model":
            yield f"      rotation_sweeps: {ROTATIONS}  # molecules turn about the axis through both of their beads"
        if plan.jumping and not plan.folding and plan.way == "force_field" and plan.beads_are == "mapped":
            yield f"      sifting_rounds: {SIFTING}     # molecules leave wrong wells that exact beads hold them in"
            yield f"      tempering: {_flow(CROSSING)} # between sweeps, others that cross barriers, hot ones"
        elif plan.folding or (plan.jumping and plan.way != "force_field"):
            yield "      tempering: {}         # between sweeps, others that cross barriers: torsions leave wrong wells"
        elif plan.jumping:
            yield ("      tempering: auto       # between sweeps, others that cross barriers, if the pilot finds that "
                   "they do; {}, before each, if beads are exact")
        yield "      sweeps: auto          # a pilot on some frames tells how many it takes until energies rest;"
        yield "      at_most: 200          # if these are not enough, run and report say so"
        if (stride := _stride(plan)) is not None:
            yield (f"      timestep: {stride[0]}           # fs, with which rigid "
                   f"{'bodies' if plan.bodies else 'molecules'} follow their dynamics while they cool")
            yield f"      steps: {stride[1]}             # of a move"
        else:
            yield "      timestep: auto        # fs; the pilot finds the one with which four of five moves are accepted"
            yield "      steps: auto           # of a move"
        yield f"      temperature: {plan.temperature:g}"


def _start_of_a_box(plan: Plan) -> Iterator[str]:
    yield "  - hamiltonian:            # moves along the forces, accepted or rejected by the force field"
    if "several" in plan.topology:
        yield from _comment("      ", "Solvent that is free samples no coarse-grained model: sweeps lead to where a "
                            "simulation of atoms can begin. Write sweeps: auto and tempering: {} without for_start to "
                            "sample molecules on their beads.")
    else:
        yield from _comment("      ", "Sweeps lead to where a simulation of atoms can begin, as the folder that is "
                            "written is for. To sample molecules on their beads, write sweeps: auto and "
                            f"annealing_sweeps: {_cooling(plan)} without for_start, or leave --gromacs-ready out.")
    cooling, sweeps = (BODIES_COOLING, BODIES_SWEEPS) if plan.turning and plan.bodies else (COOLING, SWEEPS)
    yield f"      soft_core_sweeps: {SOFT}   # sweeps before, which part overlaps"
    if plan.turning:
        yield f"      annealing_sweeps: {cooling}  # from 600 K: small molecules hinder each other from turning"
    yield "      for_start: true       # planar bonds are kept flat, and what sweeps leave wrong is mended once more"
    yield f"      sweeps: {sweeps}"
    yield f"      at_most: {LOOKING}           # sweeps in which the pilot looks for how softly beads are to be met"
    timestep, steps = _stride(plan) or (plan.timestep, steps_of(plan.timestep))
    yield f"      timestep: {timestep:<4g}        # fs"
    yield f"      steps: {steps:<3}            # of a move"
    yield "      second_start: 0       # so few sweeps forget no start"
    yield f"      temperature: {plan.temperature:g}"


def _cooling(plan: Plan) -> int:
    """Sweeps in which small molecules find their orientations: 70 ps of bodies; those of others are drawn, too."""
    return 700 if plan.bodies else 300


def _stride(plan: Plan) -> tuple[float, int] | None:
    """Time step, fs, and steps of a move, with which molecules without springs follow their dynamics."""
    if plan.turning and plan.bodies:
        return 6, 17
    return (4, 25) if plan.turning and plan.rigid else None


def _judged(plan: Plan) -> Iterator[str]:
    sampled = plan.forcefield is not None and plan.way != "template"
    assessors: list[Any] = ["structure", *["energy"] * (plan.forcefield is not None), "consistency",
                            *["equipartition", "ranks"] * sampled]
    if sampled and plan.beads_are == "mapped" and not plan.whole_box:
        # Molecules that have to turn take longer than torsions to fall once beads are let go.
        slow = plan.turning or plan.rolling
        assessors += ["along_beads", {"released_beads": {"sweeps": RELEASED}} if slow else "released_beads"]
    yield f"  - assess: {_flow(assessors)}   # how good it is"


def _written(plan: Plan) -> Iterator[str]:
    yield "  - write:"
    atoms: Any = {"gromacs": "atoms.gro" if plan.single else ["atoms.gro", "atoms.xtc"]}
    (reader, topology), = plan.topology["atoms"].items()
    changed = plan.topology.keys() & {"exclude", "several", "molecules"}  # what is written is not all that it names
    if plan.ready is not None:
        yield "      # gromacs: a folder to go on from, with the commands in its README.md"
        atoms = [atoms, {"gromacs_ready": plan.ready}]
    elif reader == "lammps" and "script" in topology and not changed:
        yield "      # lammps: a folder from which LAMMPS goes on; lmp -in in.start"
        files = {key: topology[key] for key in ("data", "script")}
        atoms = [atoms, {"lammps_ready": {"folder": "lammps", **files, "temperature": plan.temperature}}]
    elif reader == "gromacs" and changed:
        yield "      # topol.top: your topology with the counts of what is written"
        top = topology[0] if isinstance(topology, list) else topology
        atoms = [atoms, {"gromacs_topology": {"file": "topol.top", "of": top}}]
    yield f"      atoms: {_flow(atoms)}"
    yield "      report: report.html"


def _flow(value: Any) -> str:
    """A value on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=float("inf"), allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _comment(indent: str, *sentences: str) -> Iterator[str]:
    """Sentences as comment lines that are not too long; a word that is, is not broken."""
    for sentence in sentences:
        sentence = sentence if sentence.endswith((".", "?")) else f"{sentence}."
        line = f"{indent}#"
        for word in sentence.split():
            if len(line) + 1 + len(word) > WIDTH and not line.endswith("#"):
                yield line
                line = f"{indent}#  "
            line += f" {word}"
        yield line
