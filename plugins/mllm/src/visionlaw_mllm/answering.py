"""Answers: free ones by generating, and the probabilities of given ones, in batches.

Nothing depends on what shares a batch: prompts are padded on the left, and positions count from each prompt's own
beginning.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import DynamicCache, GenerationConfig, StoppingCriteria

from visionlaw.errors import DataError
from visionlaw.features.results import Quarantined
from visionlaw.features.sources import read_sources
from visionlaw.protocols import FeatureStore
from visionlaw_mllm.batches import Batch, assemble
from visionlaw_mllm.conversations import TAG, Turn
from visionlaw_mllm.prompts import IGNORE, IMAGE, Example, encode, encode_prompt

if TYPE_CHECKING:
    from visionlaw_mllm.mllm import MLLM

PLAIN_END = "\n"
"""What ends a caption in the template ``plain``, which has no token for it."""


@dataclass(frozen=True)
class Generating:
    """How answers are generated.

    Attributes:
        max_new_tokens: The longest answer, in tokens.
        temperature: 0: the most probable token each time; above: sampled.
        seed: Of the sampling.
        stop: Texts that end an answer and are no part of it, beside the language model's own end.
    """

    max_new_tokens: int = 128
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or not 0 <= self.temperature < float("inf"):
            raise DataError(
                f"Answers of {self.max_new_tokens} tokens at temperature {self.temperature} cannot be generated.",
                "Give at least 1 token, and a temperature of 0 or above.",
            )


@dataclass(frozen=True)
class OptionScore:
    """How probable an answer is.

    Attributes:
        log_probability: Natural logarithm of the probability of the whole answer, its end included.
        tokens: Tokens that it is the sum over.
        greedy: Whether each of them is the most probable one.
    """

    log_probability: float
    tokens: int
    greedy: bool


@torch.inference_mode()
def generate(
    model: MLLM,
    images: Sequence[Any],
    prompts: Sequence[str],
    how: Generating,
    batch_size: int,
    cache: FeatureStore | None,
) -> list[str]:
    """Return an answer to each prompt; arguments as :meth:`visionlaw_mllm.mllm.MLLM.generate`."""
    examples = [_prompt(model, image, prompt) for image, prompt in _matched(images, prompts)]
    answers: list[str] = []
    with (
        contextlib.closing(_visual(model, images, cache)) as visual,
        torch.random.fork_rng(enabled=how.temperature > 0),
    ):
        if how.temperature > 0:
            torch.manual_seed(how.seed)
        for part in _chunks(examples, batch_size):
            answers += _generate(model, part, [next(visual) for _ in part], how)
    return answers


@torch.inference_mode()
def score_options(
    model: MLLM,
    images: Sequence[Any],
    prompts: Sequence[str],
    options: Sequence[Sequence[str]],
    batch_size: int,
    cache: FeatureStore | None,
) -> list[list[OptionScore]]:
    """Return how probable each option is as the answer; arguments as :meth:`visionlaw_mllm.mllm.MLLM.option_scores`.

    What the options of a prompt have in common, the image above all, passes the language model once.
    """
    if len(options) != len(prompts) or not all(options):
        raise DataError("There are prompts without options, or options without a prompt.", "Give each prompt a list.")
    asked = [
        _Question.of([_answered(model, image, prompt, option) for option in given])
        for (image, prompt), given in zip(_matched(images, prompts), options, strict=True)
    ]
    scores: list[list[OptionScore]] = []
    with contextlib.closing(_visual(model, images, cache)) as visual:
        for part in _chunks(asked, batch_size):
            scores += _score(model, part, [next(visual) for _ in part])
    return scores


def _matched(images: Sequence[Any], prompts: Sequence[str]) -> Iterator[tuple[Any, str]]:
    if len(images) != len(prompts):
        raise DataError(f"There are {len(images)} images and {len(prompts)} prompts.", "Give each prompt an image.")
    return zip(images, prompts, strict=True)


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    if size < 1:
        raise DataError(f"A batch cannot have {size} prompts.", "Give 1 or more.")
    return (items[start : start + size] for start in range(0, len(items), size))


def _turns(image: Any, prompt: str) -> list[Turn]:
    text = prompt.replace(TAG, "").strip()
    return [Turn("human", text if image is None else f"{TAG}\n{text}")]


def _prompt(model: MLLM, image: Any, prompt: str) -> Example:
    ids = encode_prompt(_turns(image, prompt), model.template, model.tokenizer)
    return Example(ids, [IGNORE] * len(ids))


def _answered(model: MLLM, image: Any, prompt: str, answer: str) -> Example:
    return encode([*_turns(image, prompt), Turn("gpt", answer)], model.template, model.tokenizer)


def _visual(model: MLLM, images: Sequence[Any], cache: FeatureStore | None) -> Generator[torch.Tensor | None]:
    """Yield the projected tokens of each image in turn, None where there is none; the next ones are prepared meanwhile.

    Raises:
        DataError: An image cannot be used.
    """
    given = [image for image in images if image is not None]
    results = model.extractor.stream_sources(read_sources(given), cache, strict_images=True) if given else None
    try:
        for image in images:
            if image is None or results is None:
                yield None
                continue
            result = next(results, None)
            if result is None or isinstance(result, Quarantined):
                raise DataError(f"There are {len(given)} images, and fewer could be read.", "Give images, not folders.")
            yield model.project([result.features.tokens])[0]
    finally:
        if results is not None:
            results.close()


def _assembled(model: MLLM, examples: Sequence[Example], visual: Sequence[torch.Tensor | None]) -> Batch:
    batch = assemble(examples, visual, model.language.get_input_embeddings(), side="left")
    longest, context = int(batch.attention_mask.sum(1).max()), model.base.context
    if context is not None and longest >= context:
        raise DataError(
            f"A prompt of {longest:,} tokens, the image's included, leaves no room for an answer in the context of "
            f"{context:,} tokens.",
            "Ask shorter, or use an encoder with fewer tokens.",
        )
    return batch


def _generate(
    model: MLLM, examples: Sequence[Example], visual: Sequence[torch.Tensor | None], how: Generating
) -> list[str]:
    batch = _assembled(model, examples, visual)
    stops = (*how.stop, PLAIN_END) if model.template == "plain" else how.stop
    language = cast("Any", model.language)
    written: torch.Tensor = language.generate(
        inputs_embeds=batch.inputs_embeds,
        attention_mask=batch.attention_mask,
        generation_config=_configured(model, how),
        stopping_criteria=[_Stops(model.tokenizer, stops)] if stops else None,
    )
    rooms = [how.max_new_tokens] * len(examples)
    if model.base.context is not None:
        rooms = [min(how.max_new_tokens, model.base.context - int(n)) for n in batch.attention_mask.sum(1)]
    texts = [
        model.tokenizer.decode(row[:room], skip_special_tokens=True) for row, room in zip(written, rooms, strict=True)
    ]
    return [_until(text, stops).strip() for text in texts]


def _until(text: str, stops: Sequence[str]) -> str:
    # A caption may begin with the line break that ends it elsewhere: nothing was said before that.
    text = text.lstrip()
    for stop in stops:
        text = text.partition(stop)[0]
    return text


def _configured(model: MLLM, how: Generating) -> GenerationConfig:
    own = getattr(model.language, "generation_config", None)
    ends = {model.tokenizer.eos_token_id}
    given = getattr(own, "eos_token_id", None)
    ends |= set(cast("list[int]", given) if isinstance(given, list) else [given])
    known = sorted(end for end in ends if end is not None)
    pad = model.tokenizer.pad_token_id
    sampled = {"temperature": how.temperature, "top_k": 0, "top_p": 1.0} if how.temperature > 0 else {}
    return GenerationConfig(
        max_new_tokens=how.max_new_tokens,
        do_sample=how.temperature > 0,
        eos_token_id=known or None,
        pad_token_id=pad if pad is not None else (known[0] if known else 0),
        **sampled,
    )


class _Stops(StoppingCriteria):
    """Ends each answer that has one of some texts in it."""

    def __init__(self, tokenizer: Any, stops: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.stops = stops

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> Any:
        texts = [str(self.tokenizer.decode(row, skip_special_tokens=True)).lstrip() for row in input_ids]
        return torch.tensor([any(stop in text for stop in self.stops) for text in texts], device=input_ids.device)


@dataclass(frozen=True)
class _Question:
    """The options of one prompt: what they have in common up to the first answer's token, and how each goes on."""

    common: Example
    endings: tuple[Example, ...]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> _Question:
        first = examples[0].ids
        place = min(next(n for n, label in enumerate(example.labels) if label != IGNORE) for example in examples)
        place = min(place, *(_common(first, example.ids) for example in examples))
        # An answer that is the beginning of another one has a token of its own after it: its end.
        place = min(place, *(len(example.ids) - 1 for example in examples))
        if IMAGE in first[place:] or place < 1:
            raise DataError("An option does not come after its prompt.", "Use another template.")
        endings = tuple(Example(example.ids[place:], example.labels[place:]) for example in examples)
        return cls(Example(first[:place], [IGNORE] * place), endings)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _score(
    model: MLLM, questions: Sequence[_Question], visual: Sequence[torch.Tensor | None]
) -> list[list[OptionScore]]:
    batch = _assembled(model, [question.common for question in questions], visual)
    began = model.language(
        inputs_embeds=batch.inputs_embeds,
        attention_mask=batch.attention_mask,
        position_ids=batch.position_ids,
        past_key_values=DynamicCache(config=model.language.config),
        use_cache=True,
        logits_to_keep=1,
    )
    owners = [n for n, question in enumerate(questions) for _ in question.endings]
    endings = [ending for question in questions for ending in question.endings]
    rows = torch.tensor(owners, device=model.device)
    ids, labels, mask = _padded(endings, model.device)
    logits = began.logits[rows, -1:]
    if ids.shape[1] > 1:
        began.past_key_values.batch_select_indices(rows)
        seen = batch.attention_mask[rows]
        went = model.language(
            input_ids=ids[:, :-1],
            attention_mask=torch.cat([seen, mask[:, :-1]], dim=1),
            position_ids=seen.sum(1, keepdim=True) + torch.arange(ids.shape[1] - 1, device=model.device),
            past_key_values=began.past_key_values,
            use_cache=True,
        )
        logits = torch.cat([logits, went.logits], dim=1)
    scores = iter(summed(logits, ids, labels))
    return [[next(scores) for _ in question.endings] for question in questions]


