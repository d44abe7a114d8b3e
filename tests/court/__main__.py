"""The whole court, or the cases whose names begin with the words that are given: what each is called, as a table."""
from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from .cases import CASES
from .liquids import LIQUIDS, simulate
from .others import OTHERS
from .shipped import SHIPPED, shipped
from .trial import tried

EVERY = [*CASES, *OTHERS, *SHIPPED]
MEASURED = Path(__file__).resolve().parents[1] / "court.json"


def main() -> int:
    """Run the cases; the exit code is 1 if one is called what it should not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.court", description=__doc__)
    parser.add_argument("folder", type=Path, help="where liquids and runs are kept")
    parser.add_argument("names", nargs="*", help="with which the names of cases begin; all without")
    given = parser.parse_args()
    folder, wanted = given.folder.resolve(), tuple(given.names)
    wrong = 0
    for case in EVERY:
        if wanted and not case.name.startswith(wanted):
            continue
        liquid = (simulate(LIQUIDS[case.liquid], folder / "liquids") if case.liquid in LIQUIDS else
                  shipped(case.liquid, folder / "liquids"))
        outcome = tried(case, liquid, folder / "runs" / case.name)
        right = outcome.right(case.kind)
        wrong += not right
        known = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}  # others may have run since
        known[case.name] = {"kind": case.kind, "what": f"{case.liquid}: {case.what}", **asdict(outcome), "right": right}
        print(f"{'ok   ' if right else 'WRONG'} {case.kind:12s} {case.name:28s} {outcome.seconds:6.1f} s  "
              f"{outcome.verdict}: {'; '.join(outcome.said)[:160]}", flush=True)
        ordered = {each.name: known[each.name] for each in EVERY if each.name in known}
        MEASURED.write_text(json.dumps(ordered, indent=1) + "\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
