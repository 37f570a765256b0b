"""For the tests of core and of all plugins: what is read of data sets is not kept in the user's own cache folder."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def data_set_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the indexes of data sets in a folder of the test's own."""
    monkeypatch.setenv("VISIONLAW_CACHE", str(tmp_path_factory.mktemp("visionlaw-cache")))
