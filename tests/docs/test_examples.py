"""Every plugin that a page shows can be installed, lists what the page says, and passes the conformance checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from visionlaw import Registry
from visionlaw.errors import InvalidIdError, UnknownIdError
from visionlaw.hookspecs import LISTING_HOOKS, RESOLVE_HOOK
from visionlaw.testing import Report, run_checks

pytestmark = pytest.mark.slow
HOOK_PAGES = {hook: f"plugin-authors/hooks/{hook}.md" for hook in (*LISTING_HOOKS, RESOLVE_HOOK)}
HOW_TOS = {
    "index": {"acme/patch-16@256"},
    "weights": {"acme/mixer-small@64"},
    "closed-weights": {"acme/house@64"},
    "several-encoders": {"acme/mean-16@256", "acme/mean-32@256", "acme/mean-16@512"},
    "deprecate": {"acme/old@256", "acme/patch-16@256"},
}
WEIGHTS = "plugin-authors/weights.md"
"""Its network is that of the other how-tos too."""


def failures(report: Report) -> list[str]:
    return [f"{result.label}: {result.message}" for result in report.failed]


@pytest.mark.parametrize("hook", HOOK_PAGES)
def test_the_example_of_a_hook_lists_a_spec_of_its_kind_that_passes_the_checks(
    write_plugin: Callable[..., Path], hook: str
) -> None:
    write_plugin(HOOK_PAGES[hook])
    registry = Registry.discover()
    (record,) = [record for record in registry.plugins if record.name == "acme"]
    assert (record.status, record.reason) == ("ok", "")
    assert list(record.provides) == [LISTING_HOOKS.get(hook, "encoder")]
    report = run_checks("visionlaw-acme", registry=registry)
    assert failures(report) == []
    assert report.counts["passed"] >= 3


@pytest.mark.parametrize("page", HOW_TOS)
def test_the_plugin_of_a_how_to_lists_what_it_says_and_passes_the_checks(
    write_plugin: Callable[..., Path], page: str
) -> None:
    write_plugin(WEIGHTS, f"plugin-authors/{page}.md")
    registry = Registry.discover()
    assert {entry.spec.id for entry in registry.entries() if entry.plugin == "acme"} == HOW_TOS[page]
    assert failures(run_checks("visionlaw-acme", registry=registry)) == []


def test_the_resolving_hook_resolves_what_its_page_names(write_plugin: Callable[..., Path]) -> None:
    write_plugin(HOOK_PAGES[RESOLVE_HOOK])
    registry = Registry.discover()
    assert registry.get("encoder", "acme/patch-32@512").spec.id == "acme/patch-32@512"
    with pytest.raises(UnknownIdError):
        registry.get("encoder", "acme/patch-0@512")
    assert failures(run_checks("acme/patch-32@512", registry=registry)) == []


def test_the_open_ended_family_of_the_how_to_reads_the_repository(
    write_plugin: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--lab--net"
    (repository / "snapshots" / commit).mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    (repository / "snapshots" / commit / "config.json").write_text('{"patch": 8, "channels": 24, "depth": 2}')
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    write_plugin(WEIGHTS, "plugin-authors/open-ended-families.md")
    registry = Registry.discover()
    spec = registry.encoder_spec("acme/lab/net@64")
    assert (spec.grid, spec.channels, spec.revision) == ((8, 8), 24, commit)
    with pytest.raises(InvalidIdError, match="patches of 8 pixels"):
        registry.get("encoder", "acme/lab/net@60")
    assert failures(run_checks("acme/lab/net@64", registry=registry)) == []


def test_the_network_of_the_how_to_has_as_many_weights_as_its_spec_says(write_plugin: Callable[..., Path]) -> None:
    write_plugin(WEIGHTS)
    from visionlaw_acme.mixer import Network

    (entry,) = [entry for entry in Registry.discover().entries("encoder") if entry.plugin == "acme"]
    network = Network(entry.spec.patch, entry.spec.channels, depth=12)
    assert sum(parameter.numel() for parameter in network.parameters()) == entry.spec.parameters
