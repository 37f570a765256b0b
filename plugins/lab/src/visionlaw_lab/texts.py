"""The lab's language: every word there is, and the texts that the language model learns it from, without a picture.

A text about a scene tells it first and speaks of it then: another telling, or questions with their answers. So the
model learns to read what stands before a question, which is where stage 1 puts the picture.
"""

from __future__ import annotations

from visionlaw_lab.captions import caption
from visionlaw_lab.names import COLOURS, DIGITS, PLACES, SHAPES, WORDS
from visionlaw_lab.questions import Question, training_questions
from visionlaw_lab.scenes import Scene, draw_scene

BEGIN, END, USER, ASSISTANT, PAD, UNKNOWN = "<s>", "</s>", "<user>", "<assistant>", "<pad>", "<unk>"
SPECIAL = (UNKNOWN, PAD, BEGIN, END, USER, ASSISTANT)
ASKING = ("is", "there", "how", "many", "shapes", "are", "where", "what", "colour", "which")
GRAMMAR = ("\n", ",", ".", "?", "a", "the", "digit", "word", *ASKING, "yes", "no")
VOCABULARY = (*SPECIAL, *GRAMMAR, *COLOURS, *SHAPES, *DIGITS, *WORDS, *PLACES)

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %} "
    + ASSISTANT
    + " {% generation %}{{ message['content'] }} {{ eos_token }}{% endgeneration %}{% else %} "
    + USER
    + " {{ message['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %} "
    + ASSISTANT
    + "{% endif %}"
)
"""What a conversation becomes as text; answers, with their ends, are marked as what is to be learnt."""


def document(seed: int, number: int) -> tuple[str, str]:
    """Return a text about a scene of its own, in two parts: what tells it, and what is then said of it.

    The tokenizer puts the beginning of a sequence before it.
    """
    scene = draw_scene("texts", "train", seed, number)
    if number % 4 == 0:
        return caption(scene, 1), f" {caption(scene, 2)} \n"
    return f"{USER} {caption(scene, 1)} \n", f" {conversation(scene)}"


def conversation(scene: Scene) -> str:
    """Return the training questions about a scene with their answers, as the chat template has them."""
    asked = training_questions(scene)
    return f" {USER} ".join(exchange(question) for question in asked)


def exchange(question: Question) -> str:
    """Return one question with its answer."""
    return f"{question.text} {ASSISTANT} {question.answer} {END}"
