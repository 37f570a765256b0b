"""What the store keeps of one score, as plain data."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from visionlaw.errors import StoreError

FOLDER = "folder"
"""The name in a score's provenance of the folder of data that was given instead of the project's: no study uses it."""

ASIDE = "aside"
"""The name in a score's provenance of the language model that was given instead of the project's: no study uses it."""


@dataclass(frozen=True)
class ScoreRow:
    """One score of one representation, with everything that made it.

    Two rows with the same :attr:`key` are the same measurement: recording the second replaces the first, so
    repeating a command changes nothing. Rows that differ in a protocol, a parameter, the version of the data
    or the provenance stand side by side and are never averaged.

    Attributes:
        representation: Canonical id, ``a`` or ``a + b``.
        scorer: The scorer's id with its options, such as ``correspondence`` or ``maxcos``.
        dataset: The id of the data it was measured on, with its options.
        dataset_version: Identity of that data's content (``CorrespondenceDataset.version``).
        protocol: What the number means: ``strict`` or ``reference`` for C, ``maxcos`` or ``loglik`` for A.
        value: The score in the scorer's own unit (C: % of keypoints, 0–100). Finite.
        count: What the mean runs over: pairs or images. At least 0.
        benchmark: The benchmark that the score belongs to; empty when one score serves all.
        params: Parameters of the protocol, such as ``{"alpha": 0.1}``; JSON values.
        provenance: What made the number and would change it: plugin distributions with versions, checkpoint
            and revision of each encoder, combiner, seed…; JSON values.
        extra: What was measured along with it (per-keypoint score, per category…), not in the key; JSON
            values.
        run: The run that recorded it; set by the store.
        recorded: When, in UTC; set by the store.

    Raises:
        StoreError: ``value`` is NaN or infinite, or a mapping holds something that JSON cannot.
    """

    representation: str
    scorer: str
    dataset: str
    dataset_version: str
    protocol: str
    value: float
    count: int = 0
    benchmark: str = ""
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    provenance: Mapping[str, Any] = field(default_factory=dict[str, Any])
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    run: int | None = field(default=None, compare=False)
    recorded: datetime | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise StoreError(
                f"The {self.scorer} score of '{self.representation}' is {self.value}, which is not a score.",
                "Nothing was stored; look for images or features that are not finite.",
            )
        for mapping in (self.params, self.provenance, self.extra):
            _canonical_json(mapping)

    @property
    def key(self) -> str:
        """Digest of what was measured: all but ``value``, ``count``, ``extra`` and what the store sets."""
        identity = [
            self.representation,
            self.scorer,
            self.dataset,
            self.dataset_version,
            self.protocol,
            self.benchmark,
            dict(self.params),
            dict(self.provenance),
        ]
        return hashlib.sha256(_canonical_json(identity).encode()).hexdigest()


def _canonical_json(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"A score's description cannot be written as JSON: {error}.", "Give plain values.") from error
