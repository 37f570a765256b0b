"""Named checks: what each is called, what it is for, which other checks it builds on.

A check is a function of one :class:`~visionlaw.testing.subjects.Subject`. It returns when all is well, calls
:func:`fail` with one sentence and its remedy, or :func:`skip` with the reason. A check that builds on another names it
in ``needs`` and is skipped where that one has not passed: so one fault is told once, by the check that is meant for it.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, NoReturn

from visionlaw.specs import Kind

if TYPE_CHECKING:
    from visionlaw.testing.subjects import Subject

SubjectKind = Literal["plugin"] | Kind
"""What is checked: a plugin (one entry point), or one spec of a kind."""

SPEC_KINDS: tuple[Kind, ...] = (
    "encoder",
    "combiner",
    "scorer",
    "sampler",
    "dataset",
    "image_source",
    "trainer",
    "executor",
    "command",
)

_HOMES = (
    "plugin_checks",
    "spec_checks",
    "deprecation_checks",
    "encoder_tokens",
    "encoder_geometry",
    "encoder_conduct",
    "encoder_loading",
    "scorer_checks",
    "scorer_conduct",
    "sampler_checks",
    "sampler_conduct",
    "combiner_checks",
    "executor_checks",
    "command_checks",
    "collection_checks",
    "dataset_checks",
    "image_source_checks",
    "trainer_checks",
)
"""Modules of this package that define checks, in the order in which they run."""


class CheckFailed(AssertionError):  # noqa: N818  what is wrong is the plugin
    """What a check found wrong.

    Attributes:
        message: One sentence that names the thing.
        remedy: What its author should do.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".rstrip())
        self.message = message
        self.remedy = remedy


class CheckSkipped(Exception):  # noqa: N818  not an error
    """Why a check says nothing about its subject."""


@dataclass(frozen=True)
class Check:
    """One named check.

    Attributes:
        name: Unique, in words joined by hyphens, such as ``grid-order``.
        kinds: What it checks.
        needs: Names of the checks that it builds on.
        function: Does it; its docstring's first line says what holds where it passes.
    """

    name: str
    kinds: tuple[SubjectKind, ...]
    needs: tuple[str, ...]
    function: Callable[[Subject], None]

    @property
    def summary(self) -> str:
        """What holds where it passes, in one sentence."""
        return inspect.cleandoc(self.function.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


_checks: dict[str, Check] = {}


def check(
    name: str, *kinds: SubjectKind, needs: tuple[str, ...] = ()
) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    """Make a function a check.

    Args:
        name: Its unique name.
        *kinds: What it checks.
        needs: The checks that it builds on; those that are not of the subject's kind do not count.
    """

    def register(function: Callable[[Subject], None]) -> Callable[[Subject], None]:
        known = _checks.get(name)
        if known is not None and known.function.__module__ != function.__module__:
            raise ValueError(f"Two checks are called '{name}'.")
        _checks[name] = Check(name, kinds, needs, function)
        return function

    return register


@cache
def all_checks() -> tuple[Check, ...]:
    """Return every check, in the order in which they run."""
    for home in _HOMES:
        importlib.import_module(f"{__package__}.{home}")
    return tuple(_checks.values())


def fail(message: str, remedy: str = "") -> NoReturn:
    """End the check that runs: it has found something wrong."""
    raise CheckFailed(message, remedy)


def skip(reason: str) -> NoReturn:
    """End the check that runs: it says nothing here."""
    raise CheckSkipped(reason)
