"""For the tests of core and of all plugins: a cache folder of their own, and one thread."""

from __future__ import annotations

import os

import pytest

# Before torch is imported anywhere: models here are tiny, and threads that wait for each other at every small matrix
# take many times as long on a machine that has something else to do.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def data_set_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the indexes of data sets in a folder of the test's own."""
    monkeypatch.setenv("VISIONLAW_CACHE", str(tmp_path_factory.mktemp("visionlaw-cache")))
