"""What a conversation is: who says what, and where the image stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from visionlaw.errors import DataError

TAG = "<image>"
Speaker = Literal["system", "human", "gpt"]
SPEAKERS: dict[str, Speaker] = {
    "system": "system",
    "human": "human",
    "user": "human",
    "gpt": "gpt",
    "assistant": "gpt",
}


@dataclass(frozen=True)
class Turn:
    """What one side says.

    Attributes:
        speaker: ``system``, first of all if at all; ``human`` and ``gpt`` in turn.
        text: As it stands in the data, ``<image>`` where the image is.
    """

    speaker: Speaker
    text: str


def read_turns(conversations: object, image: bool) -> tuple[Turn, ...]:
    """Return the turns of a record's ``conversations``.

    As LLaVA does, a conversation that gpt begins loses that turn; one that ends with a question loses it too, since
    nothing could be learnt from it.

    Args:
        conversations: ``[{"from": …, "value": …}, …]``.
        image: Whether the record has an image; the tag stands once in a question then, and nowhere otherwise.

    Raises:
        DataError: It is no such list, the turns do not alternate, nothing is answered, or tag and image disagree.
    """
    if not isinstance(conversations, Sequence) or isinstance(conversations, (str, bytes)) or not conversations:
        raise DataError("It has no list 'conversations'.")
    turns = [_turn(turn, number) for number, turn in enumerate(cast("Sequence[object]", conversations))]
    system = turns[:1] if turns[0].speaker == "system" else []
    talk = turns[len(system) :]
    if talk and talk[0].speaker == "gpt":
        talk = talk[1:]
    if talk and talk[-1].speaker == "human":
        talk = talk[:-1]
    check_turns(talk)
    _check_tag([*system, *talk], image)
    return (*system, *talk)


def check_turns(talk: Sequence[Turn]) -> None:
    """Check that questions and answers alternate and that something is answered.

    Raises:
        DataError: They do not, or nothing is.
    """
    for number, turn in enumerate(talk):
        expected = ("human", "gpt")[number % 2]
        if turn.speaker != expected:
            raise DataError(f"In it {turn.speaker} speaks where it is the turn of {expected}.")
    answers = [turn.text for turn in talk if turn.speaker == "gpt"]
    if not any(answer.strip() for answer in answers):
        raise DataError("Its answer is empty." if answers else "It has no answer.")


def _turn(turn: object, number: int) -> Turn:
    facts = cast("dict[str, Any]", turn) if isinstance(turn, dict) else {}
    speaker, text = facts.get("from"), facts.get("value")
    if not isinstance(speaker, str) or not isinstance(text, str):
        raise DataError(f"Its turn {number} is not of the form {{'from': …, 'value': …}}.")
    if speaker not in SPEAKERS:
        raise DataError(f"Its turn {number} is by {speaker[:50]!r}, who is none of {', '.join(SPEAKERS)}.")
    return Turn(SPEAKERS[speaker], text)


def _check_tag(turns: Sequence[Turn], image: bool) -> None:
    tags = sum(turn.text.count(TAG) for turn in turns)
    if tags and not image:
        raise DataError(f"It has the tag {TAG} and no image.")
    if image and not tags:
        raise DataError(f"It has an image and no tag {TAG} to say where.")
    if tags > 1:
        raise DataError(f"It has the tag {TAG} {tags} times; one image in a conversation is understood.")
    if tags and not any(TAG in turn.text for turn in turns if turn.speaker == "human"):
        raise DataError(f"It has the tag {TAG} outside of the questions.")
