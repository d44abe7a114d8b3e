"""Rules over figures, each of which says one thing of a trajectory, as a sentence with numbers."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from backmap.model.assessment import CARE, GOOD, REFERENCE, UNUSABLE, Aspect, Basis, VerdictRule

from .content import Content, Row
from .numbers import listing, number, percent, plural, short, times

#: Kinds of distributions: section -> what people call them.
DISTRIBUTIONS = {"bonds": "bond lengths", "angles": "bond angles", "propers": "torsions",
                 "impropers": "planes and rings", "shape": "chain shapes"}
#: A divergence above these is worth a look, or too much: Jensen-Shannon, natural logarithm, at most 0.693.
SEEN, TOO_FAR = 0.02, 0.25
#: A divergence is above the noise if it is this many times the floor.
ABOVE_NOISE = 3.0
#: Beads held by a Gaussian are kept up to this many times its width, and single ones up to this many sigma.
SOFT, FAR = 1.2, 7.0
#: An integral of |g - g_ref| above this is worth a look, nm.
GR_SEEN = 0.01

@dataclass(frozen=True)
class Rule:
    """A rule of the report.

    Attributes:
        stated: What it is about and when it speaks, for the docs.
        find: Called with what is shown and the label of a trajectory; yields findings.
    """

    stated: VerdictRule
    find: Callable[[Content, str], Iterator[Aspect]]

    def findings(self, content: Content, label: str) -> Iterator[Aspect]:
        """What there is to say, and what it rests on."""
        for found in self.find(content, label):
            yield replace(found, basis=self.stated.basis)


RULES: list[Rule] = []  #: in the order of reports


def rule(topic: str, basis: Basis = "", *, care: str = "", unusable: str = "") -> Callable:
    """Add a function to the rules; what it asks is said for the docs."""
    def added(find: Callable[[Content, str], Iterator[Aspect]]) -> Callable[[Content, str], Iterator[Aspect]]:
        RULES.append(Rule(VerdictRule(topic, basis, care, unusable), find))
        return find
    return added


@rule("stereochemistry", care="a wrong stereocentre or double bond", unusable="more than 1 % of them")
def _stereochemistry(content: Content, label: str) -> Iterator[Aspect]:
    """A wrong stereocentre makes another molecule; no relaxation mends it."""
    rows = [row for row in content.find("stereochemistry") if row.ideal == 1 and row.has(label)]
    if not rows:
        return
    row = min(rows, key=lambda row: row.value(label))
    share = row.value(label)
    if share >= 1:
        yield Aspect(GOOD, "stereochemistry", "Every stereocentre and double bond that was checked is right.")
        return
    level = CARE if share >= 0.99 else UNUSABLE
    yield Aspect(level, "stereochemistry",
                 f"Only {percent(share)} of the {row.name} are right ({row.quantity}). A wrong one makes another "
                 "molecule, and no relaxation will mend it.")


def _above_reference(row: Row, label: str) -> bool:
    """A count that should be 0 is more than the reference's own."""
    own = row.value(REFERENCE)
    return row.value(label) > (1.5 * own if np.isfinite(own) else 0.0)


@rule("clashes", care="contacts closer than what counts as a clash, more than in the reference",
      unusable="more than 1 in 1000 atoms")
def _contacts(content: Content, label: str) -> Iterator[Aspect]:
    close = r"pairs closer than|clash" if content.has_reference else r"^pairs closer than"  # heavy ones share hydrogens
    rows = [row for row in content.find("packing", close, distance=False) if row.has(label)]
    above = [row for row in rows if _above_reference(row, label)]
    if above:
        said = listing([f"{short(row.value(label))} {row.name}" for row in above])
        yield Aspect(UNUSABLE if max(row.value(label) for row in above) > 1 else CARE, "clashes",
                     f"Atoms clash: {said} per 1000 atoms. A minimisation removes such contacts; dynamics started "
                     "without one may fail.")
    elif rows:
        yield Aspect(GOOD, "contacts", "Atoms clash no more often than in the reference." if
                     any(row.value(label) for row in rows) else "No atoms clash.")


