"""How fast is C? Rows only against the whole similarity matrix, and all combinations against their parts.

    python benchmarks/correspondence.py

1. The ``reference`` protocol both ways, on tokens in memory: as the engine does it, rows of keypoints only, and as the
   authors' code formulates it, the whole [h·w, h·w] matrix of each pair with a soft-argmax of all its rows. Both must
   find the same positions. 8 keypoints a pair, and 6.8 pairs per target image, as SPair-71k's test split has.
2. All 1,023 combinations of 10 encoders over 2,000 pairs against the 10 single encoders, in processes of their own,
   from cached features, with all averages, intervals and breakdowns; peak memory of each.
3. Which share of the machine's matrix product the rows reach.
"""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from visionlaw.correspondence.definitions import Reference
from visionlaw.correspondence.pairs import PairTable
from visionlaw.correspondence.rows import RowSet
from visionlaw.correspondence.score import CorrespondenceScorer
from visionlaw.correspondence.streaming import fill_rows, images_of
from visionlaw.features.cache import FeatureCache
from visionlaw.features.combine import ConcatCombiner
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.protocols import EncoderRef, ImageRef, Pair, ScoringJob
from visionlaw.specs import EncoderSpec

CHANNELS, KEYPOINTS, SHARED = 1024, 8, 6.8
SIZE = (500, 375)
ROUNDS = 5
ENCODERS, PAIRS = 10, 2000


def encoder(number: int, side: int) -> EncoderRef:
    def load() -> object:
        raise AssertionError("all features are cached")

    spec = EncoderSpec(
        id=f"random/{number}@{16 * side}", target="none:none", resolution=16 * side, patch=16, channels=CHANNELS
    )
    return EncoderRef(spec.id, spec, load=load)  # type: ignore[arg-type]


def features(seed: int, side: int) -> FeatureMap:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(side * side, CHANNELS, generator=generator)
    edge = 16 * side
    return FeatureMap(tokens, Geometry.of_resize(SIZE, (edge, edge), (0, 0), 16, 16, (side, side)))


class Data:
    """Random keypoints on images that are never loaded."""

    version = "1"

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(0)
        images = [ImageRef(f"image-{i}", lambda: Image.new("RGB", SIZE)) for i in range(max(2, round(count / SHARED)))]
        self.pairs = []
        for number in range(count):
            source, target = rng.choice(len(images), 2, replace=False)
            points = rng.uniform(0, np.array(SIZE) - 1, (2, KEYPOINTS, 2))
            attributes = {"viewpoint_variation": int(rng.integers(3)), "scale_variation": int(rng.integers(3))}
            category = f"category-{number % 18}"
            pair = Pair(f"{number}", images[source], images[target], *points, 200.0, category, attributes)
            self.pairs.append(pair)

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.pairs)


class Memory:
    """A feature store that holds everything."""

    def __init__(self, maps: Mapping[str, FeatureMap]) -> None:
        self.maps = maps

    def get(self, encoder: EncoderRef, image: str) -> FeatureMap:
        return self.maps[image]

    def put(self, encoder: EncoderRef, features: Mapping[str, FeatureMap]) -> None:
        raise AssertionError

    def claim(self, encoder: EncoderRef, images: Sequence[str]) -> frozenset[str]:
        raise AssertionError

    def release(self, encoder: EncoderRef, images: Sequence[str]) -> None:
        raise AssertionError


def by_rows(table: PairTable, side: int, store: Memory) -> np.ndarray:
    definition, one, grid = Reference(), encoder(0, side), (side, side)
    rows = RowSet.empty(len(table), table.keypoints, grid)
    fill_rows([one], table, definition, {(one.id, grid): rows}, store)
    return definition.matcher.locate(rows.similarity, grid).numpy()


def by_matrix(table: PairTable, side: int, maps: Mapping[str, FeatureMap]) -> np.ndarray:
    """PROTOCOLS §3, steps 3 to 5, over the whole matrix; source cells by the engine's own arithmetic."""
    from visionlaw.correspondence.reference import source_cells, to_frame

    found = []
    line = torch.arange(side, dtype=torch.float32)
    ys, xs = (axis.flatten() for axis in torch.meshgrid(line, line, indexing="ij"))
    for pair in table.pairs:
        source, target = (
            tokens / (tokens.norm(dim=1, keepdim=True) + 1e-10)
            for tokens in (maps[pair.source.key].tokens, maps[pair.target.key].tokens)
        )
        similarity = source @ target.T
        best = similarity.argmax(dim=1)
        near = ((xs - xs[best, None]).abs() <= 5) & ((ys - ys[best, None]).abs() <= 5)
        weights = torch.softmax(similarity * near / 0.02, dim=1)
        flow = torch.stack([weights @ xs, weights @ ys], dim=1)
        found.append(flow[torch.from_numpy(source_cells(to_frame(pair.source_points, SIZE), side))])
    return torch.cat(found).clamp(0, side - 1).numpy()


