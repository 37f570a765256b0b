"""Text embeddings: one vector for a caption, the mean of a language model's hidden states over its tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from visionlaw.alignment.language import load_language
from visionlaw.errors import DataError
from visionlaw.features.batching import is_full

if TYPE_CHECKING:
    from visionlaw.alignment.language import LanguageRef

TOKENS = 2**12
"""Tokens of a batch, padding included."""


def embed(
    captions: Sequence[str | None],
    language: LanguageRef,
    layer: int = -1,
    device: str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> torch.Tensor:
    """Return an embedding of each caption.

    A caption is read after the model's start token (its end token, where it has none to start with), and the hidden
    states of the caption's own tokens are averaged. The start token is left out of the mean: language models park
    attention on the first token of a text, in the middle layers with activations a thousand times larger than any
    other, which would make the mean tell little more than the caption's length.

    Args:
        captions: One for each image; a caption that comes again is embedded once.
        language: The language model.
        layer: Which hidden states, counted as Python counts: 0 is what the first block reads, -1 what the last one
            wrote, after the model's final norm.
        device: As torch names it.
        progress: Called with the number of captions that are done.

    Returns:
        ``[n, d]`` float32 on the CPU, averaged in float64.

    Raises:
        DataError: A caption is missing, empty, or longer than the model's context; there is no such layer; or memory
            does not suffice.
        WeightsError, MissingDependencyError: As :func:`visionlaw.alignment.language.load_language`.
    """
    for position, caption in enumerate(captions):
        if not (caption or "").strip():
            raise DataError(
                f"Image {position + 1} of {len(captions)} has no caption.",
                "Use an image source with captions, and drop records without one.",
            )
    distinct = list(dict.fromkeys(caption for caption in captions if caption is not None))
    model, tokenizer = load_language(language, device=device)
    model = model.base_model
    config = model.config.get_text_config()
    layers = int(config.num_hidden_layers)
    if not -layers - 1 <= layer <= layers:
        raise DataError(
            f"'{language.name}' has no hidden states {layer}.", f"Give a layer from {-layers - 1} to {layers}."
        )
    sequences = [_tokens(tokenizer, caption, language) for caption in distinct]
    found = torch.empty(len(distinct), config.hidden_size)
    done = 0
    named = None if layer in (-1, layers) else layer
    for batch in _batches(sequences):
        try:
            found[batch] = _pooled(model, [sequences[index] for index in batch], named, device)
        except Exception as error:
            if is_full(error):
                raise DataError(
                    f"Memory does not suffice to read captions by '{language.name}' on '{device}'.",
                    "Use a smaller language model, or another device.",
                ) from error
            raise
        done += len(batch)
        if progress is not None:
            progress(round(done * len(captions) / len(distinct)))
    place = {caption: index for index, caption in enumerate(distinct)}
    return found[[place[caption] for caption in captions if caption is not None]]


def _tokens(tokenizer: Any, caption: str, language: LanguageRef) -> list[int]:
    """Return a caption's tokens after the start token."""
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if start is None:
        raise DataError(
            f"The tokenizer of '{language.name}' has neither a start nor an end token.", "Use another language model."
        )
    tokens = list(tokenizer(caption, add_special_tokens=False)["input_ids"])
    if not tokens:
        raise DataError(f"The caption {caption[:40]!r} has no tokens by '{language.name}'.", "Drop such records.")
    if language.context is not None and len(tokens) >= language.context:
        raise DataError(
            f"The caption '{caption[:40]}…' has {len(tokens)} tokens, and '{language.name}' reads {language.context}.",
            "Shorten it, or use a language model with a longer context.",
        )
    return [start, *tokens]


def _batches(sequences: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Yield positions of sequences of like length, the longest first, so that memory runs out at once or not at all."""
    batch: list[int] = []
    for index in sorted(range(len(sequences)), key=lambda index: -len(sequences[index])):
        if batch and (len(batch) + 1) * len(sequences[batch[0]]) > TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


@torch.inference_mode()
def _pooled(model: Any, sequences: Sequence[Sequence[int]], layer: int | None, device: str) -> torch.Tensor:
    """Return the mean hidden state of each sequence, its first token left out; None: by the last layer, alone kept."""
    longest = max(map(len, sequences))
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    inputs = {"input_ids": ids.to(device), "attention_mask": mask.to(device)}
    out = model(**inputs, use_cache=False, output_hidden_states=layer is not None)
    hidden = out.last_hidden_state if layer is None else out.hidden_states[layer]
    mask[:, 0] = 0
    weights = (mask / mask.sum(dim=1, keepdim=True)).to(hidden.device)
    return torch.einsum("bt,btd->bd", weights.double(), hidden.double()).float().cpu()
