"""What the site needs beside its pages: files of the project that pages link to, and formulas without a network.

MkDocs calls these functions (``hooks`` in mkdocs.yml).
"""
from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import latex2mathml.converter
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = "project"  #: where files from outside docs/ stand in the site
LINK = re.compile(r"\[([^\[\]]*)\]\(((?:\.\./)+[^)\s#]+)(#[^)\s]*)?\)")
CELL = re.compile(r"<td>.*?</td>", re.S)
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.S)


def on_files(files: Files, config: Any) -> Files:
    """Add the files to which pages link and which are not pages: recipes, code, the notebook's neighbours."""
    wanted = {target for file in files.documentation_pages() for target in outside(Path(file.abs_src_path))}
    for path in sorted(wanted):
        if path.is_file():
            files.append(File.generated(config, address(path), abs_src_path=str(path)))
    return files


def outside(page: Path) -> list[Path]:
    """What a page links to beyond docs/."""
    found = [(page.parent / link).resolve() for _, link, _ in LINK.findall(page.read_text(encoding="utf-8"))]
    return [path for path in found if not path.is_relative_to(ROOT / "docs")]


def address(path: Path) -> str:
    """A file's place in the site; pages of the project are shown as text, for their links lead out of the site."""
    name = f"{OUTSIDE}/{path.relative_to(ROOT).as_posix()}"
    return f"{name}.txt" if path.suffix in (".md", ".py", ".yaml") else name


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links beyond docs/ to the files that were added; a folder's name is left as text."""
    here = Path(page.file.abs_src_path).parent
    up = "../" * page.file.src_uri.count("/")

    def led(match: re.Match[str]) -> str:
        target = (here / match[2]).resolve()
        if target.is_relative_to(ROOT / "docs"):
            return match[0]
        return f"[{match[1]}]({up}{address(target)})" if target.is_file() else match[1]

    return LINK.sub(led, markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Formulas as MathML, which browsers draw themselves, wide ones to be scrolled; bars in code in tables bare."""

    def drawn(match: re.Match[str]) -> str:
        display = "block" if match[2] == "[" else "inline"
        formula = latex2mathml.converter.convert(html.unescape(match[3]), display=display)
        return f'<div style="overflow-x: auto">{formula}</div>' if display == "block" else formula

    content = CELL.sub(lambda match: match[0].replace(r"\|", "|"), content)
    return FORMULA.sub(drawn, content)
