"""docs/recipes.md: every step, every plugin, every option."""
from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from pydantic.fields import FieldInfo

from backmap.api import Plugin, Step
from backmap.recipe.recipe import Recipe, options_of
from backmap.recipe.registry import KINDS, Kind, Registry
from backmap.recipe.spoken import default, spoken
from backmap.recipe.summaries import summary

#: What stands above the plugins of a kind.
ABOUT = {
    "step": "One line of a recipe. What a step needs, an earlier one must give; this is checked before anything runs.",
    "generator": "Draws the atoms of many fragments at once. Goes into `forward`, `gibbs`, `metropolis` and "
                 "`train`.",
    "traversal": "The order in which the beads of a molecule are reconstructed. Goes into `forward` and `train`.",
    "regularizer": "An energy of fragments in their surroundings: chooses among candidates in `forward` and `gibbs`, "
                   "is a part of the loss in `train`.",
    "refiner": "Improves frames whose atoms are all placed. Goes into `refine`.",
    "morpher": "Turns beads of one model into beads of another. Goes into `morph`.",
    "assessor": "Measures trajectories, and may flag beads. Goes into `assess`.",
    "force field": "Reads force-field parameters. Goes into `forcefield` as `parameters`.",
    "reader": "Reads trajectories. Goes into `read` and `prepare`.",
    "topology reader": "Reads atomistic topologies. Goes into `topology` as `atoms`.",
    "mapping reader": "Reads how beads are made of atoms. Goes into `topology` as `mapping`.",
    "writer": "Writes frames. Goes into `write`; several make a list.",
    "checker": "Looks a recipe and its files over. Recipes do not name it: `backmap check` asks every one.",
    "bridge": "Carries frames over from another Python library, and atoms back. Recipes do not name it: it serves "
              "`backmap.run` in Python.",
    "target": "A density that can be evaluated, for Monte Carlo. Goes into the step `target`.",
    "model": "Proposes configurations of a target by way of latent variables. Goes into `train_model`, `monte_carlo`.",
    "sampler": "Monte Carlo on a target. Goes into `monte_carlo`.",
    "ensemble assessor": "Judges what a sampler has visited. Goes into `monte_carlo`.",
}

HEAD = """\
<!-- Written by docs/generate.py from the plugins; change them, then run `make docs`. -->
# Recipe reference

*This page is generated from the plugins.*

A recipe is a YAML file that lists what is done, in order. `backmap run recipe.yaml` runs it.

```yaml
recipe: 1
title: Liquid octane at 350 K
seed: 7
output: ../../runs/octane
beads: mapped
steps:
  - topology:
      atoms: {gromacs: octane.top}
      mapping: {votca: octane.xml}
  - forcefield:
      gromacs: octane.top
      epsilon_rf: 1.9
  - read:
      beads: {gromacs: [cg.gro, cg.xtc]}
      reference: {gromacs: [aa.gro, test_aa.xtc]}
  - forward:
      generator: {equivariant: octane_350K.safetensors}
  - gibbs:
      sweeps: 4
      temperature: 350
      regularizer: steric
      repair: 5
  - hamiltonian:
      soft_core_sweeps: 5
      tempering: {}
      sweeps: 60
      steps: 40
      timestep: 2
      temperature: 350
  - assess:
      assessors: [structure, energy, consistency, equipartition, along_beads]
      compare_every: 5
      compare_with:
        template: {forward: template}
        minimized: [{forward: template}, {refine: minimize}]
  - write:
      atoms:
        - gromacs: [atoms.gro, atoms.xtc]
        - picture: octane.png
      report: [report.html, report.md, report.json]
```

## How it is written

* A plugin is written `name` or `name: {options}`. This holds for steps and for what is inside them.
* A value that is not a mapping fills the plugin's **first** option: `gromacs: octane.top` is
  `gromacs: {file: octane.top}`. In the tables below the first option comes first. Where it is a plugin, that plugin may
  stand among the other options: `forcefield: {gromacs: octane.top, cutoff: 1.2}`.
* Paths of input are relative to the recipe. Paths of output are relative to `output`, and `output` is relative to the
  recipe. In paths `${NAME}` and `${NAME:-default}` are taken from the environment.
* Weights that are named without a folder, as `octane_350K.safetensors` above, lie beside the recipe, in a folder of
  `BACKMAP_WEIGHTS`, or among those that come with backmap; the first file that is found counts.
* Units: nm, ps, K, kJ/mol, degrees. Frames are counted from 0.
* The whole recipe is checked before anything runs. A mistake is one line that says where it is, what is wrong and what
  to do: `run.yaml: steps[4]: no step is called 'gibs'. Did you mean 'gibbs'? Known: forward, gibbs, ...`

"""

