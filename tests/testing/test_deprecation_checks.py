"""Seeded faults of deprecation: each is found by the check that is meant for it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

import pluggy
import pytest

from visionlaw.errors import VisionlawDeprecationWarning
from visionlaw.hookspecs import Hooks
from visionlaw.plugins import Plugin, activate, builtin_plugin
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec, SamplerSpec, Spec
from visionlaw.testing.checks import all_checks
from visionlaw.testing.session import Result, Session
from visionlaw.testing.subjects import Subject

hookspec = pluggy.HookspecMarker("visionlaw")


def encoder(name: str, **more: str) -> EncoderSpec:
    return EncoderSpec.model_validate(
        {"id": f"faulty/{name}@224", "target": "m:a", "resolution": 224, "patch": 16, "channels": 1, **more}
    )


def deprecation_of(*specs: Spec) -> Result:
    """Return the result of the check of the first of a plugin's specs."""
    plugin = Plugin("faulty", "visionlaw-faulty", "1.0", metadata.EntryPoint("faulty", "m", "visionlaw.v1"))
    plugin.specs = list(specs)
    core = builtin_plugin()
    activate(core)
    session = Session([Subject(plugin, Registry([core, plugin]), specs[0])])
    (result,) = [session.run(subject, check) for subject, check in session.planned() if check.name == "deprecation"]
    return result


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        ([encoder("old", superseded_by="faulty/new@224"), encoder("new")], "does not say why"),
        ([encoder("old", deprecated=" ", superseded_by="faulty/new@224"), encoder("new")], "does not say why"),
        ([encoder("old", deprecated="Retrained.", superseded_by="faulty/nwe@224"), encoder("new")], "no encoder"),
        ([encoder("old", deprecated="Retrained.", superseded_by="the new one")], "the new one"),
        ([encoder("old", deprecated="Retrained.", superseded_by="faulty/new@224?layer=1"), encoder("new")], "'layer'"),
        ([encoder("old", deprecated="Retrained.", superseded_by="faulty/old@224")], "leads back"),
        (
            [
                encoder("old", deprecated="Retrained.", superseded_by="faulty/new@224"),
                encoder("new", deprecated="Retrained.", superseded_by="faulty/old@224"),
            ],
            "'faulty/old@224' → 'faulty/new@224' → 'faulty/old@224'",
        ),
        ([SamplerSpec(id="faulty", target="m:a", deprecated="Slow.", superseded_by="beyes")], "no sampler 'beyes'"),
    ],
)
def test_a_deprecation_that_helps_nobody_fails(specs: list[Spec], words: str) -> None:
    result = deprecation_of(*specs)
    assert (result.status, words in result.message) == ("failed", True), result.message


@pytest.mark.parametrize(
    "specs",
    [
        [encoder("new")],
        [encoder("old", deprecated="Retrained.")],
        [encoder("old", deprecated="Retrained.", superseded_by="faulty/new@224"), encoder("new")],
        [encoder("old", deprecated="Retrained.", superseded_by="another/net@224")],
        [SamplerSpec(id="faulty", target="m:a", deprecated="Slow.", superseded_by="bayes")],
    ],
)
def test_a_deprecation_in_order_passes(specs: list[Spec]) -> None:
    assert deprecation_of(*specs).status == "passed"


class Deprecating(Hooks):
    """The hooks of some later core."""

    @hookspec(warn_on_impl=VisionlawDeprecationWarning("'visionlaw_encoders' goes with 1.0; use 'visionlaw_models'."))
    def visionlaw_encoders(self): ...

    @hookspec(
        firstresult=True,
        warn_on_impl_args={"id": VisionlawDeprecationWarning("The parameter 'id' goes with 1.0; take 'reference'.")},
    )
    def visionlaw_resolve(self, id): ...  # noqa: A002


@pytest.mark.parametrize(
    ("case", "name", "words"),
    [("good", "good", "'visionlaw_models'"), ("open_ended", "zoo", "'reference'"), ("moody_samplers", "moody", "")],
)
def test_a_deprecated_hook_is_found_by_its_check_alone(
    installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch, case: str, name: str, words: str
) -> None:
    installed(case)
    monkeypatch.setattr("visionlaw.plugins.Hooks", Deprecating)
    registry = Registry.discover()
    (plugin,) = [p for p in registry.loaded if p.name == name]
    told_by_the_loader = ("imports", "hooks", "listing", "valid-specs", "deprecated-hooks")
    chosen = [check for check in all_checks() if check.name in told_by_the_loader]
    failed = [r for r in Session([Subject(plugin, registry)], chosen=chosen).results() if r.status == "failed"]
    assert [r.check for r in failed] == (["deprecated-hooks"] if words else [])
    assert all(words in result.message for result in failed)


def test_a_plugin_of_deprecated_hooks_still_works(
    installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("open_ended")
    monkeypatch.setattr("visionlaw.plugins.Hooks", Deprecating)
    registry = Registry.discover()
    (record,) = [r for r in registry.plugins if r.name == "zoo"]
    assert record.status == "ok"
    assert "The parameter 'id' goes with 1.0; take 'reference'." in record.reason
    assert "pip install --upgrade visionlaw-zoo" in record.remedy
    assert registry.get("encoder", "zoo/anything@224").plugin == "zoo"


def test_no_plugin_of_today_builds_on_something_deprecated() -> None:
    plugin = builtin_plugin()
    activate(plugin)
    assert [problem for problem in plugin.problems if problem.fault == "deprecated"] == []
