"""From an id in the registry to an encoder that is loaded when it is needed."""

from __future__ import annotations

from functools import partial
from typing import cast

from visionlaw.ids import Reference, parse_reference
from visionlaw.protocols import EncoderRef
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec


def encoder_ref(registry: Registry, text: str) -> EncoderRef:
    """Refer to an encoder by its id, with options, or by an alias of its plugin; nothing is imported.

    Raises:
        UnknownIdError, ConflictError, PluginError: Nothing installed provides it, as :meth:`Registry.get`.
        InvalidIdError: An option that it does not have.
    """
    entry = registry.get("encoder", text)
    spec = cast("EncoderSpec", entry.spec)
    registry.options("encoder", text)
    name = str(Reference(spec.id, parse_reference(text).options))
    facts = {
        "distribution": entry.distribution,
        "version": entry.version,
        "checkpoint": spec.checkpoint,
        "revision": spec.revision,
    }
    provenance = {key: value for key, value in facts.items() if value is not None}
    return EncoderRef(name, spec, provenance, load=partial(registry.load, "encoder", name))
