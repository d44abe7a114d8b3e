"""Names that recipes no longer have, and the line that says what each is called now."""
from __future__ import annotations

import re
import shutil
from pathlib import Path

from backmap.recipe.registry import KINDS, Registry
from tests.breaking import Break, Row, one_line

from .test_bad_input import GRO, INPUTS, RECIPE, recipe

ROOT = Path(__file__).parents[2]
GIBBS = RECIPE[RECIPE.index("  - gibbs:"):RECIPE.index("  - write:")]
WELL = """\
recipe: 1
steps:
  - target: double_well
  - explore: {samples: 100}
  - train_model: {model: vae}
  - monte_carlo: {steps: 10}
"""
WATER = "{molecule: {pdb: cg.gro, measure: stiff}}"
FIXMAN = "'measure' is called 'fixman_potential' now: false for rigid, true for stiff"


def instead(step: str) -> Break:
    """This step in the place of gibbs."""
    return recipe(GIBBS, f"  - {step}\n")


def topology(option: str) -> Break:
    """An option of topology more."""
    return recipe("topology: {", f"topology: {{{option}, ")


def ensemble(old: str, new: str) -> Break:
    """A recipe of a density, with a change."""
    assert old in WELL
    return lambda folder: (folder / "run.yaml").write_text(WELL.replace(old, new))


def dipeptide(step: str, forcefield: str) -> Break:
    """A molecule with a force field, and a step about it."""
    def write(folder: Path) -> None:
        shutil.copy(ROOT / "recipes" / "alanine_dipeptide" / "alanine_dipeptide.pdb", folder / "d.pdb")
        (folder / "run.yaml").write_text("recipe: 1\nsteps:\n"
                                         f"  - target: {{molecule: {{pdb: d.pdb, forcefield: [{forcefield}]}}}}\n"
                                         f"  - {step}\n")

    return write


