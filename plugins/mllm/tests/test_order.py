from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from visionlaw_mllm import order
from visionlaw_mllm.order import WINDOW_BYTES, Block, draw_order

BLOCKS = st.lists(st.builds(Block, st.integers(0, 30), st.integers(0, WINDOW_BYTES)), max_size=8)


@given(BLOCKS, st.none() | st.integers(0, 2**32), st.integers(0, 5))
def test_every_row_comes_once(blocks: list[Block], seed: int | None, epoch: int) -> None:
    rows = sum(block.rows for block in blocks)
    found = list(draw_order(blocks, seed, epoch))

    assert sorted(found) == list(range(rows))
    assert seed is not None or found == list(range(rows))


@given(BLOCKS, st.none() | st.integers(0, 2**32), st.integers(0, 300))
def test_going_on_from_a_position_gives_what_was_left(blocks: list[Block], seed: int | None, start: int) -> None:
    assert list(draw_order(blocks, seed, 1, start)) == list(draw_order(blocks, seed, 1))[start:]


def test_going_on_behind_the_first_window() -> None:
    blocks = [Block(3, WINDOW_BYTES)] * 4
    assert list(draw_order(blocks, 0, start=8)) == list(draw_order(blocks, 0))[8:]


def test_seed_and_epoch_make_orders_of_their_own() -> None:
    orders = [tuple(draw_order([Block(100)], seed, epoch)) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9


def test_single_rows_are_permuted_uniformly() -> None:
    """Over 2,000 seeds each of 5 rows comes first about 400 times: ±5 standard deviations."""
    firsts = [next(draw_order([Block(5)], seed)) for seed in range(2000)]
    assert all(310 < firsts.count(row) < 490 for row in range(5))


@given(st.lists(st.builds(Block, st.integers(1, 9), st.integers(0, 100)), min_size=1, max_size=12), st.integers(0, 99))
def test_no_more_blocks_than_fit_are_read_at_a_time(blocks: list[Block], seed: int) -> None:
    """Once a window is through, none of its blocks is needed again; what is needed together fits, or is one block."""
    block_of = [number for number, block in enumerate(blocks) for _ in range(block.rows)]
    left = [block.rows for block in blocks]
    begun = set[int]()
    before, order.WINDOW_BYTES = order.WINDOW_BYTES, 150
    try:
        for row in draw_order(blocks, seed):
            begun.add(block_of[row])
            left[block_of[row]] -= 1
            needed = [b for b in begun if left[b] or b == block_of[row]]
            assert len(needed) == 1 or sum(blocks[b].bytes for b in needed) <= 150
    finally:
        order.WINDOW_BYTES = before


def test_rows_of_different_blocks_mix() -> None:
    found = list(draw_order([Block(10, 1), Block(10, 1)], 0))
    assert len({row // 10 for row in found[:10]}) == 2
