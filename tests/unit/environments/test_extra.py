"""Packages that are not installed, in one line."""
from __future__ import annotations

import sys

import pytest
from backmap_plugins.environments.extra import imported, sklearn

from backmap.errors import BackmapError


def test_a_missing_package_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "featomic", None)
    with pytest.raises(BackmapError) as error:
        imported("featomic", "featomic", "metatensor")
    assert str(error.value) == ("landscape: landscapes need the package 'featomic'. Install it: pip install "
                                "'backmap-engine[landscape]'.")


def test_a_missing_part_of_scikit_learn_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(BackmapError, match="landscapes need the package 'scikit-learn'"):
        sklearn("cluster")


def test_what_is_there_is_imported() -> None:
    assert imported("json", "json", "sys")[1] is sys
