"""Each fault of a verb is found by exactly the check that is meant for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from visionlaw.specs import CommandSpec, Spec

GOOD = '''
import typer

def good(name: str) -> None:
    """Greet somebody."""

app = typer.Typer(help="Greetings.")
app.command("formal")(good)
app.command("short")(good)
'''
MUTE = """
def mute(name: str) -> None: ...
"""
MUTE_INSIDE = (
    GOOD
    + """
def mute(name: str) -> None: ...
app.command("shorter")(mute)
"""
)
UNTYPABLE = '''
def untypable(found: int | str) -> None:
    """Take what no command line can give."""
'''
NO_VERB = "verb = 3\n"
HEAVY = f"import faulty_middle\n{GOOD}"
NUMBERS = itertools.count()
FAULTS = {
    "command-name": [(GOOD, "good", "list"), (GOOD, "app", "policy")],
    "command-target": [(UNTYPABLE, "untypable", "faulty"), (NO_VERB, "verb", "faulty")],
    "command-help": [(MUTE, "mute", "faulty"), (MUTE_INSIDE, "app", "faulty")],
    "command-light": [(HEAVY, "good", "faulty")],
}


@pytest.fixture
def spec_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., CommandSpec]:
    """Return a function that writes a module, and returns the spec of a verb in it."""

    def write(source: str, name: str, called: str = "faulty") -> CommandSpec:
        module = f"faulty_verbs_{next(NUMBERS)}"
        (tmp_path / f"{module}.py").write_text(source)
        (tmp_path / "faulty_middle.py").write_text("import jax\n")
        (tmp_path / "jax.py").write_text("")
        monkeypatch.syspath_prepend(str(tmp_path))
        return CommandSpec(id=called, target=f"{module}:{name}", description="Greet somebody.")

    return write


@pytest.mark.parametrize("name", ["good", "app"])
def test_a_good_one_passes_every_check(
    name: str, spec_of: Callable[..., CommandSpec], results_of: Callable[[Spec], dict[str, Any]]
) -> None:
    results = results_of(spec_of(GOOD, name))
    assert {name: r.message for name, r in results.items() if r.status != "passed"} == {}


@pytest.mark.parametrize(
    ("check", "faulty"),
    [(check, one) for check, several in FAULTS.items() for one in several],
    ids=lambda v: str(v)[:0],
)
def test_each_fault_is_found_by_its_check(
    check: str,
    faulty: tuple[str, str, str],
    spec_of: Callable[..., CommandSpec],
    failing: Callable[[Spec], set[str]],
) -> None:
    assert failing(spec_of(*faulty)) == {check}


def test_the_chain_of_imports_is_named(
    spec_of: Callable[..., CommandSpec], results_of: Callable[[Spec], dict[str, Any]]
) -> None:
    assert " → faulty_middle → jax" in results_of(spec_of(HEAVY, "good"))["command-light"].message


def test_no_check_is_without_a_fault() -> None:
    from visionlaw.testing.checks import all_checks

    assert {check.name for check in all_checks() if check.kinds == ("command",)} == set(FAULTS)
