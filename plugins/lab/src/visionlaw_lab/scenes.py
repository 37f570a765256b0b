"""Scenes: what there is to see, drawn from a seed, before it is rendered, told or asked about.

A scene has six cells, three rows of two. Some of them hold an item: a shape, a handwritten digit or a printed word,
each in one of six colours. A scene is symbolic: :mod:`visionlaw_lab.rendering` draws it, :mod:`visionlaw_lab.captions`
and :mod:`visionlaw_lab.questions` put it into words, so that all three agree by construction.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from visionlaw_lab.names import (
    COLOURS,
    COLUMNS,
    DIGITS,
    GENERATOR,
    MOST_SHAPES,
    PLACES,
    ROWS,
    SHAPES,
    SIDE,
    TEXTURES,
    WORDS,
    Kind,
    Split,
    Texture,
)

SIZES: dict[Kind, tuple[int, int]] = {"shape": (20, 30), "digit": (26, 34), "word": (19, 24)}
"""Smallest and largest side of a shape or a digit, and height of a word's letters, in pixels."""
WORD_WIDTH = 2.0
"""Width of a word of three letters that room is kept for, in heights of its letters."""


@dataclass(frozen=True)
class Item:
    """One thing in a scene.

    Attributes:
        kind: ``shape``, ``digit`` or ``word``.
        name: Which: ``circle``, ``seven``, ``cat``…
        colour: One of ``COLOURS``.
        cell: 0 to 5, row by row.
        x: Centre in pixels.
        y: Centre in pixels.
        size: Side in pixels; of a word, the height of its letters.
        sample: Which of the handwritten digits of this name, counted within the split; 0 for other kinds.
    """

    kind: Kind
    name: str
    colour: str
    cell: int
    x: float
    y: float
    size: int
    sample: int = 0

    @property
    def place(self) -> str:
        """The cell in words."""
        return PLACES[self.cell]


@dataclass(frozen=True)
class Background:
    """What is behind the items.

    Attributes:
        texture: Its kind.
        base: RGB, 0–255, greyish.
        other: The second colour of a texture.
        seed: Of what is random in it.
    """

    texture: Texture
    base: tuple[int, int, int]
    other: tuple[int, int, int]
    seed: int


@dataclass(frozen=True)
class Scene:
    """A picture before it is drawn.

    Attributes:
        name: Stable and unique, from purpose, split and seed.
        split: Digits of ``train`` and of ``test`` are of different handwritten samples.
        items: At most one per cell, in the order of the cells.
        background: What is behind them.
    """

    name: str
    split: Split
    items: tuple[Item, ...]
    background: Background

    def of_kind(self, kind: Kind) -> tuple[Item, ...]:
        """Return the items of one kind."""
        return tuple(item for item in self.items if item.kind == kind)

    @property
    def digest(self) -> str:
        """Identity of the picture: generator and everything above but the name."""
        content = f"{GENERATOR} {self.split} {self.items!r} {self.background!r}"
        return hashlib.sha256(content.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Wanted:
    """What a scene must hold; whatever is not said is drawn.

    Attributes:
        shapes: (shape, colour) of each shape; None where it is drawn.
        digit: The digit's name; ``""``: none; None: drawn, present in three of four scenes.
        word: The word; likewise.
        place: Cell of the first shape; None: drawn.
    """

    shapes: tuple[tuple[str | None, str | None], ...] | None = None
    digit: str | None = None
    word: str | None = None
    place: int | None = None


def generator(purpose: str, split: Split, seed: int, number: int) -> np.random.Generator:
    """Return the random numbers of one scene; other purposes, splits, seeds and numbers have others."""
    digest = hashlib.sha256(f"{GENERATOR}/{purpose}/{split}/{seed}/{number}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))


def draw_scene(purpose: str, split: Split, seed: int, number: int, wanted: Wanted | None = None) -> Scene:
    """Draw a scene.

    Args:
        purpose: What it is for; scenes of two purposes share nothing.
        split: ``train`` or ``test``.
        seed: Of the set that it belongs to.
        number: Of the scene in the set.
        wanted: What it must hold.
    """
    rng = generator(purpose, split, seed, number)
    asked = wanted or Wanted()
    shapes = asked.shapes if asked.shapes is not None else ((None, None),) * int(rng.integers(1, MOST_SHAPES + 1))
    things: list[tuple[Kind, str, str]] = [
        ("shape", shape or _one(rng, SHAPES), colour or _one(rng, COLOURS)) for shape, colour in shapes
    ]
    free = ROWS * COLUMNS - len(things)
    kinds: tuple[tuple[Kind, str | None, tuple[str, ...]], ...] = (
        ("digit", asked.digit, DIGITS),
        ("word", asked.word, WORDS),
    )
    for kind, named, names in kinds:
        present = rng.random() < 0.75 if named is None else named != ""
        drawn, colour = _one(rng, names), _one(rng, COLOURS)
        if present and free:
            things.append((kind, named or drawn, colour))
            free -= 1
    cells = [int(cell) for cell in rng.permutation(ROWS * COLUMNS)]
    if asked.place is not None:
        cells.remove(asked.place)
        cells.insert(0, asked.place)
    items = [_place(rng, *thing, cell) for thing, cell in zip(things, cells, strict=False)]
    background = _background(rng)
    return Scene(
        f"{purpose}-{split}-{seed}-{number:05d}", split, tuple(sorted(items, key=lambda i: i.cell)), background
    )


def rearranged(scene: Scene, seed: int) -> Scene:
    """Return the same items in other cells, of other sizes, before another background; digits in another hand."""
    rng = generator(f"rearranged/{scene.name}", scene.split, seed, 0)
    cells = [int(cell) for cell in rng.permutation(ROWS * COLUMNS)]
    items = [_place(rng, i.kind, i.name, i.colour, cell) for i, cell in zip(scene.items, cells, strict=False)]
    return Scene(f"{scene.name}-again-{seed}", scene.split, tuple(items), _background(rng))


def extent(item: Item) -> tuple[float, float]:
    """Return the width and height in pixels that an item takes."""
    return (WORD_WIDTH * item.size, float(item.size)) if item.kind == "word" else (float(item.size), float(item.size))


def _place(rng: np.random.Generator, kind: Kind, name: str, colour: str, cell: int) -> Item:
    low, high = SIZES[kind]
    size, sample = int(rng.integers(low, high + 1)), int(rng.integers(2**31))
    bare = Item(kind, name, colour, cell, 0.0, 0.0, size, sample if kind == "digit" else 0)
    room = np.array([SIDE / COLUMNS, SIDE / ROWS])
    slack = np.maximum(0.0, (room - np.array(extent(bare)) - 2.0) / 2)
    middle = room * (np.array([cell % COLUMNS, cell // COLUMNS]) + 0.5)
    x, y = middle + rng.uniform(-1.0, 1.0, 2) * slack - 0.5
    return Item(kind, name, colour, cell, round(float(x), 2), round(float(y), 2), size, bare.sample)


def _background(rng: np.random.Generator) -> Background:
    """Draw a greyish background, light or dark, whose two colours are near one another."""
    level = float(rng.choice([rng.uniform(15, 55), rng.uniform(205, 245)]))
    base = np.clip(level + rng.uniform(-12, 12, 3), 0, 255)
    other = np.clip(base + rng.uniform(-1, 1) * 22, 0, 255)
    texture = TEXTURES[int(rng.integers(len(TEXTURES)))]
    return Background(texture, _rgb(base), _rgb(other), int(rng.integers(2**31)))


def _rgb(values: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = (round(float(value)) for value in values)
    return red, green, blue


def _one(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]
