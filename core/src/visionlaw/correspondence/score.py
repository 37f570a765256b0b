"""The correspondence scorer: C of every representation of a job, from one pass per encoder.

How it is done is in :mod:`visionlaw.correspondence.matching`, which needs torch and is imported when something is
scored: what a stored score follows can be told without.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from visionlaw.correspondence.pck import ALPHAS, Matches, pck, read_pairs, scorable
from visionlaw.errors import DataError, did_you_mean
from visionlaw.protocols import Representation, Score, ScoringJob
from visionlaw.scoring.representations import name_of
from visionlaw.specs import ScorerSpec

PROTOCOLS = ("strict",)


class CorrespondenceScorer:
    """PCK of keypoints matched by the nearest token, in % (0 to 100).

    Args:
        spec: Its declaration.
        alpha: The share of the target's size within which a keypoint is right, 0 to 1.
        protocol: How keypoints are mapped and judged; ``strict`` (PROTOCOLS §3).

    Raises:
        DataError: ``alpha`` or ``protocol`` is not one that exists.
    """

    def __init__(self, spec: ScorerSpec | None = None, alpha: float = 0.10, protocol: str = "strict") -> None:
        if not 0 < alpha <= 1:
            raise DataError(f"α = {alpha} is not a share of the target's size.", "Give one in 0–1, such as 0.1.")
        if protocol not in PROTOCOLS:
            known = did_you_mean(protocol, PROTOCOLS) or f"There is: {', '.join(PROTOCOLS)}."
            raise DataError(f"There is no correspondence protocol '{protocol}'.", known)
        self.spec = spec
        self.alpha = alpha
        self._protocol = protocol

    @property
    def protocol(self) -> str:
        """Name of the definition that the score follows."""
        return self._protocol

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What else the score depends on."""
        return {"alpha": self.alpha}

    def score(self, job: ScoringJob) -> Iterator[Score]:
        """Score all representations, each as soon as the last of its encoders is through.

        Args:
            job: Its data is a :class:`visionlaw.protocols.CorrespondenceDataset`; pairs without keypoints are skipped.

        Yields:
            C in %, the number of pairs, and as details: ``per_keypoint``, ``per_category`` (macro average),
            ``categories``, ``alphas`` (the three averages at each of ``ALPHAS``), ``keypoints`` and ``skipped`` pairs.

        Raises:
            DataError: No pair has keypoints, or encoders that cannot be combined are.
        """
        from visionlaw.correspondence.matching import match_all

        given = read_pairs(job.data)
        pairs = scorable(given)
        for representation, matches in match_all(job, pairs):
            yield self._summarise(representation, matches, skipped=len(given) - len(pairs))

    def _summarise(self, representation: Representation, matches: Sequence[Matches], skipped: int) -> Score:
        main = pck(matches, self.alpha)
        others = {str(alpha): pck(matches, alpha) for alpha in ALPHAS}
        return Score(
            representation=name_of(representation),
            value=main.value,
            count=len(matches),
            details={
                "per_keypoint": main.per_keypoint,
                "per_category": main.per_category,
                "categories": dict(main.categories),
                "alphas": {
                    alpha: {"value": at.value, "per_keypoint": at.per_keypoint, "per_category": at.per_category}
                    for alpha, at in others.items()
                },
                "keypoints": sum(len(m.errors) for m in matches),
                "skipped": skipped,
            },
        )
