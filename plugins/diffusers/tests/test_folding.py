from __future__ import annotations

import torch

from visionlaw_diffusers.folding import fold, transpose


def test_a_folded_token_is_its_neighbourhood_column_by_column() -> None:
    places = torch.stack(torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij"), dim=-1).reshape(1, 16, 2)
    folded = fold(places, 4)

    assert folded.shape == (1, 4, 8)
    assert folded[0, 1].reshape(4, 2).tolist() == [[0, 2], [1, 2], [0, 3], [1, 3]]
    assert folded[0, 2].reshape(4, 2).tolist() == [[2, 0], [3, 0], [2, 1], [3, 1]]


def test_folding_is_what_two_unfolds_of_the_grid_give() -> None:
    """The order of the publications: columns are unfolded first, then rows, positions before channels."""
    grid = torch.randn(2, 5, 6, 6, generator=torch.Generator().manual_seed(0))
    windows = grid.unfold(3, 2, 2).unfold(2, 2, 2)
    expected = windows.permute(0, 2, 3, 4, 5, 1).reshape(2, 9, 20)

    assert torch.equal(fold(grid.flatten(2).mT, 6), expected)


def test_transposing_swaps_rows_and_columns() -> None:
    tokens = torch.arange(9).reshape(1, 9, 1)
    assert transpose(tokens, 3)[0, :, 0].tolist() == [0, 3, 6, 1, 4, 7, 2, 5, 8]
