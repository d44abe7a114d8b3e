"""``backmap init``: writes a recipe for a user's own files."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import session
from ..errors import BackmapError
from .shared import Begin, Debug, End, Every, Force, Libraries, PluginFiles, replaced

if TYPE_CHECKING:
    from ..recipe.registry import Registry
    from ..starting.files import UserFiles


def init(
    topology: Annotated[list[str] | None, typer.Option(
        "--topology", "-p", "-s", metavar="FILE", help="The atomistic topology: .top, .prmtop, .psf (and its parameter "
                                                       "files), LAMMPS data, VOTCA XML.")] = None,
    mapping: Annotated[list[str] | None, typer.Option(
        "--mapping", "-m", metavar="FILE|STRING", help="Mapping files: VOTCA XML, .map, .mapping, YAML, CGsmiles; or a "
                                                       "string in CGsmiles itself.")] = None,
    coarse: Annotated[str | None, typer.Option(
        "--from", metavar="martini3|martini2|votca", help="Pick mappings for this coarse-grained force field from "
                                                          "libraries, for molecules that -m does not map: see backmap "
                                                          "mappings list."
        )] = None,
    library: Libraries = None,
    conf: Annotated[list[str] | None, typer.Option(
        "--conf", "-c", metavar="FILE", help="Beads: a structure, e.g. cg.gro.")] = None,
    beads: Annotated[list[str] | None, typer.Option(
        "--beads", "-f", metavar="FILE", help="Beads: trajectories, e.g. cg.xtc.")] = None,
    temperature: Annotated[float | None, typer.Option(
        "--temperature", "-t", min=0.0, metavar="K", help="Of the simulation of the beads, K; by default that of --mdp."
        )] = None,
    mdp: Annotated[str | None, typer.Option(
        "--mdp", "--lammps-input", metavar="FILE", help="The .mdp of the atomistic simulation, or the input script of "
                                                        "LAMMPS: cut-offs, Coulomb, constraints, temperature.")] = None,
    atoms: Annotated[list[str] | None, typer.Option(
        "--aa", metavar="FILE", help="True atoms: to train on, and to judge by if of the same frames.")] = None,
    beads_are: Annotated[str | None, typer.Option(
        "--beads-are", metavar="mapped|model", help="What the beads are: mapped from atoms, or those of a "
                                                    "coarse-grained model; by default mapped if --aa has the "
                                                    "atoms of their frames."
        )] = None,
    stereo: Annotated[list[str] | None, typer.Option(
        "--stereo", metavar="FILE|NAME=SMILES", help="Which isomers: a .gro with true atoms of all molecules; or, for "
                                                     "each molecule type, SMILES or a .gro of one of them.")] = None,
    index: Annotated[str | None, typer.Option("--index", "-n", metavar="FILE:GROUP",
                                              help="The beads are a group of an index file.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(
        "--ignore", metavar="NAME", help="Beads of the files that stand for no atoms, such as virtual sites, by bead "
                                         "or residue name: V4, \"VS*\".")] = None,
    solvent: Annotated[list[str] | None, typer.Option(
        "--solvent", metavar="NAME=BEAD[:COUNT]",
        help="What beads of a molecule type without a mapping are called, and how many of them each bead is: SOL=W:4. "
             "Ions are put at their beads: NA=NA+. Those of Martini are known.")] = None,
    begin: Begin = None,
    end: End = None,
    dt: Every = None,
    units: Annotated[str | None, typer.Option(metavar="real|metal|lj", help="Of LAMMPS files; by default those of "
                                                                            "--lammps-input.")] = None,
    weights: Annotated[list[Path] | None, typer.Option(
        metavar="FILE|FOLDER", help="Trained weights, or where to look for them; by default $BACKMAP_WEIGHTS and those "
                                    "that ship.")] = None,
    train: Annotated[bool, typer.Option("--train", help="Train on the frames of --aa, even if weights fit.")] = False,
    ready: Annotated[bool, typer.Option(
        "--gromacs-ready", help="Let the run write a folder for GROMACS, too: atoms, topology with its files, .mdp, "
                                "commands.")] = False,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.yaml",
                                         help="The recipe.")] = Path("recipe.yaml"),
    force: Force = False,
    plugin: PluginFiles = None,
    debug: Debug = False,
) -> None:
    """Write a recipe for your own files, with comments, and check it.

    Formats are told from suffixes and contents (READER=FILE says them). Atoms are drawn by trained weights that fit
    the molecules; without, by weights to be trained on the frames of --aa (a second recipe); without those, from the
    force field, or from idealised fragments. The exit code is that of backmap check.
    """
    from .. import stock
    from ..checking import reading, verdict
    from ..starting import files, plan, text

    registry = session.registry_of(plugin or ())
    output.parent.mkdir(parents=True, exist_ok=True)
    given = files.UserFiles(topology or [], mapping or [], [*(conf or ()), *(beads or ())], atoms or [], units, index,
                            begin, end, dt, folder=output.parent, run=mdp, ignore=ignore or [], solvent=solvent or [],
                            stereo=stereo or [])
    why: list[str] = []
    if coarse is not None:
        given, why = _picked(given, coarse, library or [], registry)
    run = files.run_parameters(given, registry)
    told = run.temperature if run is not None else None
    if temperature and told and temperature != told:
        raise BackmapError(f"is {temperature:g} K, but {run.said('temperature')}", where="-t",
                           hint="Leave one of them out.")
    temperature = temperature or told
    if beads_are not in (None, "mapped", "model"):
        raise BackmapError(f"'{beads_are}' is neither mapped nor model", where="--beads-are",
                           hint="Write mapped if the beads are centres of the atoms of an all-atom simulation.")
    if not temperature:
        raise BackmapError("no temperature is given", where="backmap init",
                           hint="Give that of the simulation of the beads, e.g. -t 300.")
    named = [path if path.exists() else stock.find(str(path)) or path for path in weights or ()]
    wishes = plan.Wishes(temperature, named or stock.places(), train, beads_are, ready)
    try:
        made = plan.plan(given, wishes, output, registry, why)
    except plan.Unfit as unfit:
        for sentence in unfit.why:
            typer.echo(sentence)
        for finding in unfit.findings:
            typer.echo(f"error: {finding.where}: {finding.problem}" + (f". {finding.hint}" if finding.hint else ""))
        raise BackmapError("the files do not go together, nothing is written", where=output,
                           hint="Correct what is listed; backmap check -p -m -c looks files over, too.") from None
    training = output.with_name(f"{output.stem}_train.yaml")
    folder = f"runs/{output.stem}_train"
    if made.way == "training":
        replaced(training, text.training_recipe(made, folder), force)
    replaced(output, text.run_recipe(made, output.stem, f"{folder}/weights.safetensors"), force)
    for sentence in made.why:
        typer.echo(sentence)
    typer.echo(f"{output}: written. Read its comments; those with TODO are guesses.")
    checked = training if made.way == "training" else output
    if made.way == "training":
        typer.echo(f"First: backmap run {training}, then: backmap run {output}. Checked is the former, as the weights "
                   "of the latter are still to be made")
    if made.ready is not None:
        typer.echo(f"After the run, {output.parent / 'runs' / output.stem / 'gromacs' / 'README.md'} has the commands "
                   "that go on from there")
    read = reading.read_file(checked, registry, [])
    found = verdict.findings(read, registry)
    verdict.show(found, read)
    raise typer.Exit(verdict.exit_code(found))


def _picked(given: UserFiles, coarse: str, library: Sequence[Path], registry: Registry) -> tuple[UserFiles, list[str]]:
    """The files with mappings from libraries, and why these.

    Raises:
        BackmapError: If the force field is not known, or what libraries have does not fit; each misfit is a line.
    """
    from ..starting import files, libraries, picking

    if coarse not in picking.MODELS:
        raise BackmapError(f"'{coarse}' is no coarse-grained force field that libraries are known for", where="--from",
                           hint=f"Known: {', '.join(picking.MODELS)}. Others: name their files with --mapping.")
    topology, mapped = files.topology_of(given, registry)
    own = [Path(text.rpartition("=")[2]).parent for text in (*given.topology, *given.beads)]
    places = libraries.places([*library, *(dict.fromkeys(own) if coarse == "votca" else ())])
    held = libraries.contents(places, registry)
    picked = picking.pick(coarse, topology, held, registry, mapped, given.path,
                          files.called(given, registry))
    enough = picked.entries or mapped or files.is_solvent(topology)
    for error in picked.errors or (() if enough else held.errors):
        typer.echo(f"error: {error}")
    if picked.errors or not enough:
        for sentence in picked.why:
            typer.echo(sentence)
        looked = ", ".join(map(str, places.values())) or "nowhere"
        raise BackmapError("mappings do not fit" if picked.errors else "no mapping is found", where=f"--from {coarse}",
                           hint="Correct what is listed, or give your own with --mapping." if picked.errors else
                           f"Looked in: {looked}. --library and ${libraries.VARIABLE} name more folders; martinize2's "
                           "come with pip install vermouth.")
    return replace(given, picked=picked.entries, coarse=coarse), picked.why
