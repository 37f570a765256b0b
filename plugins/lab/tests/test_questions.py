from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from visionlaw.errors import DataError
from visionlaw_lab.captions import caption
from visionlaw_lab.names import ANSWERS, BENCHMARKS, COLOURS, Benchmark
from visionlaw_lab.questions import (
    Question,
    benchmark_of,
    benchmark_question,
    chance,
    training_questions,
    training_scene,
)
from visionlaw_lab.rendering import RGB, render
from visionlaw_lab.scenes import Scene


def read_caption(text: str) -> list[list[str]]:
    """Take a caption apart as a reader would, who knows the words but not the scene."""
    assert text.endswith(" .")
    return [part.split() for part in text.removesuffix(" .").split(" , ")]


def answer_by_reading(question: str, told: list[list[str]]) -> str:
    """Answer a question from the caption alone: another way to the truth than the one that made the question."""
    shapes = [words[1:] for words in told if words[0] == "a"]  # colour, name, place
    words = question.split()
    if question.startswith("is there a"):
        return "yes" if any(shape[:2] == words[3:5] for shape in shapes) else "no"
    if question.startswith("how many"):
        return ("one", "two", "three", "four")[len(shapes) - 1]
    if question.startswith("where is"):
        (place,) = [shape[2] for shape in shapes if shape[1] == words[3]]
        return place
    if question.startswith("what colour"):
        (colour,) = [shape[0] for shape in shapes if shape[1] == words[4]]
        return colour
    (name,) = [phrase[3] for phrase in told if phrase[0] == "the" and phrase[2] == words[1]]
    return name


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_answer_of_a_benchmark_is_true(benchmark: Benchmark) -> None:
    for number in range(60):
        scene, question = benchmark_question(benchmark, 0, number)
        assert question.benchmark == benchmark
        assert question.answer in question.options
        assert answer_by_reading(question.text, read_caption(caption(scene))) == question.answer


def test_every_training_question_is_true_and_is_asked_once() -> None:
    asked: Counter[str] = Counter()
    for number in range(200):
        scene = training_scene(0, number)
        questions = training_questions(scene)
        assert len({question.benchmark for question in questions}) == len(questions)
        for question in questions:
            asked[question.benchmark] += 1
            assert answer_by_reading(question.text, read_caption(caption(scene))) == question.answer
    assert asked["existence"] == asked["counting"] == 200
    assert min(asked.values()) > 100


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_no_answer_is_more_frequent_so_that_chance_is_known(benchmark: Benchmark) -> None:
    options = ANSWERS[benchmark]
    told = Counter(benchmark_question(benchmark, 0, number)[1].answer for number in range(3 * len(options)))
    assert told == dict.fromkeys(options, 3)
    assert chance(benchmark) == pytest.approx(100 / len(options))


def test_existence_cannot_be_guessed_from_what_is_there_apart_from_what_belongs_together() -> None:
    def apart(scene: Scene, question: Question) -> tuple[bool, bool, int]:
        hue, shape = question.text.split()[3:5]
        shapes = scene.of_kind("shape")
        return hue in {s.colour for s in shapes}, shape in {s.name for s in shapes}, len(shapes)

    seen = {True: Counter[object](), False: Counter[object]()}
    for number in range(100):
        scene, question = benchmark_question("existence", 0, number)
        seen[question.answer == "yes"][apart(scene, question)] += 1
    assert seen[True] == seen[False] == {(True, True, 2): 50}


def test_training_existence_is_balanced() -> None:
    answers = [
        question.answer
        for number in range(400)
        for question in training_questions(training_scene(0, number))
        if question.benchmark == "existence"
    ]
    assert 0.4 < np.mean([answer == "yes" for answer in answers]) < 0.6


def test_colour_that_is_answered_is_in_the_picture() -> None:
    for number in range(30):
        scene, question = benchmark_question("colour", 1, number)
        pixels = np.asarray(render(scene), np.float64)
        shown = {c for c in COLOURS if (np.linalg.norm(pixels - np.array(RGB[c]), axis=-1) < 30).sum() > 60}
        assert question.answer in shown


def test_scenes_of_benchmarks_are_not_those_of_training() -> None:
    trained = {training_scene(0, number).digest for number in range(300)}
    for benchmark in BENCHMARKS:
        assert trained.isdisjoint(benchmark_question(benchmark, 0, number)[0].digest for number in range(50))


def test_an_unknown_benchmark_is_named() -> None:
    with pytest.raises(DataError, match="no benchmark 'taste'"):
        benchmark_of("taste")