COMMAND = """\
## On the command line

`backmap run recipe.yaml` runs a recipe, `backmap check recipe.yaml` looks it over without running it, and
`backmap init` writes one for your own files: [commands](commands.md). `backmap schema` writes a JSON schema with which
editors complete names and options.

## What a run leaves behind

The files that `write` names, and `run.json`: the recipe as it was run, the seed, the SHA-256 of every input, versions,
warnings by type, time and speed. While a run goes on its files are called `NAME.part`.
"""


def page() -> str:
    """The whole page."""
    registry = Registry().discover()
    parts = [HEAD, "## At the top\n\n", "".join(table(dict(Recipe.model_fields))), "\n", COMMAND]
    for kind in KINDS:
        shipped = [(name, plugin) for name, plugin in every(registry, kind)
                   if plugin.__module__.startswith("backmap_plugins.")]
        if shipped:
            parts += [f"\n## {heading(kind)}\n\n{ABOUT[kind.name]}\n", *(entry(*named) for named in shipped)]
    return "".join(parts)


def every(registry: Registry, kind: Kind) -> Iterator[tuple[str, type[Plugin]]]:
    """Names and classes of a kind."""
    for name in registry.names(kind):
        yield name, registry.get(kind, name)


def heading(kind: Kind) -> str:
    return f"{kind.name[0].upper()}{kind.name[1:]}s"


def entry(name: str, plugin: type[Plugin]) -> str:
    """What is said about one plugin."""
    lines = [f"\n### `{name}`\n\n{about(plugin)}\n\n"]
    if issubclass(plugin, Step):
        needs, gives = (", ".join(sorted(names)) or "nothing" for names in (plugin.needs, plugin.gives))
        lines.append(f"Needs {needs}; gives {gives}.\n\n")
    options = options_of(plugin)
    lines += table(options) if options else ["No options.\n"]
    return "".join(lines)


def about(plugin: type[Plugin]) -> str:
    """The plugin's docstring."""
    return marked(inspect.cleandoc(plugin.__doc__ or summary(plugin)))


def marked(text: str) -> str:
    """Words of a docstring as Markdown: code in single marks, tags as code; means such as <div v> are no tags."""
    coded = re.sub(r"<(\w+)>", r"`<\1>`", re.sub(r"``(.*?)``", r"`\1`", text))
    return re.sub(r"(`[^`]*`)|<", lambda found: found[1] or "&lt;", coded)


def linked(kind: Kind) -> str:
    """A kind of plugin, with a link to its heading."""
    return f"[{kind.name}](#{heading(kind).lower().replace(' ', '-')})"


def shown(option: FieldInfo) -> str:
    """An option's default, as code; in bold if it has none."""
    value = default(option)
    if value is None:
        return "**needed**"
    return value if value in ("", "empty") else f"`{value}`"


def table(options: dict[str, FieldInfo]) -> Iterator[str]:
    """Rows of options, the first option first."""
    yield "| option | is | default | |\n|---|---|---|---|\n"
    for name, option in options.items():
        cells = (f"`{name}`", spoken(option, linked), shown(option), marked(option.description or ""))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
