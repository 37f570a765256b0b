"""What this plugin offers visionlaw: well-known OpenCLIP towers, and any other on demand."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec
from visionlaw_openclip.catalogue import LISTED


@hookimpl
def visionlaw_encoders() -> Iterator[EncoderSpec]:
    """List well-known towers at their own resolution; open_clip is not imported."""
    for name, (facts, description, tags) in LISTED.items():
        yield facts.spec(name, description, tags)


@hookimpl
def visionlaw_resolve(id: str) -> EncoderSpec:  # noqa: A002
    """Return the spec of ``openclip/<model>/<pretrained>@<pixels>``, for which open_clip is imported."""
    from visionlaw_openclip.resolving import resolve

    return resolve(id)
