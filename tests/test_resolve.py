"""What an open-ended family may say when it is asked for an id: nobody but the caller hears of it."""

from __future__ import annotations

from importlib import metadata

import pytest

from visionlaw.errors import InvalidIdError, MissingDependencyError, VisionlawError, WeightsError
from visionlaw.plugins import Plugin
from visionlaw.registry import Registry


def registry_of(error: Exception) -> Registry:
    """A registry of one plugin, whose family answers with an error."""

    def resolve(encoder_id: str) -> object:
        raise error

    entry_point = metadata.EntryPoint("zoo", "zoo", "visionlaw.v1")
    return Registry([Plugin("zoo", "visionlaw-zoo", "1.0", entry_point, resolve=resolve)])


@pytest.mark.parametrize(
    "error",
    [
        WeightsError("Its configuration is not there.", "Fetch it."),
        InvalidIdError("225 is no multiple of 14.", "Take 224."),
        MissingDependencyError("It needs a library.", "pip install it"),
    ],
)
def test_what_a_family_says_about_an_id_reaches_the_user(error: VisionlawError) -> None:
    registry = registry_of(error)
    for _ in range(2):
        with pytest.raises(type(error)) as told:
            registry.get("encoder", "zoo/cat@225")
        assert told.value is error
    assert [record.status for record in registry.plugins] == ["ok"]


def test_a_library_that_cannot_be_imported_is_named_with_the_remedy() -> None:
    registry = registry_of(ImportError("No module named 'zoology'"))
    with pytest.raises(MissingDependencyError, match=r"'zoo/cat@224' needs a library.*zoology.*upgrade visionlaw-zoo"):
        registry.get("encoder", "zoo/cat@224")


def test_anything_else_is_the_plugin_s_fault() -> None:
    registry = registry_of(ValueError("eruption"))
    with pytest.raises(VisionlawError, match="eruption"):
        registry.get("encoder", "zoo/cat@224")
    assert [record.status for record in registry.plugins] == ["degraded"]
