"""Small pieces of the page: icons, marks and tables."""
from __future__ import annotations

import re
from html import escape

from .content import Content
from .figures import styles, swatch
from .tables import FLOOR, Cell, Table

#: By level; None stands for what could not be judged. Shapes differ, not only colours.
ICONS: dict[int | None, str] = {
    0: '<svg class="icon" viewBox="0 0 20 20" role="img" aria-label="good"><circle cx="10" cy="10" r="8"/>'
       '<path d="M6.3 10.4l2.6 2.6 4.8-5.4"/></svg>',
    1: '<svg class="icon" viewBox="0 0 20 20" role="img" aria-label="with care"><path d="M10 2.6L18.4 17H1.6z"/>'
       '<path d="M10 8v4M10 14.4v.1"/></svg>',
    2: '<svg class="icon" viewBox="0 0 20 20" role="img" aria-label="not usable"><path d="M6.7 2h6.6L18 6.7v6.6L13.3 '
       '18H6.7L2 13.3V6.7z"/><path d="M7.2 7.2l5.6 5.6M12.8 7.2l-5.6 5.6"/></svg>',
    None: '<svg class="icon" viewBox="0 0 20 20" role="img" aria-label="not judged"><circle cx="10" cy="10" r="8" '
          'stroke-dasharray="3 2.6"/><path d="M6.5 10h7"/></svg>',
}
#: What warnings mean.
FLAGS = {
    "clash": "atoms closer than atoms can be", "chirality": "a stereocentre of the wrong hand",
    "ring_pierced": "a bond runs through a ring", "overlap": "atoms that repel each other strongly",
    "off_bead": "atoms that do not give the bead back", "unmapped_atom": "atoms that belong to no bead",
    "minimization_failed": "the minimisation failed here, the old atoms stand", "cis_trans": "cis instead of trans, or "
    "trans instead of cis", "long_bond": "a bond far too long",
    "infeasible": "rigid bonds do not let the atoms meet the bead", "stuck": "no proposal was accepted here",
}


def slug(text: str) -> str:
    """Text as part of an id."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "other"


def chip(level: int, text: str) -> str:
    """A verdict in a table."""
    return f'<span class="chip is{level}">{ICONS[level]}{escape(text)}</span>'


def table_html(content: Content, table: Table, label: str) -> str:
    """A table in a box that scrolls sideways by itself."""
    style = styles(content.candidates)
    kinds = [_kind(content, text) for text in table.labels]
    head = []
    for text, name, kind in zip(table.head, table.labels, kinds, strict=True):
        sample = swatch(style[name]) if name in content.labels else ""
        blank = '<span class="sr">quantity</span>' if not text else escape(text)
        head.append(f'<th scope="col" class="{kind}">{sample}{blank}</th>')
    rows = "".join(f'<tr>{_first(row[0])}{"".join(map(_cell, row[1:], kinds[1:]))}</tr>' for row in table.rows)
    return scrolling(label, f'<table><thead><tr>{"".join(head)}</tr></thead><tbody>{rows}</tbody></table>')


def scrolling(label: str, table: str) -> str:
    """A box that scrolls sideways by itself, around a table."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">{table}</div>'


def _kind(content: Content, name: str) -> str:
    return "own" if name and name == content.own else "floor" if name == FLOOR else "num" if name else "unit"


def _first(cell: Cell) -> str:
    small = f"<small>{escape(cell.small)}</small>" if cell.small else ""
    return f'<th scope="row">{escape(cell.text)}{small}</th>'


def _cell(cell: Cell, kind: str) -> str:
    if cell.level is not None:
        return f'<td class="{kind}">{chip(cell.level, cell.text)}</td>'
    value, sign, spread = cell.text.partition(" ± ")
    text = escape(value) + (f' <span class="pm">±&nbsp;{escape(spread)}</span>' if sign else "")
    if cell.best:
        mark = '<span class="mark" aria-hidden="true">◆</span><span class="sr">best: </span>'
        text = f'<span class="best">{mark}{text}</span>'
    return f'<td class="{kind}">{text}</td>'
