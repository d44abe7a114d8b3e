"""What checkers promise."""
from __future__ import annotations

from ..api import Checker, Survey
from ..model.survey import SEVERITIES


def check_checker(checker: Checker, survey: Survey | None = None) -> None:
    """Check that a checker copes with what could not be read, and that its findings are sentences of known severity.

    Args:
        checker: The checker.
        survey: A survey of which it has something to say; None if that is tested elsewhere.
    """
    empty = Survey("run.yaml")
    findings = list(checker.check(empty))
    if survey is not None:
        found = list(checker.check(survey))
        assert found, "it has nothing to say"
        findings += found
    for finding in findings:
        assert finding.severity in SEVERITIES, f"'{finding.severity}' is no severity; there are {', '.join(SEVERITIES)}"
        assert finding.problem, "a finding that does not say what the problem is"
        assert not finding.problem.endswith("."), f"a full stop behind '{finding.problem}', which gets its own"
