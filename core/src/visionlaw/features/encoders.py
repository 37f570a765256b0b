"""From an id in the registry to an encoder that is loaded when it is needed."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from visionlaw.libraries import source_digest, versions_behind
from visionlaw.protocols import EncoderRef
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec
from visionlaw.targets import load_target


def encoder_ref(registry: Registry, text: str) -> EncoderRef:
    """Refer to an encoder by its id, with options, or by an alias of its plugin; its code is not imported.

    The provenance holds the plugin's distribution and version, checkpoint and revision, the ``libraries`` that the
    plugin requires with their versions, and the digest of the ``source`` file that holds its target: an encoder that is
    edited in place is another one. The reference can be pickled.

    Raises:
        UnknownIdError, ConflictError, PluginError: Nothing installed provides it, as :meth:`Registry.get`.
        InvalidIdError: An option that it does not have.
    """
    entry = registry.get("encoder", text)
    spec = cast("EncoderSpec", entry.spec)
    options = registry.options("encoder", text)
    facts: dict[str, Any] = {
        "distribution": entry.distribution,
        "version": entry.version,
        "checkpoint": spec.checkpoint,
        "revision": spec.revision,
        "libraries": versions_behind(entry.distribution, spec.extras),
        "source": source_digest(spec.target),
    }
    return EncoderRef(
        registry.canonical("encoder", text),
        spec,
        {key: value for key, value in facts.items() if value is not None},
        load=partial(load_target, spec, entry.distribution, options),
    )
