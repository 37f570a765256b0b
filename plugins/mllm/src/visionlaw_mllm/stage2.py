"""Stage 2 as a training: projector and language model together, on conversations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from accelerate import DistributedType
from transformers import TrainingArguments

from visionlaw_mllm.batches import assemble
from visionlaw_mllm.failures import diverged
from visionlaw_mllm.feeding import Fed, Feed
from visionlaw_mllm.losses import label_loss
from visionlaw_mllm.mllm import MLLM
from visionlaw_mllm.prompts import IGNORE
from visionlaw_mllm.recipes import Recipe
from visionlaw_mllm.resumable import ResumableTrainer
from visionlaw_mllm.runs import Run


class Conversing(torch.nn.Module):
    """An MLLM as a function from records to their loss: everything that is trained is used below one ``forward``."""

    def __init__(self, mllm: MLLM) -> None:
        super().__init__()
        self.mllm = mllm

    def forward(self, records: Sequence[Fed]) -> torch.Tensor:
        """Return the sum of the loss over the labels of records."""
        tokens = [part for record in records for part in record.tokens.values()]
        projected = iter(self.mllm.project(tokens))
        visual = [next(projected) if record.tokens else None for record in records]
        batch = assemble([record.example for record in records], visual, self.mllm.language.get_input_embeddings())
        loss = label_loss(self.mllm.language, batch)
        if tokens:
            return loss
        # Processes that average their gradients wait for each other's, of every weight.
        return loss + 0 * sum(weight.sum() for weight in self.mllm.projector.parameters())


class Stage2Trainer(ResumableTrainer):
    """Trains an MLLM.

    Args:
        mllm: What of it is to be trained requires a gradient.
        recipe: Hyper-parameters.
        args, run, feed, sizes, every, report: As for :class:`ResumableTrainer`.
    """

    def __init__(
        self,
        mllm: MLLM,
        recipe: Recipe,
        args: TrainingArguments,
        run: Run,
        feed: Feed,
        sizes: Sequence[int],
        every: int,
        report: Callable[[int, float], None],
    ) -> None:
        self.conversing = Conversing(mllm)
        super().__init__(self.conversing, args, run, feed, list(sizes), every, report)
        self.name, self.recipe = mllm.representation, recipe
        self.loss = torch.zeros((), device=args.device)

    def training_step(self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Go forward and backward, the loss divided by the labels of the whole optimizer step."""
        records: tuple[Fed, ...] = inputs
        model.train()
        with self.compute_loss_context_manager():
            loss = model(records) / num_items_in_batch
        if not torch.isfinite(loss):
            raise diverged(self.name, self.state.global_step + 1, self.recipe.lr)
        sharded = self.accelerator.distributed_type == DistributedType.DEEPSPEED
        # Gradients are averaged over processes; what is wanted is their sum.
        self.accelerator.backward(loss * self.args.world_size, **({"scale_wrt_gas": False} if sharded else {}))
        self.loss += loss.detach()
        self.position = records[-1].after
        if self.accelerator.sync_gradients:
            self.log_step({self.name: float(self.sum_over_processes(self.loss))})
            self.loss.zero_()
        return self.loss.new_zeros(())

    def collect(self) -> None:
        """Put the weights that FSDP or DeepSpeed has sharded together again, in the first process's model."""
        if not (self.is_fsdp_enabled or self.is_deepspeed_enabled):
            return
        whole = self.accelerator.get_state_dict(self.model_wrapped)
        if self.is_world_process_zero():
            self.conversing.to_empty(device="cpu").load_state_dict(whole)

    def _get_num_items_in_batch(self, batch_samples: list[tuple[Fed, ...]], device: torch.device) -> torch.Tensor:
        """Count the labels of an optimizer step, over all batches and processes."""
        labels = (record.example.labels for records in batch_samples for record in records)
        count = sum(label != IGNORE for found in labels for label in found)
        return self.sum_over_processes(torch.tensor(float(count), device=device))
