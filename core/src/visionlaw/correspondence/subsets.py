"""All combinations at the price of their parts: walking through subsets of encoders, each one sum from the last.

Combinations are paths in a tree: ``a``, ``a + b``, ``a + b + c``, ``a + c``, … In this order each needs one addition to
the sum of the path it extends. The walk is done for one block of keypoints after the other, small enough for the sums
to stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from visionlaw.correspondence.matchers import Matcher
from visionlaw.correspondence.rows import Grid
from visionlaw.errors import PluginError
from visionlaw.features.combine import ConcatCombiner
from visionlaw.guard import third_party
from visionlaw.protocols import Combiner

BLOCK = 2**17
"""Similarities in a block."""

Path = tuple[int, ...]


def locate_all(
    paths: Sequence[Path],
    parts: Sequence[torch.Tensor],
    grid: Grid,
    matcher: Matcher,
    combiner: Combiner,
    device: str = "cpu",
) -> torch.Tensor:
    """Find every keypoint with every combination.

    Args:
        paths: R combinations: indices into ``parts``, in the order in which their rows are added.
        parts: ``[K, h·w]`` rows of each encoder.
        grid: (h, w).
        matcher: Finds the position that a row stands for.
        combiner: How parts are combined.
        device: Where.

    Returns:
        ``[R, K, 2]`` float32 positions (x, y) on the grid.

    Raises:
        PluginError: The combiner fails, or returns something of another shape.
    """
    count, width = parts[0].shape
    found = torch.empty(len(paths), count, 2)
    order = sorted(range(len(paths)), key=paths.__getitem__)
    walk = _sums if _takes_the_mean(combiner) else _combinations
    step = max(1, BLOCK // width)
    with torch.inference_mode():
        for start in range(0, count, step):
            block = [part[start : start + step].to(device) for part in parts]
            for index, rows in zip(order, walk([paths[i] for i in order], block, combiner), strict=True):
                found[index, start : start + step] = matcher.locate(rows, grid)
    return found


def _takes_the_mean(combiner: Combiner) -> bool:
    """Tell whether a combination's rows are the mean of its parts' rows, so that sums can be shared."""
    return getattr(combiner.combine_rows, "__func__", None) is ConcatCombiner.combine_rows


def _sums(paths: Sequence[Path], block: Sequence[torch.Tensor], combiner: Combiner) -> Iterator[torch.Tensor]:
    """Yield the mean of each path's parts, in the order of the paths; the tensor is used again for the next one."""
    depth = max(map(len, paths))
    sums = [torch.empty_like(block[0]) for _ in range(depth - 1)]
    mean = torch.empty_like(block[0])
    last: Path = ()
    for path in paths:
        shared = next(
            (i for i, (a, b) in enumerate(zip(path, last, strict=False)) if a != b), min(len(path), len(last))
        )
        for at in range(max(1, shared), len(path)):
            before = block[path[0]] if at == 1 else sums[at - 2]
            torch.add(before, block[path[at]], out=sums[at - 1])
        last = path
        yield block[path[0]] if len(path) == 1 else torch.div(sums[len(path) - 2], len(path), out=mean)


def _combinations(paths: Sequence[Path], block: Sequence[torch.Tensor], combiner: Combiner) -> Iterator[torch.Tensor]:
    """Yield what a third party's combiner makes of each path's parts."""
    name, wanted = type(combiner).__name__, block[0].shape
    for path in paths:
        if len(path) == 1:
            yield block[path[0]]
            continue
        with third_party(f"The combiner {name}"):
            rows = combiner.combine_rows([block[part] for part in path])
            if rows.shape != wanted:
                raise PluginError(
                    f"The combiner {name} made rows of shape {list(rows.shape)}, not {list(wanted)}.",
                    "Report it to the author of its plugin.",
                )
        yield rows
