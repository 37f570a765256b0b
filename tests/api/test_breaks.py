"""Each way to break a plugin is seen in code that does it, and what breaks nobody is not."""

from __future__ import annotations

import linecache
import sys
from types import ModuleType

import pytest
from api_breaks import Break, announced, find_breaks
from api_surface import promises_of

CODE = """
from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol, runtime_checkable

import pluggy
from pydantic import BaseModel, Field

hookspec = pluggy.HookspecMarker("visionlaw")
MODES = ("strict", "reference")


class Hooks:
    @hookspec
    def visionlaw_encoders(self) -> list[str]: ...

    @hookspec(firstresult=True)
    def visionlaw_resolve(self, id: str) -> str | None: ...


class Spec(BaseModel):
    id: str = Field(description="The exact name.")
    patch: int = Field(ge=1, description="Pixels.")
    name: str | None = Field(default=None, description="For people.")
    resize: Literal["squash", "crop"] = Field(default="squash", description="How.")

    def of(self, options: dict[str, str]) -> Spec: ...


@runtime_checkable
class Encoder(Protocol):
    def encode(self, batch: list[int]) -> list[int]: ...

    @property
    def version(self) -> str: ...


@dataclass(frozen=True)
class Pair:
    id: str
    size: float = 1.0


class Base(Exception): ...


class Special(Base): ...


class Status(Enum):
    OPEN = 0
    DONE = 1


def prepare(image: str | bytes, *, resolution: int, resize: str = "squash") -> str: ...
"""


def promises(code: str) -> dict[str, str]:
    """Return the promises of a module with this code."""
    module = ModuleType("built")
    module.__file__ = f"built-{abs(hash(code))}.py"
    linecache.cache[module.__file__] = (len(code), None, code.splitlines(keepends=True), module.__file__)
    sys.modules["built"] = module
    try:
        exec(compile(code, module.__file__, "exec"), vars(module))
        return promises_of(module)
    finally:
        del sys.modules["built"]


def breaks(old: str, new: str) -> set[str]:
    assert old in CODE
    return {
        str(broken).removeprefix("built.") for broken in find_breaks(promises(CODE), promises(CODE.replace(old, new)))
    }


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "    @hookspec\n    def visionlaw_encoders(self) -> list[str]: ...\n",
            "",
            "Hooks.visionlaw_encoders() was removed",
        ),
        ("visionlaw_encoders(self)", "visionlaw_listed(self)", "Hooks.visionlaw_encoders() was removed"),
        ("self, id: str) -> str", "self) -> str", "Hooks.visionlaw_resolve(0:id) was removed"),
        (
            "visionlaw_encoders(self)",
            "visionlaw_encoders(self, registry: str = '')",
            "Hooks.visionlaw_encoders(0:registry) is new in a hook that plugins have implemented without it",
        ),
        (
            "hookspec(firstresult=True)",
            "hookspec",
            "Hooks.visionlaw_resolve() was 'str | None, firstresult' and is 'str | None'",
        ),
        ("    patch: int", "    side: int", {"Spec.patch was removed", "Spec.side is new and required"}),
        ("ge=1", "ge=2", "Spec.patch was 'int, Ge(ge=1)' and is 'int, Ge(ge=2)'"),
        (
            "str | None = Field(default=None",
            "str | None = Field(default='x'",
            "Spec.name had the default None and has 'x'",
        ),
        ("str | None = Field(default=None", "str | None = Field(default=...", "Spec.name has become required"),
        ("str | None = Field(default=None", "str = Field(default=None", "Spec.name was 'str | None' and is 'str'"),
        ('["squash", "crop"]', '["squash"]', "Spec.resize was ''squash' | 'crop'' and is ''squash''"),
        ("    def of(", "    new: int\n\n    def of(", "Spec.new is new and required"),
        ("    def of(", "    def with_(", "Spec.of() was removed"),
        (
            "batch: list[int]",
            "inputs: list[int]",
            {
                "Encoder.encode(0:batch) was removed",
                "Encoder.encode(0:inputs) is new in a protocol that plugins have implemented without it",
            },
        ),
        (
            "    @property\n    def version",
            "    def close(self) -> None: ...\n\n    @property\n    def version",
            "Encoder.close() is new in a protocol that plugins have implemented without it",
        ),
        (
            "batch: list[int]",
            "batch: list[int] | None",
            "Encoder.encode(0:batch) was 'list[int]' and is 'list[int] | None'",
        ),
        ("@runtime_checkable\n", "", "Encoder was 'protocol & runtime' and is 'protocol'"),
        ("size: float = 1.0", "size: float | None = 1.0", "Pair(1:size) was 'float' and is 'float | None'"),
        ("size: float = 1.0", "size: float = 2.0", "Pair(1:size) had the default 1.0 and has 2.0"),
        (
            "    id: str\n    size",
            "    key: str\n    size",
            {"Pair(0:id) was removed", "Pair(0:key) is new and required"},
        ),
        ("class Special(Base)", "class Special(Exception)", "Special was 'class & Base' and is 'class'"),
        ("    DONE = 1", "    DONE = 2", "Status.DONE was '1' and is '2'"),
        ('("strict", "reference")', '("strict",)', "MODES was '('strict', 'reference')' and is '('strict',)'"),
        ("resize: str =", "mode: str =", "prepare(resize=) was removed"),
        ("resolution: int", "resolution: int, patch: int", "prepare(patch=) is new and required"),
        ("image: str | bytes", "image: str", "prepare(0:image) was 'str | bytes' and is 'str'"),
        (
            "image: str | bytes, *, ",
            "image: str | bytes, ",
            {
                "prepare(resolution=) was removed",
                "prepare(resize=) was removed",
                "prepare(1:resolution) is new and required",
            },
        ),
        ('"squash") -> str:', '"squash") -> str | None:', "prepare() was 'str' and is 'str | None'"),
    ],
)
def test_a_break_is_seen(old: str, new: str, told: str | set[str]) -> None:
    assert breaks(old, new) == ({told} if isinstance(told, str) else told)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Pixels.", "Pixels of the input."),
        ('["squash", "crop"]', '["squash", "crop", "letterbox"]'),
        ("patch: int = Field(ge=1", "patch: int = Field(default=16, ge=1"),
        ("    def of(", "    new: int = 0\n\n    def of("),
        ("class Hooks:", "class Hooks:\n    @hookspec\n    def visionlaw_new(self, id: str) -> str: ...\n"),
        ("class Base", "class Closing(Protocol):\n    def close(self) -> None: ...\n\n\nclass Base"),
        ("    size: float = 1.0", "    size: float = 1.0\n    box: str = ''"),
        ("image: str | bytes", "image: str | bytes | None"),
        ('resize: str = "squash")', 'resize: str = "squash", patch: int = 1)'),
        ("-> str | None: ...", "-> str | None:\n        return id"),
    ],
)
def test_what_breaks_nobody_is_no_break(old: str, new: str) -> None:
    assert breaks(old, new) == set()


