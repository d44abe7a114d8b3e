"""Fixtures for all tests."""
from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of the published reference data, which is not part of the project."""
    folder = Path(os.environ.get("BACKMAP_REFERENCE_DATA", _ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no reference data in {folder}; set BACKMAP_REFERENCE_DATA")
    return folder


@pytest.fixture(autouse=True)
def _repeatable() -> None:
    """Untrained networks are the same in every run, and in every worker."""
    torch.default_generator.manual_seed(7)  # that of the CPU alone: seeding all devices takes eighty times as long
