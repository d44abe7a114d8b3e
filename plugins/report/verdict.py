"""Whether structures can be used: rules over figures, each a sentence with numbers."""
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from backmap.model.assessment import CARE, GOOD, REFERENCE, UNUSABLE, Aspect, Assessment

from .content import Content, Row
from .numbers import listing, number, percent, plural, short, times, unit_of

LEVELS = ("Good to use", "Usable with care", "Not usable as it is")
NO_VERDICT = "No verdict"
#: Kinds of distributions: section -> what people call them.
DISTRIBUTIONS = {"bonds": "bond lengths", "angles": "bond angles", "propers": "torsions",
                 "impropers": "planes and rings", "shape": "chain shapes"}
#: A divergence above these is worth a look, or too much: Jensen-Shannon, natural logarithm, at most 0.693.
SEEN, TOO_FAR = 0.02, 0.25
#: A bond that varies less than this is rigid, nm: then a divergence tells how files were rounded.
RIGID = 0.001
#: A divergence is above the noise if it is this many times the floor.
ABOVE_NOISE = 3.0
#: Beads held by a Gaussian are kept up to this many times its width, and single ones up to this many sigma.
SOFT, FAR = 1.2, 7.0
#: An integral of |g - g_ref| above this is worth a look, nm.
GR_SEEN = 0.01
#: A step that accepts a smaller share of its moves leaves atoms where they were.
TOO_FEW = 0.01
#: More beads than this share under one of these flags, and the frames are not what was asked for.
TOO_MANY = 0.01
LEFT_BEHIND = {"never_accepted": ("accepted moves of beads",
                                  "had no move accepted: their atoms are as they were before"),
               "infeasible": ("infeasible beads", "are infeasible: rigid bonds do not let their atoms meet them")}


@dataclass(frozen=True)
class Verdict:
    """What is said of one trajectory.

    Attributes:
        label: The trajectory.
        level: The worst of its findings; None where there is nothing to compare with and no fault that rules it out.
        findings: The worst first.
        unjudged: What could not be looked at, and why, as sentences.
    """

    label: str
    level: int | None
    findings: list[Aspect]
    unjudged: list[str]

    @property
    def words(self) -> str:
        """The verdict in a few words."""
        return NO_VERDICT if self.level is None else LEVELS[self.level]

    @property
    def topics(self) -> list[str]:
        """What is not as it should be, the worst first."""
        return list(dict.fromkeys(finding.topic for finding in self.findings if finding.level > GOOD))

    def paragraph(self, n_frames: int) -> str:
        """The first paragraph of the report."""
        who = f"the {plural(n_frames, 'frame')} of “{self.label}”" if n_frames else f"“{self.label}”"
        if not self.findings:
            return f"Nothing was measured that says whether {who} can be used."
        good = sum(finding.level == GOOD for finding in self.findings)
        if self.level is None:
            lead = f"There is nothing to compare {who} with. " + (
                f"Look at {_few(self.topics)} first." if self.topics else
                "Of what can be told without a reference, nothing stands out.")
        elif self.level == GOOD:
            lead = (f"{who[0].upper()}{who[1:]} can be used as they are: none of the {plural(good, 'thing')} "
                    "that were looked at stands out.")
        elif self.level == CARE:
            lead = f"{who[0].upper()}{who[1:]} can be used with care. Look at {_few(self.topics)} first."
        else:
            worst = [finding.topic for finding in self.findings if finding.level == UNUSABLE]
            lead = (f"{who[0].upper()}{who[1:]} should not be used as they are, because of "
                    f"{_few(list(dict.fromkeys(worst)))}.")
        if self.topics and good:
            lead += f" {good} other{'s are' if good > 1 else ' is'} as {'they' if good > 1 else 'it'} should be."
        return lead


def _few(topics: list[str]) -> str:
    """The first four, and how many more."""
    return listing(topics if len(topics) < 6 else [*topics[:4], f"{len(topics) - 4} other things"])


