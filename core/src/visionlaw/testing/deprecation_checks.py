"""Checks of what a plugin builds on that will go, and of what it lets go itself."""

from __future__ import annotations

from visionlaw.errors import InvalidIdError, UnknownIdError, VisionlawError
from visionlaw.ids import is_encoder_id, parse_reference, prefix_of
from visionlaw.registry import Entry
from visionlaw.testing.checks import SPEC_KINDS, check, fail, skip
from visionlaw.testing.subjects import Subject


@check("deprecated-hooks", "plugin", needs=("hooks",))
def deprecated_hooks(subject: Subject) -> None:
    """No hook that it implements, and no parameter of one, is deprecated."""
    told = [problem.reason for problem in subject.plugin.problems if problem.fault == "deprecated"]
    if told:
        fail(
            " ".join(told),
            "Implement what the message names instead; until it goes, it works.",
        )


@check("deprecation", *SPEC_KINDS)
def deprecation(subject: Subject) -> None:
    """A deprecated spec says why, and what supersedes it is there and is not superseded by it."""
    spec = subject.declared
    if spec.deprecated is None and spec.superseded_by is None:
        return
    if not (spec.deprecated or "").strip():
        fail(f"'{spec.id}' does not say why it is deprecated.", "Say it in one sentence: deprecated=….")
    chain = [spec.id]
    following = spec.superseded_by
    while following is not None:
        entry = _successor(subject, following)
        if entry is None:
            return
        if entry.spec.id in chain:
            told = " → ".join(f"'{name}'" for name in (*chain, entry.spec.id))
            fail(f"What supersedes '{spec.id}' leads back: {told}.", "Name an id that is to stay.")
        chain.append(entry.spec.id)
        following = entry.spec.superseded_by


def _successor(subject: Subject, text: str) -> Entry | None:
    """Return what supersedes a spec; None where it is another family's, whose plugin need not be installed."""
    spec = subject.declared
    try:
        base = parse_reference(text).base
        if spec.kind == "encoder" and not is_encoder_id(base):
            raise InvalidIdError(f"'{base}' is no id of an encoder.")
        entry = subject.registry.get(spec.kind, text)
        subject.registry.options(spec.kind, text)
    except (InvalidIdError, UnknownIdError) as error:
        if isinstance(error, UnknownIdError) and spec.kind == "encoder" and prefix_of(text) != subject.plugin.name:
            return None
        fail(f"'{spec.id}' is superseded by '{text}': {error.message}", error.remedy)
    except VisionlawError as error:
        skip(f"'{text}', which supersedes it, cannot be looked up: {error.message}")
    return entry
