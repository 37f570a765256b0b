"""Checks that every spec passes, whatever its kind."""

from __future__ import annotations

import inspect
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from visionlaw.errors import MissingDependencyError
from visionlaw.specs import DatasetSpec, EncoderSpec, Kind
from visionlaw.targets import resolve_target
from visionlaw.testing.checks import SPEC_KINDS, check, fail, skip
from visionlaw.testing.subjects import Subject

COMMIT = re.compile(r"[0-9a-f]{40}")
SAFE_SUFFIXES = (".safetensors", ".json", ".txt", ".model", "*")
"""Weights, configurations and the parts of tokenizers."""
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".npy", ".npz")
"""Formats of weights that can hold code, or that nobody checks."""
USUAL_NAMES = ("model", "pytorch_model", "weights", "checkpoint")
"""Of files of weights, without what they end with."""

CALLED: tuple[Kind, ...] = tuple(kind for kind in SPEC_KINDS if kind != "command")
"""Kinds whose target is called with its spec."""


@check("description", *SPEC_KINDS)
def description(subject: Subject) -> None:
    """The spec and each of its options say in one sentence what they are."""
    spec = subject.declared
    if not spec.description.strip():
        fail(f"'{spec.id}' says nothing of itself in listings.", "Give it a description of one sentence.")
    for name, option in spec.options.items():
        if not option.description.strip():
            fail(f"The option '{name}' of '{spec.id}' has no description.", "Say what it changes.")


@check("json-round-trip", *SPEC_KINDS)
def json_round_trip(subject: Subject) -> None:
    """The spec survives being written as JSON and read again."""
    spec = subject.declared
    if type(spec).model_validate_json(spec.model_dump_json()) != spec:
        fail(f"'{spec.id}' is another spec once it was JSON.", "Give its fields plain values.")


@check("licence", "encoder", "dataset")
def licence(subject: Subject) -> None:
    """The licence of the weights, or of the data, is stated."""
    spec = cast("EncoderSpec | DatasetSpec", subject.declared)
    if not (spec.license or "").strip():
        if _made_on_demand(subject):
            skip("It is not listed but resolved: its repository says what its licence is.")
        what = "weights" if isinstance(spec, EncoderSpec) else "data"
        fail(
            f"'{spec.id}' names no licence of its {what}.", "Write license='…', an SPDX identifier where there is one."
        )


@check("pinned-revision", "encoder")
def pinned_revision(subject: Subject) -> None:
    """A checkpoint of the hub is pinned to a commit, so that the same id means the same weights for ever."""
    spec = cast("EncoderSpec", subject.declared)
    if spec.checkpoint is None or Path(spec.checkpoint).is_absolute():
        return
    if spec.revision is None and _made_on_demand(subject):
        skip("It is not listed but resolved: core pins it to the commit that is there when it is first used.")
    if not COMMIT.fullmatch(spec.revision or ""):
        fail(
            f"'{spec.id}' loads '{spec.checkpoint}' at '{spec.revision or 'whatever is newest'}'.",
            "Write revision='…', the 40 hexadecimal digits of a commit.",
        )


@check("safe-files", "encoder")
def safe_files(subject: Subject) -> None:
    """The files of a checkpoint are named, and none is a pickle."""
    spec = cast("EncoderSpec", subject.declared)
    if spec.checkpoint is None:
        return
    if not spec.files:
        fail(f"'{spec.id}' does not name the files of its checkpoint.", "Write files=('config.json', '*.safetensors').")
    for pattern in spec.files:
        if pattern.lower().endswith(PICKLES) or not pattern.lower().endswith(SAFE_SUFFIXES):
            fail(f"'{spec.id}' loads '{pattern}', which can hold code.", "Publish and load safetensors.")
        if _takes_pickles(pattern):
            fail(
                f"'{spec.id}' loads whatever its repository has as '{pattern}'.",
                "Name the safetensors and their configuration.",
            )


@check("target", *SPEC_KINDS)
def target(subject: Subject) -> None:
    """The target can be imported and called."""
    spec = subject.declared
    try:
        found = resolve_target(spec, subject.plugin.distribution)
    except MissingDependencyError as error:
        if spec.extras:
            skip(f"{error.message} {error.remedy}")
        raise
    if not callable(found) and spec.kind != "command":
        fail(f"The target '{spec.target}' of '{spec.id}' is no callable.", "Name a class or a function.")


@check("options", *CALLED, needs=("target",))
def options(subject: Subject) -> None:
    """The target takes every option that the spec declares, and each default is of the option's type and choices."""
    spec = subject.declared
    types: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
    for name, option in spec.options.items():
        if type(option.default) not in types[option.type] or (option.choices and option.default not in option.choices):
            fail(f"The default {option.default!r} of '{name}' of '{spec.id}' is none of its values.", "Correct it.")
    signature = inspect.signature(resolve_target(spec, subject.plugin.distribution))
    given: dict[str, Any] = {name: option.default for name, option in spec.options.items()}
    if spec.kind in ("dataset", "image_source"):
        given["root"] = None
    try:
        signature.bind(spec, **given)
    except TypeError as error:
        fail(
            f"The target of '{spec.id}' cannot be called as target(spec, {', '.join(given)}): {error}.",
            "Make every option a parameter of the target.",
        )


def _takes_pickles(pattern: str) -> bool:
    """Whether a pattern that ends openly matches weights in a format that can hold code; a tokenizer has no weights."""
    folder, _, name = pattern.lower().rpartition("/")
    if not name.endswith("*") or folder.rpartition("/")[2].startswith("tokenizer"):
        return False
    return any(fnmatchcase(word + suffix, name) for word in USUAL_NAMES for suffix in PICKLES)


def _made_on_demand(subject: Subject) -> bool:
    """Whether the plugin resolves the spec's id but does not list it, so that nobody wrote down what is known of it."""
    return subject.declared.id not in {spec.id for spec in subject.plugin.specs}
