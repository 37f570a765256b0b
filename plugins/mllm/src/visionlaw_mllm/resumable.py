"""transformers' Trainer, fed by a stream, with checkpoints that are whole or not there, resumed to the same numbers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from visionlaw.errors import ConfigError, DataError
from visionlaw_mllm.feeding import Fed, Feed, Position
from visionlaw_mllm.prefetching import prefetch
from visionlaw_mllm.recipes import Recipe
from visionlaw_mllm.runs import Run

WEIGHTS = "model.safetensors"
HOST_BATCH, DEVICE_BATCH = 8, 16


def arguments(
    folder: Path, recipe: Recipe, steps: int, seed: int, device: str | None, batch_size: int | None, **more: Any
) -> tuple[TrainingArguments, list[int]]:
    """Return what transformers' Trainer is to do, and nothing beyond it: no reports, no evaluation, no files.

    Args:
        folder: Of the run.
        recipe: Hyper-parameters.
        steps: Optimizer steps.
        seed: Of whatever is random in the model.
        device: ``cpu`` to stay there; otherwise accelerate chooses.
        batch_size: Most records at a time; None: 8 on a CPU, 16 on an accelerator.
        **more: Further arguments.

    Returns:
        The arguments, and this process's numbers of records in the batches of one optimizer step.

    Raises:
        ConfigError: The global batch cannot be shared among the processes.
    """
    made = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        learning_rate=recipe.lr,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        seed=seed,
        use_cpu=device == "cpu",
        ignore_data_skip=True,
        logging_strategy="no",
        save_strategy="no",
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        **more,
    )
    usual = HOST_BATCH if made.device.type == "cpu" else DEVICE_BATCH
    sizes = batch_sizes(recipe.global_batch, made.world_size, batch_size or usual)
    made.per_device_train_batch_size, made.gradient_accumulation_steps = max(sizes), len(sizes)
    made._n_gpu = min(made.n_gpu, 1)  # several devices are used by several processes, never by torch's DataParallel
    return made, sizes


def batch_sizes(global_batch: int, world: int, most: int) -> list[int]:
    """Split a process's share of the global batch into as few batches as possible, of nearly equal size.

    Raises:
        ConfigError: The processes cannot share it equally.
    """
    if global_batch % world:
        raise ConfigError(
            f"A global batch of {global_batch} records cannot be shared equally among {world} processes.",
            f"Use a number of processes that divides {global_batch}.",
        )
    share = global_batch // world
    count = -(-share // most)
    return [share * (number + 1) // count - share * number // count for number in range(count)]


class ResumableTrainer(Trainer):
    """A Trainer for one run.

    Args:
        model: What is trained; its trainable parameters are what a checkpoint holds.
        args: As :func:`arguments` makes them.
        run: Where checkpoints and the loss curve are.
        feed: The records.
        sizes: Records of this process in the batches of one optimizer step.
        every: Optimizer steps between checkpoints.
        report: Told the number of steps taken and the loss.

    Attributes:
        curve: The loss curve from the first step on.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        args: TrainingArguments,
        run: Run,
        feed: Feed,
        sizes: list[int],
        every: int,
        report: Callable[[int, float], None],
    ) -> None:
        super().__init__(model, args, callbacks=[_Every(every)])
        self.remove_callback(PrinterCallback)
        self.run, self.feed, self.sizes, self.report = run, feed, sizes, report
        self.position = Position()
        self.curve: list[dict[str, Any]] = []
        self.batches = _Batches(self)

    def resume(self) -> None:
        """Train from the newest checkpoint on, or from the beginning; all steps, or until an error.

        Raises:
            ConfigError: The checkpoint was made by another number of processes.
            DataError: It cannot be read.
        """
        checkpoint = self.run.checkpoint
        if checkpoint is not None:
            self.position = self._read_position(checkpoint)
        step = 0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2])
        if self.is_world_process_zero():
            self.curve = self.run.rewind(step)
        try:
            self.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        finally:
            self.batches.close()

    def get_train_dataloader(self) -> Any:
        """Return the feed; the share of this process is all that it yields."""
        return self.batches

    def log_step(self, losses: dict[str, float]) -> None:
        """Add the step that is being taken to the loss curve."""
        step = self.state.global_step + 1
        if self.is_world_process_zero():
            self.curve.append({"step": step, "lr": self._get_learning_rate(), "losses": losses})
            self.run.log(self.curve[-1])
        self.report(step, sum(losses.values()) / len(losses))

    def sum_over_processes(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the sum of a tensor over all processes, in place where there are several."""
        if self.args.world_size > 1:
            torch.distributed.all_reduce(tensor)
        return tensor

    def _get_output_dir(self, trial: Any) -> str:
        return str(self.run.unfinished)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write a checkpoint under another name; it becomes one when every process has written its part."""
        step, main = self.state.global_step, self.is_world_process_zero()
        try:
            if main:
                shutil.rmtree(self.run.unfinished, ignore_errors=True)
            self.accelerator.wait_for_everyone()
            super()._save_checkpoint(model, trial)
            folder = self.run.unfinished / f"checkpoint-{step}"
            where = folder / _position_file(self.args.process_index)
            where.write_text(json.dumps({"world": self.args.world_size, **asdict(self.position)}))
            self.accelerator.wait_for_everyone()
            if main:
                self.run.publish(step)
            self.accelerator.wait_for_everyone()
        except OSError as error:
            raise DataError(
                f"The checkpoint of step {step} cannot be written to '{self.run.folder}': {error.strerror}.",
                "Make room, and give the same command again: it goes on from the checkpoint before.",
            ) from error

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Write the trainable weights; the others are where they came from."""
        if not self.args.should_save:
            return
        model = cast("torch.nn.Module", self.model)
        trained = {name for name, value in model.named_parameters() if value.requires_grad}
        whole = cast("dict[str, torch.Tensor]", state_dict or dict(model.named_parameters()))
        folder = Path(str(output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.detach().contiguous() for name, value in whole.items() if name in trained}
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """Say nothing: the weights that a checkpoint lacks are those that are not trained."""

    def _read_position(self, checkpoint: Path) -> Position:
        path = checkpoint / _position_file(self.args.process_index)
        try:
            facts = json.loads(path.read_text())
            world = facts.pop("world")
            position = Position(**facts)
        except FileNotFoundError:
            world, position = None, Position()
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(f"'{path}' cannot be read: {error}.", f"Remove '{checkpoint}' to begin anew.") from error
        if world != self.args.world_size:
            raise ConfigError(
                f"The checkpoint '{checkpoint}' was made by another number of processes than {self.args.world_size}.",
                "Go on with as many as before, or remove it to begin anew.",
            )
        return position


class _Batches:
    """The feed from the trainer's position on, as what transformers takes for a data loader."""

    def __init__(self, trainer: ResumableTrainer) -> None:
        self.trainer = trainer
        self.open: Generator[tuple[Fed, ...]] | None = None

    def __iter__(self) -> Iterator[tuple[Fed, ...]]:
        self.close()
        self.open = prefetch(self.trainer.feed.batches(self.trainer.position, self.trainer.sizes))
        return self.open

    def close(self) -> None:
        """End the thread that makes batches."""
        if self.open is not None:
            self.open.close()


class _Every(TrainerCallback):
    """Saves after every so many steps, except after the last, whose result is saved by itself."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % self.steps == 0 and state.global_step < state.max_steps:
            control.should_save = True


def _position_file(process: int) -> str:
    return f"position-{process}.json"
