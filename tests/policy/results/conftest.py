"""Result files of evaluation tools, in a folder where tests may change them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

FILES = Path(__file__).parents[2] / "fixtures" / "results"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A copy of all layouts: lmms-eval-0.1, lmms-eval-0.3, lmms-eval-0.7, vlmevalkit."""
    return shutil.copytree(FILES, tmp_path / "out")
