"""Are summed rows the cosine of explicitly concatenated features? Over all pairs of classical encoders, on warps.

    python benchmarks/rows.py [PAIRS]

Prints, for the data set's first PAIRS image pairs (default: all): the keypoints that the engine, which sums the parts'
rows, and the concatenation of the features find at different places, the ties (a second token within 1e-6 of the best,
where float32 cannot tell), the largest difference of a similarity and of C, and the seconds of both.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from visionlaw.correspondence.definitions import Strict
from visionlaw.correspondence.matchers import TIE, Argmax
from visionlaw.correspondence.matching import match_all
from visionlaw.correspondence.pairs import PairTable, read_pairs
from visionlaw.correspondence.streaming import images_of
from visionlaw.features.cache import FeatureCache
from visionlaw.features.combine import ConcatCombiner
from visionlaw.features.encoders import encoder_ref
from visionlaw.features.extract import extract
from visionlaw.features.sampling import unit
from visionlaw.protocols import ScoringJob
from visionlaw.registry import Registry

ALPHA = 0.10


def main() -> None:
    torch.set_num_threads(1)
    registry, combiner, definition = Registry.discover(), ConcatCombiner(), Strict(Argmax())
    pairs = read_pairs(registry.load("dataset", "warps")).pairs
    table = PairTable(pairs[: int(sys.argv[1]) if len(sys.argv) > 1 else None])
    encoders = [encoder_ref(registry, e.spec.id) for e in registry.entries("encoder") if e.plugin == "classical"]
    combinations = list(itertools.combinations(encoders, 2))
    with tempfile.TemporaryDirectory() as folder:
        cache = FeatureCache(Path(folder))
        maps = {encoder.id: dict(extract(encoder, images_of(table.pairs), cache)) for encoder in encoders}
        start = time.perf_counter()
        job = ScoringJob(combinations, None, combiner, cache)
        summed = {tuple(e.id for e in parts): found for parts, found in match_all(job, table, definition)}
        seconds = time.perf_counter() - start

    largest = worst = moved = gap = ties = concatenating = 0.0
    for names, matches in summed.items():
        explicit: list[np.ndarray] = []
        for number, pair in enumerate(table.pairs):
            start = time.perf_counter()
            sources, targets = ([maps[name][image.key] for name in names] for image in (pair.source, pair.target))
            target = combiner.combine(targets)
            parts = [unit(definition.describe(source, pair.source_points, target.grid)) for source in sources]
            similarity = unit(torch.cat(parts, dim=1)) @ unit(target.tokens).T
            explicit.append(target.geometry.to_pixels(Argmax().locate(similarity, target.grid).numpy()))
            concatenating += time.perf_counter() - start
            ours, theirs = matches.found[table.rows_of(number)], explicit[-1]
            for keypoint in np.flatnonzero(np.abs(ours - theirs).max(axis=1) > 1e-3):
                centres = target.geometry.cell_centres()
                chosen = np.linalg.norm(centres - ours[keypoint], axis=1).argmin()
                moved += 1
                gap = max(gap, float(similarity[keypoint].max() - similarity[keypoint, chosen]))
            best = similarity.topk(2).values
            ties += int((best[:, 0] - best[:, 1] < TIE).sum())
            rows = [unit(part) @ unit(one.tokens).T for part, one in zip(parts, targets, strict=True)]
            if len({one.grid for one in targets}) == 1:
                largest = max(largest, float((combiner.combine_rows(rows) - similarity).abs().max()))
        found = np.concatenate(explicit)
        errors = np.linalg.norm(found - table.truth.points, axis=1) / table.truth.size
        shares = [(part < ALPHA).mean() for part in np.split(errors, table.starts[1:-1])]
        worst = max(worst, 100 * abs(float(np.mean(shares)) - float(matches.shares(ALPHA).mean())))

    count = len(combinations) * table.keypoints
    print(f"{len(combinations)} combinations of {len(encoders)} encoders, {len(table)} pairs, {count} keypoints")
    print(f"largest difference of a similarity   {largest:.1e}")
    print(f"keypoints found elsewhere            {moved:.0f}, at most {gap:.1e} below the best similarity")
    print(f"ties (within {TIE:.0e})                 {ties:.0f}")
    print(f"largest difference of C              {worst:.4f} points of %")
    print(f"seconds, engine | concatenated       {seconds:.2f} | {concatenating:.2f}")


if __name__ == "__main__":
    main()
