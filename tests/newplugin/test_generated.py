"""New plugins run, pass their own tests and every check, and are listed: as they were written, nothing edited."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from visionlaw.newplugin.kinds import PluginKind

if TYPE_CHECKING:
    from tests.conftest import Outcome
    from tests.newplugin.conftest import Generated


@pytest.fixture
def plugins(generated: Callable[..., Generated]) -> list[Generated]:
    """One of each kind, side by side."""
    return [generated(kind) for kind in PluginKind]


def test_they_are_listed_without_a_word_of_complaint(plugins: list[Generated], python: Callable[..., Outcome]) -> None:
    path = tuple(plugin.source for plugin in plugins)
    listed = {row["id"]: row["kind"] for row in json.loads(python("-m", "visionlaw", "list", "--json", path=path).out)}
    health = json.loads(python("-m", "visionlaw", "plugins", "--json", path=path).out)
    records = {row["name"]: (row["status"], row["reason"], row["version"]) for row in health}
    for plugin in plugins:
        assert listed[plugin.id] == plugin.kind
        assert records[plugin.name] == ("ok", "", plugin.project["version"])


@pytest.mark.slow
def test_their_own_tests_pass_and_the_checks_are_among_them(
    plugins: list[Generated], python: Callable[..., Outcome]
) -> None:
    settings = ("-c", str(plugins[0].folder / "pyproject.toml"), "--rootdir", str(plugins[0].folder.parent))
    tests = [str(plugin.folder / "tests") for plugin in plugins]
    path = tuple(plugin.source for plugin in plugins)
    options = ("-v", "-p", "no:cacheprovider", "-W", "error", "--import-mode=importlib")
    done = python("-m", "pytest", *options, *settings, *tests, path=path, timeout=600)
    assert done.code == 0, done.out + done.err
    for plugin in plugins:
        assert f"[imports[{plugin.name}]] PASSED" in done.out
        assert f"[json-round-trip[{plugin.id}]] PASSED" in done.out
    assert "xfailed" not in done.out


@pytest.mark.slow
def test_every_check_passes_and_none_is_expected_to_fail(
    plugins: list[Generated], python: Callable[..., Outcome]
) -> None:
    names = [plugin.project["name"] for plugin in plugins]
    done = python("-m", "visionlaw", "check", *names, "--json", path=tuple(plugin.source for plugin in plugins))
    assert done.code == 0, done.out + done.err
    report = json.loads(done.out)
    assert report["counts"]["failed"] == report["counts"]["expected"] == 0
    assert {result["kind"] for result in report["results"]} == {"plugin", *map(str, PluginKind)}
