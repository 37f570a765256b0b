"""Ids that a plugin resolves without listing them: nobody could write down what their repositories say."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import pytest

from visionlaw.plugins import Plugin
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec
from visionlaw.testing.checks import all_checks
from visionlaw.testing.session import Session
from visionlaw.testing.subjects import Subject


def status(check: str, listed: bool, **facts: Any) -> str:
    spec = EncoderSpec(
        id="any/net@64", target="any.net:build", checkpoint="org/net", resolution=64, patch=16, channels=3, **facts
    )
    entry_point = metadata.EntryPoint("any", "any", "visionlaw.v1")
    plugin = Plugin("any", "visionlaw-any", "1.0", entry_point, specs=[spec] if listed else [])
    chosen = [one for one in all_checks() if one.name == check]
    [result] = Session([Subject(plugin, Registry([plugin]), spec)], chosen=chosen).results()
    return result.status


@pytest.mark.parametrize("check", ["pinned-revision", "licence"])
def test_what_is_not_listed_need_not_be_pinned_nor_licensed(check: str) -> None:
    assert status(check, listed=True) == "failed"
    assert status(check, listed=False) == "skipped"


def test_a_branch_is_no_pin_for_them_either() -> None:
    assert status("pinned-revision", listed=False, revision="main") == "failed"
