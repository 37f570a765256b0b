"""Captions: a scene in words, all of it."""

from __future__ import annotations

import numpy as np

from visionlaw_lab.scenes import Item, Scene, generator


def caption(scene: Scene, telling: int = 0) -> str:
    """Tell what a scene shows: every item with its colour and place, in an order of its own.

    Args:
        scene: What is told.
        telling: Which telling; each has the items in another order.
    """
    rng = generator(f"caption/{scene.name}", scene.split, telling, 0)
    return _told(scene.items, rng)


def _told(items: tuple[Item, ...], rng: np.random.Generator) -> str:
    return " , ".join(phrase(items[int(i)]) for i in rng.permutation(len(items))) + " ."


def phrase(item: Item) -> str:
    """Return an item in words, such as ``a red circle top-left``."""
    if item.kind == "shape":
        return f"a {item.colour} {item.name} {item.place}"
    return f"the {item.colour} {item.kind} {item.name} {item.place}"
