"""Checks of an encoder's tokens: how many, in which order, of which length, and that they are its image's alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from visionlaw.features.runtime import Runtime, place
from visionlaw.protocols import Encoder, ModuleEncoder
from visionlaw.testing.checks import check, fail, skip
from visionlaw.testing.encoder_bench import Bench, bench_of, difference, tokens_of
from visionlaw.testing.subjects import Subject

MOST_SPECIAL = 64
"""More tokens than the grid has by at most so many are taken for special ones."""
TOLERANCE = 1e-4
"""Of tokens that should be the same but were computed in another order, as a share of their length."""
MOST_CELLS = 2.0
LARGEST_DRIFT = 0.5
"""Of the places where changes are seen, on average, in cells."""
HALF = (torch.float16, torch.bfloat16)
Cell = tuple[int, int]
Floats = NDArray[np.floating]


@check("loads", "encoder", needs=("tiny", "options", "safe-files"))
def loads(subject: Subject) -> None:
    """The target makes an encoder of tiny weights."""
    if not isinstance(subject.instance, Encoder):
        fail(
            f"The target of '{subject.name}' returned {type(subject.instance).__name__}.",
            "Return an object with preprocess(image) and encode(batch).",
        )


@check("batch-shape", "encoder", needs=("input",))
def batch_shape(subject: Subject) -> None:
    """A batch of B images becomes a tensor ``[B, n, C]``."""
    bench = bench_of(subject)
    tokens = bench.encoder.encode(bench.inputs.clone())
    shape = tuple(tokens.shape) if isinstance(tokens, torch.Tensor) else None  # pyright: ignore[reportUnnecessaryIsInstance]
    if shape is None or len(shape) != 3 or shape[0] != len(bench.images):
        fail(
            f"'{subject.name}' made {shape or type(tokens).__name__} of {len(bench.images)} images.",
            "Return one tensor [B, h·w, C].",
        )


@check("special-tokens", "encoder", needs=("batch-shape",))
def special_tokens(subject: Subject) -> None:
    """Class, register and other special tokens are left out."""
    bench = bench_of(subject)
    surplus = bench.tokens.shape[1] - math.prod(bench.spec.grid)
    if 0 < surplus <= MOST_SPECIAL and math.isqrt(bench.tokens.shape[1]) ** 2 != bench.tokens.shape[1]:
        fail(f"'{subject.name}' returns {surplus} more than the grid's tokens.", "Leave the special tokens out.")


@check("grid", "encoder", needs=("special-tokens",))
def grid(subject: Subject) -> None:
    """There are as many tokens as the declared grid has cells."""
    bench = bench_of(subject)
    h, w = bench.spec.grid
    if bench.tokens.shape[1] != h * w:
        fail(
            f"'{subject.name}' returns {bench.tokens.shape[1]} tokens, but declares a grid of {h}×{w}.",
            "Correct resolution, patch or stride of the spec.",
        )


@check("channels", "encoder", needs=("batch-shape",))
def channels(subject: Subject) -> None:
    """A token is as long as the spec says."""
    bench = bench_of(subject)
    if bench.tokens.shape[2] != bench.spec.channels:
        fail(
            f"'{subject.name}' returns tokens of {bench.tokens.shape[2]} channels, but declares {bench.spec.channels}.",
            "Correct channels of the spec, or what the tiny factory says of them.",
        )


@check("dtype", "encoder", needs=("batch-shape",))
def dtype(subject: Subject) -> None:
    """Tokens are floating-point numbers."""
    bench = bench_of(subject)
    found = bench.encoder.encode(bench.inputs.clone()).dtype
    if not found.is_floating_point:
        fail(f"'{subject.name}' returns tokens of {found}.", "Return float32, or the precision of the weights.")


@check("finite", "encoder", needs=("batch-shape",))
def finite(subject: Subject) -> None:
    """Tokens hold no NaN and no infinity, also of images of one colour."""
    bench = bench_of(subject)
    plain = [Image.new("RGB", (64, 48), colour) for colour in ("black", "white", "grey")]
    if not (bench.tokens.isfinite().all() and bench.encode(bench.batch(plain)).isfinite().all()):
        fail(f"'{subject.name}' returns NaN or infinity.", "Look for a division by zero, or a root of it.")


@check("half-precision", "encoder", needs=("finite",))
def half_precision(subject: Subject) -> None:
    """Tokens stay finite when the module's weights are float16 and bfloat16."""
    bench = bench_of(subject)
    if bench.module is None:
        skip("It shows no module, so core leaves its precision alone.")
    raw = subject.load()
    assert isinstance(raw, ModuleEncoder)  # noqa: S101  the shared instance is one
    for precision in HALF:
        raw.module.to("cpu", precision).eval().requires_grad_(False)
        try:
            tokens = tokens_of(raw, bench.inputs.to(precision))
        except RuntimeError as error:
            if "not implemented for" in str(error):
                skip(f"This torch cannot compute it in {precision} on a CPU.")
            raise
        if not tokens.isfinite().all():
            fail(
                f"'{subject.name}' returns NaN or infinity in {precision}.",
                "Compute norms and softmax in float32, or scale before squaring.",
            )


