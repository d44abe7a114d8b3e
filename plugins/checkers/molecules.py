"""The checker ``molecules``: what a run has to know of molecules beside their atoms and beads."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from backmap.api import Checker
from backmap.model.listing import counted, listed
from backmap.model.molecule import MoleculeType, merged
from backmap.model.survey import Finding, Survey

from ..chemistry.stereochains import Stereochain, chains_of
from ..molecules.assemble import unsigned_centres
from ..molecules.isomers import SLIP

TOLD = ("Give SMILES or true atoms, 'stereo: {NAME: SMILES}' or 'stereo: aa.gro' in topology ('init --stereo'), a "
        "mapping that tells them, or weights that know.")
GIVEN = "Give true atoms, 'stereo: aa.gro' in topology, or say what tacticity chains have, by 'tacticity' there"
TACTICITY = f"{GIVEN}; or let the step 'tacticity', after hamiltonian, find it from the beads."
UNROUNDED = 0.005  #: e; sums of charges that were rounded for a file are closer to whole numbers


class MoleculeChecker(Checker):
    """Checks molecule types: unknown handedness, undecided constraints, electrostatics, angles without a term."""

    def check(self, survey: Survey) -> Iterator[Finding]:
        if survey.system is None:
            return
        yield from _sums_of_charges(survey)
        if any(survey.named("prepare")):  # frames that are learned from tell all the rest
            return
        yield from _stereocentres(survey)
        yield from _slips(survey)
        if any(getattr(step.options, "constraints", None) == "reference" for step in survey.steps):
            yield from _rigid(survey)
        yield from _charges(survey)
        yield from _loose(survey)


def _stereocentres(survey: Survey) -> Iterator[Finding]:
    unsigned = unsigned_centres(survey.system)
    for kind in merged(survey.system.types):
        if unsigned.get(kind.name):
            open_ones = kind.chemistry.centres[kind.chemistry.sign == 0, 0] if (kind.chemistry.sign == 0).any() else []
            names = listed([f"{name} ({count})" if count > 1 else name for name, count in
                            Counter(kind.atom_names[atom] for atom in open_ones).items()])
            chains = chains_of(kind)
            hint = TOLD if not chains else TACTICITY if all(_flips(kind, chain) for chain in chains) else f"{GIVEN}."
            yield Finding("warning", survey.place_of("system"), f"{kind.name}: the handedness of "
                          f"{counted(unsigned[kind.name], 'stereocentre')} is not known ({names})",
                          f"They come out in either chirality. {hint}")


def _flips(kind: MoleculeType, chain: Stereochain) -> bool:
    """Whether the step ``tacticity`` can turn the centres of a chain over: each has a hydrogen."""
    return all((kind.chemistry.element[[*kind.graph[centre]]] == 1).any() for centre in chain.centres[:, 0].tolist())


def _slips(survey: Survey) -> Iterator[Finding]:
    """Centres that are made otherwise than the user's mapping tells them."""
    for kind in merged(survey.system.types):
        for source in kind.isomer_sources:
            if source.startswith(SLIP):
                yield Finding("warning", survey.place_of("system"), f"{kind.name}: {source.removeprefix(SLIP)} "
                              "made as in nature, though the mapping tells the opposite, as it tells all others of the "
                              "residue as in nature", "If you mean this epimer, write 'isomers: mapping' in topology; "
                              "else correct the mapping.")


def _rigid(survey: Survey) -> Iterator[Finding]:
    flexible = [kind.name for kind in merged(survey.system.types)
                if not (kind.given or kind.coarse) and len(kind.bonds) and not np.isfinite(kind.bond_length).any()]
    if flexible:
        yield Finding("warning", survey.place_of("system", "constraints"),
                      f"nothing says which bonds of {listed(flexible)} are rigid, so none is",
                      "'constraints: reference' takes them from trained weights. Write what the force field was made "
                      "for, 'constraints: h-bonds' or 'all-bonds', or 'none' if that is right.")


def _sums_of_charges(survey: Survey) -> Iterator[Finding]:
    """Molecules whose charges do not add up to a whole number, and a box that is charged."""
    where = survey.topology.where if survey.topology is not None else survey.place_of("system")
    for kind in merged(survey.system.types):
        total = float(kind.partial_charge.sum())
        if not kind.coarse and abs(total - round(total)) > UNROUNDED:
            yield Finding("warning", where, f"the charges of {kind.name} add up to {total:.4g} e, which is no whole "
                          "number", "Is a charge missing, or one of another atom? A molecule has whole charges.")
    total = sum(float(kind.partial_charge.sum()) * count for kind, count in survey.system.blocks)
    if abs(total) > UNROUNDED * max(1, survey.system.n_molecules):
        yield Finding("note", where, f"all molecules together have a charge of {total:.4g} e",
                      "Are there ions that neutralise it?")


def _charges(survey: Survey) -> Iterator[Finding]:
    field = survey.forcefield
    step = next((step for step in survey.steps if "forcefield" in step.gives), None)
    charged = [kind.name for kind in merged(survey.system.types) if np.abs(kind.partial_charge).max(initial=0) > 0]
    if (field is not None and charged and field.run is None and field.coulomb == "reaction_field"
            and field.epsilon_rf == 0 and "epsilon_rf" not in step.options.model_fields_set):
        yield Finding("note", survey.where(step, "epsilon_rf"),
                      f"{listed(charged)} carry charges; beyond the cut-off the dielectric constant is infinite, as in "
                      "GROMACS by default", "Write 'epsilon_rf' as epsilon-rf in your .mdp; 'coulomb' knows other "
                                            "ways.")


def _loose(survey: Survey) -> Iterator[Finding]:
    """Angles that no term of the force field holds."""
    if survey.forcefield is None:
        return
    seen: set[str] = set()
    for kind, known in zip(survey.system.types, survey.forcefield.of(survey.system), strict=True):
        if kind.given or kind.name in seen:
            continue
        seen.add(kind.name)
        held = {frozenset((int(row[0]), int(row[-1]))) for bonded in known.bonded for row in bonded.atoms
                if len(row) == 3} | {frozenset(pair) for pair in kind.rigid.between}
        placed = {*kind.dependents.atoms.tolist()}  # by others, as atoms of rigid bodies are
        loose = [(i, j, k) for j in kind.graph for i, k in combinations(sorted(kind.graph[j]), 2)
                 if frozenset((i, k)) not in held and not kind.graph.has_edge(i, k) and not placed & {i, j, k}]
        if loose:
            names = listed(["-".join(kind.atom_names[atom] for atom in angle) for angle in loose])
            yield Finding("warning", survey.place_of("forcefield"),
                          f"nothing holds {counted(len(loose), 'angle')} of {kind.name}: {names}",
                          "The force field has no term for it, and rigid bonds alone leave it free. Give it one.")
