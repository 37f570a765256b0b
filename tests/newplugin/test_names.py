"""Names that would make trouble later are refused before anything is written."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from visionlaw.errors import ConfigError, ConflictError
from visionlaw.newplugin.names import LONGEST, check_name
from visionlaw.plugins import Plugin, activate, builtin_plugin
from visionlaw.registry import Registry
from visionlaw.spacefile import default_catalogue
from visionlaw.specs import DatasetSpec, Spec


@pytest.fixture(scope="module")
def core() -> Registry:
    plugin = builtin_plugin()
    activate(plugin)
    return Registry([plugin])


@pytest.fixture(scope="module")
def catalogue() -> dict[str, str]:
    """The one that is shipped, and one of a project's."""
    shipped = {prefix: entry.distribution for prefix, entry in default_catalogue().items()}
    return shipped | {"known": "somebody-else"}


@pytest.mark.parametrize("name", ["acme", "a", "acme-lab", "net2", "my-json", "x" * LONGEST])
def test_a_name_that_nobody_has(core: Registry, catalogue: dict[str, str], name: str) -> None:
    check_name(name, core, catalogue)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "is no name"),
        ("Acme", "is no name"),
        ("acme_lab", "is no name"),
        ("acme--lab", "is no name"),
        ("-acme", "is no name"),
        ("acme-", "is no name"),
        ("2net", "is no name"),
        ("acme.net", "is no name"),
        ("../acme", "is no name"),
        ("acme/net", "is no name"),
        ("acme\n", "is no name"),
        ("x" * (LONGEST + 1), "is longer than"),
        ("visionlaw", "the framework's own"),
        ("class", "a keyword"),
        ("json", "standard library"),
    ],
)
def test_what_is_no_name(core: Registry, name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        check_name(name, core, {})
    assert refused.value.remedy


def test_the_prefix_of_the_distribution_is_not_typed(core: Registry) -> None:
    with pytest.raises(ConfigError) as refused:
        check_name("visionlaw-acme", core, {})
    assert "'acme'" in refused.value.remedy


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("builtin", "core's own"),
        ("correspondence", "the id of a scorer, core's own"),
        ("concat", "the id of a combiner, core's own"),
        ("rank-a", "the id of a sampler, core's own"),
        ("clip", "that of visionlaw-transformers, in the catalogue"),
        ("transformers", "a distribution 'visionlaw-transformers'"),
        ("known", "that of somebody-else, in the catalogue"),
    ],
)
def test_a_name_that_is_taken(core: Registry, catalogue: dict[str, str], name: str, says: str) -> None:
    with pytest.raises(ConflictError, match=says):
        check_name(name, core, catalogue)


def test_a_name_of_an_installed_plugin(core: Registry) -> None:
    def plugin(name: str, distribution: str, *ids: str) -> Plugin:
        specs: list[Spec] = [DatasetSpec(id=text, target="m:a") for text in ids]
        return Plugin(name, distribution, "1.0", EntryPoint(name, "m", "visionlaw.v1"), specs=specs)

    registry = Registry([*core.loaded, plugin("net", "visionlaw-acme"), plugin("shelf", "shelf-of-pairs", "books/old")])
    for name in ("net", "acme", "shelf", "books"):
        with pytest.raises(ConflictError, match=f"'{name}' is"):
            check_name(name, registry, {})
    check_name("old", registry, {})