@check("deterministic", "encoder", needs=("batch-shape",))
def deterministic(subject: Subject) -> None:
    """The same images give the same tokens: again, whatever torch's seed, and from a second instance."""
    bench = bench_of(subject)
    expected = bench.tokens
    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        torch.manual_seed(20)  # pyright: ignore[reportUnknownMemberType]
        again = bench.encode(bench.inputs)
        torch.manual_seed(21)  # pyright: ignore[reportUnknownMemberType]
        other = tokens_of(place(subject.load(), Runtime(device="cpu")), bench.inputs)
    if difference(again, expected) > TOLERANCE:
        fail(f"'{subject.name}' returns other tokens each time.", "Seed its noise with a generator of its own.")
    if difference(other, expected) > TOLERANCE:
        fail(f"A second instance of '{subject.name}' returns other tokens.", "Draw nothing when it is built.")


@check("batch-invariant", "encoder", needs=("deterministic",))
def batch_invariant(subject: Subject) -> None:
    """An image's tokens do not depend on the other images of the batch, nor on its place among them."""
    bench = bench_of(subject)
    alone = torch.cat([bench.encode(one[None]) for one in bench.inputs])
    turned = bench.encode(bench.inputs.flip(0)).flip(0)
    worst = max(difference(alone, bench.tokens), difference(turned, bench.tokens))
    if worst > TOLERANCE:
        fail(
            f"The tokens of '{subject.name}' differ by {worst:.1e} of their length between batches.",
            "Normalise each image by itself; keep batch norm in evaluation mode.",
        )


@check("reads-image", "encoder", needs=("deterministic",))
def reads_image(subject: Subject) -> None:
    """Other images give other tokens."""
    tokens = bench_of(subject).tokens
    if difference(tokens[0], tokens[1]) <= TOLERANCE:
        fail(f"'{subject.name}' returns the same tokens for different images.", "Encode the batch that is given.")


@check("grid-order", "encoder", needs=("grid", "batch-invariant", "reads-image"))
def grid_order(subject: Subject) -> None:
    """Tokens are in row-major order: what changes in one patch of the input changes the tokens around it most.

    The four corners and further cells are changed one by one. The strongest changes are at most two cells off, since
    receptive fields overlap, and on the whole they are off in no direction; where each cell changes one token alone,
    that is its own. This holds of the changes as they are, or of what is left of them without what changes in all
    tokens alike, as attention to everything makes it.
    """
    bench = bench_of(subject)
    h, w = bench.spec.grid
    if h * w == 1:
        skip("A single token has no order.")
    cells = list(product(sorted({0, h // 3, h - 1}), sorted({0, w // 2, w - 1})))
    changes = [_change(bench, bench.inputs[0], cell) for cell in cells]
    misplaced = _misplaced(changes, cells, (h, w))
    if misplaced is not None and _misplaced([c - np.median(c, axis=0) for c in changes], cells, (h, w)) is not None:
        (row, column), (seen_row, seen_column) = misplaced
        fail(
            f"In '{subject.name}', a change in row {row}, column {column} is seen at row {seen_row:.0f}, column "
            f"{seen_column:.0f}.",
            "Return the tokens row by row from the top left: [B, C, h, w] becomes flatten(2).transpose(1, 2).",
        )


def _change(bench: Bench, base: torch.Tensor, cell: Cell) -> Floats:
    """Return how tokens ``[n, C]`` change when the values of one patch of the input are turned round."""
    spec = bench.spec
    top, left = (index * (spec.stride or spec.patch) for index in cell)
    changed = base.clone()
    window = changed[:, top : top + spec.patch, left : left + spec.patch]
    window.copy_(base.amax() + base.amin() - window + torch.linspace(-0.5, 0.5, window.shape[-1]))
    before, after = bench.encode(torch.stack([base, changed])).numpy()
    return after - before


def _misplaced(changes: Sequence[Floats], cells: Sequence[Cell], grid: Cell) -> tuple[Cell, Floats] | None:
    """Return the cell whose change is seen farthest from it, and where (row, column); None where all is in place."""
    strongest = [_strongest(change, grid[1]) for change in changes]
    found = [places.mean(axis=0) for places in strongest]
    offsets = np.array(found) - np.array(cells)
    alone = all(len(places) == 1 for places in strongest)
    reach = 0.0 if alone else min(MOST_CELLS, max(grid) / 3)
    if np.abs(offsets).max() <= reach and np.abs(offsets.mean(axis=0)).max() <= LARGEST_DRIFT:
        return None
    worst = int(np.abs(offsets).max(axis=1).argmax())
    return cells[worst], found[worst]


def _strongest(change: Floats, width: int) -> Floats:
    """Return the places (row, column) ``[m, 2]`` of the tokens that change at least half as much as any."""
    length = np.linalg.norm(change, axis=-1)
    rows, columns = np.divmod(np.flatnonzero(length >= length.max() / 2), width)
    return np.stack([rows, columns], axis=1).astype(np.float64)
