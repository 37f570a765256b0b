"""What this plugin offers visionlaw: well-known models of timm, and any other on demand."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec
from visionlaw_timm.catalogue import LISTED


@hookimpl
def visionlaw_encoders() -> Iterator[EncoderSpec]:
    """List well-known models at their own resolution; timm is not imported."""
    for facts, description, tags in LISTED:
        yield facts.spec(description, tags)


@hookimpl
def visionlaw_resolve(id: str) -> EncoderSpec:  # noqa: A002
    """Return the spec of ``timm/<architecture>.<tag>@<pixels>``, for which timm is imported."""
    from visionlaw_timm.resolving import resolve

    return resolve(id)