#: Name, what is written into the folder, further arguments, what is printed.
TABLE: list[Row] = [
    # steps
    ("load", instead("load: {gromacs: [aa.gro, aa.xtc]}"), (), "run.yaml: steps[3]: 'load' is called 'read_atoms' now"),
    ("learn", ensemble("train_model: {model: vae}", "learn: {model: vae, steps: 30}"), (), "run.yaml: steps[2].learn: "
     "'steps' is of 'train_model', which learns from configurations and was called 'learn'"),
    ("learn: model", ensemble("train_model", "learn"), (), "run.yaml: steps[2].learn.model: draws of 'vae' do not move "
     "with its parameters: take mixture or autoregressive, or the step 'train_model', which was called 'learn'. What "
     "learns: mixture for real coordinates, autoregressive for molecules; gaussian_vae is what was published."),
    ("learn: mixed", ensemble("train_model: {model: vae}", "learn: {model: gaussian_vae, objective: mixed}"), (),
     "run.yaml: steps[2].learn: the density of 'gaussian_vae' is not known without its latent variables: write "
     "objective: reverse_kl"),
    ("molecule: solvent", dipeptide("explore: {samples: 1}", "amber99sb.xml, implicit/gbn2.xml"), (),
     "run.yaml: steps[0].target: amber99sb.xml, implicit/gbn2.xml: its implicit solvent (CustomGBForce) is not "
     "supported. Known are generalised Born as OBC2, OBC1, HCT, with or without a surface term."),
    ("learn: ladder", ensemble("train_model: {model: vae}", "learn: {model: mixture, ladder: [0.5, 0.2, 1]}"), (),
     "run.yaml: steps[2].learn.ladder: the ladder has to rise, and to end with 1, the target. Rungs from hot to cold, "
     "as shares of ln p: rising, and 1 at the end. adaptive: as far apart as the divergence allows."),
    ("double_well: tilt", ensemble("double_well", "{double_well: {tilt: 9}}"), (),
     "run.yaml: steps[0].target.target.double_well: with a 'tilt' of 9 there is one well alone; make it smaller"),
    # options of steps
    ("topology: pass", topology("pass: [SOL]"), (), "run.yaml: steps[0].topology: 'pass' is called 'exclude' now"),
    ("topology: keep", topology("keep: {gromacs: cg.gro}"), (),
     "run.yaml: steps[0].topology: 'keep' is called 'fixed' now"),
    ("gibbs: levels", recipe("sweeps: 4", "levels: [0.5, 0, 0, 0]"), (),
     "run.yaml: steps[3].gibbs: 'levels' is called 'noise_schedule' now"),
    ("gibbs: second", recipe("sweeps: 4", "second: 4"), (),
     "run.yaml: steps[3].gibbs: 'second' is called 'redraw_candidates' now"),
    ("hamiltonian: soften", instead("hamiltonian: {soften: 5}"), (),
     "run.yaml: steps[3].hamiltonian: 'soften' is called 'soft_core_sweeps' now"),
    ("hamiltonian: block", instead("hamiltonian: {block: 6}"), (),
     "run.yaml: steps[3].hamiltonian: 'block' is called 'block_size' now"),
    ("hamiltonian: measure", instead("hamiltonian: {measure: stiff}"), (),
     f"run.yaml: steps[3].hamiltonian: {FIXMAN}"),
    ("metropolis: measure", instead("metropolis: {measure: stiff}"), (), f"run.yaml: steps[3].metropolis: {FIXMAN}"),
    ("metropolis: noise", instead("metropolis: {noise: 0.1}"), (),
     "run.yaml: steps[3].metropolis: 'noise' is called 'noise_level' now"),
    ("metropolis: grip of the beads", instead("metropolis: {beads: {sigma: 0.001, grip: 0.001}}"), (),
     "run.yaml: steps[3].metropolis.beads: 'grip' is called 'proposal_sigma' now"),
    ("assess: beside", instead("assess: {assessors: structure, beside: {template: {forward: template}}}"), (),
     "run.yaml: steps[3].assess: 'beside' is called 'compare_with' now"),
    ("assess: every", instead("assess: {assessors: structure, every: 2}"), (),
     "run.yaml: steps[3].assess: 'every' is called 'compare_every' now"),
    ("train: average", instead("train: {generator: equivariant, average: 0.99}"), (),
     "run.yaml: steps[3].train: 'average' is called 'ema_decay' now"),
    ("train: weight", instead("train: {generator: equivariant, weight: 0.1}"), (),
     "run.yaml: steps[3].train: 'weight' is called 'regularizer_weight' now"),
    ("train: ramp", instead("train: {generator: equivariant, ramp: 0.1}"), (),
     "run.yaml: steps[3].train: 'ramp' is called 'regularizer_ramp' now"),
    ("explore: burn", ensemble("samples: 100", "burn: 100"), (),
     "run.yaml: steps[1].explore: 'burn' is called 'burn_in' now"),
    ("train_model: variance", ensemble("model: vae", "model: vae, variance: 3"), (),
     "run.yaml: steps[2].train_model: 'variance' is called 'variance_weight' now"),
    ("train_model: variance_from", ensemble("model: vae", "model: vae, variance_from: 0.3"), (),
     "run.yaml: steps[2].train_model: 'variance_from' is called 'variance_start' now"),
    ("train_model: own", ensemble("model: vae", "model: vae, own: 0.3"), (),
     "run.yaml: steps[2].train_model: 'own' is called 'on_policy_share' now"),
    ("train_model: shares", ensemble("model: vae", "model: vae, shares: {1: 0.3}"), (),
     "run.yaml: steps[2].train_model: 'shares' is called 'basin_shares' now"),
    ("monte_carlo: beside", ensemble("steps: 10", "beside: local"), (),
     "run.yaml: steps[3].monte_carlo: 'beside' is called 'compare_with' now"),
    ("monte_carlo: beside_steps", ensemble("steps: 10", "beside_steps: 20"), (),
     "run.yaml: steps[3].monte_carlo: 'beside_steps' is called 'compare_steps' now"),
    # options of other plugins
    ("equivariant: strangers", recipe("equivariant: octane_350K.safetensors",
                                      "equivariant: {checkpoint: octane_350K.safetensors, strangers: true}"), (),
     "run.yaml: steps[2].forward.generator.equivariant: 'strangers' is called 'allow_unseen_molecules' now"),
    ("energy: steepest", recipe("regularizer: steric", "regularizer: {energy: {steepest: 1000}}"), (),
     "run.yaml: steps[3].gibbs.regularizer.energy: 'steepest' is called 'max_force' now"),
    ("minimize: hold", instead("refine: {minimize: {hold: true}}"), (),
     "run.yaml: steps[3].refine.refiners[0].minimize: 'hold' is called 'restrain_bonds' now"),
    ("minimize: keep_hands", instead("refine: {minimize: {keep_hands: false}}"), (),
     "run.yaml: steps[3].refine.refiners[0].minimize: 'keep_hands' is called 'keep_chirality' now"),
    ("molecule: measure", ensemble("double_well", WATER), (), f"run.yaml: steps[0].target.target.molecule: {FIXMAN}"),
    ("latent: local", ensemble("steps: 10", "sampler: {latent: {local: 1}}"), (),
     "run.yaml: steps[3].monte_carlo.sampler.latent: 'local' is called 'local_sweeps' now"),
    *((f"{name}: {old}", ensemble("steps: 10", f"assessors: {{{name}: {{{old}: 0.5}}}}"), (),
       f"run.yaml: steps[3].monte_carlo.assessors[0].{name}: '{old}' is called '{new}' now") for name, old, new in (
        ("mixing", "spread", "max_r_hat"), ("mixing", "too_much", "unusable_r_hat"),
        ("mixing", "enough", "min_independent"), ("agreement", "chance", "significance"),
        ("agreement", "enough", "min_independent"), ("agreement", "spread", "max_r_hat"),
        ("moves", "few", "min_acceptance"), ("moves", "tried", "min_tried"), ("moves", "stuck", "max_rejections"))),
    # flags
    ("the flag stuck", recipe("repair: 5", "only: [stuck]"), GRO,
     "run.yaml: steps[3].gibbs: the flag 'stuck' is called 'never_accepted' now"),
]

test_one_line = one_line(TABLE, INPUTS, RECIPE)


def test_every_changed_name_is_tried() -> None:
    """Of options of all plugins; those inside options, and steps, have rows above as well."""
    tried = " ".join(row[-1] for row in TABLE)
    registry = Registry().discover()
    for kind in KINDS:
        missing = {name for plugin in registry.names(kind) for name in registry.get(kind, plugin).Options.changed_names
                   if not re.search(rf"'{name}' is ", tried)}
        assert missing <= {"accept"}, kind.name  # which test_bad_input tries
        assert all(f"'{name}' is called" in tried for name in registry.changed(kind))
