"""A by ``loglik``: how likely the language model finds a caption, given the projected image (COLM, PROTOCOLS §2).

For a caption of T tokens ``y_1 … y_T`` and the projected tokens ``f(I)`` of its image::

    A = mean over captions of (1/T) Σ_t log P(y_t | f(I), y_<t)

natural logarithm, at most 0, higher is better. Before the caption stands what does in stage 1: the tokenizer's token
for the beginning, where it has one, then the image's tokens.

The caption is tokenised by itself, and the newline that ends it in stage 1 is not counted: COLM's sum runs over the
caption. A newline that follows every caption would be told with near certainty whatever the image, and lift the mean of
short captions more than that of long ones.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from visionlaw.alignment.language import LanguageRef, load_language
from visionlaw.alignment.maxcos import bootstrap
from visionlaw.alignment.projected import Projected
from visionlaw.errors import ConfigError, DataError, WeightsError
from visionlaw.features.batching import is_full
from visionlaw.features.maps import FeatureMap
from visionlaw.features.runtime import DTYPES, Dtype
from visionlaw.protocols import CaptionedImage, Score, ScoringJob
from visionlaw.scoring.representations import name_of

if TYPE_CHECKING:
    from visionlaw.specs import ScorerSpec

HOST_TOKENS, DEVICE_TOKENS = 2_048, 16_384
"""Tokens of a batch, image and captions together; more gains nothing on a CPU."""
LOGITS = 2**28
"""The most logits of a batch, 1 GB."""


@dataclass(frozen=True)
class CaptionReport:
    """How likely a language model finds a caption, token by token.

    Attributes:
        representation: Canonical id.
        image: The image's key.
        caption: Its text.
        tokens: The caption's tokens as text, T of them.
        logprobs: log P of each, given the image and the tokens before it; natural logarithm, at most 0.
    """

    representation: str
    image: str
    caption: str
    tokens: tuple[str, ...]
    logprobs: tuple[float, ...]

    @property
    def value(self) -> float:
        """The mean over its tokens."""
        return float(np.mean(self.logprobs))


class LogLikScorer:
    """A of the COLM paper.

    Args:
        spec: Its declaration.
        dtype: Precision of the language model, which the numbers depend on from the third digit on: ``float32``,
            ``float16`` or ``bfloat16``.

    Raises:
        ConfigError: There is no such precision.
    """

    def __init__(self, spec: ScorerSpec | None = None, dtype: Dtype = "float32") -> None:
        if dtype not in DTYPES:
            raise ConfigError(f"There is no precision '{dtype}'.", f"There is: {', '.join(DTYPES)}.")
        self.spec = spec
        self.dtype: Dtype = dtype

    @property
    def protocol(self) -> str:
        """Name of the definition that the score follows."""
        return "loglik"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What else the score depends on beside captions, language model and projectors: its precision."""
        return {"dtype": self.dtype}

    def score(self, job: ScoringJob) -> Iterator[Score]:
        """Score all representations in one pass over the images.

        Args:
            job: With ``projectors`` and ``language``; its data is a sequence of
                :data:`visionlaw.protocols.CaptionedImage`, each with a caption.

        Yields:
            A, the number of captions, and as details the 95% ``interval`` over captions (none of a single one), the
            number of ``tokens``, and ``projectors``, the projector's digest by id.

        Raises:
            DataError: An image has no caption, or an empty one, or one that is longer than the model's context; or as
                :class:`visionlaw.alignment.projected.Projected`.
            WeightsError: The language model cannot be loaded.
        """
        projected = Projected(job, job.representations)
        found: defaultdict[str, dict[int, CaptionReport]] = defaultdict(dict)
        for place, report in self._reports(job, projected):
            found[report.representation][place] = report
        for name, reports in found.items():
            values = [reports[place].value for place in sorted(reports)]
            interval = {"interval": list(bootstrap(values))} if len(values) > 1 else {}
            details: dict[str, Any] = {
                "tokens": sum(len(report.logprobs) for report in reports.values()),
                "projectors": {name: projected.cards[name].digest},
            }
            yield Score(name, float(np.mean(values)), count=len(values), details=interval | details)

    def token_report(self, job: ScoringJob) -> list[CaptionReport]:
        """Return what each token of each caption costs, to look into a score; arguments and errors as :meth:`score`.

        Returns:
            By representation, then by image, in the job's order.
        """
        order = {name_of(representation): number for number, representation in enumerate(job.representations)}
        reports = list(self._reports(job, Projected(job, job.representations)))
        return [report for _, report in sorted(reports, key=lambda one: (order[one[1].representation], one[0]))]

    def _reports(self, job: ScoringJob, projected: Projected) -> Iterator[tuple[int, CaptionReport]]:
        """Yield the report of every caption by every representation, with the image's place in the job's data."""
        captions = [_caption(image, place) for place, image in enumerate(job.data)]
        reader = _Reader.load(projected, self.dtype, job.device, captions)
        # The longest first: what does not fit, into the context or the memory, shows at once.
        order = sorted(range(len(captions)), key=lambda place: -len(reader.captions[place]))
        waiting: defaultdict[str, list[tuple[int, FeatureMap]]] = defaultdict(list)
        images = projected.stream([job.data[place] for place in order], "score captions")
        for place, image in zip(order, images, strict=True):
            for name, features in image.maps.items():
                waiting[name].append((place, features))
                if len(waiting[name]) >= reader.batch(name, waiting[name]):
                    yield from _told(job.data, name, reader, waiting.pop(name))
        for name, items in waiting.items():
            yield from _told(job.data, name, reader, items)


