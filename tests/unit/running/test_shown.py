"""A result as notebooks show it."""
from __future__ import annotations

from pathlib import Path

from backmap.model.assessment import Figure
from backmap.running.shown import MOST_FIGURES, shown


def test_names_are_text_and_pictures_are_inside(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "<report>.html").write_text("")
    figures = [Figure("bonds", f"<b>{k}", "mean", 0.12345, unit="nm") for k in range(MOST_FIGURES + 2)]
    page = shown("<Result: 3 frames, in a<b>: a.png>", sorted(tmp_path.iterdir()), figures)
    assert "<p>3 frames, in a&lt;b&gt;: a.png</p>" in page
    assert "data:image/png;base64,iVBORw==" in page
    assert "<th>&lt;b&gt;0</th><td>mean</td><td>0.1235 nm</td>" in page or "<td>0.1234 nm</td>" in page
    assert "and 2 more figures" in page
    assert "&lt;report&gt;.html" in page


def test_little_is_enough() -> None:
    assert shown("<Result: x>", [], []) == "<p>x</p>"
