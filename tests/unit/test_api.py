"""All that plugins are written with is in one module, and asking for it costs nothing until it is used."""
from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from backmap import api


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    assert getattr(api, name) is getattr(api, name)
    assert name.isupper() or getattr(api, name).__doc__


def test_names_that_come_late_are_those_that_type_checkers_see() -> None:
    block = next(node for node in ast.parse(Path(api.__file__).read_text()).body
                 if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {node.module: tuple(alias.name for alias in node.names) for node in block.body}
    assert seen == api._LATE
    assert set(api._HOME) < set(api.__all__)


def test_nothing_heavy_is_imported_before_it_is_asked_for() -> None:
    code = "import sys; from backmap import api; print([m for m in ('torch', 'numpy', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Genrator'"):
        api.Genrator  # noqa: B018
