"""A miniature of the benchmark, which tests break in one place each."""

from __future__ import annotations

from pathlib import Path

import pytest

from visionlaw_ap10k.tiny import Benchmark, miniature


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONLAW_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def benchmark_tree(tmp_path: Path) -> Benchmark:
    """Four animals of three species in two families; landscape, portrait, square; a pair or two of each split."""
    return miniature(tmp_path / "ap-10k")
