"""Templates: what a conversation becomes as one text, and which parts of it are to be learnt.

- ``plain`` (stage 1): the question is reduced to the image; caption and a line break follow, and are learnt.
- ``v1`` (Vicuna's, LLaVA-1.5's stage 2): ``SYSTEM USER: question ASSISTANT: answer</s>USER: …``, ``</s>`` being the
  tokenizer's own end of a sequence. Answers are learnt, each with its end and with the space before it, which a model
  that is asked has to say first. A system turn takes the place of SYSTEM.
- ``chat``: the tokenizer's own template. What it marks with ``{% generation %}`` is learnt; where it marks nothing,
  what an answer adds to what it says when it asks for one, with the end of the turn, without white space behind that.

Wherever ``<image>`` stands in a question, it is moved to the beginning of that question, as LLaVA does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from visionlaw.errors import ConfigError, DataError
from visionlaw.guard import describe_error
from visionlaw_mllm.conversations import TAG, Turn

Template = Literal["plain", "v1", "chat"]
TEMPLATES: tuple[Template, ...] = get_args(Template)
SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
ROLES = {"system": "system", "human": "user", "gpt": "assistant"}
GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")

_OTHER = "Use another template: plain, or v1."


@dataclass(frozen=True)
class Rendered:
    """A conversation as text.

    Attributes:
        text: With ``<image>`` once where the image is, or without it.
        answers: The parts of it that are learnt, as (begin, end) in characters, ascending.
        begins: Whether the tokenizer's token for the beginning of a sequence goes before it.
    """

    text: str
    answers: tuple[tuple[int, int], ...] = ()
    begins: bool = True


def render(turns: Sequence[Turn], template: Template, tokenizer: Any) -> Rendered:
    """Render a conversation that ends with an answer, to train on, or with a question, to be answered.

    Args:
        turns: A system turn or none, then human and gpt in turn.
        template: ``plain``, ``v1`` or ``chat``.
        tokenizer: A tokenizer of transformers.

    Raises:
        ConfigError: There is no such template, or the tokenizer has not what it takes.
        DataError: The conversation does not fit the template.
    """
    if template not in TEMPLATES:
        raise ConfigError(f"There is no template '{template}'.", f"There is: {', '.join(TEMPLATES)}.")
    spoken = [Turn(turn.speaker, _image_first(turn.text)) for turn in turns]
    rendered = {"plain": _plain, "v1": _v1, "chat": _chat}[template](spoken, tokenizer)
    expected = sum(turn.text.count(TAG) for turn in turns)
    if rendered.text.count(TAG) != expected or expected > 1:
        raise DataError(f"The tag {TAG} stands in it {rendered.text.count(TAG)} times.")
    return rendered


def _image_first(text: str) -> str:
    return f"{TAG}\n{text.replace(TAG, '', 1).strip()}".strip() if TAG in text else text


def _plain(turns: Sequence[Turn], tokenizer: Any) -> Rendered:
    if not 1 <= len(turns) <= 2 or turns[0].speaker != "human" or TAG not in turns[0].text:
        raise DataError(f"It is not one question with {TAG} and its answer, as the template 'plain' wants it.")
    if len(turns) == 1:
        return Rendered(TAG)
    text = f"{TAG}{turns[1].text}\n"
    return Rendered(text, ((len(TAG), len(text)),))


def _v1(turns: Sequence[Turn], tokenizer: Any) -> Rendered:
    if not tokenizer.eos_token:
        raise ConfigError("The tokenizer has no token for the end of a sequence, which the template 'v1' needs.")
    system = turns[0].text if turns[0].speaker == "system" else SYSTEM
    text, answers = f"{system} ", list[tuple[int, int]]()
    for turn in turns:
        if turn.speaker == "human":
            text += f"USER: {turn.text} ASSISTANT:"
        elif turn.speaker == "gpt":
            begin = len(text)
            text += f" {turn.text}{tokenizer.eos_token}"
            answers.append((begin, len(text)))
    return Rendered(text, tuple(answers))


def _chat(turns: Sequence[Turn], tokenizer: Any) -> Rendered:
    messages = [{"role": ROLES[turn.speaker], "content": turn.text} for turn in turns]
    if turns[-1].speaker == "human":
        return Rendered(_rendered(tokenizer, messages, ask=True), begins=False)
    text = _rendered(tokenizer, messages)
    if GENERATION.search(_template_of(tokenizer)):
        return Rendered(text, _marked(tokenizer, messages), begins=False)
    spans = [_added(tokenizer, messages[: n + 1], text) for n, turn in enumerate(turns) if turn.speaker == "gpt"]
    return Rendered(text, tuple(spans), begins=False)


def _template_of(tokenizer: Any) -> str:
    try:
        return tokenizer.get_chat_template()
    except ValueError as error:
        raise ConfigError("The tokenizer has no chat template of its own.", _OTHER) from error


def _rendered(tokenizer: Any, messages: list[dict[str, str]], ask: bool = False) -> str:
    _template_of(tokenizer)
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=ask)
    except Exception as error:  # templates raise what their author likes
        raise DataError(f"The tokenizer's chat template refuses it: {describe_error(error)}.", _OTHER) from error


def _marked(tokenizer: Any, messages: list[dict[str, str]]) -> tuple[tuple[int, int], ...]:
    """Return what a template with ``{% generation %}`` marks."""
    from transformers.utils.chat_template_utils import render_jinja_template

    found: Any = render_jinja_template(
        [messages],
        chat_template=_template_of(tokenizer),
        return_assistant_tokens_mask=True,
        **tokenizer.special_tokens_map,
    )
    return tuple((int(begin), int(end)) for begin, end in found[1][0])


def _added(tokenizer: Any, messages: list[dict[str, str]], text: str) -> tuple[int, int]:
    """Return what the last of the messages, an answer, adds to the text."""
    asked = _rendered(tokenizer, messages[:-1], ask=True)
    answered = _rendered(tokenizer, messages)
    special = tuple(tokenizer.all_special_tokens)
    if text.startswith(answered):
        # Nobody has to learn the line break after the token that ends a turn: generation stops before it.
        ended = answered.rstrip()
        end = len(ended if ended.endswith(special) else answered)
    else:
        # Some templates render an answer otherwise once a question follows; special tokens are never part of an answer.
        ends = [place + len(token) for token in special if (place := text.find(token, len(asked))) >= 0]
        end = min(ends, default=0)
    if text.startswith(asked) and messages[-1]["content"].strip() in text[len(asked) : end]:
        return len(asked), end
    raise DataError("The tokenizer's chat template does not show where an answer begins and ends.", _OTHER)
