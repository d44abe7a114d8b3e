"""Rules over energies and over what became of moves."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backmap.model.assessment import CARE, GOOD, REFERENCE, UNUSABLE, Aspect

from .content import Content, Row
from .numbers import few, listing, number, percent, short, unit_of
from .rules import rule

#: A step that accepts a smaller share of its moves leaves atoms where they were.
TOO_FEW = 0.01
#: More beads than this share under one of these flags, and the frames are not what was asked for.
TOO_MANY = 0.01
LEFT_BEHIND = {"never_accepted": ("accepted moves of beads",
                                  "had no move accepted: their atoms are as they were before"),
               "infeasible": ("infeasible beads", "are infeasible: rigid bonds do not let their atoms meet them")}
#: Bonded terms may be off by this share of the reference's, and by so many standard errors; those below this share of
#: all of them do not count. So many times as high as in the reference, molecules are no longer themselves.
OFF, ERRORS, SMALL, STRAINED = 0.15, 3.0, 0.02, 3.0
#: Energies per atom, kJ/mol, that molecules at rest do not have, and above which nothing can be right. Liquids have -5
#: to 3 of Lennard-Jones, and kT / 2 for each of at most three freedoms in bonds, angles and torsions.
HIGH = {"lj": (10.0, 25.0), "bonded": (15.0, 30.0)}


@rule("energies", "reference", care="Lennard-Jones per molecule off by half its spread, or 1.5 times as wide",
      unusable="3 times its spread")
def _energies(content: Content, label: str) -> Iterator[Aspect]:
    """Lennard-Jones energy of molecules: its mean, and the tail of those that overlap; the worst type counts."""
    found = []
    for row in content.find("energy", r"^lennard-jones per .*sum mean$"):
        if row.has(label) and row.has(REFERENCE) and row.spreads.get(REFERENCE, 0) > 0:
            found.append(_energy(row, label))
    if found:
        yield max(found, key=lambda finding: finding.level)


def _energy(row: Row, label: str) -> Aspect:
    value, true = row.value(label), row.value(REFERENCE)
    spread, width = row.spreads.get(label, float("nan")), row.spreads[REFERENCE]
    unit = unit_of(row.unit)
    who = "The Lennard-Jones energy " + row.name.removesuffix(", sum").removeprefix("Lennard-Jones ")
    said = (f"{number(value, 0)}\u00a0±\u00a0{number(spread, 0)} {unit} (reference {number(true, 0)}\u00a0±\u00a0"
            f"{number(width, 0)})")
    away = (value - true) / width
    if abs(away) > 3:
        return Aspect(UNUSABLE, "energies", f"{who} is too {'high' if away > 0 else 'low'}: {said}.")
    if spread > 1.5 * width:
        return Aspect(CARE, "energies", f"{who} has a long tail: {said}. Some atoms are too close; minimise before "
                                        "dynamics.")
    if abs(away) > 0.5:
        return Aspect(CARE, "energies", f"{who} is shifted: {said}.")
    return Aspect(GOOD, "energies", f"{who} is right: {said}.")


@rule("internal energy", "reference", unusable=f"bonds, angles and torsions together {STRAINED:g} times as high",
      care=f"a bonded term off by {OFF:.0%} and {ERRORS:g} standard errors")
def _internal_energy(content: Content, label: str) -> Iterator[Aspect]:
    """Bonded energies per atom, term by term: less than the reference has is colder than it should be."""
    rows = [row for row in content.find("energy", r"^(bond|angle|proper|improper) per atom$", distance=False)
            if row.has(label) and row.has(REFERENCE)]
    ours, true = (sum(row.value(which) for row in rows) for which in (label, REFERENCE))
    if not rows or true <= 0:
        return
    n_frames = content.judgement.n_frames
    off = {}
    for row in rows:
        away = row.value(label) - row.value(REFERENCE)
        noise = np.hypot(*(row.spreads.get(which, 0.0) / np.sqrt(max(1, n_frames.get(which, 1)))
                           for which in (label, REFERENCE)))
        if abs(away) > max(OFF * abs(row.value(REFERENCE)), ERRORS * noise, SMALL * true):
            off[row] = away
    said = f"{short(ours)} kJ/mol per atom in bonds, angles and torsions (reference {short(true)})"
    if not off and abs(ours / true - 1) < OFF:
        yield Aspect(GOOD, "internal energy", f"The molecules are as strained as in the reference: {said}.")
        return
    worst = max(off, key=lambda row: abs(off[row]), default=None)
    term = "" if worst is None else (f", most of all in the term “{worst.name}” ({short(worst.value(label))} instead "
                                     f"of {short(worst.value(REFERENCE))})")
    yield Aspect(UNUSABLE if ours > STRAINED * true else CARE, "internal energy",
                 f"The molecules are {'more' if ours > true else 'less'} strained than in the reference: {said}{term}.")


@rule("energies that no liquid has", care=f"Lennard-Jones above {HIGH['lj'][0]:g} kJ/mol per atom, bonded terms above "
      f"{HIGH['bonded'][0]:g}", unusable=f"{HIGH['lj'][1]:g} and {HIGH['bonded'][1]:g} kJ/mol per atom")
def _high(content: Content, label: str) -> Iterator[Aspect]:
    """Energies that are too high whatever the molecule: atoms overlap, or molecules are bent out of shape."""
    for name, pattern, cause in (("lj", r"^lennard-jones( 1-4)? per atom$", "Atoms overlap"),
                                 ("bonded", r"^(bond|angle|proper|improper) per atom$",
                                  "Molecules are bent out of shape")):
        value = sum(row.value(label) for row in content.find("energy", pattern, distance=False) if row.has(label))
        care, unusable = HIGH[name]
        if value > care:
            what = "Lennard-Jones energy" if name == "lj" else "Energy of bonds, angles and torsions"
            yield Aspect(UNUSABLE if value > unusable else CARE, "high energies",
                         f"{what} is {short(value)} kJ/mol per atom, which no molecules at rest have. {cause}.")


@rule("finite energies", unusable="an energy that is no number")
def _finite(content: Content, label: str) -> Iterator[Aspect]:
    """Energies that are no numbers: atoms on top of each other, or parameters that are none."""
    wrong = [row for row in content.find("energy", r"per atom$|mean$", distance=False)
             if label in row.values and not row.has(label)]
    if wrong:
        names = few([f"{row.name} {row.quantity}" for row in wrong])
        yield Aspect(UNUSABLE, "energies", f"Energies are not finite: {names}. Atoms lie on top of each other, or the "
                                           "force field has parameters that are no numbers.")


@rule("accepted moves", care=f"a step that accepts less than {TOO_FEW:.0%} of its moves",
      unusable="all such steps")
def _moves(content: Content, label: str) -> Iterator[Aspect]:
    """Steps that accept or reject and hardly accepted anything; all of them, and nothing was sampled."""
    if label != content.own:
        return
    shares = {each.step: each.accepted for each in content.sampling if each.accepted is not None}
    idle = {step: share for step, share in shares.items() if share < TOO_FEW}
    if idle:
        said = listing([f"{percent(share)} of those of {step}" for step, share in idle.items()])
        yield Aspect(UNUSABLE if len(idle) == len(shares) else CARE, "accepted moves",
                     f"Hardly any move was accepted: {said}. What comes out is what went in, not what the force field "
                     "asks for.")


@rule("beads left behind", care="a bead whose atoms had no move accepted, or that rigid bonds cannot meet",
      unusable=f"more than {TOO_MANY:.0%} of them")
def _left_behind(content: Content, label: str) -> Iterator[Aspect]:
    """Beads of the run's own frames that a step could not move, or not meet."""
    system, frames = content.system, content.judgement.n_frames.get(label, 0)
    if label != content.own or system is None:
        return
    beads = frames * sum(group.beads.size for group in system.groups if not group.type.given)
    for flag, (topic, what) in LEFT_BEHIND.items():
        count = content.judgement.n_flagged.get(flag, 0)
        if count:
            yield Aspect(UNUSABLE if count > TOO_MANY * beads else CARE, topic,
                         f"{percent(count / max(beads, 1))} of the beads {what}.")
