"""The checker ``order``: steps that run, but do not make what their author may have had in mind."""
from __future__ import annotations

from collections.abc import Iterator

from backmap.api import Checker, Step
from backmap.model.survey import Finding, Survey

MAKERS = ("forward", "gibbs", "metropolis", "hamiltonian", "refine", "read_atoms")
RESULTS = ("run.json", "progress.json")  #: what a run leaves in its folder


class OrderChecker(Checker):
    """Checks the order of steps: overlaps that none removes, results written or assessed too early, existing output."""

    def check(self, survey: Survey) -> Iterator[Finding]:
        yield from _results(survey)
        makers = list(survey.named(*MAKERS))
        if not makers:
            return
        yield from _overlaps(survey, makers)
        if not survey.later:  # else what comes of the atoms is written
            yield from _unread(survey, makers)


def _results(survey: Survey) -> Iterator[Finding]:
    if survey.output is None:
        return
    there = [name for name in RESULTS if (survey.output / name).exists()]
    if there:
        state = "an unfinished run" if "progress.json" in there else "a finished run"
        hint = "--resume goes on with it, --force starts again" if "progress.json" in there else "--force overwrites it"
        yield Finding("warning", str(survey.output), f"{state} is here already", f"{hint}, --output chooses another "
                                                                                  "folder.")


def _overlaps(survey: Survey, makers: list[Step]) -> Iterator[Finding]:
    """Steps that leave or meet atoms that overlap."""
    for number, step in enumerate(makers):
        before, after = makers[:number], makers[number + 1:]
        options = step.options
        if step.name == "forward" and options.generator.parallel and not after:
            yield Finding("warning", survey.where(step), "fragments are placed from beads alone and overlap, and no "
                          "later step parts them", "Add gibbs, hamiltonian, or refine: minimize.")
        if step.name == "gibbs" and options.regularizer is None:
            yield Finding("warning", survey.where(step), "draws are taken as they come, so that fragments may overlap",
                          "Write 'regularizer: steric' and 'repair: 5', or sweep with metropolis.")
        elif step.name == "gibbs" and not options.repair and not any(
                later.name in ("metropolis", "hamiltonian", "refine", "gibbs") for later in after):
            told = options.regularizer.absolute
            yield Finding("note", survey.where(step), "fragments that still overlap after the sweeps are "
                          + ("flagged, not redrawn" if told else "neither flagged nor redrawn"),
                          "Write 'repair: 5'." if told else "Add a gibbs step with 'regularizer: steric, repair: 5'.")
        if step.name == "hamiltonian" and not (options.soft_core_sweeps or options.mend) and not any(
                earlier.name in ("refine", "read_atoms", "hamiltonian") for earlier in before):
            yield Finding("warning", survey.where(step, "soft_core_sweeps"), "moves climb no walls: atoms that overlap "
                          "stay where they are", "Leave 'mend' as it is by default, so that they part first.")
        if step.name == "refine" and any(getattr(refiner.options, "restraint", None) == 0.0
                                         for refiner in options.refiners):
            yield Finding("note", survey.where(step), "atoms may leave their beads",
                          "Write 'restraint: 1.0e+5' in the refiner to hold them.")


def _unread(survey: Survey, makers: list[Step]) -> Iterator[Finding]:
    """Results that nobody sees, or sees too early."""
    last = makers[-1]
    writing = [step for step in survey.named("write") if step.options.atoms]
    judging = list(survey.named("assess"))
    if not writing:
        yield Finding("warning", survey.place, "no step writes the atoms", "Add write: {atoms: {gromacs: aa.xtc}}.")
    if not judging:
        yield Finding("note", survey.place, "no step says how good the result is", "Add assess: [structure].")
    for step in (*writing[-1:], *judging[-1:]):
        if step.index < last.index:
            what = "writes" if step.name == "write" else "judges"
            yield Finding("warning", survey.where(step), f"{what} atoms that '{last.name}' changes afterwards",
                          f"Move it behind '{last.name}'.")
