"""The correspondence scorer: C of every representation of a job from one pass per encoder.

Encoder by encoder, only the rows of keypoints are kept, and the rows of a combination are the mean of its parts' rows
(:mod:`visionlaw.features.combine`). So the C of all 2^N - 1 combinations costs N extractions, and no features are held
beyond the pair in hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from visionlaw.correspondence.pck import ALPHAS, Matches, check_pair, match, pck
from visionlaw.correspondence.rows import Rows, combine
from visionlaw.correspondence.streaming import Grid, images_of, stream_rows
from visionlaw.errors import DataError, did_you_mean
from visionlaw.features.combine import common_grid
from visionlaw.ids import join_representation
from visionlaw.protocols import EncoderRef, Pair, Representation, Score, ScoringJob
from visionlaw.specs import ScorerSpec

PROTOCOLS = ("strict",)

PairRows = list[Rows]


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
            ``categories``, ``alphas`` (the three averages at each of ``ALPHAS``), ``keypoints``, ``skipped``,
            ``pair_ids`` and ``pair_values``, the share of each pair in %.

        Raises:
            DataError: No pair has keypoints, or encoders that cannot be combined are.
        """
        total = len(job.data)
        pairs = scorable(job.data)
        for representation, matches in match_all(job, pairs):
            yield self._summarise(representation, matches, skipped=total - len(pairs))

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
                "pair_ids": [m.pair for m in matches],
                "pair_values": [round(100 * float(m.correct(self.alpha).mean()), 4) for m in matches],
            },
        )


def name_of(representation: Representation) -> str:
    """Return the canonical id of a representation, ``a`` or ``a + b``."""
    return join_representation(tuple(encoder.id for encoder in representation))


def scorable(pairs: Iterator[Pair] | Sequence[Pair]) -> list[Pair]:
    """Return the pairs that have keypoints, checked.

    Raises:
        DataError: None has, or one is malformed.
    """
    kept = [checked for checked in map(check_pair, pairs) if len(checked.source_points)]
    if not kept:
        raise DataError("The data set has no pair with keypoints.", "Give one that has some.")
    return kept


def match_all(job: ScoringJob, pairs: Sequence[Pair]) -> Iterator[tuple[Representation, list[Matches]]]:
    """Match the pairs with every representation of a job; the job's own data are not looked at.

    Yields:
        A representation as soon as its last encoder is through, and its matches in the order of the pairs.

    Raises:
        DataError: Encoders of different resize modes are combined; nothing has been encoded then.
    """
    for representation in job.representations:
        _check_combinable(representation)
    plan = _Plan(job.representations)
    images = len(images_of(pairs))
    total = images * len(plan.encoders)
    done = 0
    kept: dict[tuple[str, Grid | None], PairRows] = {}
    for encoder in plan.encoders:
        job.progress(encoder.id, done, total)
        sets: dict[Grid | None, dict[int, Rows]] = {grid: {} for grid in plan.grids(encoder)}

        def report(count: int, stage: str = encoder.id) -> None:
            nonlocal done
            done += count
            job.progress(stage, done, total)

        for index, by_grid in stream_rows(encoder, pairs, sets, job.cache, report):
            for grid, rows in by_grid.items():
                sets[grid][index] = rows
        for grid, by_index in sets.items():
            kept[encoder.id, grid] = [by_index[index] for index in range(len(pairs))]
        for representation in plan.complete_after(encoder):
            grid = plan.grid(representation)
            parts = [kept[part.id, grid] for part in representation]
            yield (
                representation,
                [match(pair, combine(rows, job.combiner)) for pair, *rows in zip(pairs, *parts, strict=True)],
            )
        kept = {key: rows for key, rows in kept.items() if key in plan.needed_after(encoder)}


class _Plan:
    """In which order the encoders run, on which grids their rows are wanted, and for how long."""

    def __init__(self, representations: Sequence[Representation]) -> None:
        self.representations = list({name_of(r): r for r in representations}.values())
        self.encoders = list({part.id: part for r in self.representations for part in r}.values())
        self._position = {encoder.id: index for index, encoder in enumerate(self.encoders)}

    def grid(self, representation: Representation) -> Grid | None:
        """The grid on which the parts meet; None for the encoder's own, where there is one part."""
        if len(representation) == 1:
            return None
        return common_grid([part.spec.grid for part in representation])

    def grids(self, encoder: EncoderRef) -> list[Grid | None]:
        users = [r for r in self.representations if encoder.id in {part.id for part in r}]
        return list(dict.fromkeys(self.grid(r) for r in users))

    def complete_after(self, encoder: EncoderRef) -> list[Representation]:
        """The representations whose last encoder this is."""
        return [r for r in self.representations if self._last(r) == self._position[encoder.id]]

    def needed_after(self, encoder: EncoderRef) -> set[tuple[str, Grid | None]]:
        """The row sets that representations still to come are made of."""
        coming = [r for r in self.representations if self._last(r) > self._position[encoder.id]]
        return {(part.id, self.grid(r)) for r in coming for part in r}

    def _last(self, representation: Representation) -> int:
        return max(self._position[part.id] for part in representation)


def _check_combinable(representation: Representation) -> None:
    modes = {part.spec.resize: part.id for part in representation}
    if len(modes) > 1:
        told = " and ".join(f"'{part}' ({mode})" for mode, part in modes.items())
        raise DataError(
            f"{told} see different parts of an image and cannot be combined.",
            "Combine encoders of one resize mode.",
        )
