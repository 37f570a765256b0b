"""Conversations as token ids, and which of them are learnt.

Ids are what the language model's own tokenizer makes of the text of a template (:mod:`visionlaw_mllm.templates`), with
:data:`IMAGE` once where the image's tokens belong. The text before the image and the text behind it are each tokenised
as a whole, as LLaVA does and as inference does: never turn by turn, since tokens merge across the boundaries of turns.

**Masking.** A token is learnt, its label is its id, if at least one of its characters belongs to an answer, from behind
what stands there when the model is asked (:func:`encode_prompt`) to the end of the turn; all others have the label
:data:`IGNORE`. So a token that has the last of a template's white space and the beginning of an answer in it is
learnt. A token without any character, as SentencePiece may put before a text, goes with the one that follows it. Labels
are in the places of their tokens: transformers shifts them when it computes the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from visionlaw.errors import ConfigError, DataError
from visionlaw_mllm.conversations import TAG, Turn, check_turns
from visionlaw_mllm.templates import Rendered, Template, render

IMAGE = -200
IGNORE = -100


@dataclass(frozen=True)
class Example:
    """One conversation, ready for a language model.

    Attributes:
        ids: Token ids, :data:`IMAGE` at most once.
        labels: Of each token its id if it is learnt, else :data:`IGNORE`.
    """

    ids: list[int]
    labels: list[int]


def encode(
    turns: Sequence[Turn], template: Template, tokenizer: Any, limit: int | None = None, visual: int = 0
) -> Example:
    """Return a conversation with its answers, to train on.

    Args:
        turns: A system turn or none, then human and gpt in turn, gpt last.
        template: ``plain``, ``v1`` or ``chat``.
        tokenizer: A tokenizer of transformers that knows which characters a token covers.
        limit: The longest sequence, visual tokens included; None: any (:func:`cut` does it later).
        visual: How many visual tokens the image becomes.

    Raises:
        ConfigError: The tokenizer has not what it takes.
        DataError: The conversation does not fit the template, or nothing to learn is left within the limit.
    """
    check_turns([turn for turn in turns if turn.speaker != "system"])
    if turns[-1].speaker != "gpt":
        raise DataError("It has no answer at the end.")
    example = _tokenised(render(turns, template, tokenizer), tokenizer)
    return example if limit is None else cut(example, limit, visual)


def encode_prompt(turns: Sequence[Turn], template: Template, tokenizer: Any) -> list[int]:
    """Return the ids of a conversation whose last question is to be answered: what stands before the answer.

    Args:
        turns: As for :func:`encode`, human last.
        template: ``plain``, ``v1`` or ``chat``.
        tokenizer: As for :func:`encode`.

    Raises:
        ConfigError, DataError: As :func:`encode`.
    """
    if not turns or turns[-1].speaker != "human":
        raise DataError("There is no question at the end to be answered.")
    return _tokenised(render(turns, template, tokenizer), tokenizer).ids


def cut(example: Example, limit: int, visual: int) -> Example:
    """Return an example without what is beyond the limit, as LLaVA cuts: from the right, the image in its place.

    Args:
        example: As :func:`encode` gives it.
        limit: The longest sequence, in tokens, visual ones included.
        visual: How many visual tokens the image becomes.

    Raises:
        DataError: The image does not fit, or nothing to learn is left.
    """
    place = example.ids.index(IMAGE) if IMAGE in example.ids else None
    if place is not None and place + visual > limit:
        raise DataError(f"Its image with {visual:,} visual tokens does not fit into a context of {limit:,} tokens.")
    room = limit if place is None else limit - visual + 1
    labels = example.labels[:room]
    # The first token is predicted from nothing.
    if not any(label != IGNORE for label in labels[1:]):
        raise DataError(f"Nothing of its answers is left within a context of {limit:,} tokens.")
    return example if len(example.ids) <= room else Example(example.ids[:room], labels)


def _tokenised(rendered: Rendered, tokenizer: Any) -> Example:
    if not getattr(tokenizer, "is_fast", False):
        raise ConfigError(
            "The language model's tokenizer does not say which characters a token covers.",
            "Use one that is saved as tokenizer.json.",
        )
    ids = _beginning(tokenizer) if rendered.begins else []
    labels = [IGNORE] * len(ids)
    before, tag, behind = rendered.text.partition(TAG)
    for piece, first in ((before, 0), (behind, len(before) + len(TAG))):
        if tag and first:
            ids.append(IMAGE)
            labels.append(IGNORE)
        if piece:
            found = tokenizer(piece, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
            learnt = _learnt(found["offset_mapping"], [(a - first, b - first) for a, b in rendered.answers])
            ids += found["input_ids"]
            labels += [i if known else IGNORE for i, known in zip(found["input_ids"], learnt, strict=True)]
    return Example(ids, labels)


def _beginning(tokenizer: Any) -> list[int]:
    """Return what the tokenizer puts before a sequence."""
    begin = tokenizer("")["input_ids"][:1]
    return begin if begin == [tokenizer.bos_token_id] else []


def _learnt(offsets: Sequence[tuple[int, int]], answers: Sequence[tuple[int, int]]) -> list[bool]:
    """Return whether each token has a character of an answer in it.

    Args:
        offsets: Of each token, (begin, end) of its characters. Some tokenizers leave white space out of them: what lies
            between the end of the token before and the end of a token is the token's own.
        answers: (begin, end), ascending.
    """
    learnt = list[bool | None]()
    done = 0
    for start, end in offsets:
        begin = min(start, done)
        learnt.append(any(begin < b and a < end for a, b in answers) if begin < end else None)
        done = max(done, end)
    following = False
    for place in reversed(range(len(learnt))):
        following = following if (known := learnt[place]) is None else known
        learnt[place] = following
    return [bool(known) for known in learnt]