@rule("pierced rings", care="bonds through rings, more than in the reference", unusable="1 per frame")
def _rings(content: Content, label: str) -> Iterator[Aspect]:
    row = next((row for row in content.find(pattern="through rings") if row.has(label)), None)
    if row is None:
        return
    if _above_reference(row, label):
        yield Aspect(UNUSABLE if row.value(label) >= 1 else CARE, "pierced rings",
                     f"Bonds run through rings ({short(row.value(label))} per frame). They stay there however long "
                     "one simulates: redraw these places.")
    else:
        yield Aspect(GOOD, "rings", "No bond runs through a ring.")


@rule("bead positions", "beads", care="atoms mapped back 0.0006 nm from the beads, or beyond what soft beads allow",
      unusable="0.05 nm")
def _beads(content: Content, label: str) -> Iterator[Aspect]:
    """The reference itself shows 0.0005 nm where its file is rounded to 0.001 nm, soft beads what was asked for."""
    mean = content.first("consistency", r"^all beads rms")
    largest = content.first("consistency", r"^all beads max")
    if mean is None or not mean.has(label):
        return
    value, most = mean.value(label), largest.value(label) if largest else float("nan")
    far = f", at most {short(most)} nm" if np.isfinite(most) else ""
    said = f"mapped back, the atoms are {short(value)} nm from the given beads (root mean square{far})"
    if most < 5e-5:
        said = "mapped back, the atoms are on the given beads, to less than 0.0001 nm"
    sigma = content.judgement.sigma.get(label)
    if sigma is not None and value <= SOFT * np.sqrt(3) * sigma:
        held = f"as softly as was asked, by a Gaussian of {short(sigma)} nm and coordinate"
        if most > FAR * sigma:
            yield Aspect(CARE, "bead positions", f"The beads are kept {held}, but for some: {said}.")
        else:
            yield Aspect(GOOD, "bead positions", f"The beads are kept {held}: {said}.")
    elif value <= 0.0006 and not most > 0.005:
        yield Aspect(GOOD, "bead positions", f"The beads are kept: {said}.")
    else:
        yield Aspect(UNUSABLE if value > 0.05 else CARE, "bead positions", f"The beads are not kept: {said}.")


@rule("torn bonds", care="bonds longer than `long_bond`, more than in the reference", unusable="1 per frame")
def _torn(content: Content, label: str) -> Iterator[Aspect]:
    row = next((row for row in content.find("bonds", "longer than") if row.has(label)), None)
    if row is not None and _above_reference(row, label):
        yield Aspect(UNUSABLE if row.value(label) >= 1 else CARE, "torn bonds",
                     f"Some bonds are torn: {short(row.value(label))} {row.name} {row.quantity}.")


@rule("bond lengths", "reference", care="a mean length off by 2 %, twice the spread, or a divergence as below",
      unusable="a mean off by 10 %")
