"""From an id in the registry to an encoder that is loaded when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from visionlaw.libraries import provenance_of
from visionlaw.protocols import Encoder, EncoderRef
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec
from visionlaw.targets import load_target
from visionlaw.weights import pinned, with_checkpoint

if TYPE_CHECKING:
    from visionlaw.features.runtime import Runtime


def encoder_ref(
    registry: Registry, text: str, runtime: Runtime | None = None, checkpoint: Path | None = None
) -> EncoderRef:
    """Refer to an encoder by its id, with options, or by an alias of its plugin; its code is not imported.

    The provenance is that of :func:`visionlaw.libraries.provenance_of`, with ``checkpoint`` and ``revision``, and
    ``precision`` where it is not float32: after an upgrade of a library, or an edit of its code in place, it is another
    encoder. The reference can be pickled.

    Args:
        registry: What is installed.
        text: The id.
        runtime: Device and precision; None: the best device, float32.
        checkpoint: A local folder to load instead of the spec's checkpoint; its content counts, not its name.

    Raises:
        UnknownIdError, ConflictError, PluginError: Nothing installed provides it, as :meth:`Registry.get`.
        WeightsError: There is no such checkpoint folder, or the spec pins no revision and there are no weights that
            would tell it.
        InvalidIdError: An option that it does not have.
    """
    entry = registry.use("encoder", text)
    options = registry.options("encoder", text)
    spec = cast("EncoderSpec", entry.spec).of(options)
    spec = pinned(spec) if checkpoint is None else with_checkpoint(spec, checkpoint)
    name = spec.checkpoint if checkpoint is None else "local"
    weights: dict[str, Any] = {"checkpoint": name, "revision": spec.revision}
    if runtime is not None and runtime.precision != "float32":
        weights["precision"] = runtime.precision
    return EncoderRef(
        registry.canonical("encoder", text),
        spec,
        provenance_of(entry) | {key: value for key, value in weights.items() if value is not None},
        load=partial(_load, spec, entry.distribution, options, runtime),
    )


def _load(spec: EncoderSpec, distribution: str, options: Mapping[str, Any], runtime: Runtime | None) -> Encoder:
    from visionlaw.features.runtime import Runtime, place

    return place(load_target(spec, distribution, options), runtime or Runtime())
