"""Lines about plugins, read from their sources."""
from __future__ import annotations

from pathlib import Path

import pytest

from backmap.api import Generator
from backmap.hookspecs import hookimpl
from backmap.recipe import summaries
from backmap.recipe.registry import KINDS, Registry, kind_of


def test_sources_say_what_classes_say() -> None:
    """Of every plugin that ships."""
    registry = Registry().discover()
    for kind in KINDS:
        for name in registry.names(kind):
            assert summaries.summary_of(registry, kind, name) == summaries.summary(registry.get(kind, name))


@pytest.mark.parametrize(("source", "line"), [
    ('class Cloud(Base,\n            Other):\n    """Atoms\n    about a bead.\n\n    More.\n    """\n', "Atoms"),
    ('class Cloud:\n    r"""One line."""\n', "One line."),
    ("class Cloud:\n    x = 1\n\n\nclass Other:\n    \"\"\"Not of a cloud.\"\"\"\n", ""),
    ("Cloud = None\n", ""),
])
def test_of_a_class_alone(source: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clouded.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    assert summaries._written("clouded", "Cloud") == line


def test_a_plugin_that_cannot_be_loaded_says_so() -> None:
    class Hooks:
        pass

    registry, hooks = Registry(), Hooks()
    hooks.backmap_generators = hookimpl(lambda: {"lost": "nowhere_at_all:Lost"}, specname="backmap_generators")
    registry.register(hooks, "losing")
    assert "nowhere_at_all" in summaries.summary_of(registry, kind_of(Generator), "lost")
