"""Write docs/reference/ from the code: verbs, hooks, specs, checks and registry.toml. Run by `make docs`."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from pydantic import BaseModel

from visionlaw.hookspecs import ENTRY_POINT_GROUP, LISTING_HOOKS, RESOLVE_HOOK, Hooks
from visionlaw.spacefile import SpaceFile
from visionlaw.specs import SPEC_TYPES, Option, ScorerVariant, Variant
from visionlaw.testing.checks import SPEC_KINDS, Check, SubjectKind, all_checks

REFERENCE = Path(__file__).parent / "reference"
NOTICE = "<!-- Written by docs/generate.py from the code: do not edit. -->\n\n"


def cli_page() -> str:
    """Every verb with its arguments and options, by typer's own generator."""
    command = [sys.executable, "-m", "typer", "visionlaw.cli.app", "utils", "docs", "--name", "visionlaw"]
    return NOTICE + subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() + "\n"


def hooks_page() -> str:
    """Every hook with its docstring."""
    lines = ["# Hooks", "", f"Entry-point group `{ENTRY_POINT_GROUP}`. {_text(Hooks)}", ""]
    for name in (*LISTING_HOOKS, RESOLVE_HOOK):
        hook = getattr(Hooks, name)
        signature = str(inspect.signature(hook)).replace("self, ", "").replace("self", "").replace("'", "")
        lines += [f"## `{name}{signature}`", "", _text(hook), ""]
        lines += [f"[What it is for, with an example](../plugin-authors/hooks/{name}.md)", ""]
    return NOTICE + "\n".join(lines)


def specs_page() -> str:
    """Every spec with its fields."""
    lines = ["# Specs", "", "What the listing hooks yield: frozen pydantic models of `visionlaw.specs`.", ""]
    for kind, model in SPEC_TYPES.items():
        lines += [f"## `{model.__name__}` ({kind.replace('_', ' ')})", "", _text(model), "", *_fields(model)]
    for model in (Option, Variant, ScorerVariant):
        lines += [f"## `{model.__name__}`", "", _text(model), "", *_fields(model)]
    return NOTICE + "\n".join(lines)


def checks_page() -> str:
    """Every conformance check by kind, with what holds where it passes."""
    checks = all_checks()
    everywhere = [check for check in checks if set(SPEC_KINDS) <= set(check.kinds)]
    lines = ["# Conformance checks", "", f"{len(checks)} checks, by what they check, in the order in which they run."]
    lines += ["[How to run them](../plugin-authors/checks.md)", "", *_checks("plugin", checks)]
    lines += ["## every spec", "", *_check_table(everywhere)]
    for kind in SPEC_KINDS:
        lines += _checks(kind, [check for check in checks if check not in everywhere])
    return NOTICE + "\n".join(lines)


def registry_page() -> str:
    """Every section of registry.toml with its settings."""
    lines = ["# registry.toml", "", "`visionlaw space schema` prints the same as a JSON Schema.", ""]
    for section, field in SpaceFile.model_fields.items():
        models = [m for m in _models(field.annotation) if m is not SpaceFile]
        lines += [f"## `[{section}]`", "", field.description or "", ""]
        for model in models:
            lines += _fields(model)
            for nested in (n for f in model.model_fields.values() for n in _models(f.annotation)):
                lines += [f"### `{nested.__name__.lower()}`", "", _text(nested), "", *_fields(nested)]
    return NOTICE + "\n".join(lines)


def pages() -> dict[Path, str]:
    """Return every generated page by path."""
    return {
        REFERENCE / "cli.md": cli_page(),
        REFERENCE / "hooks.md": hooks_page(),
        REFERENCE / "specs.md": specs_page(),
        REFERENCE / "checks.md": checks_page(),
        REFERENCE / "registry-toml.md": registry_page(),
    }


def _checks(kind: SubjectKind, checks: Sequence[Check]) -> list[str]:
    chosen = [check for check in checks if kind in check.kinds]
    return [f"## {kind}", "", *(_check_table(chosen) if chosen else ["Those of every spec alone.", ""])]


def _check_table(checks: Sequence[Check]) -> list[str]:
    lines = ["| check | what holds where it passes | builds on |", "|---|---|---|"]
    for check in checks:
        summary = check.summary.replace("``", "`").replace("|", r"\|")
        lines.append(f"| `{check.name}` | {summary} | {', '.join(f'`{name}`' for name in check.needs)} |")
    return [*lines, ""]


def _text(thing: object) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for argument in getattr(annotation, "__args__", ()) for m in _models(argument)]


def _fields(model: type[BaseModel]) -> list[str]:
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        if field.is_required():
            default = "required"
        else:
            value = field.get_default(call_default_factory=True)
            value = value.value if isinstance(value, Enum) else value
            nothing = value in ((), {}, None, "") or isinstance(value, BaseModel)
            default = "" if nothing else f"`{value!r}`"
        lines.append(f"| `{name}` | {default} | {field.description} |")
    return [*lines, ""]


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
