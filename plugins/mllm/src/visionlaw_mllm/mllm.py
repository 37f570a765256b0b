"""The MLLM: frozen encoders, a projector and a causal language model, as one module (PROTOCOLS §2).

::

    from visionlaw_mllm.mllm import MLLM

    model = MLLM.load("runs/clip-dinov2")
    model.generate(["kitchen.jpg"], ["How many chairs are there?"])

The representation's encoders are never trained and never saved: a saved model names them, and loading it finds the same
ones through the project, or says which differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from transformers import PreTrainedModel

from visionlaw.alignment.language import LanguageRef, load_language
from visionlaw.alignment.projected import fitting_projector
from visionlaw.alignment.projector import ProjectorCard, check_projector
from visionlaw.errors import DataError
from visionlaw.features.extractor import Extractor
from visionlaw.features.results import Quarantined
from visionlaw.features.runtime import Runtime, choose_device
from visionlaw.features.sources import read_sources
from visionlaw.project import Project
from visionlaw.protocols import FeatureStore, Representation
from visionlaw_mllm.saved import MLLMCard, read_model, write_model
from visionlaw_mllm.templates import Template


class MLLM(torch.nn.Module):
    """A multimodal language model of any representation.

    Args:
        extractor: Of one representation: its encoders, loaded when the first image is encoded.
        projector: From the representation's tokens ``[…, C]`` to the language model's width ``[…, d]``.
        card: What the projector is one of.
        language: A causal language model of transformers.
        tokenizer: Its tokenizer.
        base: Where the language model came from, before any training.
        template: How a conversation becomes text: ``plain``, ``v1`` or ``chat``.
        training: How it was trained, as JSON values.

    Attributes:
        projector, language: The trainable parts; encoders are outside the module's parameters.
    """

    def __init__(
        self,
        extractor: Extractor,
        projector: torch.nn.Module,
        card: ProjectorCard,
        language: PreTrainedModel,
        tokenizer: Any,
        base: LanguageRef,
        template: Template = "v1",
        training: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.extractor = extractor
        self.projector = projector
        self.card = card
        self.language = language
        self.tokenizer = tokenizer
        self.base = base
        self.template: Template = template
        self.training_facts = dict(training or {})

    @classmethod
    def aligned(
        cls,
        project: Project,
        representation: Representation,
        language: LanguageRef,
        runtime: Runtime | None = None,
        dtype: torch.dtype | None = None,
        template: Template = "v1",
    ) -> MLLM:
        """Return what stage 1 left: the project's projector of a representation on the frozen language model.

        Args:
            project: Whose projectors and combiners are used.
            representation: As :meth:`visionlaw.project.Project.representations` returns it.
            language: The language model that the projector was trained for.
            runtime: Device and precision that the representation was referred to with.
            dtype: Of the language model; None: float32.
            template: ``plain``, ``v1`` or ``chat``.

        Raises:
            DataError: There is no projector, or it was trained for other encoders or another language model.
        """
        combiner = project.registry.canonical("combiner", project.space.combiner)
        projector, card = fitting_projector(project.projectors, representation, language, combiner)
        return cls._assemble(project, representation, projector, card, language, language, runtime, dtype, template)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        project: Project | None = None,
        device: str | None = None,
        dtype: torch.dtype | None = None,
        checkpoints: Mapping[str, Path] | None = None,
    ) -> MLLM:
        """Return a saved model, frozen and ready to answer.

        Args:
            folder: Where :meth:`save` wrote it.
            project: Where its encoders are looked for; None: the project of the working directory.
            device: As torch names it; None: the best there is.
            dtype: Of the language model; None: float32.
            checkpoints: Encoder id → a local folder to load instead of the spec's checkpoint.

        Raises:
            DataError: There is no model, it is incomplete, or an encoder is not the one it was trained on.
            UnknownIdError, NotInstalledError, WeightsError: An encoder or the language model is not there.
        """
        here = project or Project.find()
        saved = read_model(Path(folder))
        runtime = _runtime(saved.projector_card, device)
        (representation,) = here.representations([saved.card.representation], runtime, checkpoints)
        check_projector(saved.projector_card, representation)
        model = cls._assemble(
            here,
            representation,
            saved.projector,
            saved.projector_card,
            saved.language,
            saved.base,
            runtime,
            dtype,
            saved.card.template,
        )
        model.training_facts = dict(saved.card.training)
        return model.eval().requires_grad_(False)

    @classmethod
    def _assemble(
        cls,
        project: Project,
        representation: Representation,
        projector: torch.nn.Module,
        card: ProjectorCard,
        language: LanguageRef,
        base: LanguageRef,
        runtime: Runtime | None,
        dtype: torch.dtype | None,
        template: Template,
    ) -> MLLM:
        runtime = runtime or Runtime()
        device = choose_device(runtime.device)
        combiner = project.registry.load("combiner", card.combiner.get("id", project.space.combiner))
        loaded, tokenizer = load_language(language, dtype, str(device))
        extractor = Extractor([representation], combiner, runtime)
        return cls(extractor, projector.to(device), card, loaded, tokenizer, base, template)

    @property
    def representation(self) -> str:
        """Canonical id of the representation."""
        return self.card.representation

    @property
    def device(self) -> torch.device:
        """Where the language model is."""
        return self.language.device

    def save(self, folder: str | Path, own_language: bool = True) -> Path:
        """Write everything that loading it again takes; a killed writer leaves the old model or none.

        Args:
            folder: Made where it is missing; a model in it is replaced.
            own_language: Whether the language model's weights were trained and are written; a frozen one is only named.

        Returns:
            ``folder``.

        Raises:
            DataError: A weight is not finite, or the folder cannot be written to; what was there is as it was.
        """
        card = MLLMCard(self.representation, self.template, self.base.provenance, self.training_facts)
        language = self.language if own_language else None
        return write_model(Path(folder), card, self.projector, self.card, language, self.tokenizer)

    def forward(self, **batch: Any) -> Any:
        """Run the language model on embeddings, as :func:`visionlaw_mllm.batches.assemble` makes them.

        Args:
            **batch: ``inputs_embeds [B, T, d]``, ``attention_mask``, ``labels``, ``position_ids``, and whatever else
                the language model takes.
        """
        return self.language(**batch)

    def encode(self, images: Any, cache: FeatureStore | None = None) -> list[torch.Tensor]:
        """Return the representation's tokens of images, ``[t, C]`` float32 each, on the CPU.

        Args:
            images: Whatever :func:`visionlaw.features.sources.read_sources` takes: paths, Pillow images, arrays…
            cache: Where features are looked up and kept; None: nowhere.

        Raises:
            DataError: An image cannot be used.
        """
        results = self.extractor.stream_sources(read_sources(images), cache, strict_images=True)
        tokens = [result.features.tokens for result in results if not isinstance(result, Quarantined)]
        if not tokens:
            raise DataError("There is no image to encode.", "Give at least one.")
        return tokens

    def project(self, tokens: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Project images' tokens, ``[t, C]`` each, into the language model's space, ``[t, d]`` each.

        Differentiable in the projector's weights; in the language model's precision.
        """
        weights = next(self.projector.parameters(), None)
        dtype = weights.dtype if weights is not None else torch.float32
        projected = [self.projector(part.to(self.device, dtype)) for part in tokens]
        return [cast("torch.Tensor", part).to(self.language.dtype) for part in projected]

    def generate(
        self,
        images: Sequence[Any],
        prompts: Sequence[str],
        max_new_tokens: int = 128,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
        batch_size: int = 8,
        cache: FeatureStore | None = None,
    ) -> list[str]:
        """Answer prompts about images; at temperature 0 an answer does not depend on what shares its batch.

        Args:
            images: One for each prompt: a path, a Pillow image, an array…; None for a prompt without an image.
            prompts: What is asked. The template ``plain`` has no place for it: it describes the image.
            max_new_tokens: The longest answer, in tokens.
            temperature: 0: the most probable token each time; above: sampled.
            seed: Of the sampling.
            stop: Texts that end an answer and are no part of it.
            batch_size: Prompts that pass the language model together.
            cache: Where features are looked up and kept; None: nowhere.

        Raises:
            DataError: An image cannot be used, a prompt fills the context, or numbers do not match.
        """
        from visionlaw_mllm.answering import Generating, generate

        how = Generating(max_new_tokens, temperature, seed, tuple(stop))
        return generate(self, images, prompts, how, batch_size, cache)

    def option_scores(
        self,
        images: Sequence[Any],
        prompts: Sequence[str],
        options: Sequence[Sequence[str]],
        batch_size: int = 8,
        cache: FeatureStore | None = None,
    ) -> list[list[float]]:
        """Return the log-probability of each given answer to each prompt, its end included: ``log P(answer | prompt)``.

        The end counts, so that of ``1`` and ``10`` each is an answer of its own. It is a sum over the answer's tokens;
        :func:`visionlaw_mllm.answering.score_options` tells their number.

        Args:
            images: As for :meth:`generate`.
            prompts: What is asked.
            options: For each prompt at least one answer.
            batch_size: Prompts, with all their options, that pass the language model together.
            cache: As for :meth:`generate`.

        Raises:
            DataError: As :meth:`generate`.
        """
        from visionlaw_mllm.answering import score_options

        scores = score_options(self, images, prompts, options, batch_size, cache)
        return [[option.log_probability for option in found] for found in scores]


def _runtime(card: ProjectorCard, device: str | None) -> Runtime:
    """Return the precision that the encoders had when the projector was trained, on a device of today."""
    precisions = {str(facts.get("precision", "float32")) for facts in card.encoders.values()}
    if len(precisions) > 1:
        raise DataError(
            f"The encoders of '{card.representation}' were used in several precisions.", "Train the model again."
        )
    dtype, _, autocast = precisions.pop().partition(" ")
    return Runtime(device, cast("Any", dtype), autocast=bool(autocast))
