"""Stage 1 as a training: the projectors of several representations at once, below one frozen language model.

Nothing of one representation reaches another: each has a forward and a backward pass of its own, whose graph is gone
before the next one's is made; its loss is normalised by its own labels and its gradient is clipped by its own norm; and
AdamW treats every weight by itself. So each projector becomes what it would have become alone, while encoders and the
reading of images are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from transformers import TrainingArguments

from visionlaw.errors import ConfigError
from visionlaw_mllm.batches import Batch, assemble
from visionlaw_mllm.failures import diverged
from visionlaw_mllm.feeding import Fed, Feed
from visionlaw_mllm.losses import label_loss
from visionlaw_mllm.prompts import IGNORE, cut
from visionlaw_mllm.recipes import Recipe
from visionlaw_mllm.resumable import ResumableTrainer
from visionlaw_mllm.runs import Run


class Projectors(torch.nn.Module):
    """Projectors by representation, whose ids are no names that torch allows."""

    def __init__(self, projectors: Mapping[str, torch.nn.Module]) -> None:
        super().__init__()
        self.names = list(projectors)
        self.parts = torch.nn.ModuleList(projectors.values())

    def items(self) -> list[tuple[str, torch.nn.Module]]:
        """Return each projector with its representation."""
        return list(zip(self.names, self.parts, strict=True))


class Stage1Trainer(ResumableTrainer):
    """Trains projectors.

    Args:
        projectors: By representation.
        language: Frozen, in evaluation mode.
        limit: Most positions of a sequence, the image's included.
        recipe: Hyper-parameters.
        args, run, feed, sizes, every, report: As for :class:`ResumableTrainer`.
    """

    def __init__(
        self,
        projectors: Projectors,
        language: Any,
        limit: int,
        recipe: Recipe,
        args: TrainingArguments,
        run: Run,
        feed: Feed,
        sizes: Sequence[int],
        every: int,
        report: Callable[[int, float], None],
    ) -> None:
        super().__init__(projectors, args, run, feed, list(sizes), every, report)
        if self.is_fsdp_enabled or self.is_deepspeed_enabled:
            raise ConfigError(
                "Stage 1 trains projectors only, and shards nothing: FSDP and DeepSpeed are for stage 2.",
                "Launch it with torchrun, or 'accelerate launch --multi_gpu'.",
            )
        self.language = language.to(args.device)
        self.limit = limit
        self.recipe = recipe
        self.embedding = language.get_input_embeddings()
        self.losses = torch.zeros(len(projectors.names), device=args.device)

    def training_step(self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Go forward and backward for each representation in turn, and end the optimizer step where it ends."""
        records: tuple[Fed, ...] = inputs
        labels = num_items_in_batch
        for number, (name, projector) in enumerate(self.projectors.items()):
            loss = label_loss(self.language, self.assembled(records, name, projector)) / labels[number]
            loss.backward()
            self.losses[number] += loss.detach()
        self.position = records[-1].after
        if self.accelerator.sync_gradients:
            self._end_step()
        return self.losses.new_zeros(())

    @property
    def projectors(self) -> Projectors:
        """What is trained."""
        model: Any = self.model
        return model

    def assembled(self, records: Sequence[Fed], name: str, projector: torch.nn.Module) -> Batch:
        """Return a batch with one representation's projected images in it."""
        tokens = torch.stack([record.tokens[name] for record in records]).to(self.args.device, torch.float32)
        projected = projector(tokens).to(self.embedding.weight.dtype)
        examples = [cut(record.example, self.limit, tokens.shape[1]) for record in records]
        return assemble(examples, list(projected), self.embedding)

    def _end_step(self) -> None:
        """Add up over processes, refuse a loss that is no number, clip each projector's gradient, and log."""
        self.sum_over_processes(self.losses)
        losses = dict(zip(self.projectors.names, self.losses.tolist(), strict=True))
        self.losses.zero_()
        step = self.state.global_step + 1
        for name, loss in losses.items():
            if not abs(loss) < float("inf"):
                raise diverged(name, step, self.recipe.lr)
        for _, projector in self.projectors.items():
            for weight in projector.parameters():
                self.sum_over_processes(cast("torch.Tensor", weight.grad))
            torch.nn.utils.clip_grad_norm_(projector.parameters(), self.recipe.clip)
        self.log_step(losses)

    def _get_num_items_in_batch(self, batch_samples: list[tuple[Fed, ...]], device: torch.device) -> torch.Tensor:
        """Count the labels of an optimizer step, ``[representations]``, over all batches and processes."""
        counts = [0] * len(self.projectors.names)
        for record in (record for records in batch_samples for record in records):
            for number, name in enumerate(self.projectors.names):
                example = cut(record.example, self.limit, len(record.tokens[name]))
                counts[number] += sum(label != IGNORE for label in example.labels)
        return self.sum_over_processes(torch.tensor(counts, dtype=torch.float32, device=device))

    def _wrap_model(self, model: torch.nn.Module, training: bool = True, dataloader: Any = None) -> torch.nn.Module:
        """Keep torch from averaging gradients of its own: the step ends after several backward passes."""
        return _Unwrapped(model) if self.args.world_size > 1 else model


class _Unwrapped(torch.nn.Module):
    """A module that accelerate takes for wrapped already."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module
