"""Links lead somewhere, commands that are shown exist, code that is shown compiles."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from visionlaw.cli.app import app
from visionlaw.testing import all_checks

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("plugins/*/README.md"))]
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
SHOWN = re.compile(r"^(?:\$ )?(?:HF_HUB_OFFLINE=\d )?(?:\S*/bin/)?visionlaw (?P<rest>\S.*)$", re.M)
INLINE = re.compile(r"(?<!`)`visionlaw (?P<rest>[a-z-][^`]*)`(?!`)")
LATER = ("acme",)
"""Verbs of plugins that pages make up."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fences(text: str, *languages: str) -> list[str]:
    found = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", text, re.M | re.S)
    return [code for language, code in found if language in languages]


def commands(text: str) -> Iterator[str]:
    for block in fences(text, "console", "bash", ""):
        yield from (match["rest"] for match in SHOWN.finditer(re.sub(r"\\\n\s*", " ", block)))
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    yield from (match["rest"] for match in INLINE.finditer(prose))


def complaint(rest: str) -> str:
    """Return what is wrong with the words after ``visionlaw``; nothing is run."""
    words = shlex.split(re.split(r"\s+[#|>]|&&|;", rest)[0].replace("…", ""))
    seen: list[str] = []
    command = verb()
    while words and hasattr(command, "get_command"):
        word = words.pop(0)
        if word.startswith("-"):
            if word not in options(command):
                return f"there is no option {word}"
            if word == "--no-plugin" and words:
                words.pop(0)
            continue
        if word in LATER or word == "VERB" or word.startswith("["):
            return ""
        seen.append(word)
        command = verb(*seen)
        if command is None:
            return f"there is no verb '{' '.join(seen)}'"
    missing = [word for word in words if word.startswith("--") and word.partition("=")[0] not in options(command)]
    return f"'{' '.join(seen)}' has no option {', '.join(missing)}" if missing else ""


@cache
def verb(*names: str) -> Any:
    """Return the verb of these names, ``verb("policy", "ask")``, or None where there is none."""
    if not names:
        return typer.main.get_command(app)
    parent = verb(*names[:-1])
    return parent.get_command(parent.make_context("visionlaw", ["--help"], resilient_parsing=True), names[-1])


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help",
        "-h",
    }


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_to_files(path: Path) -> None:
    targets = [link for link in LINK.findall(path.read_text(encoding="utf-8")) if "://" not in link]
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_commands_and_options_that_are_shown_exist(path: Path) -> None:
    shown = [*commands(path.read_text(encoding="utf-8"))]
    assert {rest: complaint(rest) for rest in shown if complaint(rest)} == {}


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert complaint("policy aks") == "there is no verb 'policy aks'"
    assert complaint("list encoder --searhc dino") == "'list' has no option --searhc"
    assert [*commands("Give `visionlaw policy ask -n 3`.\n\n```console\n$ visionlaw list --json\nENCODER\n```\n")] == [
        "list --json",
        "policy ask -n 3",
    ]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_code_that_is_shown_compiles(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for code in fences(text, "python"):
        compile(code, name_of(path), "exec")
    for code in fences(text, "toml"):
        tomllib.loads(code)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_checks_that_are_named_exist(path: Path) -> None:
    named = re.findall(r"\b([a-z][a-z-]+)\[[a-z]+/[^\]]+@\d+\]", path.read_text(encoding="utf-8"))
    assert set(named) <= {check.name for check in all_checks()}
