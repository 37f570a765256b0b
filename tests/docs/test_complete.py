"""Nothing that users or plugin authors can touch is undocumented."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import visionlaw
import visionlaw.testing
from visionlaw.cli.app import app
from visionlaw.hookspecs import LISTING_HOOKS, RESOLVE_HOOK, Hooks
from visionlaw.specs import SPEC_TYPES, Option, ScorerVariant, Variant
from visionlaw.testing import all_checks

ROOT = Path(__file__).parents[2]
HOOKS = (*LISTING_HOOKS, RESOLVE_HOOK)
MODELS = (*SPEC_TYPES.values(), Option, Variant, ScorerVariant)


def in_nav() -> list[str]:
    """Every page that the site's navigation names."""

    def leaves(item: Any) -> Iterator[str]:
        match item:
            case str():
                yield item
            case dict():
                yield from (leaf for value in item.values() for leaf in leaves(value))
            case _:
                yield from (leaf for value in item for leaf in leaves(value))

    return list(leaves(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its level."""
    level = heading.split(" ")[0]
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"There is no section '{heading}'."
    return re.split(rf"\n{level} ", rest)[0]


def verbs(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, command
    if hasattr(command, "list_commands"):
        context = command.make_context(name, ["--help"], resilient_parsing=True)
        for child in command.list_commands(context):
            yield from verbs(command.get_command(context, child), f"{name} {child}")


VERBS = dict(verbs(typer.main.get_command(app), "visionlaw"))


def test_every_hook_is_declared_as_one_and_has_a_page_in_the_navigation() -> None:
    declared = [name for name, _ in inspect.getmembers(Hooks, inspect.isfunction) if name.startswith("visionlaw_")]
    assert sorted(declared) == sorted(HOOKS)
    assert {f"plugin-authors/hooks/{hook}.md" for hook in HOOKS} <= set(in_nav())


@pytest.mark.parametrize("hook", HOOKS)
def test_the_page_of_a_hook_says_since_when_it_is_and_shows_one(pages: dict[str, str], hook: str) -> None:
    since = re.search(r"versionadded: (\S+)", inspect.getdoc(getattr(Hooks, hook)) or "")
    assert since is not None, f"the docstring of {hook} lacks 'versionadded: X.Y'"
    page = pages[f"plugin-authors/hooks/{hook}.md"]
    assert f"New in {since[1]}. " in page
    assert f"@hookimpl\ndef {hook}(" in page
    assert f"({hook}.md)" in pages["plugin-authors/hooks/index.md"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_each_of_its_options_is_in_the_reference(pages: dict[str, str], verb: str) -> None:
    level = "#" * len(verb.split())
    text = section(pages["reference/cli.md"], f"{level} `{verb}`")
    for parameter in VERBS[verb].params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            if option.startswith("--"):
                assert re.search(rf"`[^`]*{option}\b", text), f"'{verb} {option}'"


@pytest.mark.parametrize("name", visionlaw.__all__)
def test_every_public_name_is_on_its_page_and_has_a_docstring(pages: dict[str, str], name: str) -> None:
    assert f"`{name}`" in pages["reference/api/visionlaw.md"]
    assert name == "__version__" or inspect.getdoc(getattr(visionlaw, name))


@pytest.mark.parametrize("name", visionlaw.testing.__all__)
def test_every_public_name_of_the_kit_has_a_docstring_of_its_own(pages: dict[str, str], name: str) -> None:
    assert "::: visionlaw.testing\n" in pages["reference/api/testing.md"]
    text = inspect.getdoc(getattr(visionlaw.testing, name)) or ""
    assert text
    assert not text.startswith(f"{name}("), "a dataclass that only describes its fields"


@pytest.mark.parametrize("module", ["hookspecs", "specs", "protocols", "errors"])
def test_the_contract_is_rendered_whole(pages: dict[str, str], module: str) -> None:
    assert f"::: visionlaw.{module}\n" in pages["reference/api/contract.md"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_of_a_spec_is_described(pages: dict[str, str], model: Any) -> None:
    heading = re.search(rf"^## `{model.__name__}`.*$", pages["reference/specs.md"], re.M)
    assert heading is not None
    text = section(pages["reference/specs.md"], heading[0])
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name} has no description"
        assert f"| `{name}` |" in text


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.name)
def test_every_check_says_what_holds_and_is_listed_under_each_of_its_kinds(pages: dict[str, str], check: Any) -> None:
    assert check.summary.endswith(".")
    text = pages["reference/checks.md"]
    for kind in check.kinds:
        headings = ("## every spec", f"## {kind}") if kind != "plugin" else ("## plugin",)
        assert any(f"| `{check.name}` |" in section(text, heading) for heading in headings), kind


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page(pages: dict[str, str]) -> None:
    outside = {f"plugins/{path.parent.name}/README.md" for path in ROOT.glob("plugins/*/README.md")} | {"changelog.md"}
    assert set(pages) | outside == set(in_nav())


def test_every_environment_variable_that_is_read_is_documented(pages: dict[str, str]) -> None:
    sources = [*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
    read = {name for path in sources for name in re.findall(r"\bVISIONLAW_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert read
    assert {name for name in read if f"`{name}`" not in pages["reference/environment.md"]} == set()