def verdict(label: str, assessments: Iterable[Assessment]) -> Verdict:
    """The verdict that follows from what assessors found, and from nothing else."""
    findings = sorted((finding for said in assessments for finding in said.findings), key=lambda each: -each.level)
    return Verdict(label, max((finding.level for finding in findings), default=None), findings, [])


def judge(content: Content, label: str) -> Verdict:
    """Judge one trajectory by its figures, and by the reference's where there is one."""
    findings = [finding for rule in RULES for finding in rule(content, label)]
    for said in content.judgement.by_trajectory.get(label, {}).values():
        findings += said.findings
    findings.sort(key=lambda finding: -finding.level)
    level = max((finding.level for finding in findings), default=None)
    if not content.has_reference and level != UNUSABLE:
        level = None
    return Verdict(label, level, findings, list(_unjudged(content, label)))


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


def _contacts(content: Content, label: str) -> Iterator[Aspect]:
    rows = [row for row in content.find("packing", r"pairs closer than|clash", distance=False) if row.has(label)]
    above = [row for row in rows if _above_reference(row, label)]
    if above:
        said = listing([f"{short(row.value(label))} {row.name}" for row in above])
        yield Aspect(UNUSABLE if max(row.value(label) for row in above) > 1 else CARE, "clashes",
                     f"Atoms clash: {said} per 1000 atoms. A minimisation removes such contacts; dynamics started "
                     "without one may fail.")
    elif rows:
        yield Aspect(GOOD, "contacts", "Atoms clash no more often than in the reference." if
                     any(row.value(label) for row in rows) else "No atoms clash.")


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


def _torn(content: Content, label: str) -> Iterator[Aspect]:
    row = next((row for row in content.find("bonds", "longer than") if row.has(label)), None)
    if row is not None and _above_reference(row, label):
        yield Aspect(UNUSABLE if row.value(label) >= 1 else CARE, "torn bonds",
                     f"Some bonds are torn: {short(row.value(label))} {row.name} {row.quantity}.")


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
    rigid = {row.name for row in means if abs(row.value(label) - row.value(REFERENCE)) < RIGID / 2
             and max(row.spreads.get(label, np.inf), row.spreads.get(REFERENCE, np.inf)) < RIGID}
    if len(rigid) == len(means) > 0:
        yield Aspect(GOOD, "bond lengths", "Bonds are rigid, at the lengths of the reference.")
    else:
        yield from _distribution(content, label, "bonds", "bond lengths", rigid)


def _distributions(content: Content, label: str) -> Iterator[Aspect]:
    for section, words in DISTRIBUTIONS.items():
        if section != "bonds":
            yield from _distribution(content, label, section, words)


def _distribution(content: Content, label: str, section: str, words: str,
                  but: Collection[str] = ()) -> Iterator[Aspect]:
    """Divergences of a section against the noise floor; the worst is the one that is farthest above it.

    Args:
        but: Names of distributions that are fine whatever their divergence.
    """
    rows = [row for row in content.find(section, r"jsd$", distance=True) if row.has(label) and row.name not in but]
    if not rows:
        return
    excess = {row: row.value(label) - max(SEEN, ABOVE_NOISE * (row.floor or 0.0)) for row in rows}
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
    mean = float(np.mean([row.value(label) for row in rows]))
    yield Aspect(UNUSABLE if mean > TOO_FAR and section != "bonds" else CARE, words,
                 f"{title} are not as in the reference: {which} {said}.")


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


def _internal_energy(content: Content, label: str) -> Iterator[Aspect]:
    """Bonded energy per atom: less than the reference has is colder than it should be."""
    rows = [row for row in content.find("energy", r"^(bond|angle|proper|improper) per atom$", distance=False)
            if row.has(label) and row.has(REFERENCE)]
    if not rows:
        return
    ours, true = (sum(row.value(which) for row in rows) for which in (label, REFERENCE))
    if true <= 0:
        return
    share = ours / true
    said = f"{short(ours)} kJ/mol per atom in bonds, angles and torsions (reference {short(true)})"
    if abs(share - 1) < 0.15:
        yield Aspect(GOOD, "internal energy", f"The molecules are as strained as in the reference: {said}.")
    else:
        yield Aspect(UNUSABLE if share > 3 else CARE, "internal energy",
                     f"The molecules are {'more' if share > 1 else 'less'} strained than in the reference: {said}.")


