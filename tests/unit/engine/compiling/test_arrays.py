"""Arrays are kept from one run to the next to the last bit, and made anew where they do not follow from the same."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backmap.engine.compiling import kept
from backmap.engine.compiling.arrays import kept_or_made

VALUES = np.random.default_rng(1).normal(size=(3, 4, 3))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "_base", lambda: tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    (tmp_path / "source.py").write_text("one")
    return tmp_path / "cache"


def asked(source: Path, make: Callable, key: str = "key") -> np.ndarray:
    return kept_or_made("made-", source, key, lambda found: found.shape == VALUES.shape, make)


def never() -> np.ndarray:
    raise AssertionError("made again")


def test_an_array_is_made_once_and_is_the_same_to_the_last_bit(cache: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    np.testing.assert_array_equal(asked(source, VALUES.copy), VALUES)
    found = asked(source, never)
    np.testing.assert_array_equal(found, VALUES)
    assert found.dtype == VALUES.dtype
    for other in ({"key": "another"}, {}):
        if not other:
            source.write_text("two")  # made by other sources
        with pytest.raises(AssertionError, match="made again"):
            asked(source, never, **other)


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}      ", b"not an array"])
def test_what_is_damaged_or_of_another_shape_is_made_anew(cache: Path, tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "source.py"
    asked(source, VALUES.copy)
    (file,) = cache.glob("made-*/*")
    file.write_bytes(content)
    np.testing.assert_array_equal(asked(source, VALUES.copy), VALUES)
    np.testing.assert_array_equal(asked(source, never), VALUES)
    kept_or_made("made-", source, "key", lambda found: False, lambda: VALUES[:1])
    np.testing.assert_array_equal(asked(source, VALUES.copy), VALUES)


def test_nothing_is_kept_where_there_is_no_room_and_none_never(cache: Path, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(tmp_path / "source.py", lambda: None) is None
    assert not list(cache.glob("made-*/*"))
    monkeypatch.setattr(kept, "_base", lambda: None)
    np.testing.assert_array_equal(asked(tmp_path / "source.py", VALUES.copy), VALUES)