def rows_against_matrix() -> None:
    print(f"\nrows only against the whole matrix, C = {CHANNELS}, soft-argmax on both sides, median of {ROUNDS} rounds")
    for side, count, few in ((16, 1360, 136), (60, 136, 3)):
        data = Data(count)
        table = PairTable(data.pairs)
        part = PairTable(data.pairs[:few])
        maps = {image.key: features(i, side) for i, image in enumerate(images_of(table.pairs))}
        store = Memory(maps)
        ours, theirs = by_rows(table, side, store), by_matrix(part, side, maps)
        moved = np.abs(ours[: len(theirs)] - theirs).max()
        ratios, seconds = [], []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            by_rows(table, side, store)
            between = time.perf_counter()
            by_matrix(part, side, maps)
            times = [(between - start) / count, (time.perf_counter() - between) / few]
            ratios.append(times[1] / times[0])
            seconds.append(times)
        rows, matrix = np.median(seconds, axis=0) * 1000
        bound = 15 if side == 16 else 200
        print(
            f"  {side}×{side}: {rows:8.3f} against {matrix:8.2f} ms per pair: {np.median(ratios):4.0f} times "
            f"({min(ratios):.0f}–{max(ratios):.0f}), at least {bound}; positions differ by at most {moved:.1e} tokens"
        )


def peak_share() -> None:
    side, data = 60, Data(136)
    table = PairTable(data.pairs)
    store = Memory({image.key: features(i, side) for i, image in enumerate(images_of(table.pairs))})
    a, b = torch.randn(2, 2048, 2048)
    shares, product, fill = [], [], []
    one, grid, definition = encoder(0, side), (side, side), Reference()
    for _ in range(ROUNDS):
        start = time.perf_counter()
        a @ b
        peak = 2 * 2048**3 / (time.perf_counter() - start)
        rows = RowSet.empty(len(table), table.keypoints, grid)
        rows.similarity.zero_()
        start = time.perf_counter()
        fill_rows([one], table, definition, {(one.id, grid): rows}, store)
        reached = 2 * table.keypoints * CHANNELS * side * side / (time.perf_counter() - start)
        shares.append(reached / peak)
        product.append(peak)
        fill.append(reached)
    print(
        f"\nmatrix product of 2048×2048: {np.median(product) / 1e9:.0f} GFLOP/s; rows of 60×60 tokens with all that is "
        f"around them: {np.median(fill) / 1e9:.0f} GFLOP/s, {100 * np.median(shares):.0f}% of it"
    )


def scores(folder: Path, combinations: bool) -> None:
    """Score in this process and print the seconds, the peak memory, and C of the first and the last representation."""
    data = Data(PAIRS)
    refs = [encoder(number, 16) for number in range(ENCODERS)]
    sizes = range(1, ENCODERS + 1) if combinations else (1,)
    chosen = [parts for size in sizes for parts in itertools.combinations(refs, size)]
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        job = ScoringJob(chosen, data, ConcatCombiner(), FeatureCache(folder / "features", None), Path(scratch))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        values = {score.representation: score.value for score in CorrespondenceScorer().score(job)}
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = {"count": len(values), "seconds": seconds, "peak_mb": peak / 1024, "before_mb": before / 1024}
    print(json.dumps(told | {"values": values}))


def combinations_against_singles() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cache = FeatureCache(folder / "features", None)
        images = images_of(Data(PAIRS).pairs)
        for number in range(ENCODERS):
            for start in range(0, len(images), 32):
                batch = images[start : start + 32]
                made = {image.key: features(1000 * number + start + i, 16) for i, image in enumerate(batch)}
                cache.put(encoder(number, 16), made)
        found: dict[str, list[dict]] = {"singles": [], "all": []}
        for what in ("singles", "all") * 3:
            command = [sys.executable, __file__, what, name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[what].append(json.loads(done.stdout))
    singles, everything = found["singles"], found["all"]
    ratios = [a["seconds"] / s["seconds"] for a, s in zip(everything, singles, strict=True)]
    same = all(everything[0]["values"][name] == value for name, value in singles[0]["values"].items())
    print(f"\n{PAIRS} pairs, {len(images)} images, {PAIRS * KEYPOINTS} keypoints, 16×16×{CHANNELS}, features cached")
    for runs in found.values():
        seconds = np.median([run["seconds"] for run in runs])
        memory = max(run["peak_mb"] for run in runs)
        print(f"  {runs[0]['count']:5} representations: {seconds:6.1f} s, peak memory {memory:,.0f} MiB")
    spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
    print(f"  all combinations cost {np.median(ratios):.2f} times the singles ({spread}), at most 3")
    print(f"  C of the singles is the same: {'yes' if same else 'NO'}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        scores(Path(sys.argv[2]), sys.argv[1] == "all")
    else:
        rows_against_matrix()
        peak_share()
        combinations_against_singles()