def caption_logprobs(
    model: Any, beginning: Sequence[int], visual: torch.Tensor, captions: Sequence[Sequence[int]]
) -> list[list[float]]:
    """Return log P of every token of captions, each given its image and the tokens before it.

    Captions are padded on the right, behind what a causal model looks at, so that padding changes nothing. Logits are
    computed where a caption's token is predicted, nowhere else; the last token, which predicts none, is not read.

    Args:
        model: A causal language model of transformers, in evaluation mode.
        beginning: Ids before the image: those of the beginning of a text, or none.
        visual: ``[n, t, d]`` projected tokens, t at least 1.
        captions: Ids of n captions, each of at least one token.

    Returns:
        For each caption as many natural logarithms as it has tokens.
    """
    embedding = model.get_input_embeddings()
    place = embedding.weight.device
    longest = max(map(len, captions))
    ids = torch.zeros(len(captions), longest, dtype=torch.long)
    for row, caption in zip(ids, captions, strict=True):
        row[: len(caption)] = torch.as_tensor(caption)
    ids = ids.to(place)
    with torch.inference_mode():
        before = embedding(torch.tensor([list(beginning)], dtype=torch.long, device=place)).expand(
            len(captions), -1, -1
        )
        read = embedding(ids[:, :-1])
        inputs = torch.cat([before, visual.to(read), read], dim=1)
        kept = {"logits_to_keep": longest} if _keeps(model) else {}
        logits = model(inputs_embeds=inputs, use_cache=False, **kept).logits[:, -longest:].float()
        logprobs = -torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten(), reduction="none")
        found = logprobs.view(len(captions), longest).cpu().double().numpy()
    return [[float(one) for one in row[: len(caption)]] for row, caption in zip(found, captions, strict=True)]


def _keeps(model: Any) -> bool:
    return "logits_to_keep" in inspect.signature(model.forward).parameters


