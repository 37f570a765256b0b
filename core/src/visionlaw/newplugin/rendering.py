"""The files of a new plugin, from templates: ``string.Template`` with the suffix ``.tmpl``.

What all kinds share is in ``templates/common``; a kind's own files lie beside it. In paths, ``PACKAGE`` stands for the
package's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Template

from visionlaw._version import __version__
from visionlaw.hookspecs import PROJECT
from visionlaw.newplugin.kinds import METADATA, PluginKind

TEMPLATES = Path(__file__).with_name("templates")
COMMON = "common"
SUFFIX = ".tmpl"
PACKAGE = "PACKAGE"


def distribution_of(name: str) -> str:
    """Return the distribution's name."""
    return f"{PROJECT}-{name}"


def render(name: str, kind: PluginKind) -> dict[str, str]:
    """Return all files of a new plugin: path, with ``/`` → text.

    Args:
        name: As :func:`visionlaw.newplugin.names.check_name` allows it.
        kind: What it provides.
    """
    words = _words(name, kind)
    templates = [*_templates(COMMON), *_templates(kind.value)]
    files = {path.replace(PACKAGE, words["package"]): Template(text).substitute(words) for path, text in templates}
    return dict(sorted(files.items()))


def pins(version: str) -> tuple[str, str]:
    """Return the core versions that a plugin written for one requires: at least the first, below the second.

    The API may change with the minor version below 1.0, and with the major one from then on.
    """
    major, minor = (int(number) for number in re.findall(r"\d+", version)[:2])
    return f"{major}.{minor}.0.dev0", f"0.{minor + 1}" if major == 0 else str(major + 1)


def _templates(folder: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of every template in a folder, the suffix taken off."""
    home = TEMPLATES / folder
    for path in sorted(home.rglob(f"*{SUFFIX}")):
        yield path.relative_to(home).as_posix().removesuffix(SUFFIX), path.read_text(encoding="utf-8")


def _words(name: str, kind: PluginKind) -> dict[str, str]:
    """Return what the placeholders stand for."""
    facts = METADATA[kind]
    tested_with = (f"{PROJECT}[testing]", *facts.test)
    floor, ceiling = pins(__version__)
    return {
        "name": name,
        "distribution": distribution_of(name),
        "package": distribution_of(name).replace("-", "_"),
        "class_name": "".join(part.capitalize() for part in name.split("-")),
        "floor": floor,
        "ceiling": ceiling,
        "description": facts.description,
        "keywords": ", ".join(f'"{word}"' for word in facts.keywords),
        "extra": f"[{facts.extra}]" if facts.extra else "",
        "dependencies": "\n".join(f'  "{requirement}",' for requirement in facts.dependencies),
        "test": ", ".join(f'"{requirement}"' for requirement in tested_with),
        "tested_with": " ".join(f"'{requirement}'" for requirement in tested_with),
        "added": f"`{name}/{facts.example}`: {facts.description}",
        "numbers": facts.numbers,
        "before": "\n".join(f"- {sentence}" for sentence in facts.before),
    }
