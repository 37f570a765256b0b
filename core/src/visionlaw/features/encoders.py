"""From an id in the registry to an encoder that is loaded when it is needed."""

from __future__ import annotations

from functools import partial
from typing import cast

from visionlaw.libraries import provenance_of
from visionlaw.protocols import EncoderRef
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec
from visionlaw.targets import load_target


def encoder_ref(registry: Registry, text: str) -> EncoderRef:
    """Refer to an encoder by its id, with options, or by an alias of its plugin; its code is not imported.

    The provenance is that of :func:`visionlaw.libraries.provenance_of`, with ``checkpoint`` and ``revision``: after an
    upgrade of a library, or an edit of its code in place, it is another encoder. The reference can be pickled.

    Raises:
        UnknownIdError, ConflictError, PluginError: Nothing installed provides it, as :meth:`Registry.get`.
        InvalidIdError: An option that it does not have.
    """
    entry = registry.get("encoder", text)
    spec = cast("EncoderSpec", entry.spec)
    options = registry.options("encoder", text)
    weights = {"checkpoint": spec.checkpoint, "revision": spec.revision}
    return EncoderRef(
        registry.canonical("encoder", text),
        spec,
        provenance_of(entry) | {key: value for key, value in weights.items() if value is not None},
        load=partial(load_target, spec, entry.distribution, options),
    )
