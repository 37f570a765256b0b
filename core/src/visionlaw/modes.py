"""How a study spends its finetunings."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """``single``: one benchmark, or each benchmark a study of its own. ``joint``: one finetuning serves them all."""

    SINGLE = "single"
    JOINT = "joint"