def test_what_is_gone_as_a_whole_is_told_once() -> None:
    (broken,) = breaks(CODE[CODE.index("@dataclass") : CODE.index("class Base")], "")
    assert broken == "Pair was removed"


COMMANDS = {
    "visionlaw list": "verb",
    "visionlaw list --json": "bool = False",
    "visionlaw list KIND": "str = None",
    "check[grid-order]": "encoder | scorer",
}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"visionlaw list --json": None}, "visionlaw list --json was removed"),
        (
            {"visionlaw list": None, "visionlaw list --json": None, "visionlaw list KIND": None},
            "visionlaw list was removed",
        ),
        ({"visionlaw list --json": "bool = True"}, "visionlaw list --json had the default False and has True"),
        ({"visionlaw list --root": "Path (required)"}, "visionlaw list --root is new and required"),
        ({"check[grid-order]": None}, "check[grid-order] was removed"),
        ({"check[grid-order]": "encoder"}, "check[grid-order] was 'encoder | scorer' and is 'encoder'"),
        (
            {"visionlaw list --root": "Path = None", "visionlaw new": "verb", "visionlaw new NAME": "str (required)"},
            None,
        ),
        ({"check[range]": "scorer"}, None),
    ],
)
def test_breaks_of_the_command_line_and_of_the_checks(changed: dict[str, str | None], told: str | None) -> None:
    now = {name: promise for name, promise in (COMMANDS | changed).items() if promise is not None}
    assert [str(broken) for broken in find_breaks(COMMANDS, now)] == ([told] if told else [])


CHANGELOG = """
## [Unreleased]

### Added

- `visionlaw.specs.Added.field`

### Changed

- `visionlaw.specs.EncoderSpec.patch` may not be 0.

### Removed

- The class `visionlaw.protocols.Pair`, `visionlaw.weights.weights_folder()` and `visionlaw list --json`.
- `check[grid-order]`.

## [0.1.0]

### Removed

- `visionlaw.specs.Old`
"""


@pytest.mark.parametrize(
    ("name", "is_told"),
    [
        ("visionlaw.specs.EncoderSpec.patch", True),
        ("visionlaw.specs.EncoderSpec.patches", False),
        ("visionlaw.specs.EncoderSpec", False),
        ("visionlaw.protocols.Pair", True),
        ("visionlaw.protocols.Pair(0:id)", True),
        ("visionlaw.protocols.Pair.of(0:id)", True),
        ("visionlaw.weights.weights_folder(0:spec)", True),
        ("visionlaw list --json", True),
        ("visionlaw list --search", False),
        ("check[grid-order]", True),
        ("check[grid]", False),
        ("visionlaw.specs.Added.field", False),
        ("visionlaw.specs.Old", False),
    ],
)
def test_an_announcement_names_the_thing_or_what_it_is_part_of(name: str, is_told: bool) -> None:
    assert announced(Break(name, "was removed"), CHANGELOG) is is_told
