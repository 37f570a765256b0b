"""Miniatures of both data sets, which tests break in one place each."""

from __future__ import annotations

from pathlib import Path

import pytest

from visionlaw_pf.tiny import Pascal, Willow, miniature_pascal, miniature_willow


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONLAW_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pascal(tmp_path: Path) -> Pascal:
    """Three pairs of test in two categories: landscape, portrait, square; invisible keypoints; the last pixel."""
    return miniature_pascal(tmp_path / "PF-dataset-PASCAL")


@pytest.fixture
def willow(tmp_path: Path) -> Willow:
    """Two pairs in two categories, landscape and portrait."""
    return miniature_willow(tmp_path / "PF-dataset")
