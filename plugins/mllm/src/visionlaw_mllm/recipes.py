"""Recipes: the hyper-parameters of a training, by name (PROTOCOLS §2)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from visionlaw.errors import ConfigError, UnknownIdError, did_you_mean

Template = Literal["plain", "v1", "chat"]


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; AdamW, a cosine schedule after a linear warm-up.

    Attributes:
        name: As it is known; what is changed of it shows in the other attributes.
        lr: Peak learning rate.
        global_batch: Records per optimizer step, over all processes and accumulation steps.
        template: How a conversation becomes text.
        epochs: Passes over the records; the last batch is filled up from the next pass.
        steps: Optimizer steps instead; None: as many as the epochs take.
        warmup: Share of the steps in which the learning rate rises.
        weight_decay: AdamW's.
        max_length: Most tokens of a sequence, the image's included; the language model's context may be shorter.
        clip: Largest norm of a gradient.
        lora: Rank of the low-rank adapters that stage 2 trains in place of the language model; 0: it trains all of it.
    """

    name: str
    lr: float
    global_batch: int
    template: Template
    epochs: float = 1.0
    steps: int | None = None
    warmup: float = 0.03
    weight_decay: float = 0.0
    max_length: int = 2048
    clip: float = 1.0
    lora: int = 0

    def __post_init__(self) -> None:
        wrong = [
            f"{name} is {value}"
            for name, value, right in (
                ("the learning rate", self.lr, 0 < self.lr < float("inf")),
                ("the global batch", self.global_batch, self.global_batch >= 1),
                ("the number of epochs", self.epochs, 0 < self.epochs < float("inf")),
                ("the number of steps", self.steps, self.steps is None or self.steps >= 1),
                ("the share of warm-up", self.warmup, 0 <= self.warmup < 1),
                ("the weight decay", self.weight_decay, self.weight_decay >= 0),
                ("the longest sequence", self.max_length, self.max_length >= 2),
                ("the largest norm of a gradient", self.clip, self.clip > 0),
                ("the rank of LoRA", self.lora, self.lora >= 0),
            )
            if not right
        ]
        if wrong:
            raise ConfigError(f"The recipe '{self.name}' cannot be followed: {wrong[0]}.", "Give a value above 0.")

    def total_steps(self, records: int) -> int:
        """Return how many optimizer steps so many records make."""
        if self.steps is not None:
            return self.steps
        return max(1, -(-round(records * self.epochs) // self.global_batch))

    @property
    def facts(self) -> dict[str, Any]:
        """What the result depends on, as JSON values."""
        return asdict(self)


STAGE1 = Recipe("llava-1.5-stage1", lr=1e-3, global_batch=256, template="plain")
"""Only the projector trains, on image–caption pairs."""
STAGE2 = Recipe("llava-1.5-stage2", lr=2e-5, global_batch=128, template="v1")
"""Projector and language model train, on conversations."""
STAGE2_LORA = Recipe("llava-1.5-stage2-lora", lr=2e-4, global_batch=128, template="v1", lora=128)
"""Projector and low-rank adapters train."""
RECIPES = {recipe.name: recipe for recipe in (STAGE1, STAGE2, STAGE2_LORA)}


def find_recipe(recipe: str | Recipe, **overrides: Any) -> Recipe:
    """Return a recipe by name, with what is given and not None in place of its own values.

    Raises:
        UnknownIdError: There is no recipe of that name.
        ConfigError: A value makes no sense.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise UnknownIdError(
                f"There is no recipe '{recipe}'.", did_you_mean(recipe, RECIPES) or f"There is: {', '.join(RECIPES)}."
            )
        recipe = RECIPES[recipe]
    return replace(recipe, **{name: value for name, value in overrides.items() if value is not None})
