"""What this plugin offers visionlaw: well-known OpenCLIP towers, and any other on demand."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import EncoderSpec
from visionlaw_openclip.catalogue import known, listed


@hookimpl
def visionlaw_encoders() -> Iterator[EncoderSpec]:
    """List well-known towers at their own resolution; open_clip is not imported."""
    return listed()


@hookimpl
def visionlaw_resolve(id: str) -> EncoderSpec:  # noqa: A002
    """Return the spec of ``openclip/<model>/<pretrained>@<pixels>``, or of a short name.

    open_clip is imported for what is not known of it.
    """
    spec = known(id)
    if spec is None:
        from visionlaw_openclip.resolving import resolve

        spec = resolve(id)
    return spec
