"""docs/verdicts.md: every rule that a verdict follows, of the report and of all plugins."""
from __future__ import annotations

from collections.abc import Iterator

from backmap_plugins.report import verdict  # noqa: F401  (brings all rules)
from backmap_plugins.report.rules import RULES

from backmap.model.assessment import VerdictRule
from backmap.recipe.registry import KINDS, Registry

HEAD = """\
<!-- Written by docs/generate.py from the rules and the plugins; change them, then run `make docs`. -->
# What verdicts follow

*This page is generated from the rules.* A verdict is the worst of what these rules find. What it is called depends on
what was looked at:

* **Good to use**: nothing stands out, and distributions or energies were compared with a reference; bond lengths alone
  do not count.
* **Samples the force field that was given; the force field itself was not examined**: nothing stands out, and without a
  reference both the shares of heat (`equipartition`) and whether anything goes on changing (`relaxation` or `ranks`)
  were looked at.
* **Usable with care**: a rule asks for care.
* **Not usable as it is**: a rule rules out any use.
* **No verdict**: nothing rules out any use, but nothing of the first two was looked at.

Each finding rests on a comparison with the *reference*, on an identity of the *force field* that was given (something
that its exact samples are known to satisfy), on the *beads*, or on what holds of any atoms. What cannot be known
without a reference is said in [Judging](judging.md).

| what is looked at | rests on | care | not usable | by |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(row(rule, by) for rule, by in rules())


def row(rule: VerdictRule, by: str) -> str:
    """A line of the table."""
    return f"| {rule.topic} | {rule.basis or 'any atoms'} | {rule.care or '–'} | {rule.unusable or '–'} | {by} |\n"


def rules() -> Iterator[tuple[VerdictRule, str]]:
    """All rules, and who finds."""
    for rule in RULES:
        yield rule.stated, "the report"
    registry = Registry().discover()
    for kind in KINDS:
        for name in registry.names(kind):
            for rule in registry.get(kind, name).verdict_rules:
                yield rule, f"`{name}`"
