"""Stage 1: train the projectors of representations on image–caption pairs, encoders and language model frozen.

::

    from pathlib import Path

    from visionlaw.alignment.language import find_language
    from visionlaw.project import Project
    from visionlaw_mllm.align import align

    here = Project.find()
    chosen = here.representations(["clip@224", "dinov2@224"])
    cards = align(here, chosen, find_language("vicuna-7b"), Path("pairs.json"))

All representations are trained in one run (:mod:`visionlaw_mllm.stage1`). The run has a folder below
``.visionlaw/runs`` with the loss curve and the records that were left out; when the same call is made again after an
interruption, it goes on from the last checkpoint there, to the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from visionlaw.alignment.language import LanguageRef, load_language
from visionlaw.alignment.projector import (
    Kind,
    ProjectorCard,
    build_projector,
    check_projector,
    projector_folder,
    read_card,
    save_projector,
)
from visionlaw.errors import ConfigError, DataError
from visionlaw.features.extractor import Extractor
from visionlaw.features.runtime import Runtime, choose_device
from visionlaw.libraries import library_versions, provenance_of
from visionlaw.project import Project
from visionlaw.protocols import Combiner, Representation, silent
from visionlaw.scoring.representations import name_of
from visionlaw_mllm.failures import memory_guard
from visionlaw_mllm.feeding import Feed, Share
from visionlaw_mllm.fitting import feature_store, longest_sequence, shape_of
from visionlaw_mllm.prompts import Example, cut, encode
from visionlaw_mllm.recipes import STAGE1, Recipe, find_recipe
from visionlaw_mllm.records import Record, RecordSet
from visionlaw_mllm.resumable import arguments
from visionlaw_mllm.runs import Run, run_folder
from visionlaw_mllm.stage1 import Projectors, Stage1Trainer
from visionlaw_mllm.templates import Template

Progress = Callable[[str, int, int], None]
EVERY = 200
LIBRARIES = ("visionlaw", "visionlaw-mllm", "torch", "transformers", "accelerate", "peft")


def align(
    project: Project,
    representations: Sequence[Representation],
    language: LanguageRef,
    data: str | Path,
    images: str | Path | None = None,
    recipe: str | Recipe = STAGE1,
    kind: Kind = "mlp2x_gelu",
    progress: Progress = silent,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    runtime: Runtime | None = None,
    gradient_checkpointing: bool = False,
    checkpoint_every: int = EVERY,
) -> list[ProjectorCard]:
    """Train the projectors of representations and keep them in the project; what is trained already is not again.

    Args:
        project: Whose projectors, caches and combiner are used.
        representations: As :meth:`visionlaw.project.Project.representations` returns them.
        language: What the projectors are trained for.
        data: Records: JSON, JSON lines, parquet or WebDataset (:mod:`visionlaw_mllm.records`).
        images: The folder that image paths in the records are relative to.
        recipe: Hyper-parameters, or their name.
        kind: Of the projectors.
        progress: Called as ``progress(stage, done, total)``, in optimizer steps.
        seed: Of the initial weights and of the order of the records.
        batch_size: Records at a time on a device; the recipe's global batch is made of as many as it takes. None: 8 on
            a CPU, 16 on an accelerator.
        runtime: Device and precision that the representations were referred to with.
        gradient_checkpointing: Keep less of the language model's forward pass in memory, and compute it twice.
        checkpoint_every: Optimizer steps between checkpoints.

    Returns:
        The card of each representation's projector, in the order given.

    Raises:
        DataError: The records cannot be used, the loss is no number, memory does not suffice, a disk is full; the last
            checkpoint is still there.
        ConfigError: A recipe or a kind makes no sense, or an image leaves no room for text in the context.
        WeightsError, PluginError: A language model or an encoder cannot be loaded, or fails.
    """
    if kind == "identity":
        raise ConfigError("The projector 'identity' has nothing to train.", "Use mlp2x_gelu or linear.")
    plan = _Plan(project, language, find_recipe(recipe), RecordSet.open(data, images), kind, seed)
    cards = {name_of(representation): plan.card(representation) for representation in representations}
    known = {name_of(one): plan.trained_before(one, cards[name_of(one)]) for one in representations}
    missing = [representation for representation in representations if known[name_of(representation)] is None]
    if not missing:
        return [card for card in known.values() if card is not None]
    device = choose_device(None if runtime is None else runtime.device)
    tally = plan.records.survey()
    if not tally.with_image:
        raise DataError(f"No record of '{data}' has an image.", f"There are: {tally}.")
    shapes = {name_of(one): shape_of(one, plan.combiner) for one in missing}
    longest = longest_sequence(shapes, language, plan.recipe)
    run_identity = {name: asdict(card) for name, card in cards.items() if known[name] is None}
    folder = run_folder(project.state_dir, "align", run_identity)
    steps = plan.recipe.total_steps(tally.with_image)
    args, sizes = arguments(folder, plan.recipe, steps, seed, device.type, batch_size)
    run = Run(folder, args.process_index)
    half = args.device.type == "cuda" and torch.cuda.is_bf16_supported()
    with memory_guard(max(sizes), gradient_checkpointing):
        model, tokenizer = load_language(language, torch.bfloat16 if half else torch.float32, str(args.device))
        if gradient_checkpointing:
            keep_less(model)
        projectors = Projectors(
            {name: build_projector(kind, cards[name].channels, cards[name].width, seed) for name in run_identity}
        )
        feed = Feed(
            plan.records,
            Extractor(missing, plan.combiner, runtime),
            partial(
                encode_record, plan.recipe.template, tokenizer, longest, max(shape.tokens for shape in shapes.values())
            ),
            seed,
            Share(args.process_index, args.world_size),
            feature_store(project, missing, tally.with_image),
            images_only=True,
            skip=run.skip,
        )
        trainer = Stage1Trainer(
            projectors,
            model,
            longest,
            plan.recipe,
            args,
            run,
            feed,
            sizes,
            checkpoint_every,
            lambda step, loss: progress(f"stage 1, loss {loss:.3f}", step, steps),
        )
        trainer.resume()
    if trainer.is_world_process_zero():
        for name, projector in projectors.items():
            facts = training_facts(trainer.curve, name, tally.records, run, args.world_size)
            card = replace(cards[name], training={**cards[name].training, **facts})
            save_projector(plan.folder(card), projector, card)
        run.finish()
    trainer.accelerator.wait_for_everyone()
    found = [plan.trained_before(one, cards[name_of(one)]) for one in representations]
    return [card for card in found if card is not None]


@dataclass(frozen=True)
class _Plan:
    """What is to be trained, and on what."""

    project: Project
    language: LanguageRef
    recipe: Recipe
    records: RecordSet
    kind: Kind
    seed: int

    @cached_property
    def combiner(self) -> Combiner:
        return self.project.registry.load("combiner", self.project.space.combiner)

    def card(self, representation: Representation) -> ProjectorCard:
        """Return what the projector will be a projector of, with what its weights depend on."""
        registry, combiner = self.project.registry, self.project.space.combiner
        how = {"id": registry.canonical("combiner", combiner)} | provenance_of(registry.get("combiner", combiner))
        return ProjectorCard(
            name_of(representation),
            self.kind,
            shape_of(representation, self.combiner).channels,
            self.language.width,
            {part.id: dict(part.provenance) for part in representation},
            self.language.provenance,
            how if len(representation) > 1 else {},
            {
                "stage": 1,
                "recipe": self.recipe.facts,
                "seed": self.seed,
                "data": {"name": self.records.path.name, "version": self.records.version, "records": len(self.records)},
            },
        )

    def folder(self, card: ProjectorCard) -> Path:
        return projector_folder(self.project.projectors, card.representation, self.language.fingerprint)

    def trained_before(self, representation: Representation, card: ProjectorCard) -> ProjectorCard | None:
        """Return the card of a projector that was trained just so; None where there is none."""
        found = read_card(self.folder(card))
        if found is None:
            return None
        same = all(getattr(found, part) == getattr(card, part) for part in ("kind", "channels", "width", "combiner"))
        if not same or any(found.training.get(key) != value for key, value in card.training.items()):
            return None
        try:
            check_projector(found, representation, self.language)
        except DataError:
            return None
        return found


def training_facts(
    curve: Sequence[Mapping[str, Any]], name: str, records: int, run: Run, processes: int
) -> dict[str, Any]:
    """Return how a training went, as JSON values, for the provenance of what it has made."""
    losses = [line["losses"][name] for line in curve]
    return {
        "steps": len(losses),
        "losses": [losses[0], losses[-1]],
        "records": records,
        "skipped": len(run.skipped),
        "processes": processes,
        "run": run.folder.name,
        "libraries": library_versions(LIBRARIES),
    }


def encode_record(template: Template, tokenizer: Any, longest: int, visual: int, record: Record) -> Example:
    """Return the text of a record, to be cut where it is longer than it may be."""
    example = encode(record.turns, template, tokenizer)
    cut(example, longest, visual if record.image is not None else 0)  # it raises where nothing is left
    return example


def keep_less(language: Any) -> None:
    """Have a frozen language model keep the inputs of its layers only, and compute the rest again for the gradient.

    transformers does so for layers that are training; what is random in training is in the modules inside them, which
    stay in evaluation mode.
    """
    enable = getattr(language, "activation_checkpointing_enable", None) or language.gradient_checkpointing_enable
    enable()
    for module in language.modules():
        if isinstance(module, GradientCheckpointingLayer):
            module.training = True
