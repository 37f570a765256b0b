"""What this plugin offers visionlaw: well-known models of timm, and any other on demand."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec
from visionlaw_timm.catalogue import known, listed


@hookimpl
def visionlaw_encoders() -> Iterator[EncoderSpec]:
    """List well-known models at their own resolution; timm is not imported."""
    return listed()


@hookimpl
def visionlaw_resolve(id: str) -> EncoderSpec:  # noqa: A002
    """Return the spec of ``timm/<architecture>.<tag>@<pixels>``; timm is imported for what is not known of it."""
    spec = known(id)
    if spec is None:
        from visionlaw_timm.resolving import resolve

        spec = resolve(id)
    return spec
