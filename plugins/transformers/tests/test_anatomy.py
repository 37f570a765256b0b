from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from visionlaw_transformers.anatomy import find_blocks, first_patch

Arrange = Callable[[torch.Tensor], torch.Tensor]


class Net(nn.Module):
    """Patches of 8 pixels in some arrangement, and two blocks that mix all tokens."""

    def __init__(self, arrange: Arrange) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Conv2d(3, 6, 8, 8)
        self.heads = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(6, 2, 12, batch_first=True) for _ in range(2))
        self.arrange = arrange

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.arrange(self.embed(images))
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens


def rows(features: torch.Tensor) -> torch.Tensor:
    return features.flatten(2).transpose(1, 2)


def special(count: int, like: torch.Tensor) -> torch.Tensor:
    return torch.ones(len(like), count, 6)


def start_of(arrange: Arrange) -> int | None:
    net = Net(arrange).eval()
    return first_patch(find_blocks(net, 2), net, 32, (4, 4))


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 0), (5, 0), (0, 3), (2, 7)])
def test_patches_are_found_wherever_special_tokens_stand(before: int, after: int) -> None:
    assert start_of(lambda f: torch.cat([special(before, f), rows(f), special(after, f)], dim=1)) == before


@pytest.mark.parametrize(
    "arrange",
    [
        lambda f: rows(f.transpose(2, 3)),
        lambda f: torch.cat([rows(f.transpose(2, 3)), special(12, f)], dim=1),
        lambda f: rows(f.flip(2)),
        lambda f: rows(f)[:, :10],
        lambda f: rows(nn.functional.avg_pool2d(f, 2)),
        lambda f: rows(nn.functional.avg_pool2d(f, 3, 1, 1)),
        lambda f: rows(f).cumsum(dim=1),
        lambda f: torch.zeros_like(rows(f)),
    ],
    ids=[
        "columns first",
        "columns first, special last",
        "upside down",
        "incomplete",
        "coarser",
        "smeared",
        "mixed",
        "blind",
    ],
)
def test_what_is_no_grid_of_patches_is_not_taken_for_one(arrange: Arrange) -> None:
    assert start_of(arrange) is None


def test_blocks_are_found_by_their_number() -> None:
    net = Net(rows)
    assert find_blocks(net, 2) == list(net.layers)
    assert find_blocks(net, 5) == []