class _Reader:
    """The language model at work on the captions of a job.

    Args:
        projected: Projects images.
        model: The language model.
        tokenizer: Its tokenizer.
        captions: The texts.
    """

    def __init__(self, projected: Projected, model: Any, tokenizer: Any, captions: Sequence[str]) -> None:
        self._projected = projected
        self._model = model
        self._tokenizer = tokenizer
        first: list[int] = tokenizer("")["input_ids"][:1]
        self._beginning = first if first == [tokenizer.bos_token_id] else []
        self.captions: list[list[int]] = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in captions]
        embedding = model.get_input_embeddings()
        self._vocabulary = int(embedding.weight.shape[0])
        self._check(projected.language, captions)
        on_host = embedding.weight.device.type == "cpu"
        self._tokens = HOST_TOKENS if on_host else DEVICE_TOKENS

    @classmethod
    def load(cls, projected: Projected, dtype: Dtype, device: str, captions: Sequence[str]) -> _Reader:
        model, tokenizer = load_language(projected.language, DTYPES[dtype], device)
        return cls(projected, model, tokenizer, captions)

    def batch(self, name: str, items: Sequence[tuple[int, FeatureMap]]) -> int:
        """Return how many captions go together; the first of the items has the longest.

        Raises:
            DataError: It does not fit into the model's context.
        """
        place, features = items[0]
        length = len(self._beginning) + len(features.tokens) + len(self.captions[place])
        context = self._projected.language.context
        if context is not None and length > context:
            raise DataError(
                f"The caption of image {place + 1} has {len(self.captions[place])} tokens, which with the "
                f"{len(features.tokens)} of '{name}' exceeds the {context} of '{self._projected.language.name}'.",
                "Leave it out, or take a language model with a longer context.",
            )
        logits = self._vocabulary * len(self.captions[place])
        return max(1, min(self._tokens // length, LOGITS // logits))

    def read(self, name: str, items: Sequence[tuple[int, FeatureMap]]) -> list[list[float]]:
        """Return log P of each token of the items' captions; fewer at a time where memory runs out."""
        try:
            visual = self._projected.project(name, [features for _, features in items])
            captions = [self.captions[place] for place, _ in items]
            return caption_logprobs(self._model, self._beginning, visual, captions)
        except (RuntimeError, MemoryError) as error:
            if not is_full(error):
                raise
            if len(items) == 1:
                raise DataError(
                    f"Memory does not suffice to read a single caption with '{self._projected.language.name}'.",
                    "Choose a lower precision (bfloat16), a smaller model, or another device.",
                ) from error
        self._tokens = max(1, self._tokens // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        half = (len(items) + 1) // 2
        return [*self.read(name, items[:half]), *self.read(name, items[half:])]

    def words(self, place: int) -> tuple[str, ...]:
        """Return a caption's tokens as text."""
        return tuple(self._tokenizer.decode([token]) for token in self.captions[place])

    def _check(self, language: LanguageRef, texts: Sequence[str]) -> None:
        for place, (ids, text) in enumerate(zip(self.captions, texts, strict=True)):
            if not ids:
                raise DataError(f"The caption of image {place + 1}, {text!r}, has no token.", "Leave the image out.")
            if max(ids) >= self._vocabulary:
                raise WeightsError(
                    f"The tokenizer of '{language.name}' makes token {max(ids)}, and the model knows "
                    f"{self._vocabulary}.",
                    "Give the model its own tokenizer.",
                )


def _caption(image: CaptionedImage, place: int) -> str:
    text = image[1]
    if text is None or not text.strip():
        raise DataError(
            f"Image {place + 1} has {'no' if text is None else 'an empty'} caption, and loglik is of captions.",
            "Give an image source with a caption for every image: captions under [alignment] of registry.toml.",
        )
    return text


def _told(
    data: Sequence[CaptionedImage], name: str, reader: _Reader, items: Sequence[tuple[int, FeatureMap]]
) -> Iterator[tuple[int, CaptionReport]]:
    for (place, _), logprobs in zip(items, reader.read(name, items), strict=True):
        if not np.isfinite(logprobs).all():
            raise DataError(
                f"The log-probability of the caption of image {place + 1} is not finite by '{name}'.",
                "Choose a higher precision (float32), or train the projector again.",
            )
        image, caption = data[place]
        yield place, CaptionReport(name, image.key, str(caption), reader.words(place), tuple(logprobs))
