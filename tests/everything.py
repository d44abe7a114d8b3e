"""A recipe of every step that takes frames, on eight octane molecules of the demo; others that train and sample."""
from __future__ import annotations

from pathlib import Path

from tests.scenes import RECIPE as DEMO

MOLECULES = 8

FRAMES = """\
recipe: 1
title: Everything that takes frames
seed: 7
output: out
steps:
  - topology: {{atoms: {{gromacs: {demo}/octane.top}}, mapping: {{votca: {demo}/octane.xml}}, molecules: {{OCT: 8}}}}
  - forcefield: {{gromacs: {demo}/octane.top, cutoff: 0.9, epsilon_rf: 1.9}}
  - read:
      beads: {{gromacs: {{files: [{demo}/cg.gro, {demo}/cg.xtc], index: {{index.ndx: beads}}}}}}
      reference: {{gromacs: {{files: [{demo}/aa.gro, {demo}/test_aa.xtc], index: {{index.ndx: atoms}}}}}}
  - forward: {{generator: {{equivariant: {weights}}}}}
  - gibbs: {{sweeps: 1, temperature: 350, regularizer: steric, candidates: 2, repair: 1}}
  - metropolis: {{sweeps: 1, temperature: 350, candidates: 2, free_energies: true}}
  - hamiltonian: {{soft_core_sweeps: 1, sweeps: 3, steps: 4, temperature: 350}}
  - hamiltonian: {{sweeps: 1, steps: 4, temperature: 350, beads: {{sigma: 0.001}}, only: [never_accepted]}}
  - refine: {{equilibrate: {{temperature: 350, time: 0.02, max_iterations: 20}}}}
  - assess:
      assessors: [structure, energy, consistency]
      compare_every: 2
      compare_with:
        template: {{forward: template}}
        moved: [{{forward: template}}, {{hamiltonian: {{sweeps: 2, steps: 4, temperature: 350, second_start: 0}}}}]
        minimized: [{{forward: template}}, {{refine: {{minimize: {{max_iterations: 20}}}}}}]
        taken: {{read_atoms: {{gromacs: {{files: [{demo}/aa.gro, {demo}/test_aa.xtc], index: {{index.ndx: atoms}}}}}}}}
  - write:
      atoms: [{{gromacs: [atoms.gro, atoms.xtc]}}, {{picture: atoms.png}}]
      report: [report.html, report.md, report.json]
"""

TRAINING = """\
recipe: 1
title: Everything that trains
seed: 3
output: out
steps:
  - topology: {{atoms: {{gromacs: {demo}/octane.top}}, mapping: {{votca: {demo}/octane.xml}}}}
  - prepare: {{frames: {{gromacs: [{demo}/aa.gro, {demo}/test_aa.xtc]}}, temperature: 350}}
  - train: {{generator: {{equivariant: {{channels: 8}}}}, steps: 60, sites: 32, frames: 2, validate_every: 10}}
"""

SAMPLING = """\
recipe: 1
title: Everything about densities
seed: 3
output: out
steps:
  - target: {{double_well: {{beta: 1.0}}}}
  - explore: {{samples: 2000, chains: 50}}
  - train_model:
      model: {{vae: {{latents: 1, decoder: independent, hidden: 8, encoder_hidden: 8}}}}
      steps: 400
      validate_every: 20
  - monte_carlo: {{sampler: {{latent: {{local_sweeps: 1}}}}, chains: 32, steps: 200, discard: 20}}
"""


def written(folder: Path, text: str, weights: Path) -> Path:
    """The recipe in a folder, with the index groups that it names."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"[ {name} ]\n" + " ".join(str(k + 1) for k in range(MOLECULES * size)) + "\n"
             for name, size in (("beads", 4), ("atoms", 26))]
    (folder / "index.ndx").write_text("".join(lines))
    path = folder / "run.yaml"
    path.write_text(text.format(demo=DEMO, weights=weights))
    return path
