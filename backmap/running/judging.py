"""The recipe behind ``backmap judge``: coarse-grained models, told by the atoms that their beads imply.

The atoms of every model are made by the same steps, from its own beads; so are those of the reference, from beads that
the mapping makes of true atoms. What models show beyond these is theirs, and not the generator's.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..api import Step
from ..errors import BackmapError, at
from ..recipe import document, recipe
from ..recipe.registry import Registry
from .redirection import READ, files_entry

#: Steps of a recipe that stand before all that makes atoms.
SETTING = ("topology", "forcefield", READ)
#: Steps that take frames to the end: they are written anew.
ENDING = ("assess", "write")
REPORTS = ["report.html", "report.md", "report.json"]
#: The assessor by which models are ranked, unless the recipe has it already.
FORCES = "projected_forces"
#: What the run's own trajectory is called: the mapped reference, put back.
MAPPED = "mapped reference"
#: nm: how closely beads are held while atoms are moved; the same for all, since it is a part of the measure.
SIGMA = 0.001
#: Steps that hold beads so.
SOFT = ("hamiltonian", "metropolis")
#: fs; the restraint is too stiff for longer time steps.
TIMESTEP = 2.0


def judgement(path: Path, models: Mapping[str, Sequence[str]], registry: Registry, reference: Sequence[str] = (),
              overrides: Sequence[str] = (), log: Callable[[str], None] = print) -> recipe.Recipe:
    """The recipe that judges models.

    Args:
        path: A recipe that makes atoms of beads; its reference is that of all models.
        models: Files of a coarse-grained trajectory each, by the name of its model.
        registry: Where plugins are found.
        reference: Files of true atoms, in place of the recipe's.
        overrides: ``--set`` assignments for the recipe that comes out.
        log: Told what is changed.

    Raises:
        BackmapError: If the recipe makes no atoms or has no reference, or a model has no files.
    """
    content = document.read(path)[1]
    document.expect_one_system(content, path)
    known, making = _parts(content, path, registry)
    read = dict(known[READ])
    true = files_entry(reference, read.get("reference") or read.get("beads"), registry) if reference else read.get(
        "reference")
    if true is None:
        raise BackmapError("has no reference, beyond which models could be", where=path,
                           hint="Give true atoms: --reference aa.gro,aa.xtc.")
    branches = {}
    for label, files in models.items():
        _expect_files(label, files)
        branches[label] = [{"read_beads": {"beads": files_entry(files, read.get("beads") or true, registry)}}, *making]
    assessors = _assessors(known.get("assess", {}).get("assessors", ["consistency"]), making, path)
    derived = {
        "recipe": 1, "title": f"{content.get('title') or path.stem}: {', '.join(branches)}", "output": "judgement",
        **{key: content[key] for key in ("seed", "replicas", "max_infeasible") if key in content},
        "steps": [*({name: known[name]} for name in SETTING[:2]), {READ: {"reference": true}}, *making,
                  {"assess": {"assessors": assessors, "name": MAPPED, "compare_with": branches}},
                  {"write": {"report": REPORTS}}]}
    text = yaml.safe_dump(derived, sort_keys=False, allow_unicode=True)
    judging = recipe.compose(text, derived, path, registry, overrides)
    for name in dict.fromkeys(name for step in making for name in step if name in SOFT):
        log(f"{name}: beads are held by a Gaussian of {SIGMA:g} nm, in all models alike")
    return judging


def _parts(content: dict[str, Any], path: Path, registry: Registry) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Options of the steps by name, and the steps that make atoms.

    Raises:
        BackmapError: If one that is needed is missing.
    """
    written = content.get("steps")
    with at(str(path)):
        steps = [recipe.spelled_out(Step, entry, registry) for entry in (written if isinstance(written, list) else ())]
    known = dict(steps)
    for name in SETTING:
        if name not in known:
            raise BackmapError(f"has no step '{name}'", where=path, hint="Judging takes a recipe that makes atoms of "
                                                                         "beads, and a force field.")
    making = [_softened(name, dict(options)) for name, options in steps if name not in (*SETTING, *ENDING)]
    if not making:
        raise BackmapError("makes no atoms", where=path, hint="Give it forward, gibbs and hamiltonian.")
    return known, making


def _softened(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """A step that moves atoms, with beads held by the same Gaussian in all models, never met exactly at the end."""
    if name == "hamiltonian":
        timestep = options.get("timestep", 1.0)
        options["beads"] = {"sigma": SIGMA}
        options["timestep"] = min(TIMESTEP, timestep) if isinstance(timestep, int | float) else timestep
    if name == "metropolis":
        options |= {"beads": {**(options.get("beads") or {}), "sigma": SIGMA}, "project": False}
    return {name: options}


def _expect_files(label: str, files: Sequence[str]) -> None:
    if label in ("", MAPPED, "reference"):
        raise BackmapError(f"the name '{label}' is taken" if label else "a model has no name", where="judge",
                           hint="Write NAME=cg.gro,cg.xtc.")
    for file in files:
        if not Path(file).is_file():
            raise BackmapError("there is no such file", where=f"{label}: {file or 'no name'}")


def _assessors(named: Any, making: Sequence[dict[str, Any]], path: Path) -> list[Any]:
    """Forces, by which models are ranked, at the temperature of the steps; and what the recipe measures."""
    known = list(named) if isinstance(named, list) else [named]
    if any(document.step_name(entry) == FORCES for entry in known):
        return known
    found = {float(options["temperature"]) for step in making for options in step.values()
             if isinstance(options, dict) and isinstance(options.get("temperature"), int | float)}
    if len(found) != 1:
        raise BackmapError("its steps do not tell one temperature" if found else "no step tells the temperature",
                           where=path, hint="Write assess: {assessors: {projected_forces: {temperature: 300}}}.")
    return [{FORCES: {"temperature": found.pop()}}, *known]
