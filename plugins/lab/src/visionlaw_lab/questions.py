"""Questions: six benchmarks, each with a closed set of answers that are equally frequent, so that chance is known.

A benchmark's performance is its accuracy in %. Questions for training are asked about any scene; those of a benchmark
are asked about scenes that are drawn for them, so that no answer can be guessed from how often it is right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from visionlaw.errors import DataError
from visionlaw_lab.names import ANSWERS, BENCHMARKS, COLOURS, DIGITS, PLACES, SHAPES, Benchmark, Split
from visionlaw_lab.scenes import Scene, Wanted, draw_scene, generator


@dataclass(frozen=True)
class Question:
    """A question about a scene.

    Attributes:
        benchmark: Which benchmark asks so.
        text: The question.
        answer: The right one of :attr:`options`.
    """

    benchmark: Benchmark
    text: str
    answer: str

    @property
    def options(self) -> tuple[str, ...]:
        """The closed set of answers."""
        return ANSWERS[self.benchmark]


def chance(benchmark: Benchmark) -> float:
    """Return the accuracy of guessing, in %: whoever guesses, and however, since all answers are equally frequent."""
    return 100.0 / len(ANSWERS[benchmark])


def benchmark_of(name: str) -> Benchmark:
    """Return the benchmark of a name.

    Raises:
        DataError: There is none.
    """
    for benchmark in BENCHMARKS:
        if benchmark == name:
            return benchmark
    raise DataError(f"The lab has no benchmark '{name}'.", f"It has {', '.join(BENCHMARKS)}.")


def training_questions(scene: Scene) -> tuple[Question, ...]:
    """Return one question of each benchmark that can be asked about a scene, in an order of its own."""
    rng = generator(f"questions/{scene.name}", scene.split, 0, 0)
    shapes = scene.of_kind("shape")
    asked: list[Question] = [existence(*_existing(scene, rng)), counting(scene)]
    names = [shape.name for shape in shapes]
    unique = [shape for shape in shapes if names.count(shape.name) == 1]
    if unique:
        one, other = (unique[int(i)] for i in rng.integers(0, len(unique), 2))
        asked += [position(one.name, one.place), colour(other.name, other.colour)]
    asked += [digit(item.name) for item in scene.of_kind("digit")]
    asked += [word(item.name) for item in scene.of_kind("word")]
    return tuple(asked[int(i)] for i in rng.permutation(len(asked)))


def existence(shape: str, hue: str, answer: bool) -> Question:
    """Ask whether there is a shape of a colour."""
    return Question("existence", f"is there a {hue} {shape} ?", "yes" if answer else "no")


def counting(scene: Scene) -> Question:
    """Ask how many shapes there are."""
    return Question("counting", "how many shapes are there ?", DIGITS[len(scene.of_kind("shape"))])


def position(shape: str, place: str) -> Question:
    """Ask where the only shape of a name is."""
    return Question("position", f"where is the {shape} ?", place)


def colour(shape: str, answer: str) -> Question:
    """Ask which colour the only shape of a name has."""
    return Question("colour", f"what colour is the {shape} ?", answer)


def digit(answer: str) -> Question:
    """Ask which digit there is."""
    return Question("digit", "which digit is there ?", answer)


def word(answer: str) -> Question:
    """Ask which word there is."""
    return Question("word", "which word is there ?", answer)


def benchmark_question(benchmark: Benchmark, seed: int, number: int) -> tuple[Scene, Question]:
    """Return a benchmark's scene of a number and the question about it; answers go round, so that all are as frequent.

    The scenes are of the split ``test``: their seeds and handwritten digits are not those of any training.
    """
    rng = generator(f"ask/{benchmark}", "test", seed, number)
    answer = ANSWERS[benchmark][number % len(ANSWERS[benchmark])]
    wanted, ask = _PLANS[benchmark](answer, rng)
    scene = draw_scene(benchmark, "test", seed, number, wanted)
    return scene, ask(scene)


def training_scene(seed: int, number: int, split: Split = "train") -> Scene:
    """Return a scene to train on, or to tell a caption of."""
    return draw_scene("captions", split, seed, number)


def _existing(scene: Scene, rng: np.random.Generator) -> tuple[str, str, bool]:
    """Choose what to ask for: half of the time something that is there, else something that shares shape or colour."""
    there = {(shape.name, shape.colour) for shape in scene.of_kind("shape")}
    shape, hue = sorted(there)[int(rng.integers(len(there)))]
    if rng.random() < 0.5:
        return shape, hue, True
    near = [(shape, c) for c in COLOURS] + [(s, hue) for s in SHAPES]
    absent = [pair for pair in near if pair not in there]
    return (*absent[int(rng.integers(len(absent)))], False)


_Plan = tuple[Wanted, Callable[[Scene], Question]]


def _existence_plan(answer: str, rng: np.random.Generator) -> _Plan:
    """Whether it is there or not, there are two shapes, one of that name and one of that colour."""
    shape, other = _two(SHAPES, rng)
    hue, another = _two(COLOURS, rng)
    pairs = ((shape, hue), (other, another)) if answer == "yes" else ((shape, another), (other, hue))
    return Wanted(shapes=_shuffled(pairs, rng)), lambda _: existence(shape, hue, answer == "yes")


def _counting_plan(answer: str, rng: np.random.Generator) -> _Plan:
    return Wanted(shapes=((None, None),) * DIGITS.index(answer)), counting


def _unique(rng: np.random.Generator, hue: str | None) -> tuple[str, tuple[tuple[str | None, str | None], ...]]:
    """Choose a shape and up to three of other names, which may share a name."""
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    names = [name for name in SHAPES if name != shape]
    others = [(names[int(i)], None) for i in rng.integers(0, len(names), int(rng.integers(0, 4)))]
    return shape, ((shape, hue), *others)


def _position_plan(answer: str, rng: np.random.Generator) -> _Plan:
    shape, shapes = _unique(rng, None)
    return Wanted(shapes=shapes, place=PLACES.index(answer)), lambda _: position(shape, answer)


def _colour_plan(answer: str, rng: np.random.Generator) -> _Plan:
    shape, shapes = _unique(rng, answer)
    return Wanted(shapes=shapes), lambda _: colour(shape, answer)


def _digit_plan(answer: str, rng: np.random.Generator) -> _Plan:
    return Wanted(digit=answer), lambda _: digit(answer)


def _word_plan(answer: str, rng: np.random.Generator) -> _Plan:
    return Wanted(word=answer), lambda _: word(answer)


_PLANS: dict[Benchmark, Callable[[str, np.random.Generator], _Plan]] = {
    "existence": _existence_plan,
    "counting": _counting_plan,
    "position": _position_plan,
    "colour": _colour_plan,
    "digit": _digit_plan,
    "word": _word_plan,
}


def _two(words: tuple[str, ...], rng: np.random.Generator) -> tuple[str, str]:
    first, second = (words[int(i)] for i in rng.choice(len(words), 2, replace=False))
    return first, second


def _shuffled(
    shapes: tuple[tuple[str, str], ...], rng: np.random.Generator
) -> tuple[tuple[str | None, str | None], ...]:
    return tuple(shapes[int(i)] for i in rng.permutation(len(shapes)))
