"""``backmap weights``: what files say of themselves."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from backmap import stock
from tests import command


def test_it_says_what_was_trained_and_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.safetensors").write_bytes(b"nothing of backmap")
    monkeypatch.setenv(stock.VARIABLE, str(tmp_path))
    said = command.succeed("weights")
    assert "generator equivariant for OCT: 350 K, 36 frames, 20000 steps" in said
    assert "mine.safetensors\n  not written by backmap" in said
    assert f"looked in: {tmp_path}; {stock.shipped()}" in said


def test_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(stock.VARIABLE, raising=False)
    told = {entry["name"]: entry for entry in json.loads(command.succeed("weights", "--json"))}
    assert told["octane_350K.safetensors"]["temperature"] == [350.0]
    assert told["lattice_gas_1.77.safetensors"]["variables"] == 784