def _padded(endings: Sequence[Example], device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return ids, labels and mask ``[n, T]``, padded on the right; the id of padding does not matter."""
    length = max(len(ending.ids) for ending in endings)
    ids = [ending.ids + [0] * (length - len(ending.ids)) for ending in endings]
    labels = [ending.labels + [IGNORE] * (length - len(ending.ids)) for ending in endings]
    mask = [[1] * len(ending.ids) + [0] * (length - len(ending.ids)) for ending in endings]
    return tuple(torch.tensor(rows, device=device) for rows in (ids, labels, mask))  # pyright: ignore[reportReturnType]


def summed(logits: torch.Tensor, ids: torch.Tensor, labels: torch.Tensor) -> list[OptionScore]:
    """Return scores from logits ``[n, T, V]`` that predict ids ``[n, T]``, over those that have a label."""
    learnt = labels != IGNORE
    known = torch.log_softmax(logits.float(), dim=-1).gather(-1, ids[..., None])[..., 0]
    totals = torch.where(learnt, known, 0.0).double().sum(1)
    greedy = ((logits.argmax(-1) == ids) | ~learnt).all(1)
    return [
        OptionScore(float(total), int(count), bool(best))
        for total, count, best in zip(totals, learnt.sum(1), greedy, strict=True)
    ]
