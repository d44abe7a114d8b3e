"""Writes the pages that follow from the code, so that they never lag behind it.

    python docs/generate.py            # write them
    python docs/generate.py --check    # exit code 1 if one of them is not up to date
"""
from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for the tests' tables of what can go wrong

from docs.reference import commands, court, errors, forcefields, recipes, rooms, verdicts  # noqa: E402

#: Page of docs: what writes it.
PAGES = {"recipes.md": recipes.page, "commands.md": commands.page, "errors.md": errors.page,
         "force-fields.md": forcefields.page, "rooms.md": rooms.page, "verdicts.md": verdicts.page,
         "court.md": court.page, "images/rooms.svg": rooms.picture}


def stale() -> dict[Path, str]:
    """Pages that are not up to date, and what they should be."""
    written = {ROOT / "docs" / name: page() for name, page in PAGES.items()}
    return {path: text for path, text in written.items()
            if not path.exists() or path.read_text(encoding="utf-8") != text}


def main() -> int:
    pages = stale()
    if "--check" in sys.argv[1:]:
        return int(bool(pages))
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
