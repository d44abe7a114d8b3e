"""The steps that a recipe is made of."""
from __future__ import annotations

from backmap.api import Changed
from backmap.hookspecs import hookimpl


@hookimpl
def backmap_steps() -> dict[str, str | Changed]:
    here = "backmap_plugins.steps"
    return {
        "topology": f"{here}.topology:Topology",
        "forcefield": f"{here}.forcefield:Forcefield",
        "read": f"{here}.read:Read",
        "forward": f"{here}.forward:Forward",
        "carry": f"{here}.carry:Carry",
        "gibbs": f"{here}.gibbs:Gibbs",
        "metropolis": f"{here}.metropolis:Metropolis",
        "coarsen": f"{here}.coarsen:Coarsen",
        "morph": f"{here}.morph:Morph",
        "read_beads": f"{here}.read_beads:ReadBeads",
        "read_atoms": f"{here}.read_atoms:ReadAtoms",
        "assess": f"{here}.assess:Assess",
        "refine": f"{here}.refine:Refine",
        "hamiltonian": f"{here}.hamiltonian:Hamiltonian",
        "tacticity": f"{here}.tacticity:Tacticity",
        "forces": f"{here}.forces:Forces",
        "match_forces": f"{here}.match_forces:MatchForces",
        "invert": f"{here}.invert:Invert",
        "write": f"{here}.write:Write",
        "bottleneck": f"{here}.bottleneck:Bottleneck",
        "prepare": f"{here}.train:Prepare",
        "train": f"{here}.train:Train",
        "load": Changed("is called 'read_atoms' now"),
    }
