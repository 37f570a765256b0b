"""Which encoders share a forward pass: the layers of one network."""

from __future__ import annotations

import json
from collections.abc import Iterable

from visionlaw.ids import parse_reference
from visionlaw.protocols import EncoderRef


def passes(encoders: Iterable[EncoderRef]) -> list[tuple[EncoderRef, ...]]:
    """Group encoders by forward pass: references that differ in their option ``layer`` alone go together.

    Returns:
        The groups, in the order of their first members, each encoder once.
    """
    groups: dict[str, list[EncoderRef]] = {}
    for encoder in {encoder.id: encoder for encoder in encoders}.values():
        reference = parse_reference(encoder.id)
        rest = {name: value for name, value in reference.options.items() if name != "layer"}
        shared = [reference.base, rest, dict(encoder.provenance)]
        group = json.dumps(shared, sort_keys=True) if "layer" in encoder.spec.options else encoder.id
        groups.setdefault(group, []).append(encoder)
    return [tuple(group) for group in groups.values()]
