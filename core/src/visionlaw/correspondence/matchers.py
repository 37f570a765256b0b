"""Matchers: where on the target's grid a row of similarities finds its keypoint.

A matcher sees nothing but rows, so it serves any representation, and the keypoints of many pairs at once. It answers in
grid positions, which only the target's geometry turns into pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from visionlaw.errors import DataError, did_you_mean

TIE = 1e-6
"""Similarities within this of the best are ties, which is what float32 can tell apart; the lowest index wins."""

Grid = tuple[int, int]


class Matcher(Protocol):
    """Finds keypoints on a grid."""

    @property
    def name(self) -> str:
        """What it goes by in options and in the provenance of a score."""
        ...

    @property
    def zoom(self) -> int:
        """Rows are wanted on a grid this many times finer than the representation's own."""
        ...

    def locate(self, similarity: torch.Tensor, grid: Grid) -> torch.Tensor:
        """Return the grid positions where keypoints are found.

        Args:
            similarity: ``[K, h·w]`` float32, a row per keypoint, tokens row-major; on any device.
            grid: (h, w).

        Returns:
            ``[K, 2]`` float64 (x, y), 0 to (w - 1, h - 1), on the same device.
        """
        ...


@dataclass(frozen=True)
class Argmax:
    """The best token; among ties the one of the lowest index.

    The outcome then does not depend on the order in which a machine adds.
    """

    name: str = "argmax"
    zoom: int = 1

    def locate(self, similarity: torch.Tensor, grid: Grid) -> torch.Tensor:
        """Return the position of the best token; see :meth:`Matcher.locate`."""
        return positions(best(similarity), grid)


@dataclass(frozen=True)
class SoftArgmax:
    """The mean position of the tokens around the best one, weighted by a softmax of their similarities.

    Args:
        window: How many tokens around the best one count in each direction; the others have no weight.
        temperature: What similarities are divided by; towards 0 the best token alone counts.

    Raises:
        DataError: ``window`` is negative or ``temperature`` not positive.
    """

    window: int = 5
    temperature: float = 0.02
    name: str = "softargmax"
    zoom: int = 1

    def __post_init__(self) -> None:
        if self.window < 0 or not self.temperature > 0:
            raise DataError(
                f"A window of {self.window} tokens at temperature {self.temperature} has no mean position.",
                "Give a window of 0 or more tokens and a temperature above 0.",
            )

    def locate(self, similarity: torch.Tensor, grid: Grid) -> torch.Tensor:
        """Return the mean position around the best token; see :meth:`Matcher.locate`."""
        near = neighbourhood(similarity, best(similarity), grid, self.window)
        top = near.similarity.amax(dim=1, keepdim=True)
        total, sums = near.moments(((near.similarity - top) / self.temperature).exp_())
        return sums / total


@dataclass(frozen=True)
class Upsampled:
    """The best token of a grid four times finer, to which the target's raw tokens are resized bilinearly.

    Source: Tang et al., "Emergent Correspondence from Image Diffusion" (DIFT), NeurIPS 2023, which resizes to the
    image's own size.
    """

    name: str = "upsampled"
    zoom: int = 4

    def locate(self, similarity: torch.Tensor, grid: Grid) -> torch.Tensor:
        """Return the position of the best token of the finer grid; see :meth:`Matcher.locate`."""
        return positions(best(similarity), grid)


MATCHERS: dict[str, Callable[[], Matcher]] = {"argmax": Argmax, "softargmax": SoftArgmax, "upsampled": Upsampled}


def matcher(name: str) -> Matcher:
    """Return the matcher of a name.

    Raises:
        DataError: There is none.
    """
    if name not in MATCHERS:
        known = did_you_mean(name, MATCHERS) or f"There are: {', '.join(MATCHERS)}."
        raise DataError(f"There is no matcher '{name}'.", known)
    return MATCHERS[name]()


def best(similarity: torch.Tensor) -> torch.Tensor:
    """Return the index of the best token of each row ``[K]``, the lowest of those within ``TIE`` of the maximum.

    On a CPU numpy finds it several times faster than torch; that there are ties at all is rare, and cheaper to rule out
    than to resolve.
    """
    if similarity.device.type != "cpu":
        near = similarity >= similarity.amax(dim=1, keepdim=True) - TIE
        return near.view(torch.uint8).argmax(dim=1)
    rows, index = similarity.numpy(), highest(similarity).numpy()
    near = rows >= np.take_along_axis(rows, index[:, None], axis=1) - np.float32(TIE)
    return torch.as_tensor(index if np.count_nonzero(near) == len(rows) else near.argmax(axis=1))


def highest(similarity: torch.Tensor) -> torch.Tensor:
    """Return the index of the maximum of each row ``[K]``, the first of equal ones."""
    if similarity.device.type != "cpu":
        return similarity.argmax(dim=1)
    return torch.as_tensor(similarity.numpy().argmax(axis=1))


def positions(index: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Return the grid positions ``[K, 2]`` (x, y) float64 of tokens ``[K]``."""
    return torch.stack((index % grid[1], index // grid[1]), dim=1).double()


@dataclass(frozen=True)
class Neighbourhood:
    """The tokens around one of each row, n in all, row-major.

    Attributes:
        similarity: ``[K, n]``; -inf where the grid has no such token.
        inside: ``[K, n]``: whether it has.
        centre: ``[K, 2]`` float64 grid positions (x, y) of the tokens in the middle.
        steps: ``[n, 2]`` float64, from the token in the middle (x, y).
    """

    similarity: torch.Tensor
    inside: torch.Tensor
    centre: torch.Tensor
    steps: torch.Tensor

    def moments(self, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the sum ``[K, 1]`` of weights ``[K, n]``, and ``[K, 2]`` of the positions times them, in float64."""
        ones = torch.ones_like(self.steps[:, :1])
        sums = weights.double() @ torch.cat((ones, self.steps), dim=1)
        total = sums[:, :1]
        return total, self.centre * total + sums[:, 1:]


def neighbourhood(similarity: torch.Tensor, index: torch.Tensor, grid: Grid, window: int) -> Neighbourhood:
    """Cut the tokens within ``window`` of tokens ``[K]`` in each direction out of rows ``[K, h·w]``."""
    h, w = grid
    line = torch.arange(-window, window + 1, device=similarity.device)
    down, across = (step.flatten() for step in torch.meshgrid(line, line, indexing="ij"))
    xs, ys = (index % w)[:, None] + line, (index // w)[:, None] + line
    inside = (((ys >= 0) & (ys < h))[:, :, None] & ((xs >= 0) & (xs < w))[:, None, :]).flatten(1)
    tokens = (index[:, None] + (down * w + across)).clamp_(0, h * w - 1)
    cut = similarity.gather(1, tokens).masked_fill_(~inside, -torch.inf)
    return Neighbourhood(cut, inside, positions(index, grid), torch.stack((across, down), dim=1).double())
