"""The options of a spec, varied one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from visionlaw.specs import Spec


def choices(spec: Spec) -> list[dict[str, Any]]:
    """Return options with each value that they must work with, one at a time, defaults left out."""
    found: list[dict[str, Any]] = []
    for name, option in spec.options.items():
        values: tuple[Any, ...] = (True, False) if option.type == "bool" else option.choices
        found += [{name: value} for value in values if value != option.default]
    return found


def near(spec: Spec) -> list[dict[str, Any]]:
    """Return options with numbers near their defaults, which may or may not be allowed, one at a time."""
    found: list[dict[str, Any]] = []
    for name, option in spec.options.items():
        if option.type == "int":
            found += [{name: int(option.default) - 1}, {name: int(option.default) + 1}]
        if option.type == "float" and option.default:
            found += [{name: float(option.default) / 2}, {name: 2 * float(option.default)}]
    return found


def as_given(options: Mapping[str, Any]) -> str:
    """Return options as an id gives them: ``layer=2``."""
    return ", ".join(f"{name}={value}" for name, value in options.items())
