"""From an id to its spec and its object; what is not there is told with the remedy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from visionlaw.errors import InvalidIdError, PluginError, UnknownIdError
from visionlaw.registry import Registry

Install = Callable[..., None]


@pytest.fixture
def registry(installed: Install) -> Registry:
    installed("good", "open_ended", "import_error")
    return Registry.discover(catalogue={"clip": "visionlaw-transformers"})


def test_ids_and_aliases_are_exact(registry: Registry) -> None:
    assert registry.get("encoder", "good/small@224").spec.id == "good/small@224"
    assert registry.get("encoder", "goodie@224").spec.id == "good/small@224"
    for part in ("good", "good/small", "small@224", "GOOD/small@224", "good/small@22"):
        with pytest.raises(UnknownIdError):
            registry.get("encoder", part)


def test_an_id_nearly_right_gets_a_suggestion(registry: Registry) -> None:
    with pytest.raises(UnknownIdError, match="Did you mean 'good/small@224'"):
        registry.get("encoder", "good/smal@224")


def test_an_id_nobody_owns_names_the_plugin_to_install(registry: Registry) -> None:
    with pytest.raises(UnknownIdError, match="pip install visionlaw-transformers"):
        registry.get("encoder", "clip/vit-l-14@224")


def test_an_id_of_a_broken_plugin_says_why(registry: Registry) -> None:
    with pytest.raises(PluginError, match=r"importerror.*broken.*a_library_that_is_not_installed"):
        registry.get("encoder", "importerror/anything@224")


def test_an_open_ended_family_resolves_what_it_does_not_list(registry: Registry) -> None:
    assert registry.get("encoder", "zoo/zebra@448").spec.resolution == 448
    assert registry.get("encoder", "favourite").spec.id == "zoo/cat@224"
    with pytest.raises(UnknownIdError):
        registry.get("encoder", "zoo/unicorn@224")
    with pytest.raises(PluginError, match="eruption"):
        registry.get("encoder", "zoo/volcano@224")


def test_only_the_owner_of_the_prefix_is_asked(registry: Registry) -> None:
    with pytest.raises(UnknownIdError):
        registry.get("encoder", "park/zebra@448")


def test_options_are_typed_and_reach_the_target(registry: Registry) -> None:
    assert registry.load("encoder", "zoo/cat@224").layer == -1
    assert registry.load("encoder", "zoo/cat@224?layer=-2").layer == -2
    with pytest.raises(InvalidIdError, match="Did you mean 'layer'"):
        registry.load("encoder", "zoo/cat@224?layr=-2")
    with pytest.raises(InvalidIdError, match="takes int, not 'last'"):
        registry.load("encoder", "zoo/cat@224?layer=last")


def test_a_target_that_does_not_exist_is_one_sentence(registry: Registry) -> None:
    with pytest.raises(PluginError, match=r"target 'fixture_good:build' of 'good/small@224' does not exist"):
        registry.load("encoder", "good/small@224")


def test_canonical_drops_defaults_and_normalises(registry: Registry) -> None:
    assert registry.canonical("encoder", "favourite?layer=-02") == "zoo/cat@224?layer=-2"
    assert registry.canonical("encoder", "favourite?layer=-1") == "zoo/cat@224"
    assert registry.canonical("encoder", "clip/gone@224?layer=-1") == "clip/gone@224?layer=-1"


def test_an_open_ended_family_is_asked_once(registry: Registry) -> None:
    for _ in range(3):
        with pytest.raises(PluginError):
            registry.get("encoder", "zoo/volcano@224")
    (zoo,) = [p for p in registry.plugins if p.name == "zoo"]
    assert zoo.reason.count("eruption") == 1


def test_search_is_for_people(registry: Registry) -> None:
    assert [e.spec.id for e in registry.search("GOODIE")] == ["good/small@224"]
    assert [e.spec.id for e in registry.search("toy", "encoder")] == ["good/small@224", "good/large@224"]
