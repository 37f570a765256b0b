"""The loss: cross entropy of the tokens that have a label, computed nowhere else."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from visionlaw_mllm.batches import Batch
from visionlaw_mllm.prompts import IGNORE


def label_loss(language: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Return the sum over all labels of a batch of ``-log P(label | what stands before it)``.

    The logits of a position predict the label of the next one. They are computed only where a record of the batch has a
    label (``logits_to_keep``): over a large vocabulary they cost as much as many layers.

    Args:
        language: A causal language model of transformers.
        batch: At least one label, none of them at the first position.

    Returns:
        A scalar, float32.
    """
    targets = batch.labels[:, 1:]
    wanted = targets != IGNORE
    columns = wanted.any(dim=0).nonzero().squeeze(1)
    output: Any = language(
        inputs_embeds=batch.inputs_embeds,
        attention_mask=batch.attention_mask,
        position_ids=batch.position_ids,
        use_cache=False,
        logits_to_keep=columns,
    )
    chosen = wanted[:, columns]
    return cross_entropy(output.logits[chosen].float(), targets[:, columns][chosen], reduction="sum")
