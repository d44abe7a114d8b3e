"""Whether structures can be used: what follows from all findings, and what that rests on."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backmap.model.assessment import CARE, GOOD, UNUSABLE, Aspect, Assessment

from . import energy_rules  # noqa: F401  (its rules come after those of ``rules``)
from .content import Content, Row
from .numbers import few, listing, plural
from .rules import DISTRIBUTIONS, RULES

LEVELS = ("Good to use", "Usable with care", "Not usable as it is")
NO_VERDICT = "No verdict"
#: The best that can be said without a reference.
SAMPLES = "Samples the force field that was given; the force field itself was not examined"
#: What must have been looked at, one of each row, before that is said.
ENOUGH = (("equipartition",), ("relaxation", "ranks"))
#: How each of these is had, the first of a row by its name.
HAD_BY = {"equipartition": "“equipartition” among the assessors, or more frames where these tell too little",
          "relaxation": "moves of “hamiltonian”, or “ranks” among the assessors"}
#: Topics that tell nothing of atoms which do not sample the force field.
AT_REST = ("beads and force field",)
#: Topics whose comparison with a reference alone says hardly anything: bonds are right in any template.
LITTLE = {"bond lengths"}
#: What a finding rests on, as people say it.
BASES = {"reference": "the comparison with the reference",
         "force field": "identities of the force field that was given", "beads": "the beads",
         "": "what holds of any atoms"}


@dataclass(frozen=True)
class Verdict:
    """What is said of one trajectory.

    Attributes:
        label: The trajectory.
        level: The worst of its findings; None where nothing was found by which it could be called good, and no fault
            that rules it out.
        findings: The worst first.
        unjudged: What could not be looked at, and why, as sentences.
        compared: Whether it was compared with a reference, or with an independent calculation.
    """

    label: str
    level: int | None
    findings: list[Aspect]
    unjudged: list[str]
    compared: bool = True

    @property
    def words(self) -> str:
        """The verdict in a few words."""
        if self.level == GOOD and not self.compared:
            return SAMPLES
        return NO_VERDICT if self.level is None else LEVELS[self.level]

    @property
    def line(self) -> str:
        """The verdict, why there is none, and what is not as it should be."""
        parts = [f"{self.label}: {self.words}", self.missing, f"Look at {few(self.topics)}" if self.topics else ""]
        said = list(filter(None, parts))
        return ". ".join(said) + "." * (len(said) > 1)

    @property
    def missing(self) -> str:
        """What would have to be known for a verdict, and how it is had, as a sentence; empty where there is one."""
        if self.level is not None or not self.findings:
            return ""
        if self.compared:
            return "Nothing was compared with the reference: that takes the assessors “structure” and “energy”"
        lacking = [choices[0] for choices in ENOUGH if not _topics(self.findings, "force field") & set(choices)]
        return "; ".join(f"Nothing is known of {name}: that takes {HAD_BY[name]}" for name in lacking)

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
            lead = (f"There is nothing to compare {who} with. " if not self.compared else
                    f"Nothing of {who} was compared with the reference. ") + (
                f"Look at {few(self.topics)} first." if self.topics else
                "Of what can be told without a reference, nothing stands out.")
        elif self.level == GOOD and not self.compared:
            lead = (f"{who[0].upper()}{who[1:]} sample the force field that was given: none of the "
                    f"{plural(good, 'thing')} that were looked at stands out. Whether it is the right force field was "
                    "not examined, and torsions that stay in the wells they were drawn into are not seen: both take "
                    "true atoms.")
        elif self.level == GOOD:
            lead = (f"{who[0].upper()}{who[1:]} can be used as they are: none of the {plural(good, 'thing')} "
                    "that were looked at stands out.")
        elif self.level == CARE:
            lead = f"{who[0].upper()}{who[1:]} can be used with care. Look at {few(self.topics)} first."
        else:
            worst = [finding.topic for finding in self.findings if finding.level == UNUSABLE]
            lead = (f"{who[0].upper()}{who[1:]} should not be used as they are, because of "
                    f"{few(list(dict.fromkeys(worst)))}.")
        if self.topics and good:
            lead += f" {good} other{'s are' if good > 1 else ' is'} as {'they' if good > 1 else 'it'} should be."
        return f"{lead} {f'{self.missing}. ' if self.missing else ''}{self._grounds()}"

    def _grounds(self) -> str:
        """What the verdict rests on, in a sentence."""
        topics: dict[str, list[str]] = {}
        for finding in self.findings:
            if finding.topic not in (known := topics.setdefault(finding.basis, [])):
                known.append(finding.topic)
        grounds = [f"{said} ({few(topics[basis])})" for basis, said in BASES.items() if basis in topics]
        return f"This rests on {listing(grounds)}."


def verdict(label: str, assessments: Iterable[Assessment]) -> Verdict:
    """The verdict that follows from what assessors found, and from nothing else."""
    findings = sorted((finding for said in assessments for finding in said.findings), key=lambda each: -each.level)
    return Verdict(label, max((finding.level for finding in findings), default=None), findings, [])


def judge(content: Content, label: str) -> Verdict:
    """Judge one trajectory by its figures, and by the reference's where there is one."""
    findings = [finding for rule in RULES for finding in rule.findings(content, label)]
    for said in content.judgement.by_trajectory.get(label, {}).values():
        findings += said.findings
    if label == content.own:
        findings += [finding for sampling in content.sampling for finding in sampling.findings]
    if any(finding.basis == "force field" and finding.level for finding in findings):
        findings = [finding for finding in findings if finding.topic not in AT_REST]
    findings.sort(key=lambda finding: -finding.level)
    level = max((finding.level for finding in findings), default=None)
    if level != UNUSABLE and not _earned(findings):
        level = None
    return Verdict(label, level, findings, list(_unjudged(content, label)), content.has_reference)


def _earned(findings: list[Aspect]) -> bool:
    """Whether enough was looked at to call something good, or good with care."""
    topics = _topics(findings, "force field")
    return bool(_topics(findings, "reference") - LITTLE) or all(topics & set(choices) for choices in ENOUGH)


def _topics(findings: Iterable[Aspect], basis: str) -> set[str]:
    """The topics of findings that rest on something."""
    return {finding.topic for finding in findings if finding.basis == basis}


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
