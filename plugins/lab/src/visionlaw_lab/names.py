"""The names and sizes of the lab's world. Imports nothing heavy, so that listing needs no more."""

from __future__ import annotations

from typing import Literal, get_args

SIDE = 112
"""Pixels of a scene's side."""
ROWS, COLUMNS = 3, 2
GENERATOR = 1
"""Counts up whenever the same seed would no longer give the same scene or the same pixels."""

Split = Literal["train", "test"]
Kind = Literal["shape", "digit", "word"]
Texture = Literal["plain", "noise", "stripes", "gradient", "checks"]

SPLITS: tuple[Split, ...] = get_args(Split)
TEXTURES: tuple[Texture, ...] = get_args(Texture)
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")
SHAPES = ("circle", "square", "triangle", "cross")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WORDS = ("cat", "dog", "sun", "car", "tea", "key", "map", "box", "hat", "bus", "pen", "cup")
PLACES = ("top-left", "top-right", "middle-left", "middle-right", "bottom-left", "bottom-right")
MOST_SHAPES = 4

Benchmark = Literal["existence", "counting", "position", "colour", "digit", "word"]
BENCHMARKS: tuple[Benchmark, ...] = get_args(Benchmark)
COUNTS = DIGITS[1:5]
ANSWERS: dict[Benchmark, tuple[str, ...]] = {
    "existence": ("yes", "no"),
    "counting": COUNTS,
    "position": PLACES,
    "colour": COLOURS,
    "digit": DIGITS,
    "word": WORDS,
}
NAMES: dict[Benchmark, str] = {
    "existence": "Is it there?",
    "counting": "How many shapes?",
    "position": "Where is it?",
    "colour": "Which colour?",
    "digit": "Which digit?",
    "word": "Which word?",
}
KINDS: dict[Benchmark, Literal["vision", "ocr"]] = {
    benchmark: "ocr" if benchmark in ("digit", "word") else "vision" for benchmark in BENCHMARKS
}
"""The group that a benchmark is averaged with: those that ask to read, and the others."""
