"""Checks that every spec passes, whatever its kind."""

from __future__ import annotations

from visionlaw.testing.checks import SPEC_KINDS, check, fail
from visionlaw.testing.subjects import Subject


@check("json-round-trip", *SPEC_KINDS)
def json_round_trip(subject: Subject) -> None:
    """The spec survives being written as JSON and read again."""
    spec = subject.declared
    if type(spec).model_validate_json(spec.model_dump_json()) != spec:
        fail(f"'{spec.id}' is another spec once it was JSON.", "Give its fields plain values.")
