"""Are summed rows the cosine of explicitly concatenated features? Over all pairs of classical encoders, on warps.

    python benchmarks/rows.py [PAIRS]

Prints, for the data set's first PAIRS image pairs (default: all): the largest difference of a similarity, the
keypoints that the two ways find at different tokens, the ties (a second token within 1e-6 of the best, where float32
cannot tell), and the largest difference of C.
"""

from __future__ import annotations

import itertools
import sys
import time

import torch

from visionlaw.correspondence.matching import TIE, match
from visionlaw.correspondence.pck import pck, read_pairs, scorable
from visionlaw.correspondence.rows import Rows, combine, describe, rows
from visionlaw.correspondence.streaming import images_of
from visionlaw.features.combine import ConcatCombiner, common_grid
from visionlaw.features.encoders import encoder_ref
from visionlaw.features.extract import extract
from visionlaw.features.sampling import unit
from visionlaw.registry import Registry

ALPHA = 0.10


def main() -> None:
    torch.set_num_threads(1)
    registry, combiner = Registry.discover(), ConcatCombiner()
    pairs = scorable(read_pairs(registry.load("dataset", "warps")))[: int(sys.argv[1]) if len(sys.argv) > 1 else None]
    ids = [e.spec.id for e in registry.entries("encoder") if e.plugin == "classical"]
    features = {name: dict(extract(encoder_ref(registry, name), images_of(pairs))) for name in ids}
    combinations = list(itertools.combinations(ids, 2))

    largest = worst = moved = ties = keypoints = 0.0
    seconds = {"summed": 0.0, "concatenated": 0.0}
    for names in combinations:
        by_sum, by_concatenation = [], []
        for pair in pairs:
            sources = [features[name][pair.source.key] for name in names]
            targets = [features[name][pair.target.key] for name in names]
            grid = common_grid([target.grid for target in targets])
            parts = [rows(s, t, pair.source_points, grid) for s, t in zip(sources, targets, strict=True)]
            start = time.perf_counter()
            summed = combine(parts, combiner)
            between = time.perf_counter()
            target = combiner.combine(targets)
            descriptors = unit(torch.cat([describe(source, pair.source_points) for source in sources], dim=1))
            explicit = Rows(descriptors @ unit(target.tokens).T, target.geometry)
            seconds["summed"] += between - start
            seconds["concatenated"] += time.perf_counter() - between
            largest = max(largest, float((summed.similarity - explicit.similarity).abs().max()))
            by_sum.append(match(pair, summed))
            by_concatenation.append(match(pair, explicit))
            moved += int((by_sum[-1].found != by_concatenation[-1].found).any(axis=1).sum())
            best = summed.similarity.topk(2).values
            ties += int((best[:, 0] - best[:, 1] < TIE).sum())
            keypoints += len(pair.source_points)
        worst = max(worst, abs(pck(by_sum, ALPHA).value - pck(by_concatenation, ALPHA).value))

    print(f"{len(combinations)} combinations of {len(ids)} encoders, {len(pairs)} pairs, {keypoints:.0f} keypoints")
    print(f"largest difference of a similarity   {largest:.1e}")
    print(f"keypoints found elsewhere            {moved:.0f}")
    print(f"ties (within {TIE:.0e})                 {ties:.0f}")
    print(f"largest difference of C              {worst:.4f} points of %")
    print(f"seconds, summed | concatenated       {seconds['summed']:.2f} | {seconds['concatenated']:.2f}")


if __name__ == "__main__":
    main()