def _finite(content: Content, label: str) -> Iterator[Aspect]:
    """Energies that are no numbers: atoms on top of each other, or parameters that are none."""
    wrong = [row for row in content.find("energy", r"per atom$|mean$", distance=False)
             if label in row.values and not row.has(label)]
    if wrong:
        names = _few([f"{row.name} {row.quantity}" for row in wrong])
        yield Aspect(UNUSABLE, "energies", f"Energies are not finite: {names}. Atoms lie on top of each other, or the "
                                           "force field has parameters that are no numbers.")


def _moves(content: Content, label: str) -> Iterator[Aspect]:
    """Steps that accept or reject and hardly accepted anything; all of them, and nothing was sampled."""
    if label != content.own:
        return
    shares = {each.step: each.accepted for each in content.sampling if each.accepted is not None}
    few = {step: share for step, share in shares.items() if share < TOO_FEW}
    if few:
        said = listing([f"{percent(share)} of those of {step}" for step, share in few.items()])
        yield Aspect(UNUSABLE if len(few) == len(shares) else CARE, "accepted moves",
                     f"Hardly any move was accepted: {said}. What comes out is what went in, not what the force field "
                     "asks for.")


def _left_behind(content: Content, label: str) -> Iterator[Aspect]:
    """Beads of the run's own frames that a step could not move, or not meet."""
    system, frames = content.system, content.judgement.n_frames.get(label, 0)
    if label != content.own or system is None:
        return
    beads = frames * sum(group.beads.size for group in system.groups if not group.type.given)
    for flag, (topic, what) in LEFT_BEHIND.items():
        count = content.judgement.n_flagged.get(flag, 0)
        if count > TOO_MANY * beads:
            yield Aspect(UNUSABLE, topic, f"{percent(count / beads)} of the beads {what}.")


RULES: tuple[Callable[[Content, str], Iterator[Aspect]], ...] = (
    _stereochemistry, _contacts, _rings, _torn, _finite, _moves, _left_behind, _beads, _bonds, _distributions, _packing,
    _energies, _internal_energy)


def _unjudged(content: Content, label: str) -> Iterator[str]:
    def measured(section: str, pattern: str = "") -> bool:
        return any(row.has(label) for row in content.find(section, pattern))

    if not content.has_reference:
        yield "There is no reference, so distributions and energies could not be compared with true ones."
    if not measured("energy") and not measured("beads"):
        yield "Energies were not judged: that takes the assessor “energy” and a force field."
    if not any(measured(section) for section in (*DISTRIBUTIONS, "beads")):
        yield "Bonds, angles and torsions were not judged: that takes the assessor “structure”."
    if not measured("consistency") and not measured("beads"):
        yield "Whether the beads are kept was not judged: that takes the assessor “consistency”."
    frames = content.judgement.n_frames.get(label, 0)
    if 0 < frames < 5:
        yield f"Only {plural(frames, 'frame')} {'was' if frames == 1 else 'were'} judged: rare faults may be missed."


def best_of(row: Row, candidates: list[str]) -> set[str]:
    """The trajectories that come nearest to what a figure should be; below the noise floor all are alike."""
    target = row.target()
    there = [label for label in candidates if row.has(label)]
    if target is None or len(there) < 2:
        return set()
    gap = {label: abs(row.value(label) - target) for label in there}
    least, most = min(gap.values()), max(gap.values())
    alike = max(1.02 * least, row.floor or 0.0, 1e-6 * abs(target))
    return {label for label in there if gap[label] <= alike} if most > alike else set()