def _bonds(content: Content, label: str) -> Iterator[Aspect]:
    """Lengths and widths of bonds against the reference; where both are right, their divergences."""
    means = [row for row in content.find("bonds", r"mean$", distance=False)
             if row.has(label) and row.value(REFERENCE) > 0]
    wrong = []
    shift = {row: row.value(label) / row.value(REFERENCE) - 1 for row in means}
    off = max(shift, key=lambda row: abs(shift[row]), default=None)
    if off is not None and abs(shift[off]) > 0.02:
        wrong.append(f"{off.name} is {short(float(f'{100 * abs(shift[off]):.2g}'))} % too "
                     f"{'long' if shift[off] > 0 else 'short'} ({number(off.value(label), 4)} instead of "
                     f"{number(off.value(REFERENCE), 4)} nm)")
    wide = [row for row in means if row.spreads.get(label, 0.0) > 2 * row.spreads.get(REFERENCE, np.inf) + 5e-4]
    if wide:
        widest = max(wide, key=lambda row: row.spreads[label])
        own, true = widest.spreads[label], widest.spreads[REFERENCE]
        factor = f"{times(own / true)} as much as" if true > 1e-4 else "more than"
        wrong.append(f"{widest.name} scatters {factor} it should ({number(own, 4)} against {number(true, 4)} nm)")
    if wrong:
        yield Aspect(UNUSABLE if abs(shift[off]) > 0.1 else CARE, "bond lengths", f"Bond lengths are off: "
                     f"{listing(wrong)}. Energies and forces of bonds mean nothing before a minimisation.")
        return
    compared = {row.name for row in content.find("bonds", r"jsd$", distance=True) if row.has(label)}
    if means and not compared:  # a rigid bond has no distribution
        yield Aspect(GOOD, "bond lengths", "Bonds are rigid, at the lengths of the reference.")
    else:
        yield from _distribution(content, label, "bonds", "bond lengths")


@rule("bond angles, torsions, planes and rings, chain shapes", "reference",
      care=f"a divergence above {SEEN} and {ABOVE_NOISE:g} times the noise: the floor, or the chance of few values",
      unusable=f"a mean divergence, less the noise, above {TOO_FAR}")
def _distributions(content: Content, label: str) -> Iterator[Aspect]:
    for section, words in DISTRIBUTIONS.items():
        if section != "bonds":
            yield from _distribution(content, label, section, words)


def _distribution(content: Content, label: str, section: str, words: str) -> Iterator[Aspect]:
    """Divergences of a section against the noise; the worst is the one that is farthest above it."""
    rows = [row for row in content.find(section, r"jsd$", distance=True) if row.has(label)]
    if not rows:
        return
    noise = {row: max(row.floor or 0.0, row.errors.get(label, 0.0)) for row in rows}
    excess = {row: row.value(label) - max(SEEN, ABOVE_NOISE * noise[row]) for row in rows}
    worst = max(excess, key=excess.get)
    if excess[worst] <= 0:
        worst = max(rows, key=lambda row: row.value(label))
    floor = f", noise floor {number(worst.floor, 4)}" if worst.floor is not None else ""
    said = f"{worst.name} (divergence {number(worst.value(label), 4)}{floor})"
    title = words[0].upper() + words[1:]
    if excess[worst] <= 0:
        yield Aspect(GOOD, words, f"{title} are as in the reference; farthest off is {said}.")
        return
    many = sum(value > 0 for value in excess.values())
    which = f"{many} of {plural(len(rows), 'kind')}," + " most of all" * (many > 1)
    mean = float(np.mean([max(row.value(label) - noise[row], 0.0) for row in rows]))
    yield Aspect(UNUSABLE if mean > TOO_FAR and section != "bonds" else CARE, words,
                 f"{title} are not as in the reference: {which} {said}.")


@rule("packing", "reference", care=f"g(r) off by {GR_SEEN} nm and {ABOVE_NOISE:g} noise floors, integrated")
def _packing(content: Content, label: str) -> Iterator[Aspect]:
    rows = [row for row in content.find("packing", r"g\(r\)", distance=True) if row.has(label)]
    if not rows:
        return
    worst = max(rows, key=lambda row: row.value(label))
    value = worst.value(label)
    said = f"{worst.name} is off by {short(value)} nm, integrated" + (
        f"; the noise floor is {short(worst.floor)} nm" if worst.floor else "")
    if value > max(GR_SEEN, ABOVE_NOISE * (worst.floor or 0.0)):
        yield Aspect(CARE, "packing", f"Molecules pack otherwise than in the reference: {said}.")
    else:
        yield Aspect(GOOD, "packing", f"Molecules pack as in the reference: {said}.")
