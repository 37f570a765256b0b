"""The hooks of API version 1: what a plugin can contribute.

A plugin is a light module named by an entry point of the group ``visionlaw.v1``; the entry point's name is the prefix
of its encoder ids. It marks functions with :data:`hookimpl`::

    from visionlaw import EncoderSpec, hookimpl

    @hookimpl
    def visionlaw_encoders():
        yield EncoderSpec(id="acme/net@224", target="visionlaw_acme.net:build", ...)

Listing hooks take no argument and return an iterable of specs, or of mappings that validate as specs; none is
``firstresult`` or ``historic``, and each implementation is called by itself, so that one that raises takes nothing
else with it. The module must not import torch or a model library: name heavy code by ``target``.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from visionlaw.specs import (
    CombinerSpec,
    CommandSpec,
    DatasetSpec,
    EncoderSpec,
    ExecutorSpec,
    ImageSourceSpec,
    Kind,
    SamplerSpec,
    ScorerSpec,
    TrainerSpec,
)

PROJECT = "visionlaw"
"""The name that pluggy knows the hooks by."""
API_VERSION = 1
"""Of the hooks; core speaks this one."""
ENTRY_POINT_GROUP = f"{PROJECT}.v{API_VERSION}"
"""Where plugins register: its entry points name their modules."""
OLDEST_SUPPORTED = "0.1"
"""The oldest core whose plugins this core runs; a plugin that was built against it, and needs no more, works."""

hookspec = pluggy.HookspecMarker(PROJECT)
"""Marks the specification of a hook: core's own."""
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of its name."""


class Hooks:
    """All hooks. The methods are specifications: plugins implement functions of the same names, without ``self``."""

    @hookspec
    def visionlaw_encoders(self) -> Iterable[EncoderSpec]:
        """List the frozen vision encoders of this family. versionadded: 0.1"""
        ...

    @hookspec
    def visionlaw_combiners(self) -> Iterable[CombinerSpec]:
        """List ways to make one representation of several encoders. versionadded: 0.1"""
        ...

    @hookspec
    def visionlaw_scorers(self) -> Iterable[ScorerSpec]:
        """List cheap scores of frozen features, such as correspondence. versionadded: 0.1"""
        ...

    @hookspec
    def visionlaw_samplers(self) -> Iterable[SamplerSpec]:
        """List rules that choose which representation to train next. versionadded: 0.1"""
        ...

    @hookspec
    def visionlaw_datasets(self) -> Iterable[DatasetSpec]:
        """List data sets of image pairs with corresponding keypoints. versionadded: 0.1"""
        ...

    @hookspec
    def visionlaw_image_sources(self) -> Iterable[ImageSourceSpec]:
        """List sources of images: a benchmark's images, image–caption pairs. versionadded: 0.1"""
        ...

    @hookspec
    def visionlaw_trainers(self) -> Iterable[TrainerSpec]:
        """List ways to finetune an MLLM on a representation and to evaluate it. versionadded: 0.1"""
        ...

    @hookspec
    def visionlaw_executors(self) -> Iterable[ExecutorSpec]:
        """List places where tasks run: this process, a cluster. versionadded: 0.1"""
        ...

    @hookspec
    def visionlaw_commands(self) -> Iterable[CommandSpec]:
        """List verbs of the command line. versionadded: 0.1"""
        ...

    @hookspec(firstresult=True)
    def visionlaw_resolve(self, id: str) -> EncoderSpec | None:  # noqa: A002
        """Return the spec of an encoder that is not listed, or None: for open-ended families.

        Asked only of the plugin whose entry-point name is the id's prefix, with the id without its options.
        versionadded: 0.1
        """
        ...


LISTING_HOOKS: dict[str, Kind] = {
    "visionlaw_encoders": "encoder",
    "visionlaw_combiners": "combiner",
    "visionlaw_scorers": "scorer",
    "visionlaw_samplers": "sampler",
    "visionlaw_datasets": "dataset",
    "visionlaw_image_sources": "image_source",
    "visionlaw_trainers": "trainer",
    "visionlaw_executors": "executor",
    "visionlaw_commands": "command",
}
"""Hook → the kind of what it lists, in the order in which they are called."""
RESOLVE_HOOK = "visionlaw_resolve"
"""The one hook that lists nothing."""
