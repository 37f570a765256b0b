"""Stage 2: train projector and language model on conversations; encoders stay frozen.

::

    from visionlaw_mllm.finetune import finetune

    folder = finetune(here, representation, find_language("vicuna-7b"), Path("mix665k.json"), Path("images"))
    MLLM.load(folder, here).generate(["kitchen.jpg"], ["How many chairs are there?"])

It starts from the projector that stage 1 (:mod:`visionlaw_mllm.align`) left in the project. When the same call is made
again, it goes on from the last checkpoint, or returns what is there.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch

from visionlaw.alignment.language import LanguageRef, load_language
from visionlaw.alignment.projector import check_projector, load_projector, projector_folder
from visionlaw.errors import DataError, MissingDependencyError
from visionlaw.features.extractor import Extractor
from visionlaw.features.runtime import Runtime, choose_device
from visionlaw.project import Project
from visionlaw.protocols import Representation, silent
from visionlaw.scoring.representations import name_of
from visionlaw_mllm.align import EVERY, Progress, training_facts
from visionlaw_mllm.failures import memory_guard
from visionlaw_mllm.feeding import Feed, Share
from visionlaw_mllm.fitting import feature_store, longest_sequence, shape_of
from visionlaw_mllm.mllm import MLLM
from visionlaw_mllm.prompts import Example, encode
from visionlaw_mllm.recipes import STAGE2, Recipe, find_recipe
from visionlaw_mllm.records import Record, RecordSet
from visionlaw_mllm.resumable import arguments
from visionlaw_mllm.runs import Run, run_folder
from visionlaw_mllm.saved import CARD
from visionlaw_mllm.stage2 import Stage2Trainer
from visionlaw_mllm.templates import Template

LORA_DROPOUT = 0.05


def finetune(
    project: Project,
    representation: Representation,
    language: LanguageRef,
    data: str | Path,
    images: str | Path | None = None,
    recipe: str | Recipe = STAGE2,
    progress: Progress = silent,
    *,
    folder: Path | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    runtime: Runtime | None = None,
    gradient_checkpointing: bool = False,
    checkpoint_every: int = EVERY,
) -> Path:
    """Train an MLLM of a representation; what was trained just so is not trained again.

    Args:
        project: Whose projectors and caches are used.
        representation: As :meth:`visionlaw.project.Project.representations` returns it.
        language: The language model that the representation's projector was trained for.
        data: Records, as for :func:`visionlaw_mllm.align.align`.
        images: The folder that image paths in the records are relative to.
        recipe: Hyper-parameters, or their name; LoRA where it says so, merged into the weights in the end.
        progress: Called as ``progress(stage, done, total)``, in optimizer steps.
        folder: Where the model is written; None: below the project's ``models``, by all that it depends on.
        seed: Of the order of the records, and of LoRA's weights and dropout.
        batch_size: Records at a time on a device; None: 8 on a CPU, 16 on an accelerator.
        runtime: Device and precision that the representation was referred to with.
        gradient_checkpointing: Keep less of the forward pass in memory, and compute it twice.
        checkpoint_every: Optimizer steps between checkpoints.

    Returns:
        The folder of the model (:meth:`visionlaw_mllm.mllm.MLLM.load`).

    Raises:
        DataError: There is no projector for it, the records cannot be used, the loss is no number, memory does not
            suffice, a disk is full; the last checkpoint is still there.
        ConfigError: A recipe makes no sense, or an image leaves no room for text in the context.
        WeightsError, PluginError: A language model or an encoder cannot be loaded, or fails.
        MissingDependencyError: The recipe is LoRA's, and peft is not installed.
    """
    recipe, records, name = find_recipe(recipe), RecordSet.open(data, images), name_of(representation)
    combiner = project.registry.load("combiner", project.space.combiner)
    shape = shape_of(representation, combiner)
    projector, card = load_projector(projector_folder(project.projectors, name, language.fingerprint))
    check_projector(card, representation, language)
    what: dict[str, Any] = {
        "stage": 2,
        "recipe": recipe.facts,
        "seed": seed,
        "data": {"name": records.path.name, "version": records.version, "records": len(records)},
        "projector": card.digest,
    }
    identity = {"representation": name, "language": language.fingerprint, **what}
    run_path = run_folder(project.state_dir, "finetune", identity)
    folder = folder or project.state_dir / "models" / run_path.name.removeprefix("finetune-")
    if _trained_before(folder, name, what):
        return folder
    longest = longest_sequence({name: shape}, language, recipe)
    tally = records.survey()
    if not tally.with_image:
        raise DataError(f"No record of '{data}' has an image.", f"There are: {tally}.")
    steps = recipe.total_steps(tally.with_image + tally.text_only)

    device = choose_device(None if runtime is None else runtime.device)
    half = device.type == "cuda" and torch.cuda.is_bf16_supported()
    more = {"bf16": half, "max_grad_norm": recipe.clip}
    args, sizes = arguments(run_path, recipe, steps, seed, device.type, batch_size, **more)
    run = Run(run_path, args.process_index)
    with memory_guard(max(sizes), gradient_checkpointing):
        # What is trained is kept in float32; what is not need not be.
        dtype = torch.bfloat16 if half and recipe.lora else torch.float32
        sharded = bool(args.fsdp or args.deepspeed)
        model, tokenizer = load_language(language, dtype, "cpu" if sharded else str(args.device))
        torch.manual_seed(seed)  # LoRA's weights
        trained = _lora(model, recipe.lora) if recipe.lora else model.requires_grad_(True)
        if gradient_checkpointing:
            enable = getattr(trained, "activation_checkpointing_enable", None) or trained.gradient_checkpointing_enable
            enable()
        extractor = Extractor([representation], combiner, runtime)
        projector.to(args.device).requires_grad_(True)
        mllm = MLLM(extractor, projector, card, trained, tokenizer, language, recipe.template)
        feed = Feed(
            records,
            extractor,
            partial(_text, recipe.template, tokenizer, longest, shape.tokens),
            seed,
            Share(args.process_index, args.world_size),
            feature_store(project, [representation], tally.with_image),
            skip=run.skip,
        )
        trainer = Stage2Trainer(
            mllm,
            recipe,
            args,
            run,
            feed,
            sizes,
            checkpoint_every,
            lambda step, loss: progress(f"stage 2, loss {loss:.3f}", step, steps),
        )
        trainer.resume()
        trainer.collect()
    if trainer.is_world_process_zero():
        mllm.language = cast("Any", trained).merge_and_unload() if recipe.lora else mllm.language
        mllm.training_facts = what | training_facts(trainer.curve, name, tally.records, run, args.world_size)
        mllm.save(folder)
        run.finish()
    trainer.accelerator.wait_for_everyone()
    return folder


def _text(template: Template, tokenizer: Any, longest: int, visual: int, record: Record) -> Example:
    return encode(record.turns, template, tokenizer, longest, visual)


def _lora(model: Any, rank: int) -> Any:
    """Return the model with low-rank adapters at all its linear layers, which alone are trained."""
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingDependencyError(
            "LoRA is trained with peft, which is not installed.", "python -m pip install 'visionlaw-mllm[lora]'"
        ) from error
    how = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=LORA_DROPOUT,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, how)


def how_trained(folder: Path) -> dict[str, Any]:
    """Return how the model in a folder was trained, by whom ever; empty where there is no model."""
    try:
        facts: dict[str, Any] = json.loads((folder / CARD).read_bytes())
        return {"representation": facts["representation"], **facts["training"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _trained_before(folder: Path, representation: str, what: dict[str, Any]) -> bool:
    """Whether a folder holds the model of a representation that was trained just so."""
    trained, wanted = how_trained(folder), {"representation": representation, **what}
    return all(trained.get(key) == value for key, value in wanted.items())
