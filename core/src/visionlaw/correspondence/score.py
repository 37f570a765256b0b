"""The correspondence scorer: C of every representation of a job, from one pass per encoder.

How it is done is in :mod:`visionlaw.correspondence.matching`, which needs torch and is imported when something is
scored: what a stored score follows can be told without.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from visionlaw.correspondence.bootstrap import Bootstrap
from visionlaw.correspondence.pairs import Matches, PairTable, read_pairs
from visionlaw.correspondence.statistics import summary
from visionlaw.errors import DataError, did_you_mean
from visionlaw.protocols import Representation, Score, ScoringJob
from visionlaw.scoring.representations import name_of
from visionlaw.specs import ScorerSpec

if TYPE_CHECKING:
    from visionlaw.correspondence.definitions import Definition

PROTOCOLS = ("strict", "reference")
MATCHERS = ("argmax", "softargmax", "upsampled")


class CorrespondenceScorer:
    """PCK of keypoints matched by cosine, in % (0 to 100).

    Args:
        spec: Its declaration.
        alpha: The share of the target's size within which a keypoint is right, 0 to 1.
        protocol: How keypoints are mapped and judged; ``strict`` or ``reference`` (PROTOCOLS §3).
        matcher: How the ``strict`` protocol finds a position: ``argmax``, ``softargmax`` or ``upsampled``
            (:mod:`visionlaw.correspondence.matchers`). ``reference`` has its own, and takes none but the default.

    Raises:
        DataError: ``alpha``, ``protocol`` or ``matcher`` is not one that exists, or the two last contradict each other.
    """

    def __init__(
        self,
        spec: ScorerSpec | None = None,
        alpha: float = 0.10,
        protocol: str = "strict",
        matcher: str = "argmax",
    ) -> None:
        if not 0 < alpha <= 1:
            raise DataError(f"α = {alpha} is not a share of the target's size.", "Give one in 0–1, such as 0.1.")
        _check_known("correspondence protocol", protocol, PROTOCOLS)
        _check_known("matcher", matcher, MATCHERS)
        if protocol == "reference" and matcher != MATCHERS[0]:
            raise DataError(
                f"The reference protocol has a matcher of its own, so that '{matcher}' cannot be used.",
                "Leave the matcher out, or use the strict protocol.",
            )
        self.spec = spec
        self.alpha = alpha
        self.matcher = matcher
        self._protocol = protocol

    @property
    def protocol(self) -> str:
        """Name of the definition that the score follows."""
        return self._protocol

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What else the score depends on: α, and the matcher where the protocol leaves it open."""
        return {"alpha": self.alpha} | ({"matcher": self.matcher} if self._protocol == "strict" else {})

    def score(self, job: ScoringJob) -> Iterator[Score]:
        """Score all representations, each as soon as the last of its encoders is through.

        Args:
            job: Its data is a :class:`visionlaw.protocols.CorrespondenceDataset`; pairs without keypoints are skipped.

        Yields:
            C in %, the number of pairs, and as details what :func:`visionlaw.correspondence.statistics.summary` tells,
            the ``grid`` (h, w) that was searched, and the encoders whose tokens were ``resampled`` to it.

        Raises:
            DataError: No pair has keypoints, or encoders that cannot be combined are.
        """
        table = read_pairs(job.data)
        bootstrap = Bootstrap.draw(table)
        definition = self._definition()
        for representation, matches in self.match(job, table):
            grid = definition.grid([part.spec.grid for part in representation])
            details = summary(matches, self.alpha, bootstrap) | {
                "grid": list(grid),
                "resampled": [part.id for part in representation if part.spec.grid != grid],
            }
            value = 100 * float(matches.shares(self.alpha).mean())
            yield Score(name_of(representation), value, count=len(table), details=details)

    def match(self, job: ScoringJob, table: PairTable) -> Iterator[tuple[Representation, Matches]]:
        """Match the pairs with every representation of a job; the job's own data are not looked at.

        Raises:
            DataError, PluginError: As :func:`visionlaw.correspondence.matching.match_all`.
        """
        from visionlaw.correspondence.matching import match_all

        return match_all(job, table, self._definition())

    def _definition(self) -> Definition:
        from visionlaw.correspondence.definitions import Reference, Strict
        from visionlaw.correspondence.matchers import matcher

        return Strict(matcher(self.matcher)) if self._protocol == "strict" else Reference()


def _check_known(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise DataError(
            f"There is no {what} '{given}'.", did_you_mean(given, known) or f"There is: {', '.join(known)}."
        )
