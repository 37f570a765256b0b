"""Batches: projected visual tokens spliced into embedded text, padded to one length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from visionlaw.errors import DataError
from visionlaw_mllm.prompts import IGNORE, IMAGE, Example

Side = Literal["left", "right"]


@dataclass(frozen=True)
class Batch:
    """B sequences of T places, as a causal language model of transformers takes them.

    Attributes:
        inputs_embeds: ``[B, T, d]``; zero where there is padding.
        attention_mask: ``[B, T]`` int64, 1 at tokens, visual ones included, 0 at padding.
        labels: ``[B, T]`` int64; ``IGNORE`` at visual tokens, padding, and whatever is not learnt.
        position_ids: ``[B, T]`` int64, 0, 1, 2… over the tokens of each sequence; 0 at padding.
    """

    inputs_embeds: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor
    position_ids: torch.Tensor


def assemble(
    examples: Sequence[Example],
    visual: Sequence[torch.Tensor | None],
    embedding: torch.nn.Module,
    side: Side = "right",
) -> Batch:
    """Put the visual tokens of each example where its image is, and pad.

    Differentiable in ``visual``, and in the embedding's weights unless they are frozen. Text is embedded in one call,
    and everything is gathered in another.

    Args:
        examples: At least one; each has ``IMAGE`` where its visual tokens belong, or nowhere.
        visual: Of each example its projected tokens ``[t, d]``, t as it likes; None where it has no image. Converted to
            the dtype and device of the embedding's weights.
        embedding: The language model's, ids ``[n]`` to ``[n, d]``.
        side: Where padding goes: ``right`` to train, ``left`` to generate.

    Raises:
        DataError: Examples and visual tokens do not match: in their number, in who has an image, or in d.
    """
    counts = _visual_counts(examples, visual)
    ids = np.concatenate([np.asarray(example.ids, dtype=np.int64) for example in examples])
    weight = next(embedding.parameters())
    embedded = embedding(torch.from_numpy(ids[ids != IMAGE]).to(weight.device))
    parts = [tokens.to(embedded) for tokens in visual if tokens is not None]
    if any(part.shape[1:] != embedded.shape[1:] for part in parts):
        raise DataError(
            f"Visual tokens of {parts[0].shape[-1]:,} dimensions do not fit embeddings of {embedded.shape[-1]:,}.",
            "Use a projector that was trained for this language model.",
        )
    # All embedded text, all visual tokens, and a zero for padding: every place of the batch is a row of it.
    table = torch.cat([embedded, *parts, embedded.new_zeros(1, embedded.shape[1])])

    repeats = np.ones(len(ids), dtype=np.int64)
    repeats[ids == IMAGE] = counts[counts >= 0]
    is_visual = np.repeat(ids == IMAGE, repeats)
    rows = np.where(is_visual, len(embedded) + np.cumsum(is_visual), np.cumsum(~is_visual)) - 1
    learnt = np.repeat(np.concatenate([np.asarray(example.labels, dtype=np.int64) for example in examples]), repeats)

    lengths = np.array([len(example.ids) for example in examples]) + np.where(counts >= 0, counts - 1, 0)
    places = np.arange(lengths.max())
    mask = places < lengths[:, None] if side == "right" else places >= lengths.max() - lengths[:, None]
    table_rows, labels = np.full(mask.shape, len(table) - 1), np.full(mask.shape, IGNORE)
    table_rows[mask], labels[mask] = rows, learnt
    positions = np.where(mask, mask.cumsum(axis=1) - 1, 0)

    def tensor(values: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(values).to(table.device)

    embeds = table.index_select(0, tensor(table_rows.reshape(-1))).view(*mask.shape, -1)
    return Batch(embeds, tensor(mask.astype(np.int64)), tensor(labels), tensor(positions))


def _visual_counts(examples: Sequence[Example], visual: Sequence[torch.Tensor | None]) -> NDArray[np.int64]:
    """Return how many visual tokens each example has, -1 where it has no image."""
    if not examples or len(examples) != len(visual):
        raise DataError(f"There are visual tokens for {len(visual)} examples, and {len(examples)} examples.")
    for number, (example, tokens) in enumerate(zip(examples, visual, strict=True)):
        images = example.ids.count(IMAGE)
        if images != (tokens is not None):
            raise DataError(
                f"Example {number} of the batch has {images} places for an image,"
                f" and {'one image' if tokens is not None else 'no image'}."
            )
    return np.array([-1 if tokens is None else len(tokens) for tokens in visual])
