"""A new plugin runs, passes its own tests and every check, and is listed: as it was written, nothing edited."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from visionlaw.newplugin.kinds import PluginKind

if TYPE_CHECKING:
    from tests.conftest import Outcome
    from tests.newplugin.conftest import Generated

pytestmark = pytest.mark.parametrize("kind", PluginKind, ids=str)


def test_it_is_listed_without_a_word_of_complaint(
    kind: PluginKind, generated: Callable[..., Generated], python: Callable[..., Outcome]
) -> None:
    plugin = generated(kind)
    listed = python("-m", "visionlaw", "list", kind.value, "--search", plugin.name, "--json", path=(plugin.source,))
    assert [row["id"] for row in json.loads(listed.out)] == [plugin.id]
    health = python("-m", "visionlaw", "plugins", "--json", path=(plugin.source,))
    (record,) = [row for row in json.loads(health.out) if row["name"] == plugin.name]
    assert (record["status"], record["reason"], record["version"]) == ("ok", "", plugin.project["version"])


@pytest.mark.slow
def test_its_own_tests_pass_and_every_check_is_among_them(
    kind: PluginKind, generated: Callable[..., Generated], python: Callable[..., Outcome]
) -> None:
    plugin = generated(kind)
    tests = str(plugin.folder / "tests")
    own = ("-c", str(plugin.folder / "pyproject.toml"), "--rootdir", str(plugin.folder))
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", *own, "-W", "error", tests, path=(plugin.source,))
    assert done.code == 0, done.out + done.err
    assert "failed" not in done.out
    assert "xfailed" not in done.out


@pytest.mark.slow
def test_every_check_passes_and_none_is_expected_to_fail(
    kind: PluginKind, generated: Callable[..., Generated], python: Callable[..., Outcome]
) -> None:
    plugin = generated(kind)
    done = python("-m", "visionlaw", "check", plugin.project["name"], "--json", path=(plugin.source,))
    assert done.code == 0, done.out + done.err
    report = json.loads(done.out)
    assert report["counts"]["failed"] == report["counts"]["expected"] == 0
    assert {result["kind"] for result in report["results"]} == {"plugin", kind.value}
